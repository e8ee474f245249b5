"""Statistics against NumPy and plain Python."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnviz.core.activations import histogram, share_zero_after_relu, statistics, strongest

values = st.floats(-1e3, 1e3, width=32) | st.sampled_from([0.0, math.nan, math.inf, -math.inf])
maps = arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)), elements=values)


@given(maps)
def test_statistics(x: np.ndarray) -> None:
    found = statistics(torch.from_numpy(x))
    finite = x[np.isfinite(x)].astype(np.float64)
    if finite.size:
        expected = (finite.mean(), finite.std(), finite.min(), finite.max())
        assert (found.mean, found.std, found.minimum, found.maximum) == pytest.approx(expected, rel=1e-4, abs=1e-3)
    else:
        assert math.isnan(found.mean)
        assert math.isnan(found.maximum)
    assert found.zeros == pytest.approx((x == 0).mean())
    assert found.nan == np.isnan(x).sum()
    assert found.infinite == np.isinf(x).sum()
    assert found.maps == len(x)
    silent = [
        tile.max() <= 0 or (tile.size > 1 and len(np.unique(tile)) == 1 and tile[0, 0] == tile[0, 0]) for tile in x
    ]
    assert found.silent == sum(silent)


def test_units_without_a_map_are_silent_only_when_not_positive() -> None:
    assert statistics(torch.tensor([1.0, 2.0, 0.0, -1.0])).silent == 2


def test_sums_that_overflow_their_type() -> None:
    found = statistics(torch.full((2, 3, 3), 3e38))
    assert found.mean == pytest.approx(3e38)
    assert found.std == pytest.approx(0, abs=1e32)
    assert statistics(torch.tensor([[1e-25, 3e-25]])).std == pytest.approx(1e-25)
    assert statistics(torch.full((1, 300, 300), 60000.0).half()).mean == pytest.approx(60000)


def test_nothing_at_all() -> None:
    found = statistics(torch.zeros(0, 3, 3))
    assert math.isnan(found.mean)
    assert (found.maps, found.silent, found.zeros) == (0, 0, 0.0)


def test_share_zero_after_relu() -> None:
    x = torch.tensor([[-1.0, 0.0], [2.0, math.nan]])
    assert share_zero_after_relu(x) == 0.5 == float((x.relu() == 0).float().mean())
    assert share_zero_after_relu(torch.zeros(0)) == 0


@given(maps, st.integers(1, 20))
def test_histogram(x: np.ndarray, bins: int) -> None:
    counts, edges = histogram(torch.from_numpy(x), bins)
    finite = x[np.isfinite(x)].astype(np.float64)
    assert counts.sum() == finite.size
    assert len(counts) == bins == len(edges) - 1
    width = np.diff(edges)
    np.testing.assert_allclose(width, width[0])
    if finite.size and finite.min() < 0:
        np.testing.assert_allclose(edges, -edges[::-1], atol=1e-9)
    else:
        assert edges[0] == 0
    for place, count in enumerate(counts):
        slack = 1e-5 * width[0]
        inside = (finite >= edges[place] - slack) & (finite <= edges[place + 1] + slack)
        assert count <= inside.sum()


def test_histograms_of_many_values_agree_with_numpy() -> None:
    for x in (torch.randn(5000), torch.rand(5000), torch.randn(5000) * 1e-38, torch.rand(5000) * 3e38):
        counts, edges = histogram(x, 32)
        expected, _ = np.histogram(x.double().numpy(), edges)
        assert np.abs(counts - expected).sum() <= 2


def test_a_histogram_counts_what_is_there() -> None:
    counts, edges = histogram(torch.tensor([-2.0, -0.5, 0.5, 0.5, 2.0, math.nan]), 4)
    assert counts.tolist() == [1, 1, 2, 1]
    assert edges.tolist() == [-2, -1, 0, 1, 2]
    assert histogram(torch.zeros(3), 2)[1].tolist() == [0, 0.5, 1]
    assert histogram(torch.tensor([1e-44]), 2)[0].sum() == 1
    assert histogram(torch.tensor([True, False, True]), 2)[0].tolist() == [1, 2]
    with pytest.raises(ValueError, match="at least one bin"):
        histogram(torch.zeros(3), 0)


def test_the_strongest_channels() -> None:
    x = torch.zeros(5, 2, 2)
    x[3] = -4
    x[1, 0, 0] = 8
    x[4] = 2
    assert strongest(x, 3) == (3, 1, 4)  # mean absolute values 4, 2, 2


def test_the_strongest_channels_behind_a_relu() -> None:
    x = torch.tensor([[-9.0, -9.0], [1.0, 0.0], [2.0, -5.0], [math.nan, 3.0]])
    assert strongest(x[:3], 2, passed_on=True) == (2, 1)
    assert strongest(x[:3].double(), 2, passed_on=True) == (2, 1)
    assert strongest(x, 2, passed_on=True) == (3, 2)


def test_the_strongest_channels_by_brute_force() -> None:
    x = torch.randn(20, 3, 5)
    means = [sum(abs(v) for row in tile for v in row) / 15 for tile in x.tolist()]
    assert strongest(x, 7) == tuple(sorted(range(20), key=lambda c: -means[c])[:7])
    assert strongest(x[:2], 5) in ((0, 1), (1, 0))
    assert strongest(torch.tensor([[math.nan, math.inf], [1.0, 1.0], [0.0, 0.0]]), 3) == (1, 0, 2)
    assert strongest(torch.zeros(0, 2, 2), 3) == ()
