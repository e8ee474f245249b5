"""Bytes of a file, with their place in it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .refusal import Refusal

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A run of bytes.

    Attributes
    ----------
    data : bytes or memoryview
        The bytes themselves; a view on the mapped file where they lie in it as they are.
    base : int or None
        Where the run begins in the file; None where the bytes were inflated and lie nowhere.
    """

    data: Buffer
    base: int | None = 0

    def __len__(self) -> int:
        return len(self.data)

    def read(self, start: int, size: int) -> bytes:
        """``size`` bytes from ``start``; never fewer."""
        if start < 0 or size < 0 or start + size > len(self.data):
            raise Refusal("it ends too early; it is damaged or was cut short")
        return bytes(self.data[start : start + size])

    def part(self, start: int, size: int) -> Source:
        """The run of ``size`` bytes from ``start``, not copied."""
        if start < 0 or size < 0 or start + size > len(self.data):
            raise Refusal("it ends too early; it is damaged or was cut short")
        return Source(self.data[start : start + size], None if self.base is None else self.base + start)

    def unpack(self, form: str, start: int) -> tuple[int, ...]:
        """Integers in the form of the ``struct`` module."""
        if start < 0 or start + struct.calcsize(form) > len(self.data):
            raise Refusal("it ends too early; it is damaged or was cut short")
        return struct.unpack_from(form, self.data, start)
