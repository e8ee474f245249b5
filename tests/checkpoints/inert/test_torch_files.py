"""What the reader makes of files that torch has written, against ``torch.load(weights_only=True)``."""

import io
import pickle
import tracemalloc
import weakref
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.reader import read_checkpoint

from .comparing import same

_GENERATOR = torch.Generator().manual_seed(0)
_PLAIN = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
_NEW = ["uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]


def some(dtype, *shape):
    """Random bytes as a tensor, so that NaN payloads and negative zeros are among them."""
    kind = getattr(torch, dtype)
    if kind is torch.bool:
        return torch.rand(shape, generator=_GENERATOR) > 0.5
    width = torch.empty(0, dtype=kind).element_size()
    raw = torch.randint(0, 256, (*shape[:-1], shape[-1] * width), dtype=torch.uint8, generator=_GENERATOR)
    return raw.view(kind)


def shared():
    base = torch.arange(24.0).reshape(4, 6)
    return {
        "whole": base,
        "transposed": base.T,
        "row": base[2],
        "steps": base[::2, 1::3],
        "tied": base,
        "expanded": torch.ones(1).expand(3, 5),
        "last": base[:, -1:],
        "none": base[2:2],
        "scalar": base[1, 1],
        "empty": torch.empty(0, 3),
    }


def trained():
    net = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 3, 3), norm=nn.BatchNorm2d(3), fc=nn.Linear(3, 2)))
    optimiser = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    return {
        "epoch": 7,
        "best": 0.5,
        "state_dict": net.state_dict(),
        "optimizer": optimiser.state_dict(),
        "nothing": {},
        "history": [{"loss": 1.0}, {"loss": 0.5}],
    }


def bits():
    numbers = torch.randn(3, dtype=torch.complex64, generator=_GENERATOR)
    return {"conjugated": numbers.conj(), "negated": torch._neg_view(torch.ones(2)), "plain": numbers}


_FILES = {
    "plain": lambda: {dtype: some(dtype, 3, 5) for dtype in _PLAIN},
    "new types": lambda: {dtype: some(dtype, 3, 5) for dtype in _NEW},
    "shared": shared,
    "trained": trained,
    "bits": bits,
    "bare tensor": lambda: torch.arange(5),
    "bare parameter": lambda: nn.Parameter(torch.ones(2, 2)),
    "list": lambda: [torch.ones(1), (torch.zeros(2), [torch.ones(3)])],
    "odd keys": lambda: {1: torch.ones(1), False: torch.zeros(1), 2.5: torch.ones(2), None: torch.ones(3)},
    "parameter with attributes": lambda: {"w": _with_attribute()},
    "channels last": lambda: torch.randn(2, 3, 4, 5, generator=_GENERATOR).to(memory_format=torch.channels_last),
}


def _with_attribute():
    parameter = nn.Parameter(torch.ones(3))
    parameter.tag = "tied"
    return parameter


def leaves(value, path=""):
    if isinstance(value, torch.Tensor):
        yield path or "tensor", value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield from leaves(dict(enumerate(value)), path)


def check(path, expected=None):
    """Everything that torch reads is read, and nothing else, with the same values."""
    if expected is None:
        expected = torch.load(path, weights_only=True, map_location="cpu")
    expected = dict(leaves(expected))
    contents = read_checkpoint(path)
    assert {entry.name for entry in contents.entries} == set(expected)
    for entry in contents.entries:
        found = contents.load(entry.name)
        same(found, expected[entry.name])
        assert entry.shape == tuple(found.shape)
        assert entry.dtype == str(found.dtype).removeprefix("torch.")
    return contents


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", _FILES)
def test_values_are_those_that_torch_reads(kind, old, saved, tmp_path):
    if old and kind == "new types":
        pytest.skip("torch writes them in its old format but cannot read them back")
    path = tmp_path / "weights.bin"
    path.write_bytes(saved(_FILES[kind](), old))
    contents = check(path)
    assert contents.format == ("PyTorch legacy pickle" if old else "PyTorch zip")
    assert contents.refused == ()


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_is_read(protocol, old, tmp_path):
    path = tmp_path / "weights.pt"
    value = {"w": torch.arange(3.0), "notes": ["é", b"\x00\xff", 2**70, {"deep": (1,)}]}
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not old)
    contents = read_checkpoint(path)
    assert contents.load("w").tolist() == [0, 1, 2]
    assert contents.metadata["notes"] == ["é", "(2 bytes)", 2**70, {"deep": [1]}]


def test_every_type_that_torch_has_is_read(saved, tmp_path):
    for dtype in [name for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype)]:
        try:
            data = saved({"x": torch.empty(6, dtype=getattr(torch, dtype))})
            torch.load(io.BytesIO(data), weights_only=True)
        except Exception:  # noqa: BLE001 - types that torch itself cannot save
            continue
        path = tmp_path / f"{dtype}.pt"
        path.write_bytes(data)
        contents = read_checkpoint(path)
        assert f"torch.{contents.entries[0].dtype}" == str(getattr(torch, dtype))
        assert contents.load("x").shape == (6,)


def test_what_is_tied_or_a_view_shares_its_storage(saved, tmp_path):
    path = tmp_path / "tied.pt"
    path.write_bytes(saved(shared()))
    contents = read_checkpoint(path)
    storages = {entry.name: entry.storage for entry in contents.entries}
    views = {"whole", "transposed", "row", "steps", "tied", "last", "none", "scalar"}
    assert len({storages[name] for name in views}) == 1
    assert storages["expanded"] != storages["whole"]
    assert contents.entry("expanded").note == "expanded"
    contents.load("tied")[0, 0] = 99
    assert contents.load("whole")[0, 0] == 99
    assert read_checkpoint(path).load("whole")[0, 0] == 0  # the file itself is never written to


def test_a_part_of_a_legacy_storage_is_read_as_torch_reads_it(legacy, tensor_call, tmp_path):
    """Torch before 0.4 wrote views so: the key, first element and size of a part of a storage."""

    def part(key, first, size):
        call = tensor_call(elements=6, shape=(size,))
        return call.replace(b"tQ", pickle.dumps((key, first, size), 2)[2:-1] + b"tQ")

    body = b"\x80\x02](" + part("77", 2, 3) + part("78", 0, 6) + part("77", 2, 3) + b"e."
    path = tmp_path / "views.pt"
    path.write_bytes(legacy(body, {"0": (6, torch.arange(6.0).numpy().tobytes())}))
    contents = check(path)
    assert contents.load("0").tolist() == [2, 3, 4]
    assert {entry.storage for entry in contents.entries} == {"0"}
    contents.load("1")[2] = 50
    assert contents.load("0")[0] == 50


def test_everything_else_is_metadata(saved, tmp_path):
    path = tmp_path / "run.pt"
    path.write_bytes(saved(trained()))
    contents = read_checkpoint(path)
    assert contents.metadata["epoch"] == 7
    assert contents.metadata["history"] == [{"loss": 1.0}, {"loss": 0.5}]
    assert contents.metadata["optimizer"]["param_groups"][0]["lr"] == 0.001
    assert "state_dict" not in contents.metadata
    assert contents.metadata["nothing"] == {}
    names = [entry.name for entry in contents.entries]
    assert names.index("optimizer.state.2.exp_avg") < names.index("state_dict.conv.weight")
    order = sorted(contents.entries, key=lambda entry: entry.position)
    assert [entry.name for entry in order][:2] == ["state_dict.conv.weight", "state_dict.conv.bias"]


def test_names_are_sorted_as_people_count(saved, tmp_path):
    path = tmp_path / "many.pt"
    path.write_bytes(saved({f"layer{number}": torch.ones(1) for number in (10, 2, 1)}))
    assert [entry.name for entry in read_checkpoint(path).entries] == ["layer1", "layer2", "layer10"]


def _quantised():
    yield torch.quantize_per_tensor(torch.randn(3, 4, generator=_GENERATOR), 0.1, 3, torch.qint8)
    scales, zeros = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64), torch.tensor([1, 2, 3])
    yield torch.quantize_per_channel(torch.randn(3, 4, generator=_GENERATOR), scales, zeros, 0, torch.quint8)


@pytest.mark.filterwarnings("ignore")
def test_quantised_tensors_are_told_and_read(saved, tmp_path):
    path = tmp_path / "quantised.pt"
    values = dict(enumerate(_quantised()))
    path.write_bytes(saved(values))
    contents = read_checkpoint(path)
    for key, expected in values.items():
        found = contents.load(str(key))
        assert "quantised" in contents.entry(str(key)).note
        assert found.qscheme() == expected.qscheme()
        assert torch.equal(found.int_repr(), expected.int_repr())
        assert torch.equal(found.dequantize(), expected.dequantize())


@pytest.mark.filterwarnings("ignore")
def test_sparse_nested_and_meta_tensors_are_told_for_what_they_are(saved, tmp_path):
    matrix = torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    values = {
        "coo": matrix.to_sparse(),
        "csr": matrix.to_sparse_csr(),
        "csc": matrix.to_sparse_csc(),
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.zeros(3)]),
        "meta": torch.empty(2, 3, device="meta"),
    }
    path = tmp_path / "special.pt"
    path.write_bytes(saved(values))
    contents = read_checkpoint(path)
    for name in ("coo", "csr", "csc"):
        assert contents.entry(name).note == f"sparse ({name})"
        assert contents.load(name).layout == values[name].layout
        assert torch.equal(contents.load(name).to_dense(), matrix)
    assert "nested (2 tensors)" in contents.entry("nested").note
    assert [part.tolist() for part in contents.load("nested").unbind()] == [[1, 1], [0, 0, 0]]
    assert "meta" in contents.entry("meta").note
    assert contents.load("meta").is_meta
    assert contents.load("meta").shape == (2, 3)


def _big_endian(data):
    """The archive as a computer with the other byte order would have written it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("/byteorder"):
                content = b"big"
            elif "/data/" in name:
                content = content[::-1]
            new.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", ["float32", "int64", "bfloat16", "complex64", "uint8"])
def test_the_other_byte_order_is_turned_around(dtype, saved, tmp_path):
    original = some(dtype, 1)
    path = tmp_path / "big.pt"
    data = _big_endian(saved({"x": original}))
    path.write_bytes(data)
    check(path)  # torch turns it around too
    if dtype not in ("complex64",):  # of which reversing all bytes swaps the two parts
        same(read_checkpoint(path).load("x"), original)


def test_deflated_members_and_members_without_a_checksum_are_read(saved, tmp_path):
    values = {"x": torch.arange(1000.0), "y": torch.zeros(50_000)}
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(values))) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    path = tmp_path / "deflated.pt"
    path.write_bytes(stream.getvalue())
    check(path, values)
    torch.serialization.set_crc32_options(False)
    try:
        path.write_bytes(saved(values))
    finally:
        torch.serialization.set_crc32_options(True)
    check(path)


def test_a_damaged_value_is_told_when_it_is_read(saved, tmp_path):
    data = saved({"x": torch.full((100,), 2.0)})
    path = tmp_path / "damaged.pt"
    path.write_bytes(data.replace(torch.full((100,), 2.0).numpy().tobytes(), b"\x01" * 400))
    contents = read_checkpoint(path)
    with pytest.raises(CheckpointError, match="checksum"):
        contents.load("x")


def test_a_file_that_changes_under_the_program_is_told(saved, tmp_path):
    path = tmp_path / "changing.pt"
    path.write_bytes(saved({"x": torch.ones(1000)}))
    contents = read_checkpoint(path)
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(CheckpointError, match="has changed"):
        contents.load("x")


@pytest.mark.parametrize("old", [False, True])
def test_a_network_outlives_the_file_that_is_cut_short_or_written_anew(old, saved, tmp_path):
    """Of a mapped file, the first use of a value after that would end the process."""
    path = tmp_path / "training.pt"
    original = torch.arange(50_000.0)
    path.write_bytes(saved({"x": original, "y": torch.ones(50_000)}, old))
    contents = read_checkpoint(path)
    values = contents.load("x")
    path.write_bytes(b"")
    assert torch.equal(values, original)
    with pytest.raises(CheckpointError, match="has changed"):
        contents.load("y")


@pytest.mark.parametrize("old", [False, True])
def test_values_in_use_are_not_read_twice_and_others_are_let_go(old, saved, tmp_path):
    path = tmp_path / "large.pt"
    path.write_bytes(saved({"x": torch.ones(50_000)}, old))
    contents = read_checkpoint(path)
    values = contents.load("x")
    place = values.data_ptr()
    assert place % 64 == 0
    assert contents.load("x").data_ptr() == place
    gone = weakref.ref(values.untyped_storage())
    del values
    assert gone() is None
    tracemalloc.start()
    try:
        for _ in range(5):
            contents.load("x")
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()


def test_every_sample_reads_as_torch_reads_it(shared_data):
    for path in sorted((shared_data / "checkpoints").rglob("*")):
        if not path.is_file():
            continue
        try:
            expected = torch.load(path, weights_only=True, map_location="cpu")
        except Exception:  # noqa: BLE001 - the samples that torch refuses have tests of their own
            continue
        check(path, expected)
