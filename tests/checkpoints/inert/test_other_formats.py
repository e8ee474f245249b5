"""safetensors, numpy's files and tar archives, against the libraries that write them."""

import io
import json
import pickle
import struct

import numpy
import pytest
import safetensors.torch
import torch

from cnnviz.checkpoints.reader import RefusedFile, read_checkpoint
from cnnviz.checkpoints.stored_tensors import StoredTensors

_DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "bfloat16",
           "float32", "float64", "complex64", "float8_e4m3fn", "float8_e5m2"]  # fmt: skip


def test_safetensors_are_read_as_their_library_reads_them(tmp_path):
    path = tmp_path / "weights"
    tensors = {dtype: torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)) for dtype in _DTYPES}
    tensors |= {
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 4),
        "layer10": torch.ones(1),
        "layer9": torch.ones(1),
    }
    safetensors.torch.save_file(tensors, path, {"epoch": "3"})
    contents = read_checkpoint(path)
    assert contents.format == "safetensors"
    assert contents.metadata == {"epoch": "3"}
    for name, expected in safetensors.torch.load_file(path).items():
        found = contents.load(name)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert torch.equal(found.reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8))
    names = [entry.name for entry in contents.entries]
    assert names.index("layer9") < names.index("layer10")


def header(**tensors):
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


def entry(shape, first, last, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


_TWICE = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
_HOSTILE = {
    "tensors that overlap": (header(a=entry([2], 0, 8), b=entry([1], 4, 8)) + b"\0" * 8, "shares its bytes"),
    "a gap": (header(a=entry([1], 4, 8)) + b"\0" * 8, "belong to none"),
    "bytes behind the last": (header(a=entry([1], 0, 4)) + b"\0" * 8, "belong to none"),
    "an end before the beginning": (header(a=entry([1], 8, 4)) + b"\0" * 8, "outside the file"),
    "an end beyond the file": (header(a=entry([1], 0, 1 << 61)) + b"\0" * 4, "outside the file"),
    "a negative offset": (header(a=entry([1], -4, 0)) + b"\0" * 4, "impossible"),
    "an offset that overflows": (header(a=entry([1], 0, 1 << 64)) + b"\0" * 4, "impossible"),
    "a huge empty shape": (header(a=entry([0, 1 << 62], 0, 0)), "impossible"),
    "a huge shape": (header(a=entry([1 << 40, 1 << 40], 0, 0)), "too many elements"),
    "a shape of floats": (header(a=entry([1.0], 0, 4)) + b"\0" * 4, "impossible"),
    "a shape of truths": (header(a=entry([True], 0, 4)) + b"\0" * 4, "impossible"),
    "another size": (header(a=entry([2], 0, 4)) + b"\0" * 4, "needed"),
    "one name twice": (struct.pack("<Q", len(_TWICE)) + _TWICE + b"\0" * 4, "twice"),
    "a header of 100 MB": (struct.pack("<Q", 100 << 20) + b"{" * 100, "no file of weights needs"),
    "a header longer than the file": (struct.pack("<Q", 1000) + b"{}", "too early"),
    "a header that is no JSON": (struct.pack("<Q", 8) + b"{'a': 1}", "not JSON"),
    "a header nested deeply": (struct.pack("<Q", 200_004) + b'{"":' + b"[" * 200_000, "not JSON"),
    "metadata of numbers": (header(__metadata__={"a": 1}), "texts"),
    "half a description": (header(a={"dtype": "F32"}), "in full"),
    "no tensors": (header(), "no tensors"),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_safetensors_file_that_breaks_the_rules_is_refused(name, answer):
    data, words = _HOSTILE[name]
    assert words in answer(data)["refusal"]


def test_a_type_that_torch_lacks_is_listed_but_not_loaded(tmp_path):
    path = tmp_path / "new.safetensors"
    path.write_bytes(header(a=entry([3], 0, 3, "F6_E2M3"), b=entry([1], 3, 7)) + struct.pack("<3Bf", 1, 2, 3, 0.5))
    contents = read_checkpoint(path)
    assert contents.entry("a").dtype == "F6_E2M3"
    assert contents.load("b").item() == 0.5
    with pytest.raises(ValueError, match="type that torch does not have"):
        contents.load("a")


@pytest.mark.parametrize("dtype", ["?", "u1", "<i2", ">i4", "<u8", "<f2", ">f4", "<f8", "<c8", ">c16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_numpy_reads_them(dtype, order, tmp_path):
    array = numpy.arange(24).reshape(2, 3, 4).astype(dtype, order=order)
    numpy.save(tmp_path / "one.npy", array)
    numpy.savez(tmp_path / "many.npz", a=array, b=array[0])
    numpy.savez_compressed(tmp_path / "packed.npz", a=array, b=array[0])
    assert numpy.array_equal(read_checkpoint(tmp_path / "one.npy").load("array").numpy(), array)
    for name in ("many.npz", "packed.npz"):
        contents = read_checkpoint(tmp_path / name)
        assert contents.format == "NumPy"
        assert numpy.array_equal(contents.load("a").numpy(), array)
        assert numpy.array_equal(contents.load("b").numpy(), array[0])


def test_an_array_of_objects_is_refused(answer):
    stream = io.BytesIO()
    numpy.save(stream, numpy.array([print, {}], dtype=object))
    assert "objects" in answer(stream.getvalue())["refusal"]
    stream = io.BytesIO()
    numpy.savez(stream, a=numpy.array([{}], dtype=object))
    assert "objects" in answer(stream.getvalue())["refusal"]


@pytest.mark.parametrize(
    ("descr", "shape", "words"),
    [
        ("'<f4'", "(5,)", "cut short"),
        ("'<f4'", "(9999999999999999999,)", "impossible"),
        ("'<f4'", "(4611686018427387903, 2)", "too many"),
        ("'<f4'", "(-1,)", "does not write"),
        ("'<f4'", "(2 2,)", "does not write"),
        ("'<f4'", "(__import__('os').system('ls'),)", "does not write"),
        ("[('a', 'O')]", "(1,)", "objects"),
    ],
)
def test_a_header_that_numpy_does_not_write_is_refused(descr, shape, words, answer):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 16
    assert words in answer(data)["refusal"]


class _Key:
    """Pickles as a persistent id, as tensors and storages did in torch's first format."""

    def __init__(self, key):
        self.key = key


class _Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.key if isinstance(value, _Key) else None


def _dumped(value):
    stream = io.BytesIO()
    _Pickler(stream, 2).dump(value)
    return stream.getvalue()


def _oldest(tarred, **changes):
    """A file of torch 0.1: two storages, a view into the second, and three tensors."""
    values = numpy.arange(6, dtype="<f4"), numpy.arange(4, dtype="<i8")
    storages = pickle.dumps(2, 2)
    for key, kind, data in ((11, "FloatStorage", values[0]), (22, "LongStorage", values[1])):
        storages += b"\x80\x02" + pickle.dumps(key, 2)[2:-1] + b"U\x03cpuctorch\n" + kind.encode() + b"\n\x87."
        storages += struct.pack("<q", len(data)) + data.tobytes()
    storages += pickle.dumps([(33, 22, 1, 2)], 2)
    tensors = pickle.dumps(3, 2)
    for key, storage, shape, stride, offset in (
        (1, 11, (2, 3), (3, 1), 0),
        (2, 33, (2,), (1,), 0),
        (3, 11, (2,), (3,), 1),
    ):
        tensors += b"\x80\x02" + bytes([ord("K"), key, ord("K"), storage]) + b"ctorch\nFloatTensor\n\x87."
        numbers = (*shape, *stride, offset)
        tensors += struct.pack(f"<ii{len(numbers)}q", len(shape), 0, *numbers)
    members = {
        "sys_info": pickle.dumps({"little_endian": True}, 2),
        "pickle": _dumped({"matrix": _Key("1"), "view": _Key("2"), "column": _Key("3"), "epoch": 4}),
        "storages": storages,
        "tensors": tensors,
    }
    return tarred(**{**members, **changes})


def test_torch_s_oldest_format_is_read(tarred, tmp_path):
    path = tmp_path / "oldest.pt"
    path.write_bytes(_oldest(tarred))
    contents = read_checkpoint(path)
    assert contents.format == "PyTorch tar"
    assert contents.load("matrix").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert contents.load("view").tolist() == [1, 2]
    assert contents.load("column").tolist() == [1, 4]
    assert contents.metadata == {"epoch": 4}
    assert contents.entry("matrix").storage == contents.entry("column").storage


def test_tampered_archives_of_the_oldest_format_are_refused(tarred, answer):
    good = _oldest(tarred)
    assert "plan" in answer(good)
    assert "checksum" in answer(good.replace(b"tensors", b"tensorx"))["refusal"]
    assert "followed by" in answer(good + b"x")["refusal"]
    assert "not in the archive" in answer(_oldest(tarred, pickle=_dumped({"a": _Key("9")})))["refusal"]
    assert "impossible" in answer(_oldest(tarred, storages=pickle.dumps(-1, 2)))["refusal"]
    assert "impossible" in answer(_oldest(tarred, tensors=pickle.dumps(10**15, 2)))["refusal"]
    hidden = answer(_oldest(tarred, sys_info=b"cos\nsystem\n)R."))
    assert hidden["plan"]["refused"] == ["os.system"]
    for length in range(512, len(good), 97):
        assert "plan" in answer(good[:length]) or "refusal" in answer(good[:length])


def test_the_samples_in_tar_archives_hold_what_their_names_say(shared_data):
    folder = shared_data / "checkpoints" / "burn-tests"
    found = {path.stem.removeprefix("test_data__tar_"): read_checkpoint(path) for path in sorted(folder.glob("*.tar"))}
    assert {name: [entry.dtype for entry in contents.entries] for name, contents in found.items()} == {
        "2d_tensor": ["float32"],
        "float32": ["float32"],
        "float64": ["float64"],
        "int64": ["int64"],
        "multi_dtype": ["float64", "float32", "int64"],
        "weight_bias": ["float32", "float32"],
    }
    assert found["multi_dtype"].load("float_tensor").tolist() == [1.5, 2.5, 3.5]


def test_a_checkpoint_in_several_files_is_one(tmp_path, saved):
    parts = {
        "one.safetensors": {"a": torch.ones(2), "layer10": torch.ones(3)},
        "two.safetensors": {"layer9": torch.zeros(4)},
    }
    for name, tensors in parts.items():
        safetensors.torch.save_file(tensors, tmp_path / name)
    (tmp_path / "three.bin").write_bytes(saved({"z": torch.full((2,), 5.0)}))
    names = {key: file for file, tensors in parts.items() for key in tensors} | {"z": "three.bin"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 44}, "weight_map": names}))
    contents = read_checkpoint(index)
    assert [entry.name for entry in contents.entries] == ["a", "layer9", "layer10", "z"]
    assert contents.load("z").tolist() == [5, 5]
    assert contents.load("layer9").tolist() == [0] * 4
    assert contents.metadata == {"total_size": 44}


@pytest.mark.parametrize(
    "file", ["../out.pt", "/etc/passwd", "a/b.pt", "a\\b.pt", "C:x", "", ".hidden", 3, "link.pt", "self"]
)
def test_an_index_reaches_no_file_that_is_not_beside_it(file, tmp_path, saved):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "out.pt").write_bytes(saved({"w": torch.ones(1)}))
    (folder / "link.pt").symlink_to(tmp_path / "out.pt")
    index = folder / "model.index.json"
    (folder / "self").write_text(json.dumps({"weight_map": {"w": "link.pt"}}))
    index.write_text(json.dumps({"weight_map": {"w": file}}))
    with pytest.raises(RefusedFile):
        read_checkpoint(index)


def test_a_plan_that_does_not_fit_its_file_is_not_used(tmp_path):
    """The child may have been taken over: its answer is held against the file again."""
    path = tmp_path / "file"
    path.write_bytes(b"\0" * 64)
    tensor = {"name": "x", "kind": "dense", "dtype": "float32", "shape": [4], "stride": [1], "offset": 0, "storage": 0,
              "conjugate": False, "negative": False, "note": "", "parts": [], "details": {}}  # fmt: skip
    storage = {
        "key": "0",
        "size": 16,
        "skip": 0,
        "big_endian": False,
        "place": {"start": 48, "size": 16, "crc": None, "inflated": None},
    }
    with path.open("rb") as file:
        assert StoredTensors(file, "file", {"tensors": [tensor], "storages": [storage]}).load("x").tolist() == [0] * 4
    for change in ({"size": 20}, {"skip": 1}, {"skip": -1}, {"place": {**storage["place"], "start": 49}},
                   {"place": {**storage["place"], "start": -1}}):  # fmt: skip
        with path.open("rb") as file, pytest.raises(ValueError, match="outside the file"):
            StoredTensors(file, "file", {"tensors": [tensor], "storages": [{**storage, **change}]})
    for change in ({"shape": [5]}, {"stride": [2]}, {"offset": 1}, {"stride": [-1]}, {"dtype": "float64"}):
        with path.open("rb") as file, pytest.raises(ValueError, match="cannot be read"):
            StoredTensors(file, "file", {"tensors": [{**tensor, **change}], "storages": [storage]})
