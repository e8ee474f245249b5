import pytest
import torch
from torch.nn.functional import avg_pool2d

from cnnviz.core.thumbnails import thumbnails


@pytest.mark.parametrize(
    ("height", "width", "side"), [(62, 62, 48), (96, 144, 48), (30, 30, 48), (61, 50, 20), (7, 1, 3)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_maps_are_averaged_over_squares(height: int, width: int, side: int, dtype: torch.dtype) -> None:
    maps = torch.randn(5, height, width).to(dtype)
    small = thumbnails(maps, (0, 2, 3), side)
    shrink = -(-max(height, width) // side)
    assert small.shape == (3, -(-height // shrink), -(-width // shrink))
    assert max(small.shape[1:]) <= side
    for at, channel in enumerate((0, 2, 3)):
        for row in range(small.shape[1]):
            for column in range(0, small.shape[2], 5):
                square = maps[channel, row * shrink : (row + 1) * shrink, column * shrink : (column + 1) * shrink]
                assert float(small[at, row, column]) == pytest.approx(float(square.float().mean()), abs=1e-5)


def test_all_maps_agree_with_torch_and_the_values_stay_as_they_were() -> None:
    maps = torch.randn(4, 60, 90)
    before = maps.clone()
    assert torch.allclose(thumbnails(maps, range(4), 30), avg_pool2d(maps, 3), atol=1e-6)
    assert torch.equal(maps, before)


def test_what_is_small_enough_is_left_as_it_is() -> None:
    maps = torch.randn(4, 20, 20)
    assert torch.equal(thumbnails(maps, (1, 3), 48), maps[[1, 3]])
