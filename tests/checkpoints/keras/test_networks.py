"""Networks of every Keras version against loops over numpy arrays, and what panels need of them."""

import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.checkpoints.keras.open import open_keras, read_plan
from cnnviz.checkpoints.keras.values import contents_of
from cnnviz.core.filters import kernel_bank
from cnnviz.core.receptive_field import receptive_field
from cnnviz.core.trace import prepare

from .computing import computed, relu

F32 = np.float32


@pytest.fixture
def digits(random):
    """Weights of a network with batch normalisation that sorts wrongly by name, and a dense layer after a flatten."""
    return {
        "conv2d_10": {"kernel:0": random.standard_normal((3, 3, 2, 4), F32), "bias:0": random.standard_normal(4, F32)},
        "bn_10": {
            "gamma:0": random.random(4, F32),
            "beta:0": random.random(4, F32),
            "moving_mean:0": random.random(4, F32),
            "moving_variance:0": random.random(4, F32) + 0.01,
        },
        "max_pooling2d": {},
        "conv2d_2": {"kernel:0": random.standard_normal((2, 3, 4, 4), F32), "bias:0": random.standard_normal(4, F32)},
        "bn_2": {
            "gamma:0": random.random(4, F32),
            "beta:0": random.random(4, F32),
            "moving_mean:0": random.random(4, F32),
            "moving_variance:0": random.random(4, F32) + 0.01,
        },
        "flatten": {},
        "dropout": {},
        "dense": {"kernel:0": random.standard_normal((4 * 5 * 4, 6), F32), "bias:0": random.standard_normal(6, F32)},
        "dense_1": {"kernel:0": random.standard_normal((6, 3), F32), "bias:0": random.standard_normal(3, F32)},
    }


def digits_layers(keras):
    return [
        keras.layer(
            "Conv2D",
            "conv2d_10",
            filters=4,
            kernel_size=[3, 3],
            strides=[2, 2],
            padding="same",
            data_format="channels_last",
            dilation_rate=[1, 1],
            groups=1,
            activation="relu",
            use_bias=True,
        ),
        keras.layer("BatchNormalization", "bn_10", axis=[3], momentum=0.99, epsilon=0.001, center=True, scale=True),
        keras.layer("MaxPooling2D", "max_pooling2d", pool_size=[2, 2], padding="same", strides=[1, 1]),
        keras.layer("Conv2D", "conv2d_2", filters=4, kernel_size=[2, 3], padding="same", activation="tanh"),
        keras.layer("BatchNormalization", "bn_2", axis=[3]),
        keras.layer("Flatten", "flatten", data_format="channels_last"),
        keras.layer("Dropout", "dropout", rate=0.5),
        keras.layer("Dense", "dense", units=6, activation="relu"),
        keras.layer("Dense", "dense_1", units=3, activation="softmax"),
    ]


def digits_expected(keras, weights, x):
    arrays = {name: list(layer.values()) for name, layer in weights.items()}
    x = relu(keras.conv(x, *arrays["conv2d_10"], strides=(2, 2), padding="same"))
    x = keras.batch_norm(x, *arrays["bn_10"])
    x = keras.max_pool(x, (2, 2), (1, 1), "same")
    x = np.tanh(keras.conv(x, *arrays["conv2d_2"], padding="same"))
    x = keras.batch_norm(x, *arrays["bn_2"])
    x = relu(x.reshape(len(x), -1) @ arrays["dense"][0] + arrays["dense"][1])
    return keras.softmax(x @ arrays["dense_1"][0] + arrays["dense_1"][1])


@pytest.mark.parametrize("count", [1, 4])
def test_a_sequential_network_of_keras_2(keras, random, digits, count):
    model = keras.sequential([keras.input(8, 10, 2), *digits_layers(keras)])
    network = keras.open(keras.h5(model, digits))
    x = random.standard_normal((count, 8, 10, 2), F32)
    np.testing.assert_allclose(computed(network, x), digits_expected(keras, digits, x), rtol=1e-4, atol=1e-5)
    assert network.input_size == (2, 8, 10)
    assert network.version == "2.15.0"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_same_network_as_keras_3_keeps_it(keras, random, digits, method):
    places = {
        "layers/conv2d": digits["conv2d_10"],
        "layers/batch_normalization": digits["bn_10"],
        "layers/conv2d_1": digits["conv2d_2"],
        "layers/batch_normalization_1": digits["bn_2"],
        "layers/dense": digits["dense"],
        "layers/dense_1": digits["dense_1"],
        "layers/dropout/seed_generator": {"s": np.zeros(2, np.uint32)},
    }
    model = keras.sequential([keras.input(8, 10, 2, keras=3), *digits_layers(keras)])
    path = keras.archive(model, {place: list(layer.values()) for place, layer in places.items()}, method=method)
    network = keras.open(path)
    x = random.standard_normal((1, 8, 10, 2), F32)
    np.testing.assert_allclose(computed(network, x), digits_expected(keras, digits, x), rtol=1e-4, atol=1e-5)
    assert network.version == "3.4.1"
    names = [entry.name for entry in network.contents.entries]
    assert "layers/conv2d_1/vars/0" in names
    assert not [name for name in names if name.startswith("optimizer")]


def test_files_are_parsed_in_a_process_of_their_own(keras, random, digits, monkeypatch):
    """From either format; nothing of this process's own reader is used."""
    monkeypatch.setattr("cnnviz.checkpoints.keras.parse.parse", None)
    model = keras.sequential([keras.input(8, 10, 2), *digits_layers(keras)])
    places = ("conv2d", "batch_normalization", "conv2d_1", "batch_normalization_1", "dense", "dense_1")
    arrays = [list(layer.values()) for layer in digits.values() if layer]
    stored = {f"layers/{place}": found for place, found in zip(places, arrays, strict=True)}
    x = random.standard_normal((1, 8, 10, 2), F32)
    expected = digits_expected(keras, digits, x)
    path = keras.h5(model, digits, compression="gzip", shuffle=True)
    for written in (path, keras.archive(model, stored), keras.archive(model, stored, method=zipfile.ZIP_DEFLATED)):
        np.testing.assert_allclose(computed(open_keras(written), x), expected, rtol=1e-4, atol=1e-5)
    assert np.array_equal(contents_of(read_plan(path), path).load("bn_2/beta:0").numpy(), digits["bn_2"]["beta:0"])


def test_the_folder_that_keras_2_13_gave_its_layers(keras, random):
    kernel = random.standard_normal((3, 3, 1, 2), F32)
    model = keras.sequential([keras.input(5, 5, 1), keras.layer("Conv2D", "c", use_bias=False)])
    network = keras.open(keras.archive(model, {"_layer_checkpoint_dependencies/conv2d": [kernel]}))
    x = random.standard_normal((1, 5, 5, 1), F32)
    np.testing.assert_allclose(computed(network, x), keras.conv(x, kernel), rtol=1e-4, atol=1e-5)


def test_panels_get_what_they_need(keras, digits):
    network = keras.open(keras.h5(keras.sequential([keras.input(8, 10, 2), *digits_layers(keras)]), digits))
    graph = prepare(network.module, torch.zeros(1, 2, 8, 10)).graph
    assert [layer.name for layer in graph][:6] == [
        "input",
        "conv2d_10.pad",
        "conv2d_10.window",
        "conv2d_10_relu",
        "bn_10",
        "max_pooling2d.pad",
    ]
    assert [layer.name for layer in graph][-4:] == ["dense", "dense_relu", "dense_1", "dense_1_softmax"]
    assert graph.parameters == sum(
        array.size for layer in digits.values() for name, array in layer.items() if "moving" not in name
    )
    weight = network.module.get_submodule("conv2d_10.window").weight
    assert kernel_bank(weight, "Conv2d").images.shape == (4, 3, 3)
    assert np.array_equal(weight.detach().numpy(), digits["conv2d_10"]["kernel:0"].transpose(3, 2, 0, 1))
    assert receptive_field(graph, "conv2d_2.window").size == (7, 9)
    assert network.module.get_submodule("bn_2").eps == pytest.approx(1e-3)


def test_keras_1_in_its_own_words(keras, random):
    kernel, bias = random.standard_normal((3, 2, 2, 3), F32), random.standard_normal(3, F32)
    dense, dense_bias = random.standard_normal((3 * 3 * 3, 2), F32), random.standard_normal(2, F32)
    layers = [
        keras.layer(
            "Convolution2D",
            "convolution2d_1",
            batch_input_shape=[None, 8, 7, 2],
            nb_filter=3,
            nb_row=3,
            nb_col=2,
            border_mode="valid",
            subsample=[1, 1],
            dim_ordering="tf",
            bias=True,
            activation="relu",
        ),
        keras.layer("MaxPooling2D", "p", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="tf"),
        keras.layer("Dropout", "d", p=0.25),
        keras.layer("Flatten", "f"),
        keras.layer("Dense", "dense_1", output_dim=2, bias=True, activation="sigmoid"),
    ]
    weights = {
        "convolution2d_1": {"convolution2d_1_W:0": kernel, "convolution2d_1_b:0": bias},
        "dense_1": {"dense_1_W:0": dense, "dense_1_b:0": dense_bias},
    }
    path = keras.h5({"class_name": "Sequential", "config": layers}, weights, version=None, backend=None)
    x = random.standard_normal((2, 8, 7, 2), F32)
    hidden = keras.max_pool(relu(keras.conv(x, kernel, bias)))
    expected = 1 / (1 + np.exp(-(hidden.reshape(2, -1) @ dense + dense_bias)))
    np.testing.assert_allclose(computed(keras.open(path), x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
@pytest.mark.parametrize("flatten", ["channels_first", "channels_last"])
def test_channels_first(keras, random, backend, flatten):
    kernel, dense = random.standard_normal((3, 3, 2, 3), F32), random.standard_normal((3 * 4 * 5, 2), F32)
    layers = [
        keras.input(2, 6, 7),
        keras.layer("Conv2D", "c", data_format="channels_first", use_bias=False),
        keras.layer("Flatten", "f", data_format=flatten),
        keras.layer("Dense", "d", use_bias=False),
    ]
    network = keras.open(
        keras.h5(keras.sequential(layers), {"c": {"k:0": kernel}, "d": {"k:0": dense}}, backend=backend)
    )
    x = random.standard_normal((1, 6, 7, 2), F32)
    # Theano's convolution is one in the strict sense.
    maps = keras.conv(x, kernel[::-1, ::-1] if backend == "theano" else kernel)
    flat = maps if flatten == "channels_first" else maps.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(computed(network, x), flat.reshape(1, -1) @ dense, rtol=1e-4, atol=1e-4)
    assert network.input_size == (2, 6, 7)


def branches(keras, version):
    """A block with two branches that meet twice, and a layer that is used twice."""

    def inbound(*names):
        places = [(name, 0) if isinstance(name, str) else name for name in names]
        if version == 2:
            return [[[name, call, 0, {}] for name, call in places]]
        tensors = [
            {"class_name": "__keras_tensor__", "config": {"shape": [None], "keras_history": [name, call, 0]}}
            for name, call in places
        ]
        return [{"args": [tensors] if len(tensors) > 1 else tensors, "kwargs": {}}]

    layers = [
        keras.input(4, 6, 2, keras=version),
        keras.layer("Concatenate", "join", inbound("left", "right", ("shared", 0)), axis=-1),
        keras.layer("Conv2D", "left", inbound("input_1"), padding="same", activation="relu"),
        keras.layer("Conv2D", "right", inbound("input_1"), padding="same", use_bias=False),
        keras.layer("Conv2D", "shared", [*inbound("left"), *inbound("right")], padding="same", use_bias=False),
        keras.layer("Add", "add", inbound(("shared", 0), ("shared", 1), "left")),
        keras.layer("Flatten", "flat", inbound("join")),
        keras.layer("Flatten", "flat_1", inbound("add")),
        keras.layer("Concatenate", "features", inbound("flat", "flat_1"), axis=1),
        keras.layer("Dense", "dense", inbound("features"), use_bias=False),
    ]
    outputs = [["dense", 0, 0]] if version == 2 else ["dense", 0, 0]
    return keras.functional(layers, outputs)


@pytest.mark.parametrize("version", [2, 3])
def test_a_functional_network(keras, random, version):
    left, bias = random.standard_normal((3, 3, 2, 2), F32), random.standard_normal(2, F32)
    right, shared = random.standard_normal((1, 1, 2, 2), F32), random.standard_normal((3, 1, 2, 2), F32)
    dense = random.standard_normal((4 * 6 * 8, 3), F32)
    model = branches(keras, version)
    if version == 2:
        weights = {
            "left": {"k": left, "b": bias},
            "right": {"k": right},
            "shared": {"k": shared},
            "dense": {"k": dense},
        }
        path = keras.h5(model, weights)
    else:
        places = {"conv2d": [left, bias], "conv2d_1": [right], "conv2d_2": [shared], "dense": [dense]}
        path = keras.archive(model, {f"layers/{name}": arrays for name, arrays in places.items()})
    x = random.standard_normal((1, 4, 6, 2), F32)
    a = relu(keras.conv(x, left, bias, padding="same"))
    b = keras.conv(x, right)
    once, twice = keras.conv(a, shared, padding="same"), keras.conv(b, shared, padding="same")
    flat = np.concatenate([np.concatenate([a, b, once], -1).reshape(1, -1), (once + twice + a).reshape(1, -1)], 1)
    network = keras.open(path)
    np.testing.assert_allclose(computed(network, x), flat @ dense, rtol=1e-4, atol=1e-4)
    assert sum(isinstance(module, nn.Conv2d) for module in network.module.modules()) == 3


def test_several_outputs_have_their_layers_names(keras, random):
    layers = [
        keras.input(4, 4, 1),
        keras.layer("ReLU", "a", [[["input_1", 0, 0, {}]]]),
        keras.layer("Activation", "b", [[["input_1", 0, 0, {}]]], activation="tanh"),
    ]
    network = keras.open(keras.h5(keras.functional(layers, [["a", 0, 0], ["b", 0, 0]]), {}))
    x = torch.from_numpy(random.standard_normal((1, 1, 4, 4), F32))
    found = list(network.module(x).values())
    assert torch.equal(found[0], x.relu())
    assert torch.equal(found[1], x.tanh())
    assert network.outputs == ("a", "b")


def test_pictures_without_a_channel(keras, random):
    dense = random.standard_normal((30, 4), F32)
    layers = [keras.input(5, 6), keras.layer("Flatten", "f"), keras.layer("Dense", "d", use_bias=False)]
    network = keras.open(keras.h5(keras.sequential(layers), {"d": {"k": dense}}))
    assert network.input_size == (1, 5, 6)
    x = random.standard_normal((1, 5, 6, 1), F32)
    np.testing.assert_allclose(computed(network, x), x.reshape(1, -1) @ dense, rtol=1e-4, atol=1e-5)


def test_a_size_that_is_left_open(keras, random):
    layers = [
        keras.input(None, None, 3),
        keras.layer("Conv2D", "c", use_bias=False),
        keras.layer("GlobalAveragePooling2D", "g"),
    ]
    network = keras.open(keras.h5(keras.sequential(layers), {"c": {"k": random.standard_normal((3, 3, 3, 2), F32)}}))
    assert network.input_size == (3, 224, 224)
    assert "3×224×224" in network.notes[0]
    assert network.module(torch.zeros(1, 3, 50, 40)).shape == (1, 2)


@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "shuffle": True}, {"chunks": True}])
def test_weights_alone_are_shown(keras, digits, options):
    path = keras.h5(None, digits, "weights.h5", alone=True, **options)
    network = keras.open(path)
    assert network.module is None
    assert "weights alone" in network.message
    contents = keras.open(path).contents
    names = [entry.name for entry in contents.entries]
    assert names.index("bn_2/beta:0") < names.index("bn_10/beta:0")
    for layer, arrays in digits.items():
        for name, array in arrays.items():
            assert np.array_equal(contents.load(f"{layer}/{name}").numpy(), array)


def test_a_long_list_of_layers_is_in_pieces(keras, random):
    import h5py

    weights = {f"layer_{number}_{'x' * 30}": {"w": np.full(1, number, F32)} for number in range(5)}
    path = keras.h5(None, weights, alone=True)
    with h5py.File(path, "a") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:3], names[3:]
    contents = keras.open(path).contents
    assert len(contents.entries) == 5
    assert contents.metadata["layers"].keys() == weights.keys()


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([("LSTM", {})], "LSTM"),
        ([("Lambda", {"function": ["4wEAAAA=", None, None]})], "a program, and is not run"),
        ([("Conv2D", {"data_format": "channels_first"}), ("MaxPooling2D", {"data_format": "channels_last"})], "first"),
        ([("MaxPooling2D", {"pool_size": [9, 9]})], "'l0'"),
        ([("MaxPooling2D", {"pool_size": "all"})], "pool_size"),
        ([("Activation", {"activation": "mine"})], "mine"),
        ([("Dense", {})], "0 arrays"),
        ([("UpSampling2D", {"size": [40000, 40000]})], "enlarges"),
        ([("ZeroPadding2D", {"padding": [60000, 60000]})], "GiB"),
        ([("ReLU", {"threshold": 1.0})], "threshold"),
    ],
)
def test_what_cannot_be_computed_is_named(keras, layers, said):
    entries = [keras.layer(kind, f"l{number}", **config) for number, (kind, config) in enumerate(layers)]
    network = keras.open(keras.h5(keras.sequential([keras.input(4, 4, 1), *entries]), {}))
    assert network.module is None
    assert said in network.message
    assert network.contents.refused == (("keras.layers.Lambda 'l0'",) if layers[0][0] == "Lambda" else ())


def test_a_class_of_the_persons_own_is_not_taken_for_keras_own(keras):
    entry = {**keras.layer("ReLU", "r"), "registered_name": "mine>ReLU"}
    network = keras.open(keras.h5(keras.sequential([keras.input(4, 4, 1), entry]), {}))
    assert "mine>ReLU" in network.message
