"""Tells what a file is by its content, and has it read."""

from __future__ import annotations

from .numpy_file import MAGIC as NUMPY_MAGIC
from .numpy_file import is_npz, read_npy, read_npz
from .pickles import PickleReader
from .plain_pickle import looks_like_pickle, read_plain_pickle
from .plan import Plan
from .refusal import Refusal
from .safetensors_file import looks_like_safetensors, read_safetensors
from .shards import looks_like_index, read_index
from .source import Source
from .tar_directory import looks_like_tar
from .torch_export import is_torch_export, read_torch_export
from .torch_legacy import START, read_torch_legacy
from .torch_tar import read_torch_tar
from .torch_zip import is_torch_zip, read_torch_zip, search_the_rest
from .zip_directory import Archive, ends_like_an_archive


def read_plan(source: Source, reader: PickleReader) -> Plan:
    """The plan of a file of any kind; the names that it asks for are in ``reader`` even where it is refused."""
    plan = _read(source, reader)
    if not plan["tensors"] and not plan.get("shards"):
        raise Refusal("it holds no tensors")
    return plan


def _read(source: Source, reader: PickleReader) -> Plan:
    head = bytes(source.data[:64])
    if not head:
        raise Refusal("it is empty")
    if head.startswith(b"PK\x03\x04"):
        return _read_archive(source, reader)
    if ends_like_an_archive(source):
        reader.search(source)
        raise Refusal("it is an archive and another kind of file at once, and programs would differ in what they read")
    if head[:1] == b"\x80" and START in head[:32]:
        return read_torch_legacy(source, reader)
    if head.startswith(NUMPY_MAGIC):
        return read_npy(source)
    if looks_like_safetensors(source):
        return read_safetensors(source)
    if looks_like_tar(source):
        return read_torch_tar(source, reader)
    if looks_like_index(source):
        return read_index(source)
    if looks_like_pickle(source):
        return read_plain_pickle(source, reader)
    raise Refusal("it is of no kind that this program knows")


def _read_archive(source: Source, reader: PickleReader) -> Plan:
    try:
        archive = Archive(source)
    except Refusal:
        reader.search(source)
        raise
    if is_torch_zip(archive):
        return read_torch_zip(archive, reader)
    if is_torch_export(archive):
        return read_torch_export(archive, reader)
    if is_npz(archive):
        return read_npz(archive)
    search_the_rest(archive, reader, set())
    raise Refusal("it is an archive without a checkpoint in it")
