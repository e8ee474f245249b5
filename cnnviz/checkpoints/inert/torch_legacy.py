"""PyTorch's format before 1.6: pickles one after the other, then the storages."""

from __future__ import annotations

from typing import Any

from .dtypes import ITEM_BYTES
from .pickles import PickleReader
from .plan import Plan, PlanWriter, written
from .refusal import Refusal
from .source import Source
from .torch_zip import parse_identifier
from .values import Global, Place, Storage, is_integer
from .walk import TreeWalker

MAGIC = 0x1950A86A20F9469CFC6C
START = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The magic number as pickles hold it, behind the protocol and, from protocol 4 on, a frame."""
_PROTOCOL = 1001


def read_torch_legacy(source: Source, reader: PickleReader) -> Plan:
    """The plan of a file that an old ``torch.save`` has written."""
    magic, position = reader.read(source)
    protocol, position = reader.read(source, position)
    if magic != MAGIC or type(protocol) is not int or protocol != _PROTOCOL:
        reader.search(source, position)
        raise Refusal("it begins like an old PyTorch checkpoint but is of a version that does not exist")
    try:
        _system, position = reader.read(source, position)
        references = References()
        value, position = reader.read(source, position, references.find)
        keys, position = reader.read(source, position)
        position = references.locate(keys, source, position)
    except Refusal:
        reader.search(source, position)
        raise
    # The data follow the last pickle and nothing follows the data; more pickles there would be read by none but a scan.
    reader.search(source, position)
    writer = PlanWriter()
    walker = TreeWalker(writer)
    metadata = walker.walk(value)
    return written(
        "PyTorch legacy pickle",
        writer,
        reader.names,
        metadata=metadata,
        modules=walker.modules,
        sources=references.sources,
    )


class References:
    """What the persistent ids of one file stand for: storages, parts of them, and classes with their source."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        self._roots: dict[str, Storage] = {}
        self._views: dict[str, Storage] = {}

    def find(self, identifier: Any) -> Any:
        """What ``("storage", class, key, device, elements, view)`` or ``("module", class, file, source)`` is."""
        if type(identifier) is tuple and len(identifier) == 4 and identifier[0] in ("module", b"module"):
            return self._class(*identifier[1:])
        key, dtype, elements = parse_identifier(identifier)
        size = elements * ITEM_BYTES[dtype]
        root = self._roots.setdefault(key, Storage(key, dtype, size))
        if (root.dtype, root.size) != (dtype, size):
            raise Refusal(f"its storage '{key}' is asked for as two different types or sizes")
        view = identifier[5] if len(identifier) > 5 else None
        return root if view is None else self._view(root, view)

    def _class(self, kind: Any, _file: Any, text: Any) -> Any:
        if isinstance(kind, Global) and type(text) is str:
            self.sources[kind.full] = text
        return kind

    def _view(self, root: Storage, view: Any) -> Storage:
        """A part of a storage: ``(key, first element, elements)``."""
        if type(view) is not tuple or len(view) != 3 or type(view[0]) not in (str, int):
            raise Refusal("a tensor in it looks into a storage in a way that PyTorch does not know")
        part = root.part(str(view[0]), view[1], view[2])
        known = self._views.setdefault(part.key, part)
        if (known.whole, known.skip, known.size) != (root, part.skip, part.size):
            raise Refusal(f"its storage '{part.key}' is asked for as two different parts")
        return known

    def locate(self, keys: Any, source: Source, position: int) -> int:
        """Find the data of the storages named in ``keys``, which lie one after the other; returns where they end."""
        if type(keys) is not list or len({key for key in keys if type(key) in (str, int)}) != len(keys):
            raise Refusal("its list of storages is damaged")
        for key in keys:
            root = self._roots.get(str(key))
            if root is None:
                raise Refusal(f"it holds a storage '{str(key)[:60]}' that none of its tensors uses")
            position = locate_one(root, source, position)
        for root in self._roots.values():
            if root.size and root.place is None:
                raise Refusal(f"it lacks the values of its storage '{root.key}'")
        return position


def locate_one(root: Storage, source: Source, position: int) -> int:
    """Read a storage's number of elements at ``position`` and skip its data, whose place it is given."""
    (elements,) = source.unpack("<q", position)
    item = ITEM_BYTES[root.dtype]
    if not is_integer(elements) or elements < 0 or elements * item != root.size:
        raise Refusal(f"its storage '{root.key}' has {elements:,} elements where {root.size // item:,} are needed")
    source.part(position + 8, root.size)
    root.place = Place((source.base or 0) + position + 8, root.size)
    return position + 8 + root.size
