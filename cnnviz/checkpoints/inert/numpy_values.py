"""Arrays and scalars as numpy writes them into pickles and ``.npy`` files."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .dtypes import ITEM_BYTES
from .refusal import Refusal
from .values import DeclaredTensor, FileBytes, Place, Storage, contiguous, count, dense, sizes

_TORCH_NAMES = {
    "b1": "bool",
    "u1": "uint8",
    "i1": "int8",
    "u2": "uint16",
    "i2": "int16",
    "u4": "uint32",
    "i4": "int32",
    "u8": "uint64",
    "i8": "int64",
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "c8": "complex64",
    "c16": "complex128",
}
_STRUCT = {
    "bool": "?",
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}
_CODE = re.compile(r"([<>|=]?)([a-zA-Z]\d{0,6})")


@dataclass(slots=True, eq=False)
class NumpyType:
    """An element type: numpy's code without its byte order (``"f4"``), and whether the order is reversed."""

    code: str
    big_endian: bool = False

    @property
    def torch_name(self) -> str | None:
        return _TORCH_NAMES.get(self.code)


def parse_type(code: Any) -> NumpyType:
    """The type that numpy calls ``code``, such as ``"<f4"``."""
    match = _CODE.fullmatch(code) if type(code) is str else None
    if match is None:
        return NumpyType("V")  # records and the like, none of which is a weight
    order, kind = match.groups()
    return NumpyType({"?": "b1"}.get(kind, kind), order == ">")


def array(kind: NumpyType, shape: Any, fortran: bool, place: Place) -> DeclaredTensor:
    """An array whose elements lie at ``place``, row by row, or column by column in Fortran's order."""
    shape = sizes(shape, "shape")
    dtype = kind.torch_name
    if dtype is None:
        return DeclaredTensor("opaque", kind.code, shape, note=f"an array of numpy's type {kind.code}")
    size = count(shape) * ITEM_BYTES[dtype]
    if (place.size if place.inline is None else len(place.inline)) < size:
        raise Refusal(f"an array of shape {list(shape)} is cut short")
    stride = contiguous(shape[::-1])[::-1] if fortran else contiguous(shape)
    return dense(
        Storage("array", dtype, size, place, big_endian=kind.big_endian and ITEM_BYTES[dtype] > 1), 0, shape, stride
    )


def fill(state: Any) -> DeclaredTensor:
    """An array out of the state that a pickle sets on it."""
    if type(state) is not tuple or len(state) != 5 or not isinstance(state[2], NumpyType):
        raise Refusal("an array in it is described in a way that numpy does not use")
    _version, shape, kind, fortran, data = state
    if kind.torch_name is None:
        return DeclaredTensor("opaque", kind.code, sizes(shape, "shape"), note=f"an array of numpy's type {kind.code}")
    return array(kind, shape, fortran is True, _place(data))


def _place(data: Any) -> Place:
    if isinstance(data, FileBytes):
        return Place(data.start, data.size)
    if type(data) is str:  # bytes of Python 2 that happened to be text
        data = data.encode("utf-8", "surrogatepass")
    if type(data) is not bytes:
        raise Refusal("an array in it has no data")
    return Place(inline=data)


def _reconstruct(_class: Any, _shape: Any, _code: Any) -> DeclaredTensor:
    return DeclaredTensor("array", "float32", (0,), (1,))


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any = "C", *_rest: Any) -> DeclaredTensor:
    if not isinstance(kind, NumpyType):
        raise Refusal("an array in it has no element type")
    return array(kind, shape, order == "F", _place(data))


def _type(code: Any, *_rest: Any) -> NumpyType:
    return parse_type(code)


def _scalar(kind: Any, data: Any = b"") -> Any:
    if not isinstance(kind, NumpyType) or type(data) not in (bytes, str):
        return None
    raw = data if type(data) is bytes else data.encode("utf-8", "surrogatepass")
    form = _STRUCT.get(kind.torch_name or "")
    if form is None or len(raw) != struct.calcsize(form):
        return None
    return struct.unpack((">" if kind.big_endian else "<") + form, raw)[0]


_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "multiarray._reconstruct": (_reconstruct, 3, 3),
    "multiarray.scalar": (_scalar, 1, 2),
    "numeric._frombuffer": (_from_buffer, 3, 5),
}

CALLS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "numpy.dtype": (_type, 1, 3),
    **{f"numpy.{core}.{name}": entry for core in ("core", "_core") for name, entry in _FUNCTIONS.items()},
    **{
        f"numpy.dtypes.{name}DType": (lambda *_rest, code=code: NumpyType(code), 0, 3)
        for name, code in {
            "Bool": "b1", "UInt8": "u1", "Int8": "i1", "UInt16": "u2", "Int16": "i2", "UInt32": "u4", "Int32": "i4",
            "UInt64": "u8", "Int64": "i8", "Float16": "f2", "Float32": "f4", "Float64": "f8", "Complex64": "c8",
            "Complex128": "c16",
        }.items()
    },
}  # fmt: skip
"""Functions of numpy that pickles call, each with the fewest and the most arguments it takes."""
