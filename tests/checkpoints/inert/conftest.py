"""Files of weights, good and hostile, built byte by byte."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnviz.checkpoints.inert import child
from cnnviz.checkpoints.inert.source import Source


@pytest.fixture
def answer() -> Callable[[bytes], dict[str, Any]]:
    """What the child process would answer about some bytes, without the process."""
    return lambda data: child.answer(Source(memoryview(data)))


@pytest.fixture
def saved() -> Callable[..., bytes]:
    """``torch.save`` into memory; ``old=True`` for the format before 1.6."""

    def save(value: Any, old: bool = False) -> bytes:
        stream = io.BytesIO()
        torch.save(value, stream, _use_new_zipfile_serialization=not old)
        return stream.getvalue()

    return save


@pytest.fixture
def zipped() -> Callable[..., bytes]:
    """A checkpoint of the zip format around any pickle."""

    def build(data: bytes, storages: dict[str, bytes] | None = None, **others: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            for key, content in (storages or {}).items():
                archive.writestr(f"archive/data/{key}", content)
            for name, content in others.items():
                archive.writestr(f"archive/{name}", content)
        return stream.getvalue()

    return build


@pytest.fixture
def legacy() -> Callable[..., bytes]:
    """A checkpoint of the format before 1.6 around any pickle."""

    def build(data: bytes, storages: dict[str, tuple[int, bytes]] | None = None, after: bytes = b"") -> bytes:
        storages = storages or {}
        head = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        body = b"".join(struct.pack("<q", number) + content for number, content in storages.values())
        return head + data + pickle.dumps(list(storages), 2) + body + after

    return build


@pytest.fixture
def tarred() -> Callable[..., bytes]:
    """A tar archive of the members given."""

    def build(**members: bytes) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in members.items():
                information = tarfile.TarInfo(name)
                information.size = len(content)
                archive.addfile(information, io.BytesIO(content))
        return stream.getvalue()

    return build


@pytest.fixture
def tensor_call() -> Callable[..., bytes]:
    """Opcodes that ask for a tensor, for use within a pickle of protocol 2."""

    def build(
        key: str = "0",
        elements: int = 4,
        shape: tuple[int, ...] = (4,),
        stride: tuple[int, ...] = (1,),
        offset: int = 0,
        kind: str = "FloatStorage",
    ) -> bytes:
        def plain(value: Any) -> bytes:
            return pickle.dumps(value, 2)[2:-1]  # without protocol and STOP

        storage = b"(" + plain("storage") + f"ctorch\n{kind}\n".encode() + plain(key) + plain("cpu") + plain(elements)
        sizes = plain(offset) + plain(shape) + plain(stride)
        return (
            b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"tQ" + sizes + b"\x89ccollections\nOrderedDict\n)RtR"
        )

    return build
