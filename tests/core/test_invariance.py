"""What a small shift changes before and behind pooling: the lectures' figures, and loops in NumPy."""

import math

import numpy as np
import pytest
import torch

from cnnviz.core.invariance import (
    SHIFTS,
    changed_cells,
    distances,
    every_kind,
    pooled_distances,
    share_changed,
    shifted,
)
from cnnviz.core.pooling import POOLING_KINDS, Pooling, pool
from cnnviz.core.pooling_examples import EXAMPLES


def maps_of(rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None, None]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("blocks", ((6, 8), (3, 4))),
        ("shift", ((1.0, 1.0, 1.0, 0.2),)),
        ("filter-1", ((3, 0), (3, 1))),
        ("filter-2", ((-1, 1), (0, 3))),
    ],
)
def test_the_lectures_examples_give_the_lectures_numbers(name, expected):
    example = EXAMPLES[name]
    torch.testing.assert_close(pool(maps_of(example.detector), Pooling.of(**example.settings)), maps_of(expected))


def test_the_maps_of_the_worked_example_are_those_of_its_image_and_filters():
    image = ((1, 0, 0, 0, 0, 1), (0, 1, 0, 0, 1, 0), (0, 0, 1, 1, 0, 0))
    image += ((1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 1, 0), (0, 0, 1, 0, 1, 0))
    filters = {"filter-1": ((1, -1, -1), (-1, 1, -1), (-1, -1, 1)), "filter-2": ((-1, 1, -1),) * 3}
    for name, weights in filters.items():
        found = torch.nn.functional.conv2d(maps_of(image), maps_of(weights))
        torch.testing.assert_close(found, maps_of(EXAMPLES[name].detector))


def test_the_textbooks_figure_has_every_value_changed_and_half_of_the_maxima():
    example = EXAMPLES["shift"]
    pooling = Pooling.of(**example.settings)
    after = maps_of(example.shifted)
    torch.testing.assert_close(pool(after, pooling), maps_of(((0.3, 1.0, 1.0, 1.0),)))
    before = maps_of(example.detector)
    assert share_changed(before, after) == 1.0
    assert share_changed(pool(before, pooling), pool(after, pooling)) == 0.5


def test_changes_within_the_tolerance_do_not_count_and_nan_does():
    before = torch.tensor([0.0, 1.0, 2.0, 3.0])
    after = torch.tensor([0.005, 1.02, 2.0, math.nan])
    assert share_changed(before, after, 0.01) == 0.5
    assert share_changed(before, after, 0.1) == 0.25
    assert changed_cells(before, after, 0.01).tolist() == [False, True, False, True]
    with pytest.raises(ValueError, match="cell by cell"):
        share_changed(before, after[:2])


@pytest.mark.parametrize(("mode", "numpy_mode"), [("circular", "wrap"), ("zeros", "constant"), ("replicate", "edge")])
def test_images_are_shifted_whole_pixels(mode, numpy_mode):
    x = torch.rand((1, 2, 6, 7), generator=torch.Generator().manual_seed(0))
    ways = [(0, 0), (2, -3), (-1, 0), (9, 1)]
    found = shifted(x, ways, mode)
    for (rows, columns), image in zip(ways, found, strict=True):
        around = np.pad(x[0].numpy(), ((0, 0), (10, 10), (10, 10)), mode=numpy_mode)
        expected = around[:, 10 - rows : 16 - rows, 10 - columns : 17 - columns]
        np.testing.assert_array_equal(image, expected)
    assert len(shifted(x, [])) == 0
    with pytest.raises(ValueError, match="one image"):
        shifted(torch.cat([x, x]), ways)


def test_distances_of_all_kinds_at_once_are_those_of_each_shift_alone():
    x = torch.randn((1, 3, 16, 16), generator=torch.Generator().manual_seed(0)).relu()
    variants = shifted(x, [(0, step) for step in SHIFTS])
    kinds = every_kind(Pooling.of("max", 2, padding_mode="circular", blur_padding="circular"))
    found = pooled_distances(x, variants, kinds, batch=5)
    assert set(found) == {"detector", *POOLING_KINDS}
    for kind, pooling in kinds.items():
        target = pool(x, pooling).flatten().double().numpy()
        for index, step in enumerate(SHIFTS):
            moved = pool(x.roll(step, 3), pooling).flatten().double().numpy()
            relative = np.linalg.norm(moved - target) / np.linalg.norm(target)
            cosine = moved @ target / np.linalg.norm(moved) / np.linalg.norm(target)
            assert found[kind].relative[index] == pytest.approx(relative, abs=1e-6)
            assert found[kind].cosine[index] == pytest.approx(cosine, abs=1e-6)
        assert found[kind].relative[SHIFTS.index(0)] == 0
        assert found[kind].relative[SHIFTS.index(16)] == 0, "once around"


def test_pooling_makes_small_shifts_matter_less():
    x = torch.randn((1, 3, 32, 32), generator=torch.Generator().manual_seed(0)).relu()
    kinds = every_kind(Pooling.of("max", 4, 1, padding_mode="circular"))
    found = pooled_distances(x, shifted(x, [(0, 1)]), kinds)
    for kind in ("max", "average", "l2_mean", "blur_max", "blur_average"):
        assert found[kind].relative[0] < 0.6 * found["detector"].relative[0]
    assert found["blur_max"].relative[0] < found["max"].relative[0]


def test_maps_that_are_zero_everywhere_are_named_instead_of_divided_by():
    found = distances(torch.zeros(1, 4), torch.ones(2, 4))
    assert np.isnan(found.relative).all()
    assert distances(torch.ones(1, 4), torch.zeros(2, 4)).relative.tolist() == [1, 1]
