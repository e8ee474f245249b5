"""Files that are damaged, that reach beyond themselves, or that lie: one clear sentence, and nothing read or run."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.inert.refusal import Refusal
from cnnviz.checkpoints.keras.open import build, open_keras
from cnnviz.checkpoints.keras.parse import parse

F32 = np.float32


def read(path):
    """The network of a file that is parsed in this process."""
    try:
        return build(parse(memoryview(path.read_bytes())), path)
    except Refusal as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error


@pytest.fixture
def conv(keras, random):
    """A small network, as a model and its weights."""
    layers = [keras.input(4, 4, 1), keras.layer("Conv2D", "c"), keras.layer("Flatten", "f"), keras.layer("Dense", "d")]
    kernel, dense = random.random((3, 3, 1, 2), F32), random.random((8, 2), F32)
    zeros = np.zeros(2, F32)
    return keras.sequential(layers), {"c": {"k": kernel, "b": zeros}, "d": {"k": dense, "b": zeros}}


@pytest.fixture
def refusal(soon):
    """The sentence with which a file is refused, soon."""

    def told(path, how=read):
        with soon(5), pytest.raises(CheckpointError) as caught:
            how(path)
        sentence = str(caught.value)
        assert sentence.endswith(".")
        assert "\n" not in sentence
        return sentence

    return told


def rewritten(path, change):
    """The file with the weight ``c/c/k`` replaced by what ``change`` makes of its group."""
    with h5py.File(path, "a") as file:
        group = file["model_weights/c/c"]
        del group["k"]
        change(group)
    return path


def test_a_link_to_another_place_is_not_followed(keras, conv, tmp_path, refusal):
    path = rewritten(keras.h5(*conv), lambda group: group.__setitem__("k", h5py.SoftLink("/model_weights/d/d/k")))
    assert "link" in refusal(path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones((3, 3, 1, 2), F32)
    link = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")
    assert "link" in refusal(rewritten(keras.h5(*conv), lambda group: group.__setitem__("k", link)))


def test_values_in_another_file_are_not_read(keras, conv, tmp_path, refusal):
    (tmp_path / "secret").write_bytes(bytes(72))

    def external(group):
        group.create_dataset("k", (3, 3, 1, 2), F32, external=[(str(tmp_path / "secret"), 0, 72)])

    assert "in another file" in refusal(rewritten(keras.h5(*conv), external))


def test_an_array_put_together_from_others_is_not_read(keras, conv, tmp_path, refusal):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones((3, 3, 1, 2), F32)

    def virtual(group):
        layout = h5py.VirtualLayout((3, 3, 1, 2), F32)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (3, 3, 1, 2))
        group.create_virtual_dataset("k", layout)

    assert "put together" in refusal(rewritten(keras.h5(*conv), virtual))


@pytest.mark.parametrize("options", [{}, {"chunks": (1 << 20,)}, {"chunks": (1 << 20,), "compression": "gzip"}])
def test_an_array_that_is_not_there_is_not_filled(keras, conv, options, refusal):
    def fill(group):
        group.create_dataset("k", (1 << 29,), F32, fillvalue=3, **options)

    assert "'c/k' claims 2,147,483,648 bytes" in refusal(rewritten(keras.h5(*conv), fill))


def test_filters_that_would_be_loaded_are_refused(keras, conv, refusal):
    def compress(group):
        group.create_dataset("k", data=np.ones((3, 3, 1, 2), F32), compression="lzf")

    assert "filter 32000, which is not loaded" in refusal(rewritten(keras.h5(*conv), compress))


def test_compressed_weights_are_bounded(keras, conv, refusal):
    def bomb(group):
        group.create_dataset("k", data=np.zeros(20 << 20, F32), chunks=(1 << 20,), compression="gzip")

    path = rewritten(keras.h5(*conv), bomb)
    assert path.stat().st_size < 1 << 20
    assert "64 MB" in refusal(path)


@pytest.mark.parametrize(
    "values", [np.array(["a", "b"], h5py.string_dtype()), np.zeros(2, [("a", "f4"), ("b", "i4")]), np.array([b"ab"])]
)
def test_what_holds_no_numbers_is_refused(keras, conv, values, refusal):
    path = rewritten(keras.h5(*conv), lambda group: group.create_dataset("k", data=values))
    assert "no numbers" in refusal(path)


def test_names_that_lead_nowhere_or_out_are_refused(keras, conv, refusal):
    for name in ("missing", "../d/k", "/", "", "c/k/deeper"):
        path = keras.h5(*conv)
        with h5py.File(path, "a") as file:
            file["model_weights/c"].attrs["weight_names"] = np.array([name.encode() or b"\0"], "S20")
        refusal(path)
    path = keras.h5(*conv)
    with h5py.File(path, "a") as file:
        del file["model_weights/c"].attrs["weight_names"]
    assert "does not say which weights the layer 'c' has" in refusal(path)


def test_groups_in_a_circle_end(tmp_path, refusal):
    path = tmp_path / "circle.h5"
    with h5py.File(path, "w") as file:
        file["a/w"] = np.ones(2)
        file["a/b"] = file["a"]
    assert "nested too deeply" in refusal(path)


def test_a_description_that_cannot_be_read_is_refused(keras, conv, tmp_path, refusal):
    path = keras.h5(*conv)
    for text in ("{", "[1]", '{"a": NaN', "[" * 100_000):
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = text if len(text) < 60_000 else text[:60_000]
        assert "description" in refusal(path)


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"class_name": "Sequential", "config": []},
        {"class_name": "Sequential", "config": {"layers": [None]}},
        {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": 3}]}},
        {"class_name": "Functional", "config": {"layers": []}},
        {"class_name": "Mine", "config": {"layers": []}},
        {"class_name": ["Sequential"], "config": {"layers": {}}},
    ],
)
def test_descriptions_of_nothing_leave_the_weights(keras, conv, model):
    network = keras.open(keras.h5(model, conv[1]))
    assert network.module is None
    assert network.message.endswith(".")
    assert len(network.contents.entries) == 4


@pytest.mark.parametrize("value", [None, "x", -1, 0, [], [1], {"a": 1}, 1e308, [[[[]]]], True, "same", 2**70])
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("Conv2D", "strides"),
        ("Conv2D", "padding"),
        ("Conv2D", "groups"),
        ("Conv2D", "activation"),
        ("Conv2D", "data_format"),
        ("ZeroPadding2D", "padding"),
        ("MaxPooling2D", "pool_size"),
        ("UpSampling2D", "size"),
        ("Softmax", "axis"),
        ("Rescaling", "scale"),
        ("ReLU", "max_value"),
        ("Dropout", "rate"),
        ("Reshape", "target_shape"),
        ("InputLayer", "batch_input_shape"),
        ("Conv2D", "name"),
    ],
)
def test_settings_of_any_kind_are_answered_in_words(keras, random, kind, key, value):
    layers = [keras.input(4, 4, 1), keras.layer("ReLU" if kind == "InputLayer" else kind, "layer")]
    layers[kind != "InputLayer"]["config"][key] = value
    weights = {"layer": {"k": random.random((3, 3, 1, 2), F32)}} if kind == "Conv2D" else {}
    network = keras.open(keras.h5(keras.sequential(layers), weights))
    assert (network.module is None) == bool(network.message)


def test_layers_in_a_circle_are_refused(keras):
    layers = [
        keras.input(4, 4, 1),
        keras.layer("ReLU", "a", [[["b", 0, 0, {}]]]),
        keras.layer("ReLU", "b", [[["a", 0, 0, {}]]]),
    ]
    assert "circle" in keras.open(keras.h5(keras.functional(layers, [["b", 0, 0]]), {})).message


def archive_with(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_archives_that_were_tampered_with_are_refused(keras, conv, tmp_path, refusal):
    model, weights = conv
    places = {"layers/conv2d": list(weights["c"].values()), "layers/dense": list(weights["d"].values())}
    path = keras.archive(model, places)
    assert keras.open(path).module is not None
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        data = archive.read("model.weights.h5")
    broken = whole.replace(weights["d"]["k"].tobytes(), bytes(64))
    for damaged in (broken, whole[:-1], whole[:100], b"#!" + whole, whole + b"x"):
        path.write_bytes(damaged)
        refusal(path)
    assert "no 'config.json'" in refusal(archive_with(tmp_path / "a.keras", **{"model.weights.h5": data}))
    assert "no 'model.weights.h5'" in refusal(archive_with(tmp_path / "b.keras", **{"config.json": "{}"}))
    with zipfile.ZipFile(tmp_path / "c.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("config.json", json.dumps(model))
    assert "two members" in refusal(tmp_path / "c.keras")
    bomb = tmp_path / "d.keras"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(1 << 25))
        archive.writestr("model.weights.h5", data)
    assert "longer than 16 MB" in refusal(bomb)


def test_what_lies_before_the_data_is_refused(keras, conv, tmp_path, refusal):
    path = tmp_path / "block.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["w"] = np.ones(3)
    refusal(path)


def test_a_file_that_is_cut_short_is_refused(keras, conv, tmp_path, refusal):
    whole = keras.h5(*conv).read_bytes()
    path = tmp_path / "cut.h5"
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        refusal(path)


def test_mutated_files_open_or_are_refused(keras, conv, tmp_path):
    """Also those that make the HDF5 library run for ever: the rest of the program never sees another error."""
    whole = keras.h5(*conv).read_bytes()
    path, random = tmp_path / "mutated.h5", np.random.default_rng(5)
    refused = 0
    for _ in range(24):
        data = bytearray(whole)
        for _ in range(random.integers(1, 20)):
            data[random.integers(len(data))] = random.integers(256)
        path.write_bytes(data)
        try:
            network = open_keras(path)
        except CheckpointError:
            refused += 1
        else:
            assert (network.module is None) == bool(network.message)
    assert 1 < refused < 24


def test_what_is_no_keras_file_is_refused(tmp_path, refusal):
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert "empty" in refusal(path, open_keras)
    path.write_bytes(b"hello")
    assert "neither an HDF5 file nor an archive" in refusal(path, open_keras)
    assert "is a folder" in refusal(tmp_path, open_keras)


def test_without_h5py_it_is_said_what_to_install(keras, conv, monkeypatch, refusal):
    path = keras.h5(*conv)
    monkeypatch.setattr("cnnviz.checkpoints.keras.open.find_spec", lambda name: None)
    assert "pip install cnnviz[keras]" in refusal(path, open_keras)
