"""Fields by theory against the support of gradients, in random chains and branches of every kind of layer."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.receptive_field import ReceptiveField, UnknownOperation, receptive_field
from cnnviz.core.trace import prepare

from .gradient_support import assert_fields


class Function(nn.Module):
    """A function as a module that is traced through."""

    def __init__(self, function: object, words: str) -> None:
        super().__init__()
        self.function, self.words = function, words

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[operator]

    def extra_repr(self) -> str:
        return self.words


def convolution(rng: random.Random) -> nn.Module:
    kernel, dilation = (rng.randint(1, 4), rng.randint(1, 3)), (rng.randint(1, 3), rng.randint(1, 2))
    stride, padding = (rng.randint(1, 3), rng.randint(1, 2)), (rng.randint(0, 2), rng.randint(0, 2))
    return nn.Conv2d(2, 2, kernel, stride, padding, dilation, rng.choice((1, 2)))


def transposed_convolution(rng: random.Random) -> nn.Module:
    stride, dilation = rng.randint(1, 3), rng.randint(1, 2)
    extra = rng.randint(0, max(stride, dilation) - 1)
    return nn.ConvTranspose2d(
        2, 2, rng.randint(1, 4), stride, rng.randint(0, 2), extra, rng.choice((1, 2)), True, dilation
    )


def pooling(rng: random.Random) -> nn.Module:
    kernel = rng.randint(2, 3)
    padding = rng.randint(0, kernel // 2)
    return nn.AvgPool2d(kernel, rng.randint(1, 3), padding, ceil_mode=rng.random() < 0.5)


def padding(rng: random.Random) -> nn.Module:
    widths = tuple(rng.randint(-2, 3) for _ in range(4))
    kind = rng.choice((nn.ZeroPad2d, nn.ZeroPad2d, nn.ReplicationPad2d))
    return kind(widths if kind is nn.ZeroPad2d else tuple(map(abs, widths)))


def adaptive(rng: random.Random) -> nn.Module:
    return nn.AdaptiveAvgPool2d((rng.randint(1, 7), rng.randint(2, 9)))


def resizing(rng: random.Random) -> nn.Module:
    mode = rng.choice(("nearest", "nearest-exact", "bilinear", "bicubic", "area"))
    corners = rng.random() < 0.5 if mode in ("bilinear", "bicubic") else None
    if rng.random() < 0.5:
        return nn.Upsample((rng.randint(1, 17), rng.randint(2, 17)), mode=mode, align_corners=corners)
    scale = rng.choice((2, 3, 1.5, 0.5, 0.7, 2.3))
    return Function(lambda x: F.interpolate(x, None, scale, mode, corners), f"{mode} × {scale}, corners {corners}")


def slicing(rng: random.Random) -> nn.Module:
    top, left, step = rng.randint(0, 2), rng.randint(0, 2), rng.randint(1, 2)
    return Function(lambda x: x[:, :, top::step, left:-1], f"[{top}::{step}, {left}:-1]")


def turning(rng: random.Random) -> nn.Module:
    choice = rng.randrange(4)
    shift = rng.randint(-2, 2)
    functions = (
        lambda x: x.flip(2),
        lambda x: torch.roll(x, (shift, 1), (2, 3)),
        lambda x: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2),
        lambda x: F.pixel_unshuffle(F.pixel_shuffle(x.repeat(1, 2, 1, 1), 2), 2)[:, :2],
    )
    return Function(functions[choice], ("flip", f"roll {shift}", "permute", "shuffle")[choice])


STAGES = (convolution, convolution, transposed_convolution, pooling, padding, adaptive, resizing, slicing, turning)


def random_stages(rng: random.Random, count: int) -> nn.Sequential:
    return nn.Sequential(*(rng.choice(STAGES)(rng) for _ in range(count)))


class Joined(nn.Module):
    """Two branches, of which the second is brought to the size of the first."""

    def __init__(self, stem: nn.Module, one: nn.Module, other: nn.Module, join: str, after: nn.Module) -> None:
        super().__init__()
        self.stem, self.one, self.other, self.join, self.after = stem, one, other, join, after

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        one, other = self.one(x), self.other(x)
        if self.join == "resize":
            other = F.interpolate(other, one.shape[2:], mode="nearest")
        elif self.join == "gate":
            other = other.mean((2, 3), keepdim=True)
        else:
            other = F.adaptive_avg_pool2d(other, one.shape[2:])
        joined = torch.cat([one, other], 1)[:, ::2] if self.join == "cat" else one + other
        return self.after(joined)


def checked(make: object, seed: int) -> ReceptiveField | None:
    """The field of a random network on a random size, checked; None where its maps became too small."""
    rng = random.Random(seed)
    module = make(rng)  # type: ignore[operator]
    image = torch.zeros(1, 2, rng.randint(9, 16), rng.randint(9, 16), dtype=torch.float64)
    try:
        with torch.no_grad():
            units = module.double()(image)[0, 0].numel()
    except (RuntimeError, ValueError):
        return None
    try:
        return assert_fields(module, image) if 0 < units <= 700 else None
    except UnknownOperation as error:
        assert "nothing is left of the map" in str(error)  # noqa: PT017 - of a branch that a mean makes NaN of
        return None


@pytest.mark.filterwarnings("ignore:.*is being interpreted as")
@pytest.mark.parametrize("seeds", [range(start, start + 70) for start in range(0, 280, 70)], ids=str)
def test_hundreds_of_random_chains(seeds: range) -> None:
    found = [checked(lambda rng: random_stages(rng, rng.randint(1, 4)), seed) for seed in seeds]
    fields = [field for field in found if field is not None]
    assert len(fields) > 50
    assert sum(field.varies for field in fields) > 10


@pytest.mark.parametrize("seeds", [range(start, start + 60) for start in range(0, 180, 60)], ids=str)
def test_a_hundred_random_branches(seeds: range) -> None:
    def make(rng: random.Random) -> nn.Module:
        stem, one, other = (random_stages(rng, rng.randint(0, 2)) for _ in range(3))
        return Joined(stem, one, other, rng.choice(("resize", "gate", "adaptive", "cat")), random_stages(rng, 1))

    fields = [field for field in (checked(make, seed) for seed in seeds) if field is not None]
    assert len(fields) > 33
    assert sum(bool(field.unaligned) for field in fields) > 6


class Unpooling(nn.Module):
    """Means of windows, put where the windows had their maxima."""

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(kernel, stride, padding, return_indices=True)
        self.mean = nn.AvgPool2d(kernel, stride, padding)
        self.unpool = nn.MaxUnpool2d(kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        return self.unpool(self.mean(x), self.pool(x)[1])


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"), [(2, 2, 0, 8), (3, 2, 1, 9), (2, 3, 0, 8), (3, 3, 1, 7)]
)
def test_unpooling_reaches_every_window_that_may_be_meant(kernel: int, stride: int, padding: int, size: int) -> None:
    module = Unpooling(kernel, stride, padding)
    image = torch.zeros(1, 1, size, size, dtype=torch.float64)
    graph = prepare(module, image).graph
    field = receptive_field(graph, "unpool")
    height, width = graph["unpool"].output_shape[1:]
    reached = torch.zeros(height, width, size, size, dtype=torch.bool)
    for seed in range(150):  # where the maxima are is left to chance
        images = torch.rand(1, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        images = images.repeat(height * width, 1, 1, 1).requires_grad_()
        output = module(images).reshape(height * width, height * width)
        (gradient,) = torch.autograd.grad(output.diagonal().sum(), images)
        reached |= (gradient != 0).reshape(reached.shape)
    for row in range(height):
        for column in range(width):
            top, left, rows, columns = field.clipped_box(row, column)
            places = reached[row, column].nonzero()
            if not len(places):
                assert 0 in (rows, columns)
                continue
            assert tuple(places.amin(0).tolist()) == (top, left)
            assert tuple(places.amax(0).tolist()) == (top + rows - 1, left + columns - 1)
