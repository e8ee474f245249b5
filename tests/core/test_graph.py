"""What the layers of a graph say: names, kinds, edges, windows; the same by every method that sees them."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.graph import Geometry, LayerGraph
from cnnviz.core.trace import prepare

from .networks import ConcatNet, FunctionalNet, ResidualNet, ShapeDependent, ValueDependent


def facts(graph: LayerGraph) -> list[tuple[object, ...]]:
    return [(layer.name, layer.kind, layer.inputs, layer.output_shape, layer.summary) for layer in graph]


def test_functions_are_layers_of_the_matching_class() -> None:
    graph = prepare(FunctionalNet(), torch.zeros(1, 1, 14, 14)).graph
    assert facts(graph) == [
        ("input", "Input", (), (1, 14, 14), "Input"),
        ("conv1", "Conv2d", ("input",), (4, 12, 12), "Conv 3×3"),
        ("relu", "ReLU", ("conv1",), (4, 12, 12), "ReLU"),
        ("conv2", "Conv2d", ("relu",), (6, 10, 10), "Conv 3×3"),
        ("relu_1", "ReLU", ("conv2",), (6, 10, 10), "ReLU"),
        ("max_pool2d", "MaxPool2d", ("relu_1",), (6, 5, 5), "Max 2×2"),
        ("flatten", "Flatten", ("max_pool2d",), (150,), "Flatten"),
        ("fc", "Linear", ("flatten",), (10,), "Linear"),
        ("log_softmax", "LogSoftmax", ("fc",), (10,), "LogSoftmax"),
    ]
    assert graph["conv2"].parameters == 6 * 4 * 9 + 6
    assert graph["conv2"].macs == 10 * 10 * 6 * 4 * 9
    assert graph["fc"].macs == 1500
    assert graph.parameters == 40 + 222 + 1510


def test_residual_blocks() -> None:
    graph = prepare(ResidualNet(), torch.zeros(1, 3, 12, 12)).graph
    assert graph["layer1.0.relu:2"].inputs == ("layer1.0.add",)
    assert graph["layer1.0.add"].inputs == ("layer1.0.conv2", "stem")
    assert graph["layer1.0.add"].module_path is None
    assert graph["layer1.0.relu:2"].module_path == "layer1.0.relu"
    assert graph["layer1.1.add"].block == ("layer1", "layer1.1")
    assert graph["layer1.1.conv1"].block == ("layer1", "layer1.1")
    assert graph["stem"].block == ()
    assert [layer.name for layer in graph.consumers("stem")] == ["layer1.0.conv1", "layer1.0.add"]
    assert [layer.name for layer in graph.consumers("fc")] == []
    assert graph["stem"].summary == "Conv 3×3 /2"
    assert graph["pool"].summary == "Adaptive avg 1×1"
    assert graph["flatten"].inputs == ("pool",)


def test_branches_and_plumbing() -> None:
    graph = prepare(ConcatNet(), torch.zeros(1, 4, 7, 6)).graph
    assert [layer.name for layer in graph][3:] == ["concat", "drop", "split", "split_1", "sigmoid", "mul"]
    assert graph["concat"].inputs == ("grouped", "dilated")
    assert graph["split_1"].inputs == ("drop",)
    assert graph["mul"].inputs == ("split", "sigmoid")
    assert graph["mul"].kind == "Multiply"
    assert graph["grouped"].summary == "Conv 3×3 groups 4"
    assert graph["dilated"].summary == "Conv 3×3 dil 2"
    assert graph["dilated"].geometry == Geometry((3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2))


@pytest.mark.parametrize("make", [FunctionalNet, ResidualNet, ConcatNet])
def test_an_exported_graph_says_the_same(make: type[nn.Module]) -> None:
    class OnlyExport(nn.Module):
        """Cannot be traced by torch.fx, as it asks for the input's size."""

        def __init__(self) -> None:
            super().__init__()
            self.net = make()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x) if x.shape[2] > 1 else x

    shape = {FunctionalNet: (1, 14, 14), ResidualNet: (3, 12, 12), ConcatNet: (4, 7, 6)}[make]
    traced = prepare(make(), torch.zeros(1, *shape)).graph
    exported = prepare(OnlyExport(), torch.zeros(1, *shape)).graph
    assert (traced.method, exported.method) == ("torch.fx", "torch.export")

    def outside(text: str) -> str:
        return text.removeprefix("net.")

    found = [
        (outside(la.name), la.kind, tuple(map(outside, la.inputs)), la.output_shape, la.summary, la.parameters, la.macs)
        for la in exported
    ]
    assert found == [
        (la.name, la.kind, la.inputs, la.output_shape, la.summary, la.parameters, la.macs) for la in traced
    ]
    assert [layer.geometry for layer in exported] == [layer.geometry for layer in traced]
    assert all(layer.block[:1] == ("net",) for layer in exported.layers[1:])


def test_notes_say_why_a_better_method_failed() -> None:
    shape = prepare(ShapeDependent(), torch.zeros(1, 3, 16, 16)).graph
    assert shape.method == "torch.export"
    assert shape.notes == (
        "torch.fx could not be used: symbolically traced variables cannot be used as inputs to control flow",
    )
    assert shape["mul"].parameters == 1  # a parameter of the network itself, used by a function
    value = prepare(ValueDependent(), torch.zeros(1, 1, 6, 6)).graph
    assert value.method == "hooks"
    assert [note.split(" could")[0] for note in value.notes[:2]] == ["torch.fx", "torch.export"]
    assert value.notes[2:] == (
        "Functions between modules are not shown.",
        "6 parameters of the network belong to none of the layers shown.",
    )


WINDOWS = [
    (nn.Conv2d(2, 4, 5, padding=2), lambda x: F.conv2d(x, torch.ones(4, 2, 5, 5), padding=2), "Conv 5×5"),
    (
        nn.Conv2d(2, 4, (3, 1), (2, 1), dilation=(2, 1)),
        lambda x: F.conv2d(x, torch.ones(4, 2, 3, 1), None, (2, 1), 0, (2, 1)),
        "Conv 3×1 /2×1 dil 2×1",
    ),
    (
        nn.Conv2d(2, 4, (4, 3), padding="same", groups=2),
        lambda x: F.conv2d(x, torch.ones(4, 1, 4, 3), padding="same", groups=2),
        "Conv 4×3 groups 2",
    ),
    (nn.MaxPool2d(3, 2, 1, ceil_mode=True), lambda x: F.max_pool2d(x, 3, 2, 1, 1, True), "Max 3×3 /2"),
    (nn.AvgPool2d((2, 3)), lambda x: F.avg_pool2d(x, (2, 3)), "Avg 2×3"),
    (nn.ZeroPad2d((1, 2, 3, 4)), lambda x: F.pad(x, (1, 2, 3, 4)), "Pad 1…4"),
    (nn.ReflectionPad2d(2), lambda x: F.pad(x, (2, 2, 2, 2), mode="reflect"), "Pad 2"),
    (
        nn.ConvTranspose2d(2, 3, 4, 2, 1),
        lambda x: F.conv_transpose2d(x, torch.ones(2, 3, 4, 4), None, 2, 1),
        "Transposed conv 4×4 /2",
    ),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("module", "function", "summary"), WINDOWS)
def test_modules_and_functions_have_the_same_window(module: nn.Module, function: object, summary: str) -> None:
    class Functional(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)  # type: ignore[operator]

    example = torch.zeros(1, 2, 11, 11)
    by_module = prepare(nn.Sequential(module), example).graph.layers[-1]
    by_function = prepare(Functional(), example).graph.layers[-1]
    assert by_module.geometry is not None
    assert by_module.geometry == by_function.geometry
    assert by_module.summary == summary
    assert by_module.macs == by_function.macs
    assert by_function.output_shape == by_module.output_shape
    geometry = by_module.geometry
    if "Transposed" not in summary and not geometry.ceil_mode:
        for axis in (0, 1):  # the formula of torch's documentation
            covered = 11 + sum(geometry.padding[axis]) - geometry.dilation[axis] * (geometry.kernel_size[axis] - 1) - 1
            assert by_module.output_shape[1 + axis] == covered // geometry.stride[axis] + 1


def test_shared_weights_are_counted_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(4, 4)
            self.two = nn.Linear(4, 4)
            self.two.weight = self.one.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.one(self.two(self.one(x)))

    graph = prepare(Tied(), torch.zeros(1, 4)).graph
    assert [(layer.name, layer.parameters, layer.macs) for layer in graph.layers[1:]] == [
        ("one", 20, 16),
        ("two", 4, 16),
        ("one:2", 0, 16),
    ]


def test_parametrised_layers_keep_their_kind() -> None:
    module = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 2, 3)))
    layer = prepare(module, torch.zeros(1, 1, 5, 5)).graph.layers[-1]
    assert (layer.name, layer.kind, layer.summary) == ("0", "Conv2d", "Conv 3×3")
    assert layer.parameters == 18 + 2 + 2


def test_names_stay_unique() -> None:
    class Clashing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU()
            self.input = nn.Conv2d(1, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.relu(F.relu(self.input(x))))

    graph = prepare(Clashing(), torch.zeros(1, 1, 3, 3)).graph
    assert [layer.name for layer in graph] == ["input", "input:2", "relu_1", "relu", "relu_2"]
    assert len(graph) == 5
    assert "relu_2" in graph
    with pytest.raises(KeyError):
        graph["relu_3"]


def test_uncounted_multiply_adds_are_told() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(x, x, x)[0]

    graph = prepare(Attention(), torch.zeros(1, 3, 4)).graph
    assert "The multiply-adds of attention are not counted." in graph.notes
    assert graph["attention"].output_shape == (3, 4)
