"""Statistics of tensors, against NumPy."""

import numpy as np
import pytest
import torch

from cnnviz.core.tensor_statistics import RunningStatistics, describe


def expected(values):
    finite = values[np.isfinite(values)]
    return [np.linalg.norm(finite), finite.mean(), finite.std(), (values == 0).sum(), (~np.isfinite(values)).sum()]


def found(statistics):
    return [statistics.norm, statistics.mean, statistics.std, statistics.zeros, statistics.not_finite]


@pytest.fixture
def values():
    """More than one part, far from zero, with all that can be among them."""
    random = np.random.default_rng(0)
    values = random.normal(1000, 0.5, 150_000)
    values[[0, 70_000, 149_999]] = 0
    values[[1, 70_001]] = np.nan, np.inf
    values[65_536 : 2 * 65_536] += 3  # parts of different means
    return values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_are_those_of_numpy(values, dtype):
    stored = values.astype(dtype)
    assert found(describe(torch.from_numpy(stored))) == pytest.approx(expected(stored.astype("float64")), rel=1e-9)


def test_it_does_not_matter_in_what_parts_they_come(values):
    running = RunningStatistics()
    for part in torch.split(torch.from_numpy(values), 999):
        running.add(part)
    assert found(running.statistics) == pytest.approx(expected(values), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.float16])
def test_other_types_are_described_too(dtype):
    tensor = torch.tensor([[0, 1], [1, 1]]).to(dtype)
    assert found(describe(tensor)) == pytest.approx(expected(np.array([0.0, 1, 1, 1])))


def test_complex_values_are_described_by_their_magnitude():
    assert describe(torch.tensor([3 + 4j, 0j])).norm == pytest.approx(5)


def test_nothing_finite_has_no_norm():
    assert found(describe(torch.full((3,), float("nan")))) == [0, 0, 0, 0, 3]
    assert found(describe(torch.empty(0))) == [0, 0, 0, 0, 0]
