"""Fields of layers that are called as functions or methods, by each way of finding them, and of split maps."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.receptive_field import ReceptiveField, receptive_field, receptive_fields
from cnnviz.core.trace import prepare

from .gradient_support import assert_fields

CALLS = {
    "nearest": lambda x: F.interpolate(x, scale_factor=1.5),
    "exact": lambda x: F.interpolate(x, (13, 5), mode="nearest-exact"),
    "bilinear": lambda x: F.interpolate(x, (13, 5), mode="bilinear", align_corners=True),
    "antialiased": lambda x: F.interpolate(x, (4, 3), mode="bilinear", antialias=True),
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "transpose": lambda x: x.transpose(2, 3).flip([3]).transpose(-1, -2),
    "movedim": lambda x: x.movedim(1, 3).movedim(3, 1)[..., 1:],
    "roll": lambda x: torch.roll(x, shifts=(2, -1), dims=(2, 3)),
    "narrow": lambda x: x.narrow(2, 1, 5)[:, :, :, 2:9:3],
    "stack": lambda x: torch.stack([x, x * 2], 1).mean(1),
    "squeeze": lambda x: x[:, :1].squeeze(1).unsqueeze(1).expand(-1, 2, -1, -1),
    "unshuffle": lambda x: F.pixel_unshuffle(x[:, :, :8, :8], 2),
    "shuffle": lambda x: F.pixel_shuffle(x.repeat(1, 2, 1, 1), 2),
    "pad": lambda x: F.pad(F.pad(x, (0, 0, 0, 0, 1, 1)), (1, -2, 0, 3))[:, 1:3],
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, (3, 7)),
    "softmax": lambda x: x + 0.1 * x.softmax(1),
    "strip": lambda x: x * x.mean(3, keepdim=True),
    "pieces": lambda x: x.split(2, 3)[1] + x.split(2, 3)[2],
}


class Called(nn.Module):
    def __init__(self, name: str, export: bool) -> None:
        super().__init__()
        self.before = nn.Conv2d(2, 2, 3)
        self.name, self.export = name, export

    def forward(self, x: Tensor) -> Tensor:
        if self.export and x.shape[2] < 2:  # which torch.fx cannot follow
            return x
        return CALLS[self.name](self.before(x) + 1)


@pytest.mark.parametrize("export", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_functions_and_methods(name: str, export: bool) -> None:
    module, image = Called(name, export), torch.zeros(1, 2, 13, 11, dtype=torch.float64)
    method = prepare(module.double(), image).graph.method
    assert method == ("torch.export" if export else "torch.fx")
    assert_fields(module, image)


class Weighted(nn.Module):
    """Functions of a map and of tensors that the module keeps."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.before = name, nn.Conv2d(2, 2, 3)
        self.register_buffer("places", torch.tensor([4, 0, 2]))
        self.register_buffer("square", torch.ones(2, 2, dtype=torch.float64))
        self.register_buffer("window", torch.ones(2, 2, 3, 3, dtype=torch.float64))
        band = torch.tensor([[1.0, 0, 0], [2, 1, 0], [0, 0, 0], [0, 1, 1], [0, 0, 0], *[[0, 0, 1]] * 4])
        self.register_buffer("band", band.double())

    def forward(self, x: Tensor) -> Tensor:
        if self.name == "select":
            return self.before(x).index_select(3, self.places)
        if self.name == "channels last":
            return F.linear(self.before(x).permute(0, 2, 3, 1), self.square).permute(0, 3, 1, 2)
        if self.name == "transposed":
            return F.conv_transpose2d(self.before(x), self.window, stride=2, padding=1, output_padding=1, dilation=2)
        return self.before(x) @ self.band


@pytest.mark.parametrize("name", ["select", "channels last", "transposed", "product"])
def test_functions_of_constants(name: str) -> None:
    assert_fields(Weighted(name), torch.zeros(1, 2, 13, 11, dtype=torch.float64))


@pytest.mark.parametrize("norm", ["group_norm", "instance_norm", "layer_norm", "batch_norm"])
def test_normalising_functions(norm: str) -> None:
    calls = {
        "group_norm": lambda x: F.group_norm(x, 2),
        "instance_norm": F.instance_norm,
        "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]),
        "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    }

    class Normalised(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(calls[norm](x), 2)

    graph = prepare(Normalised(), torch.rand(1, 2, 6, 6)).graph
    field = receptive_field(graph, graph.layers[-1].name)
    assert field.clipped_box(1, 1) == (0, 0, 6, 6)
    assert field.whole_map_because == (norm,)
    assert field.apart is not None
    assert field.apart.clipped_box(1, 1) == (2, 2, 2, 2)


def test_attention_looks_at_the_whole_map() -> None:
    class Attention(nn.Module):
        """A non-local block."""

        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value = (nn.Conv2d(2, 2, 1) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
            weights = torch.softmax(query.transpose(1, 2) @ key, -1)
            return x + (value @ weights.transpose(1, 2)).view_as(x)

    graph = prepare(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), Attention()), torch.zeros(1, 2, 8, 8)).graph
    fields = receptive_fields(graph)
    last = fields[graph.layers[-1].name]
    assert isinstance(last, ReceptiveField)
    assert last.clipped_box(3, 3) == (0, 0, 8, 8)
    assert last.apart is not None
    assert last.apart.size == (3, 3)
