"""Protocol Buffers' wire format, read in place: fields are places in the file, and every length is checked.

The ONNX package would do, but a message object costs many times its bytes, and does not say where in the file a tensor
lies; here a file of gigabytes is looked through without copying its weights. As all that reads what is not trusted,
this needs the standard library alone.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..inert.refusal import Refusal

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes
    ----------
    number, wire : int
        Which field, and how it is encoded.
    start, stop : int
        Where its value lies in the file.
    value : int
        Of a varint, unsigned; 0 for all others.
    """

    number: int
    wire: int
    start: int
    stop: int
    value: int = 0


class Message:
    """The bytes from ``start`` to ``stop`` of a file, as fields."""

    __slots__ = ("_data", "start", "stop")

    def __init__(self, data: memoryview, start: int, stop: int) -> None:
        self._data = data
        self.start = start
        self.stop = stop

    def __iter__(self) -> Iterator[Field]:
        position = self.start
        while position < self.stop:
            key, position = self._varint(position)
            number, wire = key >> 3, key & 7
            if number == 0:
                raise Refusal("a field has the number 0")
            if wire == VARINT:
                value, end = self._varint(position)
                yield Field(number, wire, position, end, value)
                position = end
                continue
            if wire == BYTES:
                length, position = self._varint(position)
            elif wire in (FIXED32, FIXED64):
                length = 4 if wire == FIXED32 else 8
            else:
                raise Refusal(f"a field has the encoding {wire}, which is not in use")
            if length > self.stop - position:
                raise Refusal("a field reaches beyond the end of what holds it")
            yield Field(number, wire, position, position + length)
            position += length

    def message(self, field: Field) -> "Message":
        """The message that ``field`` holds."""
        _expect(field, BYTES)
        return Message(self._data, field.start, field.stop)

    def text(self, field: Field, longest: int = 65_536) -> str:
        """The text that ``field`` holds; what is not UTF-8 is replaced."""
        _expect(field, BYTES)
        if field.stop - field.start > longest:
            raise Refusal(f"a name or text is longer than {longest:,} bytes")
        return bytes(self._data[field.start : field.stop]).decode("utf-8", "replace")

    def integers(self, field: Field, most: int) -> list[int]:
        """Signed 64-bit integers: one, or many packed; at most ``most`` of them."""
        if field.wire == VARINT:
            return [signed(field.value)]
        _expect(field, BYTES)
        found, position = list[int](), field.start
        while position < field.stop:
            if len(found) == most:
                raise Refusal(f"a list is longer than {most:,}")
            value, position = self._varint(position, field.stop)
            found.append(signed(value))
        return found

    def floats(self, field: Field, most: int) -> list[float]:
        """Single-precision numbers: one, or many packed; at most ``most`` of them."""
        if field.wire not in (FIXED32, BYTES) or (field.stop - field.start) % 4:
            raise Refusal("a list of numbers has a part of one")
        count = (field.stop - field.start) // 4
        if count > most:
            raise Refusal(f"a list is longer than {most:,}")
        return list(struct.unpack(f"<{count}f", self._data[field.start : field.stop]))

    def _varint(self, position: int, stop: int | None = None) -> tuple[int, int]:
        stop = self.stop if stop is None else stop
        value = 0
        for count in range(_LONGEST_VARINT):
            if position >= stop:
                raise Refusal("it ends within a number")
            byte = self._data[position]
            position += 1
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                return value & (1 << 64) - 1, position
        raise Refusal(f"a number has more than {_LONGEST_VARINT} bytes")


def signed(value: int) -> int:
    """An unsigned 64-bit integer read as two's complement."""
    return value - (1 << 64) if value >> 63 else value


def _expect(field: Field, wire: int) -> None:
    if field.wire != wire:
        raise Refusal(f"field {field.number} is not encoded as it must be")
