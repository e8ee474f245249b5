"""A strict reader of zip archives: what two programs could read in two ways is refused.

The members are taken from the central directory; each local header must repeat them, no two members may share a byte or
a name, and nothing may lie before the first or behind the last.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from . import limits
from .refusal import Refusal
from .source import Source
from .values import Place

_LOCAL, _CENTRAL, _END, _END64, _LOCATOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW, _STRONG_ENCRYPTION, _MASKED = 1 << 0, 1 << 3, 1 << 6, 1 << 13
_NOT_HERE = 0xFFFFFFFF
_MOST_PADDING = 1 << 16
_DESCRIPTORS = (0, 12, 16, 20, 24)


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive; its bytes are ``packed`` many from ``start``."""

    name: str
    start: int
    packed: int
    size: int
    deflated: bool
    crc: int


class Archive:
    """The members of a zip archive by name, in the order of the central directory."""

    def __init__(self, source: Source) -> None:
        self.source = source
        begin, end, number = _central_directory(source)
        self.members: dict[str, Member] = {}
        spans: list[tuple[int, int, str]] = []
        for member, header in _entries(source, begin, end, number):
            if member.name in self.members:
                raise Refusal(f"the archive has two members called '{member.name}'")
            self.members[member.name] = member
            spans.append((header, member.start + member.packed, member.name))
        _check_spans(sorted(spans), begin)
        self._inflated = 0

    def read(self, name: str) -> Source:
        """A member's bytes, inflated where they are compressed, checked against its CRC-32."""
        member = self.members[name]
        packed = self.source.part(member.start, member.packed)
        found = self._inflate(packed, member) if member.deflated else packed
        # Torch can be told to leave the checksums out, and writes zeros then.
        if member.crc and zlib.crc32(found.data) != member.crc:
            raise Refusal(f"the archive's member '{name}' is damaged (its checksum is wrong)")
        return found

    def head(self, name: str, most: int) -> Source:
        """The first bytes of a member, as many as there are up to ``most``; their checksum is not looked at."""
        member = self.members[name]
        if not member.deflated:
            return self.source.part(member.start, min(most, member.size))
        try:
            packed = self.source.part(member.start, member.packed)
            return Source(zlib.decompressobj(-15).decompress(packed.data, most), None)
        except zlib.error as error:
            raise Refusal(f"the archive's member '{name}' is damaged (it cannot be unpacked)") from error

    def place(self, name: str) -> Place:
        """Where a member's bytes are in the file."""
        member = self.members[name]
        start = (self.source.base or 0) + member.start
        return Place(start, member.packed, member.crc or None, member.size if member.deflated else None)

    def _inflate(self, packed: Source, member: Member) -> Source:
        self._inflated += member.size
        if self._inflated > limits.INFLATED:
            raise Refusal(f"the archive grows beyond {limits.INFLATED >> 20} MB when it is unpacked")
        inflater = zlib.decompressobj(-15)
        try:
            data = inflater.decompress(packed.data, member.size + 1)
        except zlib.error as error:
            raise Refusal(f"the archive's member '{member.name}' is damaged (it cannot be unpacked)") from error
        if len(data) != member.size:
            raise Refusal(f"the archive's member '{member.name}' does not have the size that it states")
        return Source(data, None)


def ends_like_an_archive(source: Source) -> bool:
    """Whether programs that look for an archive from the end would find one."""
    try:
        position = _end_record(source)
        (length,) = source.unpack("<I", position + 12)
        return source.read(position - length, 4) == _CENTRAL
    except Refusal:
        return False


def _end_record(source: Source) -> int:
    """Where the end record is."""
    size = len(source)
    tail = bytes(source.data[max(0, size - 22 - 0xFFFF) :])
    found = tail.rfind(_END)
    # A comment may hold the signature of an end record; the one whose comment reaches to the file's end is meant.
    while found >= 0 and found + 22 + int.from_bytes(tail[found + 20 : found + 22], "little") != len(tail):
        found = tail.rfind(_END, 0, found)
    if found < 0:
        raise Refusal("the archive has no end, or something follows it; it is damaged or was cut short")
    return size - len(tail) + found


def _central_directory(source: Source) -> tuple[int, int, int]:
    """Where the central directory begins and ends, and how many entries it has."""
    position = _end_record(source)
    disk, start_disk, here, number, length, begin, _ = source.unpack("<4H2IH", position + 4)
    end = position
    if position >= 20 and source.read(position - 20, 4) == _LOCATOR:
        _, at, disks = source.unpack("<IQI", position - 16)
        if disks != 1 or source.read(at, 4) != _END64:
            raise Refusal("the archive's directory is damaged")
        record, _, _, disk, start_disk, here, number, length, begin = source.unpack("<QHHIIQQQQ", at + 4)
        if at + 12 + record != position - 20:
            raise Refusal("the archive's directory is damaged")
        end = at
    if disk or start_disk or here != number:
        raise Refusal("the archive is one part of several")
    if begin + length != end:
        raise Refusal("the archive does not begin where the file does, or its directory is damaged")
    if number > limits.MEMBERS or number * 46 > length:
        raise Refusal("the archive's directory states more members than it holds")
    return begin, end, number


def _entries(source: Source, position: int, end: int, number: int) -> Iterator[tuple[Member, int]]:
    """Each member, and where its local header is."""
    for _ in range(number):
        if source.read(position, 4) != _CENTRAL or position + 46 > end:
            raise Refusal("the archive's directory is damaged")
        flags, method = source.unpack("<HH", position + 8)
        crc, packed, size, name_size, extra_size, comment_size, disk = source.unpack("<3I4H", position + 16)
        (header,) = source.unpack("<I", position + 42)
        name = source.read(position + 46, name_size)
        extra = source.read(position + 46 + name_size, extra_size)
        size, packed, header = _wide(extra, size, packed, header)
        position += 46 + name_size + extra_size + comment_size
        text = _safe_name(name)
        if flags & (_ENCRYPTED | _STRONG_ENCRYPTION | _MASKED):
            raise Refusal(f"the archive's member '{text}' is protected by a password")
        if method not in (_STORED, _DEFLATED) or disk not in (0, 0xFFFF):
            raise Refusal(f"the archive's member '{text}' is packed in a way that PyTorch does not use")
        if method == _STORED and size != packed:
            raise Refusal(f"the archive's member '{text}' states two different sizes")
        if size > max(packed, 1) * 1100:  # deflate's own limit is 1,032 to 1
            raise Refusal(f"the archive's member '{text}' states a size that its bytes cannot have")
        start = _data_start(source, header, name, (flags, method, crc, packed, size))
        source.part(start, packed)
        yield Member(text, start, packed, size, method == _DEFLATED, crc), header
    if position != end:
        raise Refusal("the archive's directory holds something that is no member")


def _wide(extra: bytes, size: int, packed: int, header: int) -> tuple[int, int, int]:
    """The sizes and the offset, out of the Zip64 field where they do not fit into 32 bits."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = (int.from_bytes(extra[at : at + 2], "little") for at in (position, position + 2))
        field = extra[position + 4 : position + 4 + length]
        if kind == 1:
            wide = [int.from_bytes(field[at : at + 8], "little") for at in range(0, len(field) - 7, 8)]
            try:
                size = wide.pop(0) if size == _NOT_HERE else size
                packed = wide.pop(0) if packed == _NOT_HERE else packed
                header = wide.pop(0) if header == _NOT_HERE else header
            except IndexError as error:
                raise Refusal("the archive's directory is damaged") from error
        position += 4 + length
    return size, packed, header


def _safe_name(raw: bytes) -> str:
    name = raw.decode("utf-8", "replace")
    parts = name.split("/")
    if not name or "\0" in name or "\\" in name or name.startswith("/") or ".." in parts or ":" in parts[0]:
        raise Refusal(f"the archive has a member whose name {name[:80]!r} leads out of it")
    return name


def _data_start(source: Source, header: int, name: bytes, stated: tuple[int, ...]) -> int:
    """Where a member's bytes begin; its local header must say what the directory says."""
    if source.read(header, 4) != _LOCAL:
        raise Refusal("the archive's directory names a member that is not there")
    flags, method = source.unpack("<HH", header + 6)
    crc, packed, size, name_size, extra_size = source.unpack("<3I2H", header + 14)
    if (flags, method) != stated[:2] or source.read(header + 30, name_size) != name or extra_size > _MOST_PADDING:
        raise Refusal("the archive contradicts itself: a member's header and the directory differ")
    for here, there in zip((crc, packed, size), stated[2:], strict=True):
        # Zero where the numbers follow the data, all ones where they stand in the Zip64 field.
        if here != there and not (here == 0 and flags & _SIZES_FOLLOW) and here != _NOT_HERE:
            raise Refusal("the archive contradicts itself: a member's header and the directory differ")
    return header + 30 + name_size + extra_size


def _check_spans(spans: list[tuple[int, int, str]], directory: int) -> None:
    """No gap in which a second archive could hide, and no byte of two members."""
    reached = 0
    for begin, end, name in [*spans, (directory, directory, "")]:
        if begin < reached:
            raise Refusal(f"the archive's member '{name}' shares its bytes with another")
        if begin - reached not in _DESCRIPTORS:
            raise Refusal("the archive holds bytes that belong to none of its members")
        reached = end
