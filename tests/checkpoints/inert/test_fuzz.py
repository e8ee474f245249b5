"""Thousands of damaged files of every kind: each is read or refused in a sentence, fast, and in little memory."""

import contextlib
import io
import json
import random
import struct
import tracemalloc
import zipfile

import numpy
import pytest
import safetensors.torch
import torch

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.reader import RefusedFile, read_checkpoint
from cnnviz.checkpoints.stored_tensors import StoredTensors

_PER_KIND = 500
_SECONDS = 5.0
_MEMORY = 300 << 20


def _seeds(saved, tarred):
    tensors = {"conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2), "conv.bias": torch.ones(2, dtype=torch.bfloat16)}
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    special = {
        "coo": torch.eye(3).to_sparse(),
        "meta": torch.empty(2, device="meta"),
        "wide": torch.ones(3, dtype=torch.uint16),
        "array": numpy.arange(5),
        "conj": torch.ones(2, dtype=torch.complex64).conj(),
    }
    arrays = io.BytesIO()
    numpy.savez(arrays, **{name: tensor.float().numpy() for name, tensor in tensors.items()})
    packed = io.BytesIO()
    numpy.savez_compressed(packed, a=numpy.zeros(500), b=numpy.ones((2, 2)))
    array = io.BytesIO()
    numpy.save(array, numpy.arange(6.0).reshape(2, 3))
    storage = b"\x80\x02(U\x010U\x03cpuctorch\nFloatStorage\nt." + struct.pack("<q4f", 4, 1, 2, 3, 4)
    described = b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cputK\x04t".replace(b"tK\x04t", b"K\x04t")
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + described + b"K\x00(K\x04t(K\x01t\x89N" + b"tR"
    program = io.BytesIO()
    torch.export.save(torch.export.export(net.eval(), (torch.zeros(1, 1, 4, 4),)), program)
    return {
        "zip": saved({"state_dict": tensors, "epoch": 3}),
        "legacy": saved({"state_dict": tensors, "epoch": 3}, True),
        "module": saved({"net": net}),
        "old module": saved(net, True),
        "special": saved(special),
        "tar": tarred(
            sys_info=b"\x80\x02}.", storages=b"\x80\x02K\x01." + storage, pickle=b"\x80\x02}U\x01a" + call + b"s."
        ),
        "safetensors": safetensors.torch.save(tensors, {"a": "b"}),
        "npz": arrays.getvalue(),
        "packed npz": packed.getvalue(),
        "npy": array.getvalue(),
        "pt2": program.getvalue(),
        "index": json.dumps({"metadata": {}, "weight_map": {"a": "a.pt"}}).encode(),
    }


def _inside(archive, luck):
    """The archive with one of its members damaged and all checksums right, so that the damage is read."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(stream, "w") as new:
        names = [name for name in old.namelist() if name.endswith((".pkl", ".json", ".npy")) and old.read(name)]
        chosen = luck.choice(names)
        for name in old.namelist():
            new.writestr(name, _damaged(old.read(name), luck) if name == chosen else old.read(name))
    return stream.getvalue()


def _damaged(data, luck):
    """A few bytes changed, taken out, doubled or moved; as often as not where the structure is."""
    damaged = bytearray(data)
    for _ in range(luck.choice((1, 1, 2, 5))):
        at = luck.randrange(len(damaged)) if damaged else 0
        size = luck.choice((1, 1, 2, 4, 8, 64))
        way = luck.randrange(6)
        if way == 0:
            damaged[at : at + size] = luck.randbytes(size)
        elif way == 1:
            damaged[at : at + 1] = bytes([luck.choice(b"\x00\xff\x7f\x80.(tRbcq\x93\x95\x8eQ]}u")])
        elif way == 2:
            del damaged[at : at + size]
        elif way == 3:
            damaged[at:at] = damaged[max(at - size, 0) : at]
        elif way == 4:
            damaged[at : at + 8] = struct.pack("<q", luck.choice((-1, 0, 1 << 31, 1 << 62, len(data))))
        else:
            del damaged[at:]
    return bytes(damaged)


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_of_every_kind_end_well(answer, saved, tarred, tmp_path, soon):
    luck = random.Random(1)
    seeds = _seeds(saved, tarred)
    assert all("plan" in answer(data) for data in seeds.values())
    assert len(seeds) * _PER_KIND >= 4000
    read = 0
    path = tmp_path / "damaged"
    for data in seeds.values():
        for number in range(_PER_KIND):
            deep = data.startswith(b"PK") and number % 2
            damaged = _inside(data, luck) if deep else _damaged(data, luck)
            fifth = number % 5 == 0  # to have its memory counted makes it take five times as long
            with soon(_SECONDS), _little_memory() if fifth else contextlib.nullcontext():
                told = answer(damaged)
                if fifth and "plan" in told:
                    _load_all(path, damaged, json.loads(json.dumps(told["plan"])))
            json.dumps(told)
            if "plan" not in told:
                assert told["refusal"]
                assert "\n" not in told["refusal"]
                continue
            read += 1
    assert read > 100  # or nothing behind the first check was ever reached


@contextlib.contextmanager
def _little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < _MEMORY
    finally:
        tracemalloc.stop()


def _load_all(path, data, plan):
    """Whatever a plan lists can be read, or is refused in a sentence."""
    path.write_bytes(data)
    tensors = StoredTensors(path.open("rb"), "damaged", plan)
    for tensor in plan["tensors"]:
        # An exception of any other kind fails the test.
        with contextlib.suppress(CheckpointError):
            loaded = tensors.load(tensor["name"])
            assert list(loaded.shape) == list(tensor["shape"]) or tensor["kind"] in ("nested", "empty")


@pytest.mark.filterwarnings("ignore")
def test_a_file_of_any_kind_that_is_cut_anywhere_is_refused(answer, saved, tarred):
    """At every byte of small files, at several hundred places of larger ones."""
    for kind, data in _seeds(saved, tarred).items():
        step = max(len(data) // 400, 1)
        for length in {*range(0, len(data), step), len(data) - 1}:
            told = answer(data[:length])
            # Behind the last member of a tar archive there is padding alone.
            assert "refusal" in told or kind == "tar", (kind, length)


def test_damaged_files_end_well_in_the_child_process_too(saved, tarred, tmp_path):
    luck = random.Random(2)
    path = tmp_path / "damaged"
    for data in _seeds(saved, tarred).values():
        for _ in range(4):
            path.write_bytes(_damaged(data, luck))
            assert "reader does not understand" not in _told(path)


def _told(path):
    try:
        return read_checkpoint(path).message
    except RefusedFile as error:
        return str(error)
