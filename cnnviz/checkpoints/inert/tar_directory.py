"""A strict reader of tar archives, for the few plain members that PyTorch's oldest files have."""

from __future__ import annotations

from .refusal import Refusal
from .source import Source

_BLOCK = 512
_REGULAR = (b"0", b"\0")
_COMMENTS = (b"x", b"g")
_MOST_MEMBERS = 64
_LONGEST_END = 1 << 20


def looks_like_tar(source: Source) -> bool:
    """Whether the first block is the header of a tar archive: its checksum is right."""
    if len(source) < _BLOCK:
        return False
    try:
        return _checksum(header := source.read(0, _BLOCK)) == _octal(header[148:156])
    except Refusal:
        return False


def tar_members(source: Source) -> dict[str, Source]:
    """The members by name; only plain files, each once, none outside the archive's own folder."""
    members: dict[str, Source] = {}
    position = 0
    while position + _BLOCK <= len(source):
        header = source.read(position, _BLOCK)
        if not any(header):
            _check_end(source.part(position, len(source) - position))
            break
        if _checksum(header) != _octal(header[148:156]):
            raise Refusal("the archive is damaged (a header's checksum is wrong)")
        size, kind = _octal(header[124:136]), header[156:157]
        body = source.part(position + _BLOCK, size)
        position += _BLOCK + -(-size // _BLOCK) * _BLOCK
        if kind in _COMMENTS:
            if any(word in bytes(body.data) for word in (b"path=", b"size=")):
                raise Refusal("the archive gives its members other names or sizes than their headers do")
            continue
        name = header[:100].split(b"\0", 1)[0].decode("utf-8", "replace").removeprefix("./")
        if kind not in _REGULAR:
            raise Refusal(f"the archive's member '{name}' is no plain file but a link, a folder or a device")
        if name in members or len(members) >= _MOST_MEMBERS:
            raise Refusal(f"the archive has two members called '{name}', or too many of them")
        if not name or name.startswith("/") or ".." in name.split("/"):
            raise Refusal(f"the archive has a member whose name {name!r} leads out of it")
        members[name] = body
    return members


def _check_end(rest: Source) -> None:
    """Only zeros follow the last member, to the end of the record that tar fills up."""
    if len(rest) > _LONGEST_END or any(rest.data):
        raise Refusal("the archive is followed by something that does not belong to it")


def _checksum(header: bytes) -> int:
    """The sum of a header's bytes, those of the checksum itself taken as blanks."""
    return sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise Refusal("the archive is damaged (a number in it is none)")
    return int(digits, 8)
