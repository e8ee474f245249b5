"""From the bytes of a Keras file to a plan; without torch.

What is not trusted is read here alone, in a process of its own.
"""

import io
import re
from collections import Counter
from typing import Any

from cnnviz.checkpoints.inert.refusal import Refusal
from cnnviz.checkpoints.inert.source import Source
from cnnviz.checkpoints.inert.zip_directory import Archive
from cnnviz.checkpoints.keras.hdf5 import Hdf5, decoded_json
from cnnviz.checkpoints.keras.plan import KerasPlan, Packed, TensorPlan

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_WEIGHTS = "model.weights.h5"
_LONGEST_JSON = 16 << 20


def parse(data: memoryview) -> KerasPlan:
    """Read what a Keras file says, without its weights.

    Raises
    ------
    Refusal
        It is damaged, is no such file, or asks for what lies outside of it.
    """
    try:
        if data[:8] == _HDF5:
            return _weights_file(Hdf5(_Bytes(data), 0, len(data)))
        if data[:4] == _ZIP:
            return _archive(data)
    except Refusal:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        # All that the HDF5 library can say of a damaged file.
        raise Refusal("its HDF5 data is damaged or cut short") from error
    raise Refusal("it is neither an HDF5 file nor an archive")


class _Bytes(io.RawIOBase):
    """A file in memory that is not copied."""

    def __init__(self, data: memoryview | bytes) -> None:
        super().__init__()
        self._data = memoryview(data)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._data)}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        found = self._data[self._position : self._position + len(buffer)]
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)


def _archive(data: memoryview) -> KerasPlan:
    """Keras 3: the network as JSON, and an HDF5 file of its variables."""
    archive = Archive(Source(data))
    for name in ("config.json", _WEIGHTS):
        if name not in archive.members:
            raise Refusal(f"the archive has no '{name}', which every Keras file has")
    if archive.members["config.json"].size > _LONGEST_JSON:
        raise Refusal(f"its description is longer than {_LONGEST_JSON >> 20} MB")
    model = decoded_json(bytes(archive.read("config.json").data).decode("utf-8", "replace"), "config.json")
    metadata: dict[str, Any] = {}
    if "metadata.json" in archive.members and archive.members["metadata.json"].size < _LONGEST_JSON:
        metadata = decoded_json(bytes(archive.read("metadata.json").data).decode("utf-8", "replace"), "metadata.json")
    found, member = archive.read(_WEIGHTS), archive.members[_WEIGHTS]
    file = Hdf5(_Bytes(memoryview(found.data)), found.base or 0, len(found.data))
    tensors, weights = _variables(file, model)
    packed = Packed(start=member.start, packed=member.packed, size=member.size) if found.base is None else None
    return KerasPlan(
        format="Keras 3 archive",
        version=str(metadata.get("keras_version", "3")),
        backend="",
        model=model,
        tensors=tensors,
        weights=weights,
        packed=packed,
        metadata={key: str(value)[:1000] for key, value in metadata.items()},
    )


def _weights_file(file: Hdf5) -> KerasPlan:
    root = file.root
    text = file.text(root, "model_config")
    model = decoded_json(text, "description") if text else None
    group = file.group(root, "model_weights") if "model_weights" in root else root
    layers = file.names(group, "layer_names")
    weights: dict[str, list[str]] = {}
    tensors: list[TensorPlan] = []
    if layers is None:
        tensors, weights = _variables(file, model)
    for layer in layers or ():
        if layer in weights:
            raise Refusal(f"two layers are called '{layer[:60]}'")
        members = file.group(group, layer)
        names = file.names(members, "weight_names")
        if names is None:
            raise Refusal(f"it does not say which weights the layer '{layer[:60]}' has")
        weights[layer] = [f"{layer}/{_without_layer(name, layer)}" for name in names]
        tensors += [
            file.tensor(full, file.child(members, name)) for full, name in zip(weights[layer], names, strict=True)
        ]
    if len({tensor["name"] for tensor in tensors}) != len(tensors):
        raise Refusal("two of its tensors have the same name")
    if not tensors and model is None:
        raise Refusal("it holds no weights as Keras writes them")
    return KerasPlan(
        format="Keras HDF5",
        version=file.text(group, "keras_version") or file.text(root, "keras_version") or ("1" if model else ""),
        backend=file.text(group, "backend") or file.text(root, "backend"),
        model=model,
        tensors=tensors,
        weights=weights,
        packed=None,
        metadata={key: file.text(root, key) for key in ("training_config",) if key in root.attrs},
    )


def _without_layer(name: str, layer: str) -> str:
    """``conv2d/kernel:0`` of the layer ``conv2d`` as ``kernel:0``."""
    return name.removeprefix(f"{layer}/")


def _variables(file: Hdf5, model: dict[str, Any] | None) -> tuple[list[TensorPlan], dict[str, list[str]]]:
    """Keras 3's variables: those of a layer are numbered, and the layer has the name of its class and a number."""
    arrays = dict(file.arrays(file.root))
    network = {name: array for name, array in arrays.items() if not name.startswith("optimizer/")}
    tensors = [file.tensor(name, array) for name, array in network.items()]
    if model is None:
        return tensors, {}
    weights: dict[str, list[str]] = {}
    used: Counter[str] = Counter()
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            raise Refusal("its description has a layer that is none")
        kind = _snake(str(layer.get("class_name", "")))
        if kind == "input_layer":
            continue
        number = used[kind]
        used[kind] += 1
        path = f"{kind}_{number}" if number else kind
        # Keras 2.13 and Windows have their own ways of saying where.
        for place in (f"layers/{path}", f"_layer_checkpoint_dependencies/{path}", f"layers\\{path}"):
            found = [name for name in network if re.fullmatch(rf"{re.escape(place)}[/\\]vars[/\\]\d+", name)]
            if found:
                key = str(layer["config"].get("name", path))
                weights[key] = sorted(found, key=lambda name: int(re.split(r"[/\\]", name)[-1]))
                break
    return tensors, weights


def _snake(kind: str) -> str:
    """``SeparableConv2D`` as ``separable_conv2d``, as Keras does it."""
    kind = re.sub(r"\W+", "", kind)
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()
