"""Operators that reshape, cut, pad and resize, against onnxruntime, and shapes that a file computes."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from cnnviz.checkpoints.onnx.open import open_onnx

F32 = np.float32
MAP = (1, 4, 7, 6)
per_example = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def i64(*numbers):
    return np.array(numbers, np.int64)


def f32(*numbers):
    return np.array(numbers, F32)


@pytest.mark.parametrize("target", [(1, 168), (-1, 168), (0, -1), (0, 0, 42), (1, 2, 2, 7, 6), (0, 28, -1)])
def test_reshape_before_and_after_its_shape_became_an_input(graphs, target):
    for network in (
        graphs.check(graphs.node("Reshape", MAP, opset=1, shape=target)),
        graphs.check(graphs.node("Reshape", MAP, i64(*target))),
    ):
        # A file made for one image is used for many.
        images = torch.rand(3, *MAP[1:])
        many = network.module(images)
        assert many.shape[0] == 3
        assert torch.equal(many[1:2], network.module(images[1:2]))


@pytest.mark.parametrize("axis", [0, 1, 2, 3, 4, -1])
def test_flatten(graphs, axis):
    network = graphs.check(graphs.node("Flatten", MAP, axis=axis))
    (module,) = network.module.children()
    assert axis != 1 or type(module) is nn.Flatten


@pytest.mark.parametrize("order", [None, [0, 2, 3, 1], [0, 1, 3, 2]])
def test_transpose(graphs, order):
    graphs.check(graphs.node("Transpose", MAP, **({} if order is None else {"perm": order})))


@pytest.mark.parametrize("axes", [None, [2], [-1, 2]])
def test_squeeze_before_and_after_its_axes_became_an_input(graphs, axes):
    shape = (2, 3, 1, 1)
    graphs.check(graphs.node("Squeeze", shape, opset=11, **({} if axes is None else {"axes": axes})))
    graphs.check(graphs.node("Squeeze", shape, *([] if axes is None else [i64(*axes)])))


@pytest.mark.parametrize("axes", [[1], [0, -1], [3, 1]])
def test_unsqueeze_before_and_after_its_axes_became_an_input(graphs, axes):
    if -1 not in axes:
        graphs.check(graphs.node("Unsqueeze", (2, 3), opset=11, axes=axes))
    graphs.check(graphs.node("Unsqueeze", (2, 3), i64(*axes)))


@pytest.mark.parametrize(("opset", "attributes"), [(4, {"axis": 2}), (13, {"axis": -1})])
def test_concat(graphs, random, opset, attributes):
    nodes = [
        helper.make_node("Identity", ["x"], ["a"]),
        helper.make_node("Concat", ["x", "a", "c"], ["y"], **attributes),
    ]
    graphs.check(graphs.write(nodes, MAP, opset=opset, constants={"c": random.random(MAP, F32)}))


@per_example
@given(
    axes=st.lists(st.sampled_from([1, 2, 3, -1, -2]), min_size=1, max_size=2, unique_by=lambda axis: axis % 4),
    data=st.data(),
)
def test_slice(graphs, axes, data):
    bounds = st.one_of(st.integers(-9, 9), st.sampled_from([2**63 - 1, -(2**63) + 1]))
    starts = data.draw(st.lists(st.integers(-9, 9), min_size=len(axes), max_size=len(axes)))
    ends = data.draw(st.lists(bounds, min_size=len(axes), max_size=len(axes)))
    steps = data.draw(st.lists(st.sampled_from([1, 2, 3, -1, -2]), min_size=len(axes), max_size=len(axes)))
    expected = np.zeros(MAP)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        slices = [slice(None)] * 4
        stop = None if step < 0 and end < -MAP[axis] else end
        slices[axis] = slice(start, stop, step)
        expected = expected[tuple(slices)]
    assume(expected.size)
    graphs.check(graphs.node("Slice", MAP, i64(*starts), i64(*ends), i64(*axes), i64(*steps)))
    if all(step == 1 for step in steps):
        graphs.check(graphs.node("Slice", MAP, opset=9, starts=starts, ends=ends, axes=[axis % 4 for axis in axes]))


@pytest.mark.parametrize(("opset", "form"), [(11, "attribute"), (13, "input"), (18, "number"), (13, "even")])
def test_split(graphs, opset, form):
    inputs, attributes = ["x"], {"axis": 1}
    if form == "attribute":
        attributes["split"] = [1, 3]
    elif form == "input":
        inputs.append("sizes")
    elif form == "number":
        attributes["num_outputs"] = 2
    nodes = [helper.make_node("Split", inputs, ["a", "b"], **attributes), helper.make_node("Relu", ["a"], ["z"])]
    constants = {"sizes": i64(1, 3)} if form == "input" else {}
    graphs.check(graphs.write(nodes, MAP, opset=opset, constants=constants, outputs=("z", "b")))


@pytest.mark.parametrize("index", [i64(2, 0, -1), np.array(-2), np.array([[0, 1], [2, 3]])])
@pytest.mark.parametrize("axis", [1, -1])
def test_gather(graphs, index, axis):
    graphs.check(graphs.node("Gather", MAP, index, axis=axis))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize(
    "pads",
    [[0, 0, 1, 2, 0, 0, 3, 1], [0, 1, 1, 0, 0, 2, 0, 2], [0, 0, -1, 1, 0, 0, 2, -2], [0] * 8, [0, 0, 6, 0, 0, 0, 0, 5]],
)
def test_pad_in_every_form(graphs, mode, pads):
    constant = {"value": 0.5} if mode == "constant" else {}
    extra = [np.array(0.5, F32)] if mode == "constant" else []
    if mode != "wrap":
        graphs.check(graphs.node("Pad", MAP, opset=2, pads=pads, mode=mode, **constant))
        graphs.check(graphs.node("Pad", MAP, i64(*pads), *extra, opset=13, mode=mode))
    with_axes = [i64(*pads), *(extra or [None]), i64(0, -3, 2, -1)]
    graphs.check(graphs.node("Pad", MAP, *with_axes, opset=19, mode=mode))


COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]


@settings(per_example, max_examples=80)
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    coordinates=st.sampled_from(COORDINATES),
    rounding=st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
    scales=st.one_of(
        st.sampled_from([(2.0, 2.0), (3.0, 2.0), (0.5, 0.5), (1.0, 2.0)]),
        st.tuples(st.sampled_from([0.4, 0.7, 1.3, 1.5, 2.5]), st.sampled_from([0.6, 1.0, 1.7, 2.0])),
    ),
    by_size=st.booleans(),
    exclude_outside=st.booleans(),
    a=st.sampled_from([-0.75, -0.5]),
)
def test_resize(graphs, random, mode, coordinates, rounding, scales, by_size, exclude_outside, a):
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        attributes["nearest_mode"] = rounding
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": a, "exclude_outside": int(exclude_outside)}
    if by_size:
        sizes = i64(1, 4, *(int(size * scale) for size, scale in zip(MAP[2:], scales, strict=True)))
        inputs = [None, None, sizes]
    else:
        inputs = [None, f32(1, 1, *scales)]
    graphs.check(graphs.node("Resize", MAP, *inputs, opset=19, **attributes), tolerance=1e-4)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_and_upsample_of_older_opsets(graphs, mode):
    scales = [1.0, 1.0, 2.0, 3.0]
    graphs.check(graphs.node("Upsample", MAP, opset=7, mode=mode, scales=scales))
    graphs.check(graphs.node("Upsample", MAP, f32(*scales), opset=9, mode=mode))
    graphs.check(graphs.node("Resize", MAP, f32(*scales), opset=10, mode=mode))
    graphs.check(graphs.node("Resize", MAP, f32(), f32(*scales), opset=11, mode=mode))
    graphs.check(graphs.node("Resize", MAP, f32(), f32(), i64(1, 4, 9, 5), opset=13, mode=mode))


def test_upsampling_that_torch_knows_is_its_module(graphs):
    for mode, coordinates, expected in (
        ("nearest", "asymmetric", "nearest"),
        ("linear", "half_pixel", "bilinear"),
        ("linear", "align_corners", "bilinear"),
        ("cubic", "half_pixel", "bicubic"),
    ):
        extra = {"nearest_mode": "floor"} if mode == "nearest" else {}
        path = graphs.node(
            "Resize", MAP, None, f32(1, 1, 2, 2), mode=mode, coordinate_transformation_mode=coordinates, **extra
        )
        (module,) = graphs.check(path, tolerance=1e-4).module.children()
        assert type(module) is nn.Upsample
        assert module.mode == expected


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("region", [(0, 0, 0.2, 0.1, 1, 1, 0.7, 1.2), (0, 0, 0, 0, 1, 1, 1, 1)])
def test_resize_of_a_region(graphs, mode, region):
    attributes = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.0}
    path = graphs.node("Resize", MAP, f32(*region), None, i64(1, 4, 5, 9), mode=mode, **attributes)
    graphs.check(path, tolerance=1e-4)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("scales", [(0.5, 0.7), (2.0, 0.4)])
def test_resize_without_aliasing(graphs, mode, scales):
    graphs.check(graphs.node("Resize", MAP, None, f32(1, 1, *scales), opset=18, mode=mode, antialias=1), tolerance=1e-4)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_resize_that_keeps_the_ratio(graphs, policy):
    path = graphs.node(
        "Resize", MAP, None, None, i64(10, 9), opset=18, axes=[2, 3], mode="linear", keep_aspect_ratio_policy=policy
    )
    graphs.check(path, tolerance=1e-4)


def test_depth_and_space(graphs):
    for mode in ("DCR", "CRD"):
        graphs.check(graphs.node("DepthToSpace", (1, 8, 3, 4), opset=13, blocksize=2, mode=mode))
    graphs.check(graphs.node("SpaceToDepth", (1, 2, 4, 6), blocksize=2))


def test_tile_and_expand(graphs):
    graphs.check(graphs.node("Tile", MAP, i64(1, 2, 1, 3)))
    graphs.check(graphs.node("Expand", (1, 4, 1, 1), i64(1, 1, 5, 6)))
    graphs.check(graphs.node("Expand", (1, 4, 1, 1), i64(2, 6)))


def test_a_shape_that_the_file_computes(graphs):
    """What exporters write for ``x.view(x.size(0), -1)`` and for resizing to another map's size."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Constant", [], ["zero"], value=numpy_helper.from_array(np.array(0))),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch"], ["batch1"], axes=[0]),
        helper.make_node("Constant", [], ["rest"], value=numpy_helper.from_array(i64(-1))),
        helper.make_node("Concat", ["batch1", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["flat"]),
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(i64(2))),
        helper.make_node("Slice", ["shape", "from", "to"], ["sides"]),
        helper.make_node("Mul", ["sides", "two"], ["double"]),
        helper.make_node("Slice", ["shape", "start", "from"], ["front"]),
        helper.make_node("Concat", ["front", "double"], ["sizes"], axis=0),
        helper.make_node("Resize", ["x", "none", "none", "sizes"], ["big"], mode="nearest"),
        helper.make_node("Cast", ["double"], ["float"], to=1),
        helper.make_node("ConstantOfShape", ["front"], ["ones"], value=numpy_helper.from_array(f32(3))),
        helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["flat", "sum"], ["scaled"]),
    ]
    constants = {"none": f32(), "start": i64(0), "from": i64(2), "to": i64(4)}
    path = graphs.write(nodes, MAP, opset=11, constants=constants, outputs=("scaled", "big"))
    network = graphs.check(path)
    many = network.module(torch.rand(5, *MAP[1:]))
    assert many["scaled"].shape == (5, 168)
    assert many["big"].shape == (5, 4, 14, 12)
    assert "It takes one image at a time." not in network.notes


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("value_float", 2.5, 2.5),
        ("value_floats", [1.5], 1.5),
        ("value_ints", [3], 3),
        ("value_int", 4, 4),
        ("value", numpy_helper.from_array(np.array(2.0, np.float64)), 2.0),
        ("value", helper.make_tensor("t", TensorProto.FLOAT16, [1], [1.5]), 1.5),
        ("value", helper.make_tensor("t", TensorProto.BFLOAT16, [1], [1.5]), 1.5),
        (
            "value",
            helper.make_tensor("t", TensorProto.INT64, [4], [-(2**40), 2**41, -(2**63), 2**62]),
            2.0**40 - 2.0**62,
        ),
        ("value", helper.make_tensor("t", TensorProto.UINT8, [2], [255, 2]), 257),
        ("value", helper.make_tensor("t", TensorProto.DOUBLE, [2], [0.5, 0.25]), 0.75),
        ("value", helper.make_tensor("t", TensorProto.BOOL, [3], [1, 0, 1]), 2),
        ("value", helper.make_tensor("t", TensorProto.INT32, [2], [-7, 3]), -4),
        ("value", helper.make_tensor("t", TensorProto.UINT64, [1], [2**33]), 2.0**33),
    ],
)
def test_constants_in_every_encoding(graphs, attribute, value, expected):
    nodes = [
        helper.make_node("Constant", [], ["c"], **{attribute: value}),
        helper.make_node("Cast", ["c"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["f"], ["s"], keepdims=0),
        helper.make_node("Add", ["x", "s"], ["y"]),
    ]
    network = open_onnx(graphs.write(nodes, (1, 1), opset=13))
    assert float(network.module(torch.zeros(1, 1))) == expected


def test_numbers_that_count(graphs):
    nodes = [helper.make_node("Range", ["a", "b", "c"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    graphs.check(
        graphs.write(nodes, (1, 4), constants={"a": np.array(7, F32), "b": np.array(1, F32), "c": np.array(-1.5, F32)})
    )
