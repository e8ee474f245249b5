"""Single layers of Keras against loops over numpy arrays."""

import numpy as np
import pytest
import torch

from .computing import computed, relu

F32 = np.float32


def one(keras, layer, weights, shape, keras_version="2.15.0"):
    """A network of one layer."""
    model = keras.sequential([keras.input(*shape), layer])
    return keras.open(keras.h5(model, {layer["config"]["name"]: weights}, version=keras_version))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("size", [(7, 8), (6, 9)])
@pytest.mark.parametrize("kernel_size", [(2, 2), (3, 3), (4, 5)])
def test_windows(keras, random, padding, strides, size, kernel_size):
    x = random.standard_normal((1, *size, 3), F32)
    shape, options = (*size, 3), {"strides": list(strides), "padding": padding}
    kernel, bias = random.standard_normal((*kernel_size, 3, 2), F32), random.standard_normal(6, F32)
    pointwise = random.standard_normal((1, 1, 6, 4), F32)

    conv = one(keras, keras.layer("Conv2D", "c", **options), {"k": kernel, "b": bias[:2]}, shape)
    expected = keras.conv(x, kernel, bias[:2], strides, padding)
    np.testing.assert_allclose(computed(conv, x), expected, rtol=1e-4, atol=1e-4)

    depthwise = one(keras, keras.layer("DepthwiseConv2D", "d", **options), {"k": kernel, "b": bias}, shape)
    expected = keras.depthwise(x, kernel, bias, strides, padding)
    np.testing.assert_allclose(computed(depthwise, x), expected, rtol=1e-4, atol=1e-4)

    weights = {"d": kernel, "p": pointwise, "b": bias[:4]}
    separable = one(keras, keras.layer("SeparableConv2D", "s", **options), weights, shape)
    expected = keras.conv(keras.depthwise(x, kernel, 0, strides, padding), pointwise, bias[:4])
    np.testing.assert_allclose(computed(separable, x), expected, rtol=1e-4, atol=1e-4)

    for kind, pool in (("MaxPooling2D", keras.max_pool), ("AveragePooling2D", keras.average_pool)):
        network = one(keras, keras.layer(kind, "p", pool_size=list(kernel_size), **options), {}, shape)
        np.testing.assert_allclose(computed(network, x), pool(x, kernel_size, strides, padding), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_transposed_convolution_is_the_gradient_of_a_convolution(keras, random, padding, stride, size):
    """Which is how Keras computes it; here by the transpose of the matrix that the convolution is."""
    kernel = random.standard_normal((size, size, 2, 3), F32)  # rows, columns, outputs, inputs
    x = random.standard_normal((1, 3, 4, 3), F32)
    sides = [n * stride + (max(size - stride, 0) if padding == "valid" else 0) for n in (3, 4)]
    columns = []
    for place in range(sides[0] * sides[1] * 2):
        unit = np.zeros(sides[0] * sides[1] * 2, F32)
        unit[place] = 1
        columns.append(keras.conv(unit.reshape(1, *sides, 2), kernel, 0, (stride, stride), padding).ravel())
    expected = (np.stack(columns) @ x.ravel()).reshape(1, *sides, 2)
    layer = keras.layer("Conv2DTranspose", "t", strides=[stride] * 2, padding=padding, use_bias=False)
    np.testing.assert_allclose(computed(one(keras, layer, {"k": kernel}, (3, 4, 3)), x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        ("ReLU", {}, relu),
        ("ReLU", {"max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}, lambda x: np.clip(x, 0, 6)),
        ("ReLU", {"max_value": 0.5}, lambda x: np.clip(x, 0, 0.5)),
        ("ReLU", {"negative_slope": 0.2}, lambda x: np.where(x < 0, 0.2 * x, x)),
        ("LeakyReLU", {"alpha": 0.1}, lambda x: np.where(x < 0, 0.1 * x, x)),
        ("LeakyReLU", {"negative_slope": 0.1}, lambda x: np.where(x < 0, 0.1 * x, x)),
        ("LeakyReLU", {}, lambda x: np.where(x < 0, 0.3 * x, x)),
        ("ELU", {"alpha": 0.5}, lambda x: np.where(x < 0, 0.5 * np.expm1(x), x)),
        ("Activation", {"activation": "linear"}, lambda x: x),
        ("Activation", {"activation": "hard_sigmoid"}, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
        ("Activation", {"activation": "swish"}, lambda x: x / (1 + np.exp(-x))),
        ("Activation", {"activation": "exponential"}, np.exp),
        ("Activation", {"activation": {"class_name": "function", "config": "relu"}}, relu),
        ("GlobalAveragePooling2D", {}, lambda x: x.mean((1, 2))),
        ("GlobalMaxPooling2D", {"keepdims": True}, lambda x: x.max((1, 2), keepdims=True)),
        ("ZeroPadding2D", {"padding": [[1, 2], [0, 3]]}, lambda x: np.pad(x, [(0, 0), (1, 2), (0, 3), (0, 0)])),
        ("ZeroPadding2D", {"padding": [2, 1]}, lambda x: np.pad(x, [(0, 0), (2, 2), (1, 1), (0, 0)])),
        ("ZeroPadding2D", {"padding": 1}, lambda x: np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])),
        ("Cropping2D", {"cropping": [[1, 0], [2, 1]]}, lambda x: x[:, 1:, 2:-1]),
        ("UpSampling2D", {"size": [2, 3]}, lambda x: x.repeat(2, 1).repeat(3, 2)),
        ("Rescaling", {"scale": 0.5, "offset": -1.0}, lambda x: x * 0.5 - 1),
        ("Rescaling", {"scale": [1, 2, 3], "offset": 1.0}, lambda x: x * np.array([1, 2, 3], F32) + 1),
        ("SpatialDropout2D", {"rate": 0.3}, lambda x: x),
        ("GaussianNoise", {"stddev": 0.3}, lambda x: x),
        ("Reshape", {"target_shape": [3, -1, 2]}, lambda x: x.reshape(1, 3, -1, 2)),
        ("Flatten", {}, None),
    ],
)
def test_layers_without_weights(keras, random, kind, config, expected):
    x = random.standard_normal((1, 4, 5, 3), F32)
    network = one(keras, keras.layer(kind, "layer", **config), {}, (4, 5, 3))
    found = computed(network, x)
    if expected is None:
        assert sorted(found.ravel()) == sorted(x.ravel())
        assert "torch's order" in network.notes[0]
    else:
        np.testing.assert_allclose(found, expected(x), rtol=1e-4, atol=1e-6)


def test_softmax_over_channels_and_the_slope_that_keras_3_changed(keras, random):
    x = random.standard_normal((1, 4, 5, 3), F32)
    for layer in (keras.layer("Softmax", "s", axis=-1), keras.layer("Activation", "s", activation="softmax")):
        np.testing.assert_allclose(computed(one(keras, layer, {}, (4, 5, 3)), x), keras.softmax(x), rtol=1e-5)
    layer = keras.layer("Activation", "h", activation="hard_sigmoid")
    new = one(keras, layer, {}, (4, 5, 3), keras_version="3.0.0")
    np.testing.assert_allclose(computed(new, x), np.clip(x / 6 + 0.5, 0, 1), rtol=1e-5)


def test_bilinear_upsampling_measures_from_pixel_centres(keras):
    x = np.array([0, 4], F32).reshape(1, 1, 2, 1)
    found = computed(
        one(keras, keras.layer("UpSampling2D", "u", size=[1, 2], interpolation="bilinear"), {}, (1, 2, 1)), x
    )
    assert found.ravel().tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize(("scale", "center"), [(True, False), (False, True), (False, False)])
def test_batch_normalisation_without_some_of_its_weights(keras, random, scale, center):
    x, arrays = random.standard_normal((1, 4, 5, 3), F32), [random.random(3, F32) + 0.1 for _ in range(4)]
    kept = [a for a, there in zip(arrays, (scale, center, True, True), strict=True) if there]
    layer = keras.layer("BatchNormalization", "b", axis=-1, scale=scale, center=center, epsilon=0.01)
    network = one(keras, layer, {str(number): array for number, array in enumerate(kept)}, (4, 5, 3))
    gamma, beta = arrays[0] if scale else 1, arrays[1] if center else 0
    np.testing.assert_allclose(
        computed(network, x), keras.batch_norm(x, gamma, beta, *arrays[2:], epsilon=0.01), rtol=1e-4, atol=1e-5
    )


def test_what_lies_between_a_flatten_and_its_dense_layer_follows_the_order(keras, random):
    moments, dense = [random.random(24, F32) + 0.1 for _ in range(4)], random.standard_normal((24, 5), F32)
    layers = [
        keras.input(2, 4, 3),
        keras.layer("Flatten", "f"),
        keras.layer("BatchNormalization", "b", axis=[1]),
        keras.layer("Activation", "a", activation="softmax"),
        keras.layer("Dense", "d", use_bias=False),
    ]
    weights = {"b": {str(number): array for number, array in enumerate(moments)}, "d": {"k": dense}}
    x = random.standard_normal((2, 2, 4, 3), F32)
    expected = keras.softmax(keras.batch_norm(x.reshape(2, -1), *moments)) @ dense
    np.testing.assert_allclose(
        computed(keras.open(keras.h5(keras.sequential(layers), weights)), x), expected, rtol=1e-4
    )


def test_half_precision_is_computed_in_single(keras, random):
    kernel = random.standard_normal((3, 3, 1, 2)).astype(np.float16)
    network = one(keras, keras.layer("Conv2D", "c", use_bias=False), {"k": kernel}, (5, 5, 1))
    x = random.standard_normal((1, 5, 5, 1), F32)
    np.testing.assert_allclose(computed(network, x), keras.conv(x, kernel.astype(F32)), rtol=1e-4, atol=1e-5)
    assert network.contents.load("c/k").dtype == torch.float16
