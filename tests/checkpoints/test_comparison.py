import math

import pytest
import torch

from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.comparison import compare, compare_step_by_step, weights_of_module


def compared(tmp_path, first, second):
    for name, state in (("first", first), ("second", second)):
        torch.save(state, tmp_path / f"{name}.pt")
    return compare(*(open_checkpoint(tmp_path / f"{name}.pt") for name in ("first", "second")))


A = torch.tensor([[3.0, 0.0], [0.0, 4.0]])


def test_changes_are_relative_and_the_biggest_comes_first(tmp_path):
    first = {
        "a.weight": A,
        "a.bias": torch.zeros(2),
        "b.weight": A,
        "c.weight": A,
        "n.num_batches_tracked": torch.tensor(1),
    }
    second = first | {
        "a.bias": torch.tensor([0.0, 5.0]),
        "b.weight": A * 1.5,
        "n.num_batches_tracked": torch.tensor(9),
    }
    found = compared(tmp_path, first, {f"module.{name}": tensor for name, tensor in second.items()})
    assert [change.layer for change in found.changes] == ["a", "b", "c"]
    assert [change.relative_change for change in found.changes] == pytest.approx([1, 0.5, 0])
    assert found.verdict == "same names, other values"


def test_what_is_missing_or_of_another_shape_is_told(tmp_path):
    first = {"a.weight": A, "b.weight": A, "old.weight": A}
    second = {"a.weight": A, "b.weight": A[:1], "new.weight": A}
    found = compared(tmp_path, first, second)
    assert (found.only_first, found.only_second, found.other_shapes) == (
        ("old.weight",),
        ("new.weight",),
        ("b.weight",),
    )
    assert found.verdict == "some names in common, other shapes"
    assert compared(tmp_path, {"a.weight": A}, {"b.weight": A}).verdict == "no names in common"


def test_changes_from_zero_and_to_nothing_finite_come_first(tmp_path):
    first = {"a.weight": A, "b.weight": torch.zeros(2), "c.weight": A, "d.weight": torch.zeros(2)}
    second = {"a.weight": A * 9, "b.weight": torch.ones(2), "c.weight": A * torch.nan, "d.weight": torch.zeros(2)}
    found = compared(tmp_path, first, second)
    assert [change.layer for change in found.changes] == ["c", "b", "a", "d"]
    assert math.isnan(found.changes[0].relative_change)
    assert found.changes[1].relative_change == math.inf
    assert found.changes[3].relative_change == 0


def test_a_long_comparison_tells_what_it_knows_on_the_way():
    torch.manual_seed(0)
    first = torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(4)))
    second = torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(4)))
    steps = list(compare_step_by_step(weights_of_module(first), weights_of_module(second), values=100))
    assert [step.left for step in steps] == sorted({step.left for step in steps}, reverse=True)
    assert len(steps) > 2
    assert steps[-1].left == 0
    for change in steps[-1].changes:
        flat = [
            torch.cat([each.detach().flatten() for each in (net.get_submodule(change.layer).parameters())]).double()
            for net in (first, second)
        ]
        expected = float((flat[1] - flat[0]).norm() / flat[0].norm())
        assert change.relative_change == pytest.approx(expected)
