"""Scalars that are checked before they are made or hashed."""

from __future__ import annotations

from typing import Any

from . import limits
from .refusal import Refusal
from .values import Global

_PLAIN_KEYS = (str, int, bytes, bool, float, type(None))


def decimal(line: bytes) -> int:
    """An integer as text, whose length the caller has bounded."""
    digits = line[1:] if line[:1] == b"-" else line
    if not digits.isdigit():
        raise Refusal("a pickle in it has a number that is none; it is damaged")
    return int(line)


def plain_key(key: Any) -> Any:
    """``key`` as it may stand in a dictionary: only what hashes in constant time and without running anything."""
    if type(key) in _PLAIN_KEYS:
        if type(key) is int and not -limits.SIZE < key < 4 * limits.SIZE:
            raise Refusal("a pickle in it has a huge integer as a dictionary key")
        return key
    if type(key) is tuple and len(key) <= 8 and all(type(item) in _PLAIN_KEYS for item in key):
        return f"({', '.join(str(item)[:40] for item in key)})"
    if isinstance(key, Global):  # the classes under which Lightning once kept the states of its callbacks
        return key.full
    raise Refusal("a pickle in it has a dictionary key that is neither text nor a number")
