"""Numpy's ``.npy`` and ``.npz`` files. Arrays of objects are pickles in disguise, and are not read."""

from __future__ import annotations

import re

from .dtypes import ITEM_BYTES
from .numpy_values import parse_type
from .plan import Plan, PlanWriter, written
from .refusal import Refusal
from .source import Source
from .values import DeclaredTensor, Place, Storage, contiguous, count, dense, sizes
from .zip_directory import Archive

MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 16
# The header is a dictionary in Python's notation; numpy writes it in this form only, so nothing has to evaluate it.
_HEADER = re.compile(
    r"\s*\{\s*'descr':\s*(?P<type>'[^']*'|\[.*\]),\s*'fortran_order':\s*(?P<fortran>True|False),"
    r"\s*'shape':\s*\((?P<shape>(?:\d+L?(?:,\s*\d+L?)*,?)?)\),?\s*\}\s*",
    re.DOTALL,
)


def read_npy(source: Source) -> Plan:
    """The plan of an ``.npy`` file, whose array has no name."""
    writer = PlanWriter()
    writer.add("array", npy_array(source, "array", Place(source.base or 0, len(source))))
    return written("NumPy", writer)


def is_npz(archive: Archive) -> bool:
    return bool(archive.members) and all(name.endswith(".npy") for name in archive.members)


def read_npz(archive: Archive) -> Plan:
    """The plan of an ``.npz`` file: an archive of ``.npy`` files, whose names are the arrays'."""
    writer = PlanWriter()
    for member in archive.members:
        name = member.removesuffix(".npy")
        place = archive.place(member)
        head = archive.head(member, _LONGEST_HEADER + 12)
        writer.add(name, npy_array(head, name, place))
    return written("NumPy", writer)


def npy_array(head: Source, key: str, place: Place) -> DeclaredTensor:
    """The array of an ``.npy`` file that begins with ``head`` and lies, header and all, at ``place``."""
    if head.read(0, 6) != MAGIC:
        raise Refusal(f"its member '{key}.npy' is no array")
    version = head.read(6, 1)[0]
    if version not in (1, 2, 3):
        raise Refusal(f"the array '{key}' is of a version {version} that does not exist")
    width, form = (2, "<H") if version == 1 else (4, "<I")
    (size,) = head.unpack(form, 8)
    if size > _LONGEST_HEADER:
        raise Refusal(f"the array '{key}' has a header of {size:,} bytes, which no array needs")
    begin = 8 + width + size
    match = _HEADER.fullmatch(head.read(8 + width, size).decode("latin-1"))
    if match is None:
        raise Refusal(f"the array '{key}' has a header that numpy does not write; it is damaged")
    words = match["shape"].replace("L", "").split(",")
    if any(len(word.strip()) > 19 for word in words):
        raise Refusal(f"the array '{key}' has an impossible shape")
    shape = sizes([int(word) for word in words if word.strip()], "shape")
    elements = count(shape)
    kind = parse_type(match["type"].strip("'"))
    if kind.code.startswith("O") or ("O" in match["type"] and match["type"].startswith("[")):
        raise Refusal(f"the array '{key}' holds Python objects, which are pickles and are not read")
    dtype = kind.torch_name
    if dtype is None:
        return DeclaredTensor("opaque", kind.code, shape, note=f"an array of numpy's type {match['type'][:40]}")
    there = place.size if place.inflated is None else place.inflated
    bytes_needed = elements * ITEM_BYTES[dtype]
    if begin + bytes_needed > there:
        raise Refusal(f"the array '{key}' of shape {list(shape)} is cut short")
    storage = Storage(key, dtype, bytes_needed, place, begin, kind.big_endian and ITEM_BYTES[dtype] > 1)
    stride = contiguous(shape[::-1])[::-1] if match["fortran"] == "True" else contiguous(shape)
    return dense(storage, 0, shape, stride)
