"""The names that pickles ask for: those that make tensors, those that harm nobody, and all others."""

from __future__ import annotations

import io
import pickletools
import re
import sys
from collections.abc import Iterable

from . import limits
from .dtypes import canonical, storage_dtype
from .source import Buffer

HARMLESS = frozenset(
    {
        "argparse.Namespace",
        "builtins.bool",
        "builtins.bytes",
        "builtins.dict",
        "builtins.float",
        "builtins.frozenset",
        "builtins.int",
        "builtins.list",
        "builtins.object",
        "builtins.range",
        "builtins.slice",
        "builtins.str",
        "builtins.tuple",
        "collections.Counter",
        "collections.defaultdict",
        "collections.deque",
        "copyreg._reconstructor",
        "datetime.date",
        "datetime.datetime",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "pathlib.Path",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib.PureWindowsPath",
        "pathlib.WindowsPath",
        "pathlib._local.PosixPath",
        "pathlib._local.WindowsPath",
        "torch.nn.backends.thnn._get_thnn_function_backend",
        "uuid.UUID",
    }
)
"""Names outside the tensor constructors that say nothing bad about a file; they are not looked up either."""

_LAYERS = re.compile(
    r"torch\.nn\.modules\.(activation|adaptive|batchnorm|channelshuffle|container|conv|distance|dropout|flatten|fold|"
    r"instancenorm|linear|loss|normalization|padding|pixelshuffle|pooling|rnn|sparse|transformer|upsampling)"
    r"\.[A-Z][A-Za-z0-9]*"
)
# Python 2's modules, as pickles of protocol 2 and below name them.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}
# A name as text ("p1" is none but a PUT), and as the two short strings of a STACK_GLOBAL. Each part has two letters at
# least, or random weights would match.
_FIRST_LINE = re.compile(rb"(?=[ci]([A-Za-z_][\w.]{1,99})$)")
_SECOND_LINE = re.compile(rb"(?!p\d+\n)([A-Za-z_][\w.]{1,99})\n")
_PUT = rb"(?:\x94|q.|r....)?"
_STRING = rb"\x8c.([A-Za-z_][\w.]{1,99})"
_AS_STRINGS = re.compile(_STRING + _PUT + _STRING + _PUT + rb"\x93", re.DOTALL)
_IDENTIFIERS = re.compile(r"[A-Za-z_][\w.]*")
_KNOWN = sys.stdlib_module_names | {"torch", "numpy", "__builtin__", "copy_reg"}


def is_layer(name: str) -> bool:
    """Whether ``name`` is a class of one of torch's own layers."""
    return _LAYERS.fullmatch(name) is not None


class Names:
    """Every name that a file asks for, in the order of asking."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self.more = False
        """Whether there were more names than are reported."""
        self._unsearched = limits.SCANNED

    def ask(self, module: str, name: str) -> str:
        """Take note of a name; returns the module under its present name."""
        module = _RENAMED.get(module, module)
        full = f"{module}.{name}"
        if len(self._seen) < limits.NAMES or full in self._seen:
            self._seen[full[:200]] = None
        else:
            self.more = True
        return module

    def search(self, data: Buffer) -> None:
        """Take note of the names in bytes that nothing follows: further pickles, or what only looks like one."""
        data = bytes(data[: self._unsearched])
        self._unsearched -= len(data)
        position = 0
        while position < len(data) and (position == 0 or data[position] == 0x80):
            end = self._scan(data, position)
            if end is None:
                break
            position = end
        for match in _AS_STRINGS.finditer(data):
            self._ask_if_new(*(part.decode("ascii") for part in match.groups()))
        self._search_lines(data)

    def _search_lines(self, data: bytes) -> None:
        """Names as text: a line that ends with a module, then one that is a name."""
        end = -1
        for _ in range(limits.SCANNED_LINES):
            end = data.find(b"\n", end + 1)
            if end < 0 or self.more:
                return
            name = _SECOND_LINE.match(data, end + 1)
            if name is None:
                continue
            # A letter before a module may belong to it or not: of all readings, one that is known, else the longest.
            line = data[max(end - 101, 0) : end]
            found = [match[1].decode("ascii") for match in _FIRST_LINE.finditer(line)]
            known = [module for module in found if module.split(".")[0] in _KNOWN]
            if found:
                self._ask_if_new((known or found)[0], name[1].decode("ascii"))

    def _scan(self, data: bytes, position: int) -> int | None:
        """Step through the opcodes of a pickle without following them; returns its end, None where it is none."""
        texts: list[str] = []
        memo: dict[int, str] = {}
        stream = io.BytesIO(data)
        stream.seek(position)
        try:
            for steps, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
                if steps > limits.SCANNED_STEPS:
                    return None
                if opcode.name in ("GLOBAL", "INST"):
                    self._ask_if_new(*str(argument).split(" ", 1))
                elif opcode.name == "STACK_GLOBAL" and len(texts) > 1:
                    self._ask_if_new(*texts[-2:])
                elif opcode.name == "MEMOIZE" or opcode.name.endswith("PUT"):
                    memo[len(memo) if argument is None else argument] = texts[-1] if texts else ""
                elif opcode.name.endswith("GET"):
                    texts.append(memo.get(argument or 0, ""))
                elif isinstance(argument, str):
                    texts.append(argument[:200])
        except (ValueError, OverflowError, MemoryError):  # not a pickle, or not one to its end
            return None
        return stream.tell()

    def _ask_if_new(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if _IDENTIFIERS.fullmatch(full) and not any(full.endswith(known) for known in self._seen):
            self.ask(module, name)

    def all(self) -> tuple[str, ...]:
        return (*self._seen, "…") if self.more else tuple(self._seen)


def outside(names: Iterable[str], constructors: Iterable[str]) -> list[str]:
    """Those of ``names`` that neither make tensors nor are harmless."""
    known = HARMLESS.union(constructors)
    return [name for name in names if name not in known and not _is_plain_torch(name)]


def _is_plain_torch(full: str) -> bool:
    """An element type, a storage class, a layer, or a type of TorchScript code that lies in the file itself."""
    module, _, name = full.rpartition(".")
    return (
        (module == "torch" and canonical(name) is not None)
        or storage_dtype(module, name) is not None
        or is_layer(full)
        or full.startswith("__torch__.")
    )
