"""Whole networks: names, weights, panels' needs, the sample that others have published."""

import copy

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, load_model_from_string
from torch import nn

from cnnviz.checkpoints.onnx.open import open_onnx, read_plan
from cnnviz.checkpoints.onnx.values import contents_of
from cnnviz.core.filters import kernel_bank
from cnnviz.core.receptive_field import receptive_field
from cnnviz.core.trace import prepare

F32 = np.float32


@pytest.fixture
def residual(graphs, random):
    """A residual block as PyTorch's exporter writes it, with unevenly padded first convolution."""
    constants = {
        "stem.weight": random.standard_normal((6, 3, 3, 3), F32),
        "onnx::Conv_7": random.standard_normal((6, 6, 3, 3), F32),
        "layer1.0.bn.weight": random.random(6, F32),
        "layer1.0.bn.bias": random.random(6, F32),
        "layer1.0.bn.running_mean": random.random(6, F32),
        "layer1.0.bn.running_var": random.random(6, F32) + 0.1,
        "fc.weight": random.standard_normal((5, 6), F32),
        "fc.bias": random.standard_normal(5, F32),
    }
    bn = [f"layer1.0.bn.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        helper.make_node("Conv", ["x", "stem.weight"], ["a"], "/stem/Conv", auto_pad="SAME_UPPER", strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"], "/relu/Relu"),
        helper.make_node(
            "Conv", ["b", "onnx::Conv_7"], ["c"], "/layer1/layer1.0/conv/Conv", pads=[1, 1, 1, 1], kernel_shape=[3, 3]
        ),
        helper.make_node("BatchNormalization", ["c", *bn], ["d"], "/layer1/layer1.0/bn/BatchNormalization"),
        helper.make_node("Add", ["d", "b"], ["e"], "/layer1/layer1.0/Add"),
        helper.make_node("Relu", ["e"], ["f"], "/relu/Relu_1"),
        helper.make_node("GlobalAveragePool", ["f"], ["g"], ""),
        helper.make_node("Flatten", ["g"], ["h"], "/Flatten"),
        helper.make_node("Gemm", ["h", "fc.weight", "fc.bias"], ["y"], "", transB=1),
    ]
    return graphs.write(nodes, ("N", 3, 8, 8), constants=constants, producer_name="pytorch", producer_version="2.1")


def test_modules_have_the_names_that_people_know(graphs, residual):
    network = graphs.check(residual, np.random.default_rng(1).random((1, 3, 8, 8), F32), 1e-4)
    layers = prepare(network.module, torch.zeros(1, 3, 8, 8)).graph
    assert [layer.name for layer in layers] == [
        "input",
        "stem.pad",
        "stem.window",
        "relu",
        "layer1.0.conv",
        "layer1.0.bn",
        "layer1.0.add.add",
        "relu_2",
        "global_average_pool",
        "flatten",
        "fc",
    ]
    assert layers["layer1.0.add.add"].inputs == ("layer1.0.bn", "relu")
    assert layers["layer1.0.conv"].block == ("layer1", "layer1.0")
    assert layers.parameters == 6 * 27 + 6 * 54 + 12 + 35
    assert network.producer == "pytorch 2.1"
    assert network.input_size == (3, 8, 8)


def test_filters_receptive_fields_gradients_and_edits_work(residual):
    network = open_onnx(residual)
    traced = prepare(network.module, torch.zeros(1, 3, 8, 8))
    assert receptive_field(traced.graph, "layer1.0.conv").size == (7, 7)
    stem = network.module.get_submodule("stem.window")
    assert kernel_bank(stem.weight, "Conv2d").form == "colour"
    image = torch.rand(2, 3, 8, 8, requires_grad=True)
    trace = traced.run(image, ["layer1.0.conv"], gradients=True)
    (gradient,) = torch.autograd.grad(trace.output[:, 1].sum(), trace.values["layer1.0.conv"])
    assert gradient.abs().sum() > 0
    edited = copy.deepcopy(network.module)
    with torch.no_grad():
        edited.get_submodule("fc").weight.zero_()
    assert torch.equal(edited(image)[0], edited.get_submodule("fc").bias)
    assert not torch.equal(network.module(image), edited(image))


def test_a_hook_sees_each_node_once(residual):
    network = open_onnx(residual)
    seen = []
    handles = [
        module.register_forward_hook(lambda *_, name=name: seen.append(name))
        for name, module in network.module.named_modules()
        if not list(module.children()) and name
    ]
    network.module(torch.zeros(1, 3, 8, 8))
    for handle in handles:
        handle.remove()
    assert len(seen) == len(set(seen)) == 10


def test_tied_names_and_names_that_torch_uses_are_told_apart(graphs):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "forward"),
        helper.make_node("Relu", ["a"], ["b"], "block/Relu"),
        helper.make_node("Relu", ["b"], ["c"], "block"),
        helper.make_node("Relu", ["c"], ["d"], "block/deeper/one"),
        helper.make_node("Relu", ["d"], ["e"], "input"),
        helper.make_node("Relu", ["e"], ["f"], "../../etc"),
        helper.make_node("Relu", ["f"], ["y"], "…"),
    ]
    network = graphs.check(graphs.write(nodes, (1, 2, 3, 3)))
    names = [name for name, module in network.module.named_modules() if type(module) is nn.ReLU]
    assert len(names) == 7
    assert names[0] == "forward_"


@pytest.mark.parametrize("open_axes", [("H", "W"), (None, None)])
def test_a_size_that_is_left_open_is_one_that_the_network_can_take(graphs, random, open_axes):
    weights = {"w": random.standard_normal((2, 3, 3, 3), F32), "v": random.standard_normal((2 * 26 * 26, 4), F32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Flatten", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "v"], ["y"]),
    ]
    network = open_onnx(graphs.write(nodes, ("N", None, *open_axes), constants=weights))
    assert network.input_size == (3, 28, 28)
    assert "3×28×28" in network.notes[0]
    assert network.module(torch.zeros(2, 3, 28, 28)).shape == (2, 4)
    assert open_onnx(network.path, input_size=(3, 32, 32)).module is None


def test_images_with_the_channels_last_are_given_as_torch_has_them(graphs, random):
    weight = random.standard_normal((2, 3, 3, 3), F32)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w"], ["y"]),
    ]
    path = graphs.write(nodes, (1, 8, 9, 3), constants={"w": weight})
    network = open_onnx(path)
    assert network.input_size == (3, 8, 9)
    assert "channels last" in network.notes[0]
    image = torch.rand(1, 3, 8, 9)
    assert torch.allclose(network.module(image), nn.functional.conv2d(image, torch.from_numpy(weight)), atol=1e-5)


def test_half_precision_is_computed_in_single(graphs, random):
    weight = random.standard_normal((2, 3, 3, 3)).astype(np.float16)
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["h", "w"], ["c"]),
        helper.make_node("Cast", ["c"], ["y"], to=TensorProto.FLOAT),
    ]
    network = open_onnx(graphs.write(nodes, (1, 3, 5, 5), constants={"w": weight}))
    expected = nn.functional.conv2d(torch.ones(1, 3, 5, 5), torch.from_numpy(weight).float())
    assert torch.allclose(network.module(torch.ones(1, 3, 5, 5)), expected, atol=1e-5)
    assert network.contents.load("w").dtype == torch.float16


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([helper.make_node("GRU", ["x"], ["y"], hidden_size=3)], "GRU"),
        ([helper.make_node("Fused", ["x"], ["y"], domain="com.microsoft")], "com.microsoft.Fused"),
        ([helper.make_node("Conv", ["x", "x"], ["y"], "two")], "'two' (Conv)"),
        ([helper.make_node("Reshape", ["x", "four"], ["y"])], "does not fit"),
        ([helper.make_node("Relu", ["w"], ["y"])], "0 inputs"),
        ([helper.make_node("Constant", [], ["y"], value_float=1.0), helper.make_node("Relu", ["x"], ["z"])], "depend"),
        ([helper.make_node("Tile", ["x", "many"], ["y"])], "GiB"),
        ([helper.make_node("Pad", ["x", "far"], ["y"], mode="edge")], "Pad"),
    ],
)
def test_what_cannot_be_computed_is_named_and_its_tensors_are_there(graphs, random, nodes, said):
    constants = {
        "w": random.random((2, 2), F32),
        "four": np.array([2, 2]),
        "many": np.array([1, 1, 60_000, 60_000]),
        "far": np.array([0, 2**40, 0, 0, 0, 0, 0, 0]),
    }
    network = open_onnx(graphs.write(nodes, (1, 1, 3, 3), constants=constants))
    assert network.module is None
    assert said in network.message
    assert len(network.nodes) == len(nodes)
    assert np.array_equal(network.contents.load("w").numpy(), constants["w"])


def test_contents_are_what_the_file_holds(graphs, random):
    arrays = {
        "b10": random.random((2, 3), F32),
        "b2": random.integers(-100, 100, (4,), np.int64),
        "c": random.random(3).astype(np.float16),
        "d": np.array([True, False]),
        "e": np.float64(2.5).reshape(()),
        "f": np.empty((0, 3), F32),
        "g": (random.random(2) + 1j).astype(np.complex64),
    }
    path = graphs.write([helper.make_node("Relu", ["x"], ["y"])], (1, 2), constants=arrays)
    contents = contents_of(read_plan(path), path)
    assert [entry.name for entry in contents.entries] == ["b2", "b10", "c", "d", "e", "f", "g"]
    for name, array in arrays.items():
        assert contents.entry(name).shape == array.shape
        assert contents.entry(name).dtype == str(array.dtype)
        assert np.array_equal(contents.load(name).numpy(), array)
    assert contents.metadata["operators"] == {"Relu": 1}
    assert contents.format == "ONNX"


@pytest.mark.parametrize("kind", ["FLOAT8E4M3FN", "FLOAT8E5M2", "BFLOAT16"])
def test_contents_in_types_that_numpy_lacks(graphs, kind):
    number = getattr(TensorProto, kind)
    path = graphs.write([helper.make_node("Relu", ["x"], ["y"])], (1, 2))
    loaded = load_model_from_string(path.read_bytes())
    loaded.graph.initializer.append(helper.make_tensor("t", number, [3], [1.5, -2.0, 0.5]))
    path.write_bytes(loaded.SerializeToString())
    assert contents_of(read_plan(path), path).load("t").float().tolist() == [1.5, -2.0, 0.5]


def test_the_published_lenet_is_its_sibling(graphs, shared_data):
    folder = shared_data / "checkpoints" / "lenet-fyh620"
    network = open_onnx(folder / "lenet.onnx")
    weights = torch.load(folder / "lenet.pth", map_location="cpu", weights_only=True)
    weights = weights.get("state_dict", weights)
    own = network.module.state_dict()
    assert own.keys() == weights.keys()
    assert all(torch.equal(own[name], weights[name]) for name in own)
    image = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    (expected,) = graphs.reference(folder / "lenet.onnx").run(None, {"input.1": image.numpy()})
    np.testing.assert_allclose(network.module(image).detach().numpy(), expected, atol=1e-6)
    assert network.module(torch.rand(7, 1, 28, 28)).shape == (7, 10)
    assert sum(tensor.numel() for tensor in network.module.parameters()) == 44_426
