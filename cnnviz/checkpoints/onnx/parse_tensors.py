"""Where the tensors of an ONNX file lie, with every claimed size checked against the bytes that are there."""

import math
from pathlib import PurePosixPath, PureWindowsPath

from ..inert.refusal import Refusal
from .plan import TensorPlan
from .wire import BYTES, Field, Message

# By the numbers of TensorProto.DataType: the name, the bits of a value, and the field of typed values.
_TYPES = {
    1: ("float32", 32, 4),
    2: ("uint8", 8, 5),
    3: ("int8", 8, 5),
    4: ("uint16", 16, 5),
    5: ("int16", 16, 5),
    6: ("int32", 32, 5),
    7: ("int64", 64, 7),
    8: ("string", 0, 6),
    9: ("bool", 8, 5),
    10: ("float16", 16, 5),
    11: ("float64", 64, 10),
    12: ("uint32", 32, 11),
    13: ("uint64", 64, 11),
    14: ("complex64", 64, 4),
    15: ("complex128", 128, 10),
    16: ("bfloat16", 16, 5),
    17: ("float8_e4m3fn", 8, 5),
    18: ("float8_e4m3fnuz", 8, 5),
    19: ("float8_e5m2", 8, 5),
    20: ("float8_e5m2fnuz", 8, 5),
    21: ("uint4", 4, 5),
    22: ("int4", 4, 5),
    23: ("float4_e2m1", 4, 5),
    24: ("float8_e8m0fnu", 8, 5),
}
_FIXED_FIELDS = (4, 10)  # values in their own bytes; those of the others are variable in length
_VALUE_FIELDS = (4, 5, 6, 7, 10, 11)
_MOST_PIECES = 65_536
_PIECE = 1 << 20
_NOT_LAST = bytes(range(128, 256))


def dtype_name(number: int) -> str:
    """Torch's name of ``TensorProto.DataType`` ``number``, or the file's own."""
    return _TYPES[number][0] if number in _TYPES else f"type {number}"


class TensorParser:
    """Reads the descriptions of tensors in ``data``."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def sparse(self, message: Message) -> TensorPlan:
        """A sparse tensor: its name and shape, told for what it is."""
        shape: list[int] = []
        plan = TensorPlan(name="", shape=shape, dtype="", encoding="none", file="", pieces=[], note="sparse")
        for field in message:
            if field.number == 1:
                values = self.tensor(message.message(field))
                plan["name"], plan["dtype"] = values["name"], values["dtype"]
            elif field.number == 3:
                shape += message.integers(field, 16)
        return plan

    def tensor(self, message: Message) -> TensorPlan:
        """A dense tensor, whose values are all there."""
        name, number, shape = "", 0, list[int]()
        raw: list[Field] = []
        typed: dict[int, list[Field]] = {}
        external: dict[str, str] = {}
        is_external = False
        for field in message:
            match field.number:
                case 1:
                    shape += message.integers(field, 16)
                case 2:
                    number = field.value
                case 3:
                    raise Refusal("a tensor is in segments, which no program writes")
                case 8:
                    name = message.text(field)
                case 9:
                    raw.append(field)
                case 13:
                    entry = message.message(field)
                    texts = {part.number: entry.text(part) for part in entry if part.number in (1, 2)}
                    external[texts.get(1, "")] = texts.get(2, "")
                case 14:
                    is_external = field.value == 1
                case _ if field.number in _VALUE_FIELDS:
                    typed.setdefault(field.number, []).append(field)
                    if len(typed[field.number]) > _MOST_PIECES:
                        raise Refusal(f"the tensor '{name}' is in more than {_MOST_PIECES:,} pieces")
        if number not in _TYPES:
            raise Refusal(f"the tensor '{name}' has the type {number}, which is not known")
        if len(shape) > 16 or any(size < 0 for size in shape):
            raise Refusal(f"the tensor '{name}' claims the shape {shape}")
        dtype, bits, typed_field = _TYPES[number]
        note = "text" if dtype == "string" else "4 bits a value" if bits == 4 else ""
        plan = TensorPlan(name=name, shape=shape, dtype=dtype, encoding="raw", file="", pieces=[], note=note)
        count = math.prod(shape)
        size = (count * bits + 7) // 8
        if is_external:
            plan["file"], place = self._external(name, external, size)
            plan["pieces"] = [place]
        elif raw:
            plan["pieces"] = [_place(raw[-1])]
        elif typed_field in _FIXED_FIELDS:
            plan["pieces"] = [_place(field) for field in typed.get(typed_field, [])]
        elif dtype != "string" and bits != 4:
            plan["encoding"] = "varint"
            plan["pieces"] = [_place(field) for field in typed.get(typed_field, [])]
            found = sum(self._numbers(field) for field in typed.get(typed_field, []))
            if found != count:
                raise Refusal(f"the tensor '{name}' of shape {shape} has {found:,} values")
        if note:
            plan["encoding"], plan["pieces"] = "none", []
        elif plan["encoding"] == "raw" and sum(length for _, length in plan["pieces"]) != size:
            there = sum(length for _, length in plan["pieces"])
            raise Refusal(f"the tensor '{name}' of shape {shape} needs {size:,} bytes and has {there:,}")
        return plan

    def _numbers(self, field: Field) -> int:
        """How many variable-length numbers the field holds: each ends with a byte below 128."""
        if field.wire != BYTES:
            return 1
        pieces = (
            self._data[start : min(start + _PIECE, field.stop)] for start in range(field.start, field.stop, _PIECE)
        )
        return sum(len(bytes(piece).translate(None, _NOT_LAST)) for piece in pieces)

    def _external(self, name: str, entries: dict[str, str], size: int) -> tuple[str, list[int]]:
        """The file that holds a tensor, and where; refused if its name leads out of the folder."""
        location = entries.get("location", "")
        try:
            offset = int(entries.get("offset") or 0)
            length = int(entries.get("length") or size)
        except ValueError as error:
            raise Refusal(f"the tensor '{name}' lies in another file at a place that is no number") from error
        for path in (PurePosixPath(location), PureWindowsPath(location)):
            if not location or "\0" in location or path.anchor or ".." in path.parts:
                raise Refusal(f"the tensor '{name}' is to be read from '{location}', outside of the file's folder")
        if length != size or offset < 0:
            raise Refusal(f"the tensor '{name}' needs {size:,} bytes, and has {length:,} in '{location}'")
        return location, [offset, length]


def _place(field: Field) -> list[int]:
    return [field.start, field.stop - field.start]
