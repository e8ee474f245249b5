"""Pooling: numbers that were typed, how they are worked out in words, and the network's own maps."""

import math
import re
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.core.choices import POOLING_WORDS
from cnnviz.core.network_changes import SwapPooling
from cnnviz.core.pooling_examples import EXAMPLES
from cnnviz.panels.pooling import PoolingParams, example_params, pooled_numbers, shifted_numbers
from cnnviz.scene.document import Document, SceneError

SIZE = (1, 8, 8)


def params(**fields):
    return PoolingParams(**fields)


def grid(rows, columns, seed=0):
    values = np.random.default_rng(seed).integers(-9, 10, (rows, columns)).astype(float)
    return tuple(map(tuple, values.tolist()))


@pytest.mark.parametrize(
    ("key", "pooled"),
    [
        ("blocks", [[6, 8], [3, 4]]),
        ("filter-1", [[3, 0], [3, 1]]),
        ("filter-2", [[-1, 1], [0, 3]]),
        ("shift", [[1, 1, 1, 0.2]]),
    ],
)
def test_the_lectures_examples(key, pooled):
    result = pooled_numbers(params(**example_params(EXAMPLES[key])))
    np.testing.assert_allclose(result.pooled.values, pooled)


def test_the_textbooks_shift_changes_every_detector_and_half_of_what_is_pooled():
    shown = params(**example_params(EXAMPLES["shift"]))
    assert shifted_numbers(shown) == EXAMPLES["shift"].shifted
    result = pooled_numbers(shown)
    assert (result.detector_share, result.pooled_share) == (1.0, 0.5)
    np.testing.assert_array_equal(result.detector_changed, [[True] * 4])
    np.testing.assert_array_equal(result.pooled_changed, [[True, False, False, True]])


@pytest.mark.parametrize("shift", [-9, -2, 0, 1, 3])
def test_a_wrapped_shift_is_numpys_roll(shift):
    numbers = grid(3, 5)
    moved = shifted_numbers(params(numbers=numbers, shift=shift))
    np.testing.assert_array_equal(moved, np.roll(numbers, shift, axis=1))


def test_a_value_comes_in_at_either_border():
    numbers = ((1.0, 2.0, 3.0),)
    assert shifted_numbers(params(numbers=numbers, shift=2, entering=7)) == ((7, 7, 1),)
    assert shifted_numbers(params(numbers=numbers, shift=-1, entering=7)) == ((2, 3, 7),)


def evaluated(words):
    """What stands left of the last "=" of a computation in words, worked out by Python; and what is right of it."""
    left, _, right = words.replace("−", "-").rpartition(" = ")
    if left.startswith("max of"):
        return max(map(float, left.split()[2:])), float(right)
    left = left.rpartition(": ")[2].replace("·", "*").replace("²", "**2").replace("√(", "math.sqrt(")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return eval(left, {"math": math}), float(right)  # noqa: S307 - digits and signs of our own making


@pytest.mark.parametrize("kind", [kind for kind in POOLING_WORDS if kind != "strided"])
@pytest.mark.parametrize(("window", "stride", "padding"), [(2, 2, 0), (3, 1, 1), (3, 2, 1), (4, 3, 2)])
def test_the_words_come_to_the_value_that_is_shown(kind, window, stride, padding):
    shown = params(
        numbers=grid(7, 6), kind=kind, window=window, stride=stride, padding=padding, sigma=0.8, shift=2, taps=3
    )
    result = pooled_numbers(shown)
    stages = ((result.words, result.pooled.values), (result.shifted_words, result.shifted_pooled.values))
    for words, values in stages:
        assert set(words) == set(np.ndindex(values.shape))
        for cell, text in words.items():
            computed, said = evaluated(text)
            # numbers are written with three decimals
            assert said == pytest.approx(values[cell], abs=6e-4), text
            # so are the weights by distance; all others are whole
            assert computed == pytest.approx(values[cell], abs=0.06 if kind == "weighted" else 2e-3), text


def test_numbers_of_any_size_are_written_so_that_they_can_be_read():
    numbers = ((1e300, 1e-9), (-2.5e7, 0.0))
    (average,) = pooled_numbers(params(numbers=numbers, kind="average")).words.values()
    assert average == "(1e300 + 1e−9 + (−2.5e7) + 0) / 4 = 2.5e299"
    (root,) = pooled_numbers(params(numbers=numbers, kind="l2_sum")).words.values()
    assert root.endswith(" = ∞")
    assert len(root) < 60


@pytest.mark.parametrize(("window", "stride", "padding"), [(2, 2, 0), (3, 1, 1), (4, 3, 2)])
def test_the_window_that_is_framed_is_what_changes_the_output(window, stride, padding):
    """Of an average every cell counts: change each, and see which outputs follow."""
    numbers = np.array(grid(6, 7, 3))
    settings = {"kind": "average", "window": window, "stride": stride, "padding": padding}
    plain = pooled_numbers(params(numbers=tuple(map(tuple, numbers.tolist())), **settings))
    for row, column in np.ndindex(numbers.shape):
        other = numbers.copy()
        other[row, column] += 1
        changed = pooled_numbers(params(numbers=tuple(map(tuple, other.tolist())), **settings)).pooled.values
        for cell, (top, left, rows, columns) in plain.boxes.items():
            inside = top <= row < top + rows and left <= column < left + columns
            assert (changed[cell] != plain.pooled.values[cell]) == inside


def test_the_numbers_are_torchs_own():
    numbers = grid(8, 6, 1)
    maps = torch.tensor(numbers, dtype=torch.float64)[None, None]
    for kind, wanted in (
        ("max", F.max_pool2d(maps, 3, 2, 1)),
        ("average", F.avg_pool2d(maps, 3, 2, 1, count_include_pad=False)),
    ):
        result = pooled_numbers(params(numbers=numbers, kind=kind, window=3, stride=2, padding=1))
        np.testing.assert_allclose(result.pooled.values, wanted[0, 0])


def test_all_grids_are_in_one_scale_with_zero_in_the_middle_of_signed_ones():
    numbers = ((-8.0, 4.0), (2.0, 0.0))
    result = pooled_numbers(params(numbers=numbers, shift=1))
    assert result.detector.signed
    np.testing.assert_array_equal(result.detector.indices, [[0, 189], [158, 126]])
    np.testing.assert_array_equal(result.pooled.indices, [[189]])


def test_the_tolerance_decides_what_has_changed():
    numbers = ((1.0, 1.05, 1.2, 1.2),)
    fine = pooled_numbers(params(numbers=numbers, window=1, stride=1, shift=1, tolerance=0.01))
    coarse = pooled_numbers(params(numbers=numbers, window=1, stride=1, shift=1, tolerance=0.1))
    assert (fine.detector_share, coarse.detector_share) == (0.75, 0.5)


def test_a_window_that_does_not_fit_is_refused_in_words_beside_the_numbers(computed, small):
    edits = {"panels.pooling.numbers": grid(3, 3), "panels.pooling.window": 5}
    result = computed("pooling", small, SIZE, edits)
    assert result.numbers is None
    assert "choose a smaller window" in result.refusal
    np.testing.assert_array_equal(result.unpooled[0].values, grid(3, 3))


@pytest.mark.parametrize("numbers", [(), ((1.0,), (1.0, 2.0)), ((float("nan"),),), ((0.0,) * 13,)])
def test_what_is_no_grid_is_refused(numbers):
    with pytest.raises(SceneError):
        Document().edit("panels.pooling.numbers", numbers)


# this network

NETWORK = {"panels.pooling.view": "network", "selection.channel": 2}


def own_maps(small, image):
    with torch.no_grad():
        detector = small.relu(small.conv(image))
        return detector[0], small.pool(detector)[0]


def test_the_maps_are_the_modules_own_and_the_shares_those_that_differ(computed, seen, noisy, small):
    edits = noisy | NETWORK
    shifted = edits | {"input.edits.shift_columns": 1.0, "panels.pooling.tolerance": 0.02}
    result = computed("pooling", small, SIZE, shifted).maps
    # without the panel's fields, which the pipeline of pixels does not know
    pixels = noisy | {"input.edits.shift_columns": 1.0}
    for stage, before, after in zip(
        result.stages, own_maps(small, seen(SIZE, noisy)), own_maps(small, seen(SIZE, pixels)), strict=True
    ):
        far = (before - after).abs() > 0.02
        assert stage.share == pytest.approx(float(far[2].double().mean()))
        assert stage.layer_share == pytest.approx(float(far.double().mean()))
        np.testing.assert_array_equal(stage.changed.indices == 252, far[2])
        most = float(max(before[2].max(), after[2].max()))
        for shown, values in ((stage.before, before), (stage.after, after)):
            np.testing.assert_allclose(shown.indices / 252 * most, values[2], atol=most / 252)
    assert (result.channel, [stage.layer for stage in result.stages]) == (2, ["relu", "pool"])


def test_without_a_shift_nothing_changes(computed, noisy, small):
    stages = computed("pooling", small, SIZE, noisy | NETWORK).maps.stages
    assert [(stage.share, stage.layer_share) for stage in stages] == [(0, 0), (0, 0)]


def test_a_swapped_pooling_is_seen_beside_what_it_was(computed, seen, noisy, small):
    edits = noisy | NETWORK | {"changes": (SwapPooling("average"),)}
    result = computed("pooling", small, SIZE, edits).maps
    (entry,) = result.entries
    assert (entry.layer, entry.own, entry.now) == ("pool", "Max 2×2", "Avg 2×2")
    assert entry.change == SwapPooling("average")
    detector, _ = own_maps(small, seen(SIZE, noisy))
    wanted = F.avg_pool2d(detector, 2)[2]
    most = float(wanted.max())
    np.testing.assert_allclose(result.stages[1].before.indices / 252 * most, wanted, atol=most / 252)


def test_the_next_pooling_after_the_selection_is_shown_and_any_can_be_chosen(computed):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 2, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    for selected, wanted in (("0", "1"), ("1", "1"), ("2", "4"), ("5", "5"), ("6", "5")):
        edits = NETWORK | {"selection.layer": selected}
        assert computed("pooling", network, SIZE, edits).maps.chosen == wanted
    chosen = computed("pooling", network, SIZE, NETWORK | {"panels.pooling.layer": "5"}).maps
    assert chosen.chosen == "5"
    assert [(entry.layer, entry.windowed) for entry in chosen.entries] == [("1", True), ("4", True), ("5", False)]


def strided():
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3, stride=2), nn.Flatten())
    return nn.Sequential(*layers)


def test_a_stride_is_seen_as_a_convolution_at_every_cell_of_which_some_are_left_out(computed, seen, noisy):
    network = strided()
    edits = noisy | NETWORK | {"selection.channel": 1, "selection.layer": "0", "input.edits.shift_columns": 1.0}
    result = computed("pooling", network, SIZE, edits).maps
    dense, kept = result.stages
    with torch.no_grad():
        still = F.conv2d(seen(SIZE, noisy), network[0].weight, network[0].bias, padding=1)[0, 1].numpy()
        moved = F.conv2d(seen(SIZE, edits), network[0].weight, network[0].bias, padding=1)[0, 1].numpy()
    np.testing.assert_allclose(dense.values[:2], [still, moved], atol=1e-5)
    np.testing.assert_allclose(kept.values[:2], [still[::2, ::2], moved[::2, ::2]], atol=1e-5)
    assert (dense.title, dense.layer, kept.layer) == ("0 at stride 1", "", "0")
    assert "moves on by 2 cells and leaves out" in result.why
    assert [(entry.layer, entry.own, entry.leaves_out) for entry in result.entries] == [
        ("0", "Conv 3×3 /2", True),
        ("2", "Conv 3×3 /2", True),
    ]
    swapped = computed("pooling", network, SIZE, edits | {"changes": (SwapPooling("max", "0"),)}).maps
    windows = [[still[r : r + 2, c : c + 2].max() for c in range(0, 8, 2)] for r in range(0, 8, 2)]
    np.testing.assert_allclose(swapped.stages[1].values[0], windows, atol=1e-5)
    assert [entry.now for entry in swapped.entries] == ["Conv 3×3, Max 2×2", "Conv 3×3 /2"]
    assert "taken at every cell and then pooled" in swapped.why
    # a stride of 1 leaves nothing out: the layer stays the one that is looked at
    still_one = (SwapPooling("max", "0", stride=1),)
    assert (
        computed("pooling", strided(), SIZE, edits | {"changes": still_one, "panels.pooling.layer": "0"}).maps.chosen
        == "0"
    )


@pytest.mark.parametrize(
    ("network", "word"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), "no pooling, and no stride"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), "no feature maps"),
    ],
)
def test_a_network_without_pooling_says_so(computed, network, word):
    result = computed("pooling", network, SIZE, NETWORK).maps
    assert result.stages == ()
    assert word in result.why
    assert re.search(r"open (a|another) network", result.why)
