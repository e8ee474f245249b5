"""Shares of agreeing pairs against a count by hand, and the interval against SciPy's."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

import cnnviz
from cnnviz.core.consistency import Cancelled, batch_for, bootstrap_interval, shift_consistency


class BrightestColumn(nn.Module):
    """Names the quarter of the image, counted in columns, that is brightest; it follows every shift."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((1, 2)).unflatten(1, (4, -1)).sum(2)


def noise(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape)).float()


def by_hand(module: nn.Module, image: Tensor, largest: int) -> float:
    around = range(-largest, largest + 1)
    answers = [int(module(torch.roll(image[None], (r, c), (2, 3))).argmax()) for r in around for c in around]
    pairs = list(itertools.combinations(answers, 2))
    return sum(one == other for one, other in pairs) / len(pairs)


def test_all_pairs_are_compared() -> None:
    module, images = BrightestColumn(), noise(5, 2, 8, 8)
    told: list[float] = []
    found = shift_consistency(module, images, 2, progress=told.append)
    expected = [by_hand(module, image, 2) for image in images]
    assert found.per_image.tolist() == pytest.approx(expected)
    assert found.share == pytest.approx(np.mean(expected))
    assert found.pairs == math.comb(25, 2)
    assert found.low <= found.share <= found.high
    assert 0 < found.share < 1
    assert told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_drawn_pairs_tend_to_the_same() -> None:
    module, images = BrightestColumn(), noise(5, 2, 8, 8)
    every, drawn = shift_consistency(module, images, 2), shift_consistency(module, images, 2, pairs=4000)
    assert drawn.per_image == pytest.approx(every.per_image, abs=0.04)
    assert shift_consistency(module, images, 2, pairs=7, seed=1).share == (
        shift_consistency(module, images, 2, pairs=7, seed=1).share
    )


def test_what_looks_at_the_mean_alone_is_consistent_where_nothing_comes_in() -> None:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = noise(4, 3, 6, 6)
    wrapped = shift_consistency(module, images, 3)
    assert (wrapped.share, wrapped.low, wrapped.high) == (1, 1, 1)
    assert shift_consistency(module, images, 3, border="zeros", black=(9.0, 0.0, 0.0)).share < 1


def test_windows_are_cut_out_of_larger_images() -> None:
    class Corner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[2:] == (4, 4)
            return torch.cat([x[:, :, 0, 0], -x[:, :, 0, 0]], 1)

    image = noise(1, 1, 8, 8)
    found = shift_consistency(Corner(), image, 2, border="crop")
    answers = (image[0, 0, :5, :5] > 0).flatten().tolist()
    pairs = list(itertools.combinations(answers, 2))
    assert found.share == pytest.approx(sum(one == other for one, other in pairs) / len(pairs))
    assert math.isnan(found.low)


def test_the_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(5).beta(5, 1, 60)
    low, high = bootstrap_interval(values, 0.9, 4000)
    expected = stats.bootstrap((values,), np.mean, confidence_level=0.9, method="percentile", rng=1).confidence_interval
    assert (low, high) == pytest.approx(expected, abs=0.004)
    assert bootstrap_interval(values, 0.9, 100, seed=3) == bootstrap_interval(values, 0.9, 100, seed=3)


def test_one_output_is_yes_or_no() -> None:
    images = noise(3, 1, 4, 4) + 0.1
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    torch.manual_seed(0)
    nn.init.normal_(module[1].weight)  # type: ignore[arg-type]
    found = shift_consistency(module, images, 1)
    both = shift_consistency(lambda_classes(module), images, 1)
    assert found.per_image.tolist() == both.per_image.tolist()


def lambda_classes(module: nn.Module) -> nn.Module:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Tensor) -> Tensor:
            yes = self.inner(x)
            return torch.cat([-yes, yes], 1)

    return Two()


def test_answers_that_are_not_finite_agree_with_none() -> None:
    class Breaks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x.mean((1, 2, 3)), x[:, 0, 0, 0].log()], 1)

    images = noise(2, 1, 4, 4)
    found = shift_consistency(Breaks(), images, 1)
    assert found.unanswered == 2
    assert found.share < 1


def test_training_mode_is_put_back_and_cancelling_works() -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 3)).train()
    assert shift_consistency(module, noise(1, 1, 4, 4), 1).share == (
        shift_consistency(module, noise(1, 1, 4, 4), 1).share
    )
    assert module.training
    with pytest.raises(Cancelled):
        shift_consistency(module, noise(1, 1, 4, 4), 1, cancelled=lambda: True)


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (noise(0, 1, 4, 4), {}, "at least one"),
        (noise(1, 1, 4, 4), {"largest_shift": 0}, "nothing to compare"),
        (noise(1, 1, 4, 4), {"largest_shift": 2, "border": "crop"}, "leave no window that moves by 2"),
        (noise(1, 1, 4, 5), {"largest_shift": 5}, "leave nothing of images of 4×5; shift by at most 4"),
        (noise(1, 1, 4, 4), {"largest_shift": 1, "pairs": 0}, "At least one pair"),
        (noise(1, 1, 4, 4), {"largest_shift": 1, "level": 1.0}, "between 0 and 1"),
        (noise(1, 1, 4, 4), {"largest_shift": 2, "border": "zeros"}, "no pixel that stays inside by 2"),
    ],
)
def test_what_cannot_be_measured_is_told(images: Tensor, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shift_consistency(nn.Identity(), images, **options)  # type: ignore[arg-type]


def test_answers_for_other_than_images_and_pixels_are_told() -> None:
    with pytest.raises(ValueError, match=r"has the shape \(1, 2, 2\).*one for the image, or one for each"):
        shift_consistency(nn.MaxPool2d(2), noise(1, 1, 4, 4), 1)


@pytest.mark.parametrize("border", ["wrap", "zeros"])
def test_answers_for_pixels_are_compared_at_their_place_in_the_image(border: str) -> None:
    each = nn.Conv2d(1, 3, 1)
    assert shift_consistency(each, noise(2, 1, 8, 8), 2, border=border).share == 1  # type: ignore[arg-type]

    torch.manual_seed(0)
    padded, images = nn.Conv2d(1, 3, 3, padding=1), noise(1, 1, 8, 8)
    found = shift_consistency(padded, images, 2, border=border)  # type: ignore[arg-type]
    places = range(8) if border == "wrap" else range(2, 6)
    shifts = [(r, c) for r in range(-2, 3) for c in range(-2, 3)]
    answers = []
    for rows, columns in shifts:
        moved = torch.roll(images, (rows, columns), (2, 3))
        if border == "zeros":
            moved[:, :, : max(rows, 0)] = 0
            moved[:, :, 8 + min(rows, 0) :] = 0
            moved[..., : max(columns, 0)] = 0
            moved[..., 8 + min(columns, 0) :] = 0
        top = padded(moved)[0].argmax(0)
        answers.append([int(top[(r + rows) % 8, (c + columns) % 8]) for r in places for c in places])
    same = [np.mean(np.equal(one, other)) for one, other in itertools.combinations(answers, 2)]
    assert found.share == pytest.approx(np.mean(same))
    assert found.share < 1
    assert found.cells == len(places) ** 2


class BrighterHalf(nn.Module):
    """Goes one way or another by the first image of the batch: it may be asked for one image at a time alone."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(64, 2), nn.Linear(64, 2)

    def forward(self, x: Tensor) -> Tensor:
        way = self.left if x[0, ..., :4].mean() > x[0, ..., 4:].mean() else self.right
        found: Tensor = way(x.flatten(1))
        return found


def test_copies_go_one_by_one_through_a_network_whose_way_depends_on_the_values() -> None:
    torch.manual_seed(1)
    module, images = BrighterHalf(), noise(4, 1, 8, 8)
    with torch.no_grad():
        expected = [by_hand(module, image, 2) for image in images]
    assert batch_for(module, images) == 1
    assert shift_consistency(module, images, 2, batch=1).per_image.tolist() == pytest.approx(expected)
    assert cnnviz.shift_consistency(module, images, 2).per_image.tolist() == pytest.approx(expected)
    assert batch_for(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), images) > 1
