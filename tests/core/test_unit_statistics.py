"""Statistics of units over samples: against NumPy and SciPy on random data, and cases that can be counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cnnviz.core.unit_order import balanced_choice, order_of_units, preferred_classes
from cnnviz.core.unit_statistics import on_threshold, participation_ratio, sparsity, unit_statistics


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_random_activations_as_numpy_and_scipy_describe_them(random, scale):
    mixing = random.normal(size=(9, 9))
    values = np.maximum(random.normal(size=(200, 9)) @ mixing + 0.5, 0)
    found = unit_statistics(values * scale)
    np.testing.assert_allclose(found.mean, values.mean(0) * scale)
    np.testing.assert_allclose(np.sqrt(found.variance), values.std(0) * scale)
    np.testing.assert_allclose(found.zeros, [(values[:, unit] == 0).mean() for unit in range(9)])
    np.testing.assert_allclose(found.on, (values > 0).mean(0))
    for one in range(9):
        for other in range(one):
            expected = stats.pearsonr(values[:, one], values[:, other]).statistic
            assert found.correlation[one, other] == pytest.approx(expected, abs=1e-12)
            assert found.correlation[other, one] == found.correlation[one, other]
    r = np.abs(np.corrcoef(values.T))
    assert found.mean_correlation == pytest.approx((r.sum() - 9) / 72)
    assert found.strongly_correlated == pytest.approx(((r >= 0.8).sum() - 9) / 72)
    eigenvalues = np.linalg.eigvalsh(np.cov(values.T))
    assert found.dimension == pytest.approx(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum())


def test_units_that_are_silent_always_on_or_ignore_the_input():
    t = np.linspace(-1, 1, 41)
    units = {
        "works": np.maximum(t, 0),
        "silent": np.zeros(41),
        "below zero": -1 + 0.5 * t,
        "always on": 2 + t,
        "hardly moves": 1 + 0.01 * t,
        "moves by 5 % and more": 1 + 0.1 * t,
        "stuck": np.full(41, 0.3),
    }
    found = unit_statistics(np.stack(list(units.values()), 1))

    def names(flags):
        return {name for name, flag in zip(units, flags, strict=True) if flag}

    assert names(found.silent) == {"silent", "below zero"}
    assert names(found.always_on) == {"always on", "hardly moves", "moves by 5 % and more", "stuck"}
    assert names(found.ignoring) == {"silent", "hardly moves", "stuck"}
    assert names(found.constant) == {"silent", "stuck"}
    # the constant ones have no correlation; of the others ten pairs are left
    assert len(found.pairs) == 10
    assert np.isnan(found.correlation[1]).all()
    assert np.isnan(found.correlation[:, 6]).all()
    assert found.near_zeros[1] == 1
    assert found.near_zeros[0] == pytest.approx(21 / 41)


def test_a_sigmoid_is_on_above_its_middle():
    values = np.array([[0.4, 0.6], [0.45, 0.7]])
    assert unit_statistics(values, on_threshold("Sigmoid")).on.tolist() == [0, 1]
    assert unit_statistics(values, on_threshold("ReLU")).on.tolist() == [1, 1]


def test_a_map_is_silent_when_no_cell_is_on_and_always_on_when_all_are():
    maps = np.array([[[-1.0, 2.0], [-3.0, -1.0], [1.0, 2.0]], [[-4.0, 1.0], [-3.0, 0.0], [0.5, 2.0]]])
    found = unit_statistics(maps.mean(2), lows=maps.min(2), highs=maps.max(2))
    assert found.silent.tolist() == [False, True, False]
    assert found.always_on.tolist() == [False, False, True]
    assert unit_statistics(maps.mean(2)).silent.tolist() == [False, True, False]
    assert found.on.tolist() == [1, 0, 1]
    assert found.wholly_on.tolist() == [0, 0, 1]


def test_rounding_is_no_correlation():
    values = np.float32(1) + np.random.default_rng(1).normal(size=(100, 2)).astype(np.float32) * np.float32(3e-7)
    found = unit_statistics(values)
    assert found.constant.all()
    assert math.isnan(found.mean_correlation)


def test_copies_of_one_unit_have_one_dimension_and_full_correlation(random):
    one = random.normal(size=(50, 1))
    found = unit_statistics(np.concatenate([one, 3 * one, -one], 1))
    assert found.dimension == pytest.approx(1)
    assert found.mean_correlation == pytest.approx(1)
    assert found.correlation[0, 2] == pytest.approx(-1)


def test_sparsity_from_one_for_all_to_one_alone():
    assert sparsity([2.0, 2.0, -2.0, 2.0], 0) == 0
    assert sparsity([0.0, 5.0, 0.0, 0.0], 0) == 1
    # two of four: a = (1/2)² / (1/2) = 1/2, (1 − 1/2) / (1 − 1/4) = 2/3
    assert sparsity([1.0, 1.0, 0.0, 0.0], 0) == pytest.approx(2 / 3)
    assert np.isnan(sparsity([0.0, 0.0], 0))
    assert np.isnan(sparsity([3.0], 0))


def test_sparse_units_and_sparse_samples_are_told_apart():
    dense_samples = np.zeros((4, 6))
    dense_samples[1] = 1.0
    found = unit_statistics(dense_samples)
    np.testing.assert_allclose(found.lifetime_sparsity, 1)
    assert found.mean_population_sparsity == 0
    found = unit_statistics(dense_samples.T)
    assert found.mean_lifetime_sparsity == 0
    np.testing.assert_allclose(found.population_sparsity, 1)


def test_independent_units_fill_as_many_dimensions(random):
    assert participation_ratio(np.eye(7)) == pytest.approx(7)
    assert unit_statistics(random.normal(size=(20_000, 7))).dimension == pytest.approx(7, rel=0.01)
    assert math.isnan(participation_ratio(np.zeros((3, 3))))


def test_samples_that_are_not_finite_are_left_out_and_counted(random):
    values = random.normal(size=(30, 4))
    broken = values.copy()
    broken[3, 1], broken[7, 0] = math.nan, math.inf
    found = unit_statistics(broken)
    assert (found.left_out, found.samples) == (2, 28)
    np.testing.assert_allclose(found.mean, np.delete(values, [3, 7], 0).mean(0))
    with pytest.raises(ValueError, match="run away"):
        unit_statistics(np.full((3, 2), math.nan))
    with pytest.raises(ValueError, match="samples, units"):
        unit_statistics(np.zeros(3))


def test_one_unit_or_one_sample_has_no_pairs():
    assert math.isnan(unit_statistics([[1.0], [2.0]]).mean_correlation)
    found = unit_statistics([[1.0, 2.0]])
    assert math.isnan(found.dimension)
    assert found.constant.all()


# orders


def test_units_by_variance_and_by_the_class_they_like(random):
    labels = np.repeat([0, 1, 4], 10)
    values = np.zeros((30, 4))
    values[labels == 4, 0] = 3.0
    values[labels == 0, 1] = 1.0
    values[labels == 1, 2] = 2.0
    values[labels == 0, 3] = 2.0
    found = unit_statistics(values)
    assert order_of_units("as-is", values, labels, found).tolist() == [0, 1, 2, 3]
    assert order_of_units("variance", values, labels, found).tolist() == [0, 2, 3, 1]
    assert preferred_classes(values, labels)[0].tolist() == [4, 0, 1, 0]
    assert order_of_units("class", values, labels, found).tolist() == [3, 1, 2, 0]


def test_units_that_move_together_stand_together(random):
    groups = random.normal(size=(100, 3))
    which = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    sign = np.array([1, 1, 1, -1, 1, -1, 1, -1, 1])
    values = np.concatenate([groups[:, which] * sign + 0.1 * random.normal(size=(100, 9)), np.ones((100, 1))], 1)
    found = unit_statistics(values)
    order = order_of_units("correlation", values, np.zeros(100, int), found)
    assert sorted(order) == list(range(10))
    assert order[-1] == 9
    runs = which[order[:9]]
    assert (np.diff(runs) != 0).sum() == 2


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 70))
def test_a_balanced_choice_is_fair_to_every_class_from_its_beginning_on(labels, most):
    labels = np.array(labels, int)
    chosen = balanced_choice(labels, most)
    assert len(chosen) == min(most, len(labels))
    assert len(set(chosen.tolist())) == len(chosen)
    sizes = np.bincount(labels, minlength=5)
    for beginning in range(len(chosen) + 1):
        counts = np.bincount(labels[chosen[:beginning]], minlength=5)
        open_classes = counts[counts < np.minimum(sizes, np.bincount(labels[chosen], minlength=5))]
        if len(open_classes):
            assert counts.max() - open_classes.min() <= 1
