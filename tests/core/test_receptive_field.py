"""Fields by theory against the support of gradients, and against published numbers."""

import time

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnviz.core.graph import LayerGraph
from cnnviz.core.receptive_field import UnalignedBranches, UnknownOperation, receptive_field
from cnnviz.core.trace import prepare

from .networks import ValueDependent


def positive(module: nn.Module) -> nn.Module:
    """With weights that cannot cancel each other out, so that what is connected has a gradient."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return module.double().eval()


def supports(module: nn.Module, image: Tensor, units: list[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """For each unit: first row, first column, height and width of the hull of the pixels with a gradient."""
    images = image.repeat(len(units), 1, 1, 1).requires_grad_()
    output = module(images)
    chosen = [output[i].sum() if output.ndim < 4 else output[i, :, r, c].sum() for i, (r, c) in enumerate(units)]
    (gradients,) = torch.autograd.grad(torch.stack(chosen).sum(), images)
    boxes = []
    for gradient in gradients.abs().amax(1):
        rows, columns = (gradient.amax(axis).nonzero().flatten().tolist() for axis in (1, 0))
        boxes.append((rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) if rows else (0,) * 4)
    return boxes


def assert_fields(module: nn.Module, image: Tensor) -> None:
    module = positive(module)
    graph = prepare(module, image).graph
    geometries = [layer.geometry for layer in graph if layer.geometry]
    last = graph.layers[-1]
    field = receptive_field(graph, last.name)
    height, width = last.output_shape[1:] if len(last.output_shape) == 3 else (1, 1)
    units = [(row, column) for row in range(height) for column in range(width)]
    for unit, expected in zip(units, supports(module, image, units), strict=True):
        found = field.clipped_box(*unit)
        if expected == (0, 0, 0, 0):
            assert 0 in found[2:]
            continue
        assert found == expected
        top, left, rows, columns = field.box(*unit)
        if all(geometry.padding_mode == "zeros" for geometry in geometries):
            assert top <= found[0]
            assert left <= found[1]
            assert top + rows >= found[0] + found[2]
            assert left + columns >= found[1] + found[3]
        # Where padding and borders are far away, theory is the support itself.
        inside = top >= 0 and left >= 0 and top + rows <= image.shape[2] and left + columns <= image.shape[3]
        if inside and not any(map(any, (pair for geometry in geometries for pair in geometry.padding))):
            assert (top, left, rows, columns) == found


@st.composite
def convolutions(draw: st.DrawFn, stride: bool = True) -> nn.Module:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    mode = draw(st.sampled_from(["zeros", "zeros", "replicate", "circular", "reflect"]))
    padding = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 2))) if stride else 1
    groups = draw(st.sampled_from([1, 2]))
    return nn.Conv2d(2, 2, kernel, strides, padding, dilation, groups, padding_mode=mode)


@st.composite
def poolings(draw: st.DrawFn) -> nn.Module:
    kernel = draw(st.integers(1, 3))
    return nn.AvgPool2d(
        kernel, draw(st.integers(1, 3)), draw(st.integers(0, kernel // 2)), ceil_mode=draw(st.booleans())
    )


paddings = st.tuples(*[st.integers(0, 2)] * 4).flatmap(
    lambda pad: st.sampled_from([nn.ZeroPad2d(pad), nn.ReplicationPad2d(pad), nn.CircularPad2d(pad)])
)


@settings(max_examples=80, deadline=None)
@given(st.lists(convolutions() | poolings() | paddings, min_size=1, max_size=4))
def test_chains_of_any_windows(layers: list[nn.Module]) -> None:
    module = nn.Sequential(*layers)
    image = torch.zeros(1, 2, 15, 13, dtype=torch.float64)
    try:
        module.double()(image)
    except RuntimeError:  # the map became smaller than a window
        return
    assert_fields(module, image)


class Branches(nn.Module):
    def __init__(self, one: nn.Module, other: nn.Module, join: str) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 2, 3, stride=2, padding=1)
        self.one, self.other, self.join = one, other, join

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if self.join == "cat":
            return torch.cat([self.one(x), self.other(x)], 1)
        if self.join == "gate":
            return self.one(x) + F.adaptive_avg_pool2d(x, 1)
        return self.one(x) + self.other(x)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([(1, 1), (3, 2), (5, 1), (2, 3)]),
    st.sampled_from([(1, 1), (3, 1), (2, 2)]),
    st.sampled_from(["cat", "add", "gate"]),
)
def test_branches_join_by_their_union(one: tuple[int, int], other: tuple[int, int], join: str) -> None:
    branches = [nn.Conv2d(2, 2, kernel, padding="same", dilation=dilation) for kernel, dilation in (one, other)]
    if join == "gate":
        branches[0] = nn.Conv2d(2, 2, 1)
    assert_fields(Branches(branches[0], branches[1], join), torch.zeros(1, 2, 13, 11, dtype=torch.float64))


@pytest.mark.parametrize(
    "head",
    [
        nn.AdaptiveAvgPool2d(1),
        nn.Sequential(nn.Flatten(), nn.Linear(32, 3)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 2, 1), nn.Flatten(), nn.Linear(2, 2), nn.Softplus()),
    ],
)
def test_heads_read_the_whole_map(head: nn.Module) -> None:
    # Four units per axis of size 3 and stride 3 leave the last pixels of 14 unread.
    module = nn.Sequential(nn.Conv2d(1, 2, 3, stride=3), head)
    assert_fields(module, torch.zeros(1, 1, 14, 14, dtype=torch.float64))
    graph = prepare(module, torch.zeros(1, 1, 14, 14, dtype=torch.float64)).graph
    field = receptive_field(graph, graph.layers[-1].name)
    assert (field.size, field.stride, field.start) == ((12, 12), (0, 0), (0, 0))


def test_units_in_the_padding_have_no_field() -> None:
    padded = nn.Conv2d(1, 1, 1, padding=2)
    assert_fields(nn.Sequential(padded), torch.zeros(1, 1, 4, 3, dtype=torch.float64))
    assert_fields(nn.Sequential(padded, nn.AdaptiveAvgPool2d(1)), torch.zeros(1, 1, 4, 3, dtype=torch.float64))


@pytest.mark.parametrize("pad", [nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d, nn.ZeroPad2d])
def test_paddings_that_hold_other_pixels(pad: type[nn.Module]) -> None:
    module = nn.Sequential(pad((2, 1, 3, 0)), nn.Conv2d(1, 1, (1, 2)))
    assert_fields(module, torch.zeros(1, 1, 6, 5, dtype=torch.float64))


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU(inplace=True))


def alexnet() -> nn.Sequential:
    return nn.Sequential(
        *(conv(3, 2, 11, 4, 2), nn.MaxPool2d(3, 2), conv(2, 2, 5, 1, 2), nn.MaxPool2d(3, 2)),
        *(conv(2, 2, 3, 1, 1), conv(2, 2, 3, 1, 1), conv(2, 2, 3, 1, 1), nn.MaxPool2d(3, 2)),
    )


def vgg16() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for depth in (2, 2, 3, 3, 3):
        for _ in range(depth):
            layers.append(conv(channels, 2, 3, 1, 1))
            channels = 2
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Basic(nn.Module):
    """A block of ResNet-18, without normalisation."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(2, 2, 3, stride, 1), nn.Conv2d(2, 2, 3, 1, 1))
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(2, 2, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet18() -> nn.Sequential:
    blocks = [Basic(stride) for stride in (1, 1, 2, 1, 2, 1, 2, 1)]
    return nn.Sequential(conv(3, 2, 7, 2, 3), nn.MaxPool2d(3, 2, 1), *blocks)


def graph_of(module: nn.Module) -> LayerGraph:
    return prepare(module, torch.zeros(1, 3, 224, 224)).graph


@pytest.mark.parametrize(("make", "size", "padding"), [(alexnet, 195, 66), (vgg16, 212, 90), (resnet18, 435, 217)])
def test_published_networks(make: type[nn.Sequential], size: int, padding: int) -> None:
    graph = graph_of(make())
    field = receptive_field(graph, graph.layers[-1].name)
    assert (field.size, field.stride, field.start) == ((size, size), (32, 32), (-padding, -padding))


def test_alexnet_layer_by_layer() -> None:
    graph = graph_of(alexnet())
    sizes = [receptive_field(graph, layer.name).size[0] for layer in graph if layer.geometry]
    assert sizes == [11, 19, 51, 67, 99, 131, 163, 195]


def test_a_deep_network_takes_no_time() -> None:
    graph = graph_of(nn.Sequential(conv(3, 2, 7, 2, 3), *[Basic(1) for _ in range(24)]))
    start = time.perf_counter()
    receptive_field(graph, graph.layers[-1].name)
    assert time.perf_counter() - start < 0.5  # 20 ms unless the machine is busy


def test_branches_that_do_not_fit_are_told() -> None:
    class Unaligned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fast = nn.Conv2d(1, 1, 2, stride=2)
            self.slow = nn.Conv2d(1, 1, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fast(x) + self.slow(x)

    graph = prepare(Unaligned(), torch.zeros(1, 1, 6, 6)).graph
    with pytest.raises(UnalignedBranches, match=r"of add have different effective strides \(fast: 2, slow: 1\)"):
        receptive_field(graph, "add")
    assert receptive_field(graph, "slow").size == (4, 4)
    wide = Branches(nn.Conv2d(2, 2, 3, padding=1), nn.Identity(), "gate")
    with pytest.raises(UnalignedBranches, match="reads the whole map, and another reads beyond it"):
        receptive_field(prepare(wide, torch.zeros(1, 2, 9, 9)).graph, "add")
    with pytest.raises(KeyError):
        receptive_field(graph, "nowhere")


def test_what_is_not_known_is_told() -> None:
    graph = prepare(nn.Sequential(nn.PixelShuffle(2), nn.ReLU()), torch.zeros(1, 4, 3, 3)).graph
    with pytest.raises(UnknownOperation, match=r"what PixelShuffle does to positions is not known \(layer 0\)"):
        receptive_field(graph, "1")
    graph = prepare(nn.Sequential(nn.Linear(5, 4), nn.ReLU()), torch.zeros(1, 5)).graph
    with pytest.raises(UnknownOperation, match=r"the shape \(5,\), which is no image"):
        receptive_field(graph, "1")
    graph = prepare(ValueDependent(), torch.zeros(1, 1, 6, 6)).graph
    assert receptive_field(graph, "dark").size == (5, 5)
    with pytest.raises(UnknownOperation, match=r"before relu:2 the network computes something"):
        receptive_field(graph, "head")
