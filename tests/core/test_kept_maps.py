"""What is kept of a pass outlives the pass, and its memory is used again when all of its images are done with."""

import itertools

import pytest
import torch

from cnnviz.core.equivariance_pass import evenly
from cnnviz.core.kept_maps import KeptMaps, SpareMaps


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_rows_are_copied_in_the_layout_of_the_maps(layout: torch.memory_format) -> None:
    maps = torch.rand(5, 2, 3, 4).to(memory_format=layout)
    expected = maps.clone()
    kept = KeptMaps(("a", "b"), SpareMaps())
    kept.begin((7, 8))
    room = kept.keep("a", (7, 8), maps, torch.tensor([3, 0]))
    maps.zero_()
    assert torch.equal(room, expected[[3, 0]])
    assert room.stride() == expected.stride()
    assert torch.equal(kept.of["a"][7], expected[3])
    assert torch.equal(kept.of["a"][8], expected[0])
    assert kept.of["b"] == {}


def test_memory_is_used_again_when_all_images_of_a_pass_are_done_with() -> None:
    spare, rows = SpareMaps(), torch.tensor([0, 1])
    kept = KeptMaps(("a",), spare)
    kept.begin((0, 1))
    first = kept.keep("a", (0, 1), torch.ones(2, 1, 2, 2), rows)
    kept.drop([1])
    assert list(kept.of["a"]) == [0]
    kept.begin((2, 3))
    second = kept.keep("a", (2, 3), torch.zeros(2, 1, 2, 2), rows)
    assert (kept.of["a"][0] == 1).all()
    kept.drop([0])
    later = KeptMaps(("a",), spare)
    later.begin((0, 1))
    assert later.keep("a", (0, 1), torch.zeros(2, 1, 2, 2), rows).data_ptr() == first.data_ptr() != second.data_ptr()
    # Maps of another size or type get memory of their own.
    kept.drop([2, 3])
    later.begin((4,))
    other = later.keep("a", (4,), torch.zeros(2, 1, 2, 2, dtype=torch.float64), rows[:1])
    assert (other.shape, other.dtype) == ((1, 1, 2, 2), torch.float64)


@pytest.mark.parametrize("rows", [[], [3], [0, 1, 2], [0, 17], [1, 4, 7], [0, 1, 3], [0, 2, 3, 5]])
def test_rows_that_follow_each_other_evenly_are_a_slice(rows: list[int]) -> None:
    found = evenly(rows)
    steps = {later - row for row, later in itertools.pairwise(rows)}
    assert (found is not None) == (len(rows) > 0 and len(steps) < 2)
    assert found is None or list(range(20))[found] == rows


def test_maps_that_are_held_are_not_copied() -> None:
    kept, maps = KeptMaps(["a"], SpareMaps()), torch.rand(6, 2, 3, 3)
    kept.begin([4, 7])
    held = kept.hold("a", [4, 7], maps[1:4:2])
    assert torch.equal(held, maps[[1, 3]])
    assert kept.of["a"][7].data_ptr() == maps[3].data_ptr()
    kept.drop([4])
    assert list(kept.of["a"]) == [7]
