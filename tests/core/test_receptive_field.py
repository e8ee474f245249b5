"""Fields by theory against published numbers, and what is said of those that are no plain chain."""

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.graph import LayerGraph
from cnnviz.core.receptive_field import (
    ReceptiveField,
    UnknownOperation,
    beyond_image,
    receptive_field,
    receptive_fields,
)
from cnnviz.core.trace import prepare

from .networks import ValueDependent


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
    assert field.padding == (padding, padding)
    assert (field.varies, field.unaligned, field.whole_map_because) == (False, "", ())


def test_alexnet_layer_by_layer() -> None:
    graph = graph_of(alexnet())
    sizes = [receptive_field(graph, layer.name).size[0] for layer in graph if layer.geometry]
    assert sizes == [11, 19, 51, 67, 99, 131, 163, 195]


def test_the_paper_does_not_pad_its_first_layer() -> None:
    _, *rest = alexnet()
    module = nn.Sequential(nn.Conv2d(3, 2, 11, 4), *rest)
    graph = prepare(module, torch.zeros(1, 3, 227, 227)).graph
    field = receptive_field(graph, graph.layers[-1].name)
    assert (field.size[0], field.stride[0], field.padding) == (195, 32, (64, 64))


class Two(nn.Module):
    """Two branches on the same input, joined."""

    def __init__(self, one: nn.Module, other: nn.Module, join: object = torch.add) -> None:
        super().__init__()
        self.one, self.other, self.join = one, other, join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.one(x), self.other(x))  # type: ignore[operator]


def test_branches_that_do_not_fit_are_told_and_their_units_known() -> None:
    module = nn.Sequential(Two(nn.Conv2d(1, 1, 2, stride=2), nn.Conv2d(1, 1, 4)), nn.Conv2d(1, 1, 2))
    field = receptive_field(prepare(module, torch.zeros(1, 1, 6, 6)).graph, "0.add")
    assert field.unaligned == "the branches of 0.add have different effective strides (0.one: 2, 0.other: 1)"
    assert field.stride == (None, None)
    # Unit 2 is made of pixels 4 and 5, and of 2 to 5; two units together of all that.
    assert (field.box(0, 2), field.size, field.varies) == ((0, 2, 4, 4), (4, 4), False)
    after = receptive_field(prepare(module, torch.zeros(1, 1, 6, 6)).graph, "1")
    assert [after.box(row)[::2] for row in range(2)] == [(0, 5), (1, 5)]
    assert after.unaligned == field.unaligned
    with pytest.raises(KeyError):
        receptive_field(prepare(module, torch.zeros(1, 1, 6, 6)).graph, "nowhere")
    with pytest.raises(IndexError):
        field.box(3)


def test_what_is_not_known_is_told() -> None:
    graph = prepare(nn.Sequential(nn.FractionalMaxPool2d(2, 3), nn.ReLU()), torch.zeros(1, 4, 7, 7)).graph
    with pytest.raises(UnknownOperation, match=r"what FractionalMaxPool2d does to positions is not known \(layer 0\)"):
        receptive_field(graph, "1")
    assert isinstance(receptive_fields(graph)["input"], ReceptiveField)
    graph = prepare(nn.Sequential(nn.Linear(5, 4), nn.ReLU()), torch.zeros(1, 5)).graph
    with pytest.raises(UnknownOperation, match=r"the shape \(5,\), which is no image"):
        receptive_field(graph, "1")
    graph = prepare(ValueDependent(), torch.zeros(1, 1, 6, 6)).graph
    assert receptive_field(graph, "dark").size == (5, 5)
    with pytest.raises(UnknownOperation, match=r"before relu:2 the network computes something"):
        receptive_field(graph, "head")


def test_enlarging_makes_the_stride_a_fraction_and_lets_it_vary() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Upsample(scale_factor=4), nn.Conv2d(1, 1, 3, padding=1))
    fields = receptive_fields(prepare(module, torch.zeros(1, 1, 5, 5)).graph)
    enlarged, after = fields["1"], fields["2"]
    assert isinstance(enlarged, ReceptiveField)
    assert isinstance(after, ReceptiveField)
    assert (enlarged.stride[0], enlarged.rows.stride_range, enlarged.size) == (Fraction(1, 4), (0, 1), (3, 3))
    # Three neighbours lie in one block, or in two.
    assert (after.rows.size_range, after.stride[0], after.varies) == ((3, 4), Fraction(1, 4), True)
    assert after.rows.stride_range == (0, Fraction(1, 2))
    assert [after.box(row)[2] for row in range(4, 8)] == [4, 3, 3, 4]


def test_adaptive_windows_are_those_of_torch() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 2, 2), nn.AdaptiveAvgPool2d(3))
    field = receptive_field(prepare(module, torch.zeros(1, 1, 14, 14)).graph, "1")
    # ⌊7i/3⌋ to ⌈7(i + 1)/3⌉ of seven: 0 to 2, 2 to 4, 4 to 6; each of two pixels.
    assert [field.box(row)[::2] for row in range(3)] == [(0, 6), (4, 6), (8, 6)]
    assert field.stride[0] == Fraction(14, 3)
    assert field.rows.stride_range == (4, 4)


@pytest.mark.parametrize(
    "norm",
    [
        nn.InstanceNorm2d(2),
        nn.GroupNorm(1, 2),
        nn.LayerNorm([2, 9, 9]),
        nn.BatchNorm2d(2, track_running_stats=False),
        nn.BatchNorm2d(2),
    ],
)
def test_normalisation_by_the_map_makes_the_field_the_whole_map(norm: nn.Module) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), norm, nn.Conv2d(2, 2, 3, padding=1))
    graph = prepare(module, torch.zeros(1, 1, 9, 9)).graph
    stored = isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats
    if stored:
        plain = receptive_field(graph, "2")
        assert (plain.size, plain.whole_map_because, plain.apart) == ((5, 5), (), None)
    field = receptive_field(graph, "2", training=stored)
    assert field.whole_map_because == ("1",)
    assert field.clipped_box(4, 4) == (0, 0, 9, 9)
    assert field.apart is not None
    assert (field.apart.size, field.apart.stride, field.apart.start) == ((5, 5), (1, 1), (-2, -2))
    assert receptive_field(graph, "0", training=stored).apart is None


def test_instance_normalisation_by_stored_moments_is_local() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.InstanceNorm2d(2, track_running_stats=True))
    field = receptive_field(prepare(module, torch.zeros(1, 1, 9, 9)).graph, "1")
    assert (field.size, field.whole_map_because) == ((3, 3), ())


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc(self.pool(x)))


def test_gates_look_at_the_whole_map() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), Gate(), nn.Conv2d(2, 2, 3, stride=2))
    fields = receptive_fields(prepare(module, torch.zeros(1, 1, 9, 9)).graph)
    field = fields["2"]
    assert isinstance(field, ReceptiveField)
    assert (field.whole_map_because, field.size, field.stride) == (("1.pool",), (11, 11), (0, 0))
    assert field.apart is not None
    assert (field.apart.size, field.apart.stride) == ((5, 5), (2, 2))
    gate = fields["1.sigmoid"]
    assert isinstance(gate, ReceptiveField)
    assert gate.apart is None


def test_convolutions_on_turned_maps() -> None:
    class Turned(nn.Module):
        """A block of ConvNeXt: what is linear works on maps whose channels come last."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(2, 2, 5, padding=2, groups=2), nn.LayerNorm(2)
            self.wide, self.narrow = nn.Linear(2, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.conv(x).permute(0, 2, 3, 1))
            return x + self.narrow(F.gelu(self.wide(y))).permute(0, 3, 1, 2)

    graph = prepare(nn.Sequential(nn.Conv2d(3, 2, 4, 4), Turned()), torch.zeros(1, 3, 40, 32)).graph
    fields = receptive_fields(graph)
    last, wide = fields["1.add"], fields["1.wide"]
    assert isinstance(last, ReceptiveField)
    assert isinstance(wide, ReceptiveField)
    assert (last.size, last.stride, last.whole_map_because) == ((20, 20), (4, 4), ())
    # Of a map (H, W, C), the row is the first index and the column the second.
    assert (wide.rows.along, wide.columns.along) == (0, 1)
    assert wide.box(row=3, column=1, channel=5) == last.box(5, 3)


def test_channel_shuffles_keep_places_and_flattening_does_not() -> None:
    class Shuffled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            n, c, h, w = x.shape
            return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    module = nn.Sequential(nn.Conv2d(1, 4, 3), Shuffled(), nn.Flatten(2), nn.Flatten())
    graph = prepare(module, torch.zeros(1, 1, 8, 8)).graph
    names = [layer.name for layer in graph]
    fields = receptive_fields(graph)
    shuffled = fields[names[4]]
    assert isinstance(shuffled, ReceptiveField)
    assert (shuffled.size, shuffled.whole_map_because) == ((3, 3), ())
    flat = fields["2"]
    assert isinstance(flat, ReceptiveField)
    assert (flat.size, flat.whole_map_because) == ((8, 8), ("2",))


def test_the_part_in_padding() -> None:
    assert beyond_image((-2, -1, 5, 4), 8, 8) == ((-2, -1, 2, 4), (0, -1, 3, 1))
    assert beyond_image((2, 2, 3, 3), 8, 8) == ()
    rng = np.random.default_rng(0)
    for _ in range(200):  # painted on paper, the parts and the inside are the box, each place once
        top, left, height, width = (int(n) for n in (*rng.integers(-6, 12, 2), *rng.integers(0, 15, 2)))
        rows, columns = rng.integers(1, 8, 2)
        paper = np.zeros((40, 40), int)
        for part_top, part_left, part_height, part_width in beyond_image((top, left, height, width), rows, columns):
            paper[part_top + 10 : part_top + 10 + part_height, part_left + 10 : part_left + 10 + part_width] += 1
        expected = np.zeros((40, 40), int)
        expected[top + 10 : top + 10 + height, left + 10 : left + 10 + width] = 1
        expected[10 : 10 + rows, 10 : 10 + columns] = 0
        assert (paper == expected).all()
