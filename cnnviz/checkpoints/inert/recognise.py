"""Tells what a file is by its content, and has it read."""

from __future__ import annotations

from .pickles import PickleReader
from .plan import Plan
from .refusal import Refusal
from .safetensors_file import looks_like_safetensors, read_safetensors
from .source import Source
from .torch_legacy import START, read_torch_legacy
from .torch_zip import is_torch_zip, read_torch_zip
from .zip_directory import Archive


def read_plan(source: Source, reader: PickleReader) -> Plan:
    """The plan of a file of any kind; the names that it asks for are in ``reader`` even where it is refused."""
    head = bytes(source.data[:64])
    if not head:
        raise Refusal("it is empty")
    if head.startswith(b"PK\x03\x04"):
        return _read_archive(source, reader)
    if head[:1] == b"\x80" and head[2:].startswith(START):
        return read_torch_legacy(source, reader)
    if looks_like_safetensors(source):
        return read_safetensors(source)
    reader.search(source)
    raise Refusal("it is of no kind that this program knows")


def _read_archive(source: Source, reader: PickleReader) -> Plan:
    try:
        archive = Archive(source)
        if is_torch_zip(archive):
            return read_torch_zip(archive, reader)
    except Refusal:
        reader.names.search(source.data)
        raise
    raise Refusal("it is an archive without a checkpoint in it")
