"""Every operator against onnxruntime, over its attributes and the opsets in which its form changed."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx import helper
from torch import nn

from cnnviz.checkpoints.onnx.open import open_onnx

F32 = np.float32
MAP = (1, 4, 7, 6)
per_example = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def i64(*numbers):
    return np.array(numbers, np.int64)


def f32(*numbers):
    return np.array(numbers, F32)


def the_only(network):
    """The module of the graph's one node."""
    (module,) = network.module.children()
    return module


@per_example
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    group=st.sampled_from([1, 2, 4]),
    bias=st.booleans(),
)
def test_convolution(graphs, random, kernel, stride, dilation, pads, auto_pad, group, bias):
    # onnxruntime takes no dilation with automatic padding that keeps the size.
    assume(dilation == 1 or not auto_pad.startswith("SAME"))
    weight = random.standard_normal((8, 4 // group, *kernel), F32)
    extra = [random.standard_normal(8, F32)] if bias else []
    padding = {"pads": pads} if auto_pad == "NOTSET" else {"auto_pad": auto_pad}
    path = graphs.node("Conv", MAP, weight, *extra, strides=stride, dilations=[dilation] * 2, group=group, **padding)
    network = graphs.check(path, tolerance=1e-4)
    if padding == {"pads": [pads[0], pads[1]] * 2}:
        assert type(the_only(network)) is nn.Conv2d


@per_example
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    extra=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    group=st.sampled_from([1, 2]),
)
def test_transposed_convolution(graphs, random, kernel, stride, dilation, pads, extra, auto_pad, group):
    assume(all(e < s for e, s in zip(extra, stride, strict=True)))
    assume(auto_pad == "NOTSET" or dilation == 1)
    # What must be left out cannot be less than nothing.
    assume(auto_pad == "NOTSET" or all(k >= s for k, s in zip(kernel, stride, strict=True)))
    weight, bias = random.standard_normal((4, 3, *kernel), F32), random.standard_normal(3 * group, F32)
    padding = {"pads": pads} if auto_pad == "NOTSET" else {"auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        padding["output_padding"] = extra
    path = graphs.node(
        "ConvTranspose", MAP, weight, bias, strides=stride, dilations=[dilation] * 2, group=group, **padding
    )
    graphs.check(path, tolerance=1e-4)


def test_transposed_convolution_to_a_given_size(graphs, random):
    weight = random.standard_normal((4, 3, 3, 3), F32)
    graphs.check(graphs.node("ConvTranspose", MAP, weight, strides=[2, 2], output_shape=[14, 12]), tolerance=1e-4)
    graphs.check(graphs.node("ConvTranspose", MAP, weight, strides=[2, 2], output_shape=[13, 13]), tolerance=1e-4)


@pytest.mark.parametrize("axes", [1, 3])
def test_convolutions_over_lines_and_volumes(graphs, random, axes):
    shape = (1, 2, *(5, 6, 7)[:axes])
    weight = random.standard_normal((4, 2, *[3] * axes), F32)
    graphs.check(graphs.node("Conv", shape, weight, pads=[1, 0] * axes), tolerance=1e-4)
    graphs.check(graphs.node("MaxPool", shape, kernel_shape=[2] * axes, strides=[2] * axes))
    graphs.check(graphs.node("AveragePool", shape, kernel_shape=[2] * axes, strides=[2] * axes, pads=[0, 1] * axes))
    graphs.check(graphs.node("GlobalAveragePool", shape))


@settings(per_example, max_examples=60)
@given(
    operator=st.sampled_from(["MaxPool", "AveragePool"]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    ceil_mode=st.booleans(),
    count_include_pad=st.booleans(),
)
def test_pooling(graphs, operator, kernel, stride, dilation, pads, auto_pad, ceil_mode, count_include_pad):
    extents = [dilation * (k - 1) + 1 for k in kernel]
    assume(all(pads[i] < kernel[i % 2] for i in range(4)))
    assume(all(e <= size for e, size in zip(extents, MAP[2:], strict=True)))
    assume(auto_pad == "NOTSET" or (dilation == 1 and not ceil_mode))
    # onnxruntime refuses a window that is smaller than its stride where the size is kept.
    assume(not auto_pad.startswith("SAME") or all(k >= s for k, s in zip(kernel, stride, strict=True)))
    attributes = {"pads": pads} if auto_pad == "NOTSET" else {"auto_pad": auto_pad}
    if operator == "AveragePool":
        attributes["count_include_pad"] = int(count_include_pad)
    path = graphs.node(
        operator,
        MAP,
        opset=19,
        kernel_shape=kernel,
        strides=stride,
        dilations=[dilation] * 2,
        ceil_mode=int(ceil_mode),
        **attributes,
    )
    graphs.check(path)


def test_pooling_of_whole_maps(graphs):
    assert type(the_only(graphs.check(graphs.node("GlobalAveragePool", MAP)))) is nn.AdaptiveAvgPool2d
    assert type(the_only(graphs.check(graphs.node("GlobalMaxPool", MAP)))) is nn.AdaptiveMaxPool2d


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
def test_batch_normalisation(graphs, random, opset):
    moments = [random.standard_normal(4, F32) for _ in range(3)] + [random.random(4, F32) + 0.1]
    network = graphs.check(graphs.node("BatchNormalization", MAP, *moments, opset=opset, epsilon=1e-3))
    assert type(the_only(network)) is nn.BatchNorm2d
    assert the_only(network).eps == pytest.approx(1e-3)
    graphs.check(graphs.node("BatchNormalization", (3, 4), *moments, opset=opset))


def test_batch_normalisation_for_training_is_not_taken_for_one_in_use(graphs, random):
    moments = {name: random.random(4, F32) + 0.1 for name in "smbv"}
    node = helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "m2", "v2", "m3", "v3"])
    network = open_onnx(graphs.write([node], MAP, opset=7, constants=moments))
    assert network.module is None
    assert "batch's own moments" in network.message


def test_other_normalisations(graphs, random):
    scale, bias = random.standard_normal(4, F32), random.standard_normal(4, F32)
    graphs.check(graphs.node("InstanceNormalization", MAP, scale, bias, epsilon=1e-3))
    graphs.check(graphs.node("GroupNormalization", MAP, scale, bias, opset=21, num_groups=2))
    graphs.check(graphs.node("LayerNormalization", (1, 7, 4), scale, bias, axis=-1))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_normalisation(graphs, size):
    network = graphs.check(graphs.node("LRN", MAP, size=size, alpha=0.5, beta=0.6, bias=1.5))
    assert type(the_only(network)) is nn.LocalResponseNorm


@pytest.mark.parametrize("size", [2, 4])
def test_local_response_normalisation_over_an_even_window(graphs, random, size):
    """Which onnxruntime does not compute: the formula of the operator's description, channel by channel."""
    image = random.standard_normal(MAP, F32)
    expected = np.empty_like(image)
    for channel in range(4):
        first, last = max(channel - (size - 1) // 2, 0), min(channel + size // 2, 3)
        sums = (image[:, first : last + 1] ** 2).sum(1)
        expected[:, channel] = image[:, channel] / (1.5 + 0.5 / size * sums) ** 0.6
    network = open_onnx(graphs.node("LRN", MAP, size=size, alpha=0.5, beta=0.6, bias=1.5))
    np.testing.assert_allclose(network.module(torch.from_numpy(image)).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("bias", [None, (5,), (1,), (1, 5), (2, 5), (2, 1), ()])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 2.0)])
def test_gemm(graphs, random, transposed, bias, alpha, beta):
    weight = random.standard_normal((5, 3) if transposed else (3, 5), F32)
    extra = [] if bias is None else [np.asarray(random.standard_normal(bias), F32)]
    path = graphs.node("Gemm", (2, 3), weight, *extra, alpha=alpha, beta=beta, transB=int(transposed))
    network = graphs.check(path)
    if bias in (None, (5,)):
        assert type(the_only(network)) is nn.Linear


def test_gemm_of_what_is_turned_or_multiplied_from_the_left(graphs, random):
    graphs.check(graphs.node("Gemm", (3, 2), random.standard_normal((3, 5), F32), transA=1))
    left = helper.make_node("Gemm", ["c", "x"], ["y"])
    graphs.check(graphs.write([left], (3, 2), constants={"c": random.standard_normal((4, 3), F32)}))


def test_matrix_products(graphs, random):
    assert type(the_only(graphs.check(graphs.node("MatMul", (2, 3), random.standard_normal((3, 5), F32))))) is nn.Linear
    graphs.check(graphs.node("MatMul", (2, 4, 3), random.standard_normal((2, 3, 5), F32)))
    squared = [helper.make_node("Transpose", ["x"], ["t"]), helper.make_node("MatMul", ["x", "t"], ["y"])]
    graphs.check(graphs.write(squared, (2, 3)))


@pytest.mark.parametrize(
    ("operator", "attributes", "kind"),
    [
        ("Relu", {}, nn.ReLU),
        ("LeakyRelu", {"alpha": 0.3}, nn.LeakyReLU),
        ("LeakyRelu", {}, nn.LeakyReLU),
        ("Elu", {"alpha": 0.7}, nn.ELU),
        ("Celu", {"alpha": 0.7}, nn.CELU),
        ("Selu", {}, nn.SELU),
        ("Selu", {"alpha": 1.5, "gamma": 1.2}, None),
        ("Sigmoid", {}, nn.Sigmoid),
        ("HardSigmoid", {}, None),
        ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}, nn.Hardsigmoid),
        ("HardSwish", {}, nn.Hardswish),
        ("Softplus", {}, nn.Softplus),
        ("Softsign", {}, nn.Softsign),
        ("Tanh", {}, nn.Tanh),
        ("ThresholdedRelu", {"alpha": 0.4}, nn.Threshold),
        ("Identity", {}, nn.Identity),
        ("Abs", {}, None),
        ("Ceil", {}, None),
        ("Cos", {}, None),
        ("Erf", {}, None),
        ("Exp", {}, None),
        ("Floor", {}, None),
        ("Neg", {}, None),
        ("Reciprocal", {}, None),
        ("Round", {}, None),
        ("Sign", {}, None),
        ("Sin", {}, None),
    ],
)
def test_activations_and_functions(graphs, operator, attributes, kind):
    network = graphs.check(graphs.node(operator, MAP, **attributes))
    assert kind is None or type(the_only(network)) is kind


@pytest.mark.parametrize("operator", ["Log", "Sqrt"])
def test_functions_of_positive_numbers(graphs, random, operator):
    graphs.check(graphs.node(operator, MAP), random.random(MAP, F32) + 0.1)


@pytest.mark.parametrize(("operator", "attributes"), [("Gelu", {}), ("Gelu", {"approximate": "tanh"}), ("Mish", {})])
def test_newer_activations(graphs, operator, attributes):
    graphs.check(graphs.node(operator, MAP, opset=20, **attributes))


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (1,), (4, 7, 6), (6,), (1, 1, 1)])
def test_prelu(graphs, random, shape):
    network = graphs.check(graphs.node("PRelu", MAP, random.standard_normal(shape, F32)))
    assert (type(the_only(network)) is nn.PReLU) == (shape not in ((4, 7, 6), (6,)))


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(0.0, 6.0, nn.ReLU6), (-0.5, 0.5, nn.Hardtanh), (None, 0.5, None), (0.0, None, nn.ReLU), (None, None, None)],
)
def test_clip_before_and_after_its_bounds_became_inputs(graphs, low, high, kind):
    bounds = {name: bound for name, bound in (("min", low), ("max", high)) if bound is not None}
    old = graphs.check(graphs.node("Clip", MAP, opset=6, **bounds))
    new = graphs.check(graphs.node("Clip", MAP, *(None if b is None else np.array(b, F32) for b in (low, high))))
    assert kind is None or type(the_only(old)) is type(the_only(new)) is kind


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("axis", [None, 0, 1, 2, 3, -1, -2])
def test_softmax_before_and_after_its_axes_changed(graphs, operator, opset, axis):
    attributes = {} if axis is None else {"axis": axis}
    graphs.check(graphs.node(operator, MAP, opset=opset, **attributes))
    graphs.check(graphs.node(operator, (2, 5), opset=opset))


def test_dropout_does_nothing_and_keeps_all(graphs):
    assert type(the_only(graphs.check(graphs.node("Dropout", MAP, opset=7, ratio=0.3)))) is nn.Dropout
    graphs.check(graphs.node("Dropout", MAP, np.array(0.3, F32), opset=13))
    nodes = [
        helper.make_node("Dropout", ["x"], ["z", "mask"]),
        helper.make_node("Cast", ["mask"], ["m"], to=1),
        helper.make_node("Add", ["z", "m"], ["y"]),
    ]
    graphs.check(graphs.write(nodes, MAP, opset=13))


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Pow"])
@pytest.mark.parametrize("shape", [(4, 1, 1), (), (6,), (1, 4, 7, 6)])
def test_arithmetic_with_a_constant_on_either_side(graphs, random, operator, shape):
    constant = np.asarray(random.random(shape, F32) + 0.5, F32)
    image = random.random(MAP, F32) + 0.5
    graphs.check(graphs.node(operator, MAP, constant), image)
    graphs.check(graphs.write([helper.make_node(operator, ["c", "x"], ["y"])], MAP, constants={"c": constant}), image)


def test_arithmetic_of_two_branches(graphs):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Neg", ["x"], ["b"]),
        helper.make_node("Sum", ["a", "b", "x"], ["s"]),
        helper.make_node("Max", ["a", "b"], ["m"]),
        helper.make_node("Min", ["s", "m", "x"], ["n"]),
        helper.make_node("Mean", ["n", "a", "b"], ["y"]),
    ]
    graphs.check(graphs.write(nodes, MAP))


def test_choices(graphs):
    nodes = [
        helper.make_node("Greater", ["x", "zero"], ["positive"]),
        helper.make_node("Not", ["positive"], ["other"]),
        helper.make_node("LessOrEqual", ["x", "one"], ["small"]),
        helper.make_node("And", ["positive", "small"], ["both"]),
        helper.make_node("Or", ["both", "other"], ["either"]),
        helper.make_node("Where", ["either", "x", "zero"], ["y"]),
    ]
    graphs.check(graphs.write(nodes, MAP, constants={"zero": f32(0), "one": f32(1)}))


@pytest.mark.parametrize(
    "operator",
    [f"Reduce{kind}" for kind in ("Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")],
)
@pytest.mark.parametrize("axes", [None, [2, 3], [-1], [1]])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_reductions_before_and_after_their_axes_became_an_input(graphs, random, operator, axes, keepdims):
    image = random.random(MAP, F32) + 0.1
    attributes = {} if axes is None else {"axes": axes}
    inputs = [] if axes is None else [i64(*axes)]
    graphs.check(graphs.node(operator, MAP, opset=11, keepdims=keepdims, **attributes), image, 1e-4)
    graphs.check(graphs.node(operator, MAP, *inputs, opset=18, keepdims=keepdims), image, 1e-4)


def test_a_reduction_without_axes_may_do_nothing(graphs):
    graphs.check(graphs.node("ReduceSum", MAP, opset=13, noop_with_empty_axes=1))


def test_the_place_of_the_largest(graphs):
    for operator in ("ArgMax", "ArgMin"):
        nodes = [
            helper.make_node(operator, ["x"], ["i"], axis=1, keepdims=0),
            helper.make_node("Cast", ["i"], ["y"], to=1),
        ]
        graphs.check(graphs.write(nodes, MAP))
