"""What window and worker say to each other: a header in JSON, and bytes as they are.

A message is four bytes, big-endian, that hold the length of the header, then the header, then the payload. Nothing in
one is ever executed.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

LONGEST_HEADER = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class MalformedMessage(ValueError):
    """Bytes are no message."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes
    ----------
    kind
        What it is about.
    fields
        Values that fit into JSON.
    payload
        Bytes, or none.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""


def pack(message: Message) -> bytes:
    """The message as bytes."""
    header = json.dumps({"kind": message.kind, "fields": message.fields}).encode()
    return _LENGTH.pack(len(header)) + header + message.payload


def unpack(data: bytes) -> Message:
    """The message in ``data``.

    Raises
    ------
    MalformedMessage
        It is none.
    """
    if len(data) < _LENGTH.size:
        raise MalformedMessage("a message is cut short")
    (length,) = _LENGTH.unpack_from(data)
    if length > min(LONGEST_HEADER, len(data) - _LENGTH.size):
        raise MalformedMessage("the header of a message is cut short")
    try:
        header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("the header of a message is no JSON") from error
    kind = header.get("kind") if isinstance(header, dict) else None
    fields = header.get("fields") if isinstance(header, dict) else None
    if not isinstance(kind, str) or not isinstance(fields, dict):
        raise MalformedMessage("the header of a message lacks kind or fields")
    return Message(kind, fields, data[_LENGTH.size + length :])
