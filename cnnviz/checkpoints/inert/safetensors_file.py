"""Hugging Face's safetensors: a JSON header, then the data. Read as strictly as its specification is written."""

from __future__ import annotations

import json
from typing import Any

from . import limits
from .dtypes import ITEM_BYTES
from .plan import Plan, PlanWriter, written
from .refusal import Refusal
from .source import Source
from .values import DeclaredTensor, Place, Storage, contiguous, count, dense, sizes

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}


def looks_like_safetensors(source: Source) -> bool:
    """Whether it begins with the size of a header and the header's brace."""
    if len(source) < 9 or source.data[8] != ord("{"):
        return False
    # A size of 100 MB and more is told as what it is; random bytes would state one of exabytes.
    return source.unpack("<Q", 0)[0] < 1 << 40


def read_safetensors(source: Source) -> Plan:
    """The plan of a safetensors file."""
    (size,) = source.unpack("<Q", 0)
    if size > limits.HEADER:
        raise Refusal(f"its header claims {size:,} bytes, which no file of weights needs")
    try:
        header = json.loads(source.read(8, size).decode("utf-8"), object_pairs_hook=without_doubles)
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
        raise Refusal("its header is not JSON; it is damaged or was cut short") from error
    except Refusal:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise Refusal("its header holds a number that is too large") from error
    if type(header) is not dict:
        raise Refusal("its header is not a table of tensors")
    metadata = _metadata(header.pop("__metadata__", {}))
    begin = 8 + size
    spans = sorted((*_span(name, entry, len(source) - begin), name) for name, entry in header.items())
    _check_spans(spans, len(source) - begin)
    writer = PlanWriter()
    for first, last, name in spans:
        writer.add(name, _tensor(name, header[name], begin + first, last - first))
    return written("safetensors", writer, metadata=metadata)


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("its header has one name twice")
    return found


def _metadata(found: Any) -> dict[str, str]:
    if type(found) is not dict or not all(type(value) is str for value in found.values()):
        raise Refusal("its header's metadata is not a table of texts")
    return found


def _span(name: str, entry: Any, size: int) -> tuple[int, int]:
    if type(entry) is not dict or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise Refusal(f"its header does not describe the tensor '{name[:80]}' in full")
    offsets = sizes(entry["data_offsets"], "offset")
    if len(offsets) != 2 or offsets[0] > offsets[1] or offsets[1] > size:
        raise Refusal(f"its tensor '{name[:80]}' lies outside the file; it is damaged or was cut short")
    return offsets[0], offsets[1]


def _check_spans(spans: list[tuple[int, int, str]], size: int) -> None:
    """The data of the tensors lie without gaps one after the other, to the end of the file."""
    reached = 0
    for first, last, name in spans:
        if first < reached:
            raise Refusal(f"its tensor '{name[:80]}' shares its bytes with another")
        if first > reached:
            raise Refusal("it holds bytes that belong to none of its tensors")
        reached = last
    if reached != size:
        raise Refusal("it holds bytes that belong to none of its tensors")


def _tensor(name: str, entry: dict[str, Any], start: int, size: int) -> DeclaredTensor:
    shape = sizes(entry["shape"], "shape")
    elements = count(shape)
    code = entry["dtype"]
    dtype = _DTYPES.get(code) if type(code) is str else None
    if dtype is None:
        # Types that torch lacks are listed under their own name; there is no width to check their size with.
        return DeclaredTensor(
            "opaque", str(code)[:40], shape, note=f"of a type that torch does not have ({str(code)[:40]})"
        )
    if elements * ITEM_BYTES[dtype] != size:
        raise Refusal(f"its tensor '{name[:80]}' has {size:,} bytes where {elements * ITEM_BYTES[dtype]:,} are needed")
    return dense(Storage(name, dtype, size, Place(start, size)), 0, shape, contiguous(shape), dtype)
