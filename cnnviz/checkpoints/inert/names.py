"""The names that pickles ask for: those that make tensors, those that harm nobody, and all others."""

from __future__ import annotations

import re
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
# A name as text, and as the two short strings of a STACK_GLOBAL; two letters at least, or random weights would match.
_AS_TEXT = re.compile(rb"[ci]([A-Za-z_][\w.]{1,99})\n([A-Za-z_][\w.]{1,99})\n")
_AS_STRINGS = re.compile(
    rb"\x8c.([A-Za-z_][\w.]{1,99})(?:\x94|q.|r....)?\x8c.([A-Za-z_][\w.]{1,99})(?:\x94|q.|r....)?\x93", re.S
)


def is_layer(name: str) -> bool:
    """Whether ``name`` is a class of one of torch's own layers."""
    return _LAYERS.fullmatch(name) is not None


class Names:
    """Every name that a file asks for, in the order of asking."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self.more = False
        """Whether there were more names than are reported."""

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
        """Take note of what looks like a name in bytes that could not be followed."""
        data = data[: limits.SCANNED]
        for pattern in (_AS_TEXT, _AS_STRINGS):
            for match in pattern.finditer(data):
                module, name = (part.decode("ascii", "replace") for part in match.groups())
                self.ask(module, name)

    def all(self) -> tuple[str, ...]:
        return tuple(self._seen)


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
