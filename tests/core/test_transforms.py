"""Moved images and maps against NumPy, SciPy's interpolation, the Fourier shift theorem and polynomials."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from cnnviz.core.cell_mask import CellMask
from cnnviz.core.map_motion import MapMover
from cnnviz.core.transforms import MapGrid, Transform, image_grid, known_cells, move_images, move_map, sampling

SCIPY_MODES = {"wrap": "grid-wrap", "edge": "nearest", "zeros": "constant"}


def noise(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape))


def smooth(height: int, width: int) -> Tensor:
    """A quadratic in both coordinates: Keys' cubic and SciPy's spline both give it back exactly, away from borders."""
    y, x = np.mgrid[:height, :width] / 10.0
    return torch.from_numpy(1 + 2 * y - x + 0.5 * y * x + 0.3 * y * y - 0.7 * x * x)[None, None]


@given(st.integers(-20, 20), st.integers(-20, 20), st.sampled_from(["wrap", "zeros", "edge"]))
def test_whole_shifts_are_copies(rows: int, columns: int, border: str) -> None:
    images = noise(2, 3, 7, 9)
    moved = move_images(images, Transform(rows, columns, border=border))
    if border == "wrap":
        expected = np.roll(images.numpy(), (rows, columns), (2, 3))
    else:
        expected = ndimage.shift(images.numpy(), (0, 0, rows, columns), order=0, mode=SCIPY_MODES[border])
    assert np.array_equal(moved.numpy(), expected)


def test_what_fills_in() -> None:
    images = noise(2, 2, 5, 6)
    black = move_images(images, Transform(2, -1, border="zeros"), (-1.5, 0.25))
    assert (black[:, 0, :2] == -1.5).all()
    assert (black[:, 1, :, -1] == 0.25).all()
    assert torch.equal(black[:, :, 2:, :-1], images[:, :, :-2, 1:])
    mean = move_images(images, Transform(0, 4, border="mean"))
    assert torch.equal(mean[..., :4], images.mean((2, 3), keepdim=True).expand(2, 2, 5, 4))
    half = move_images(torch.ones(1, 1, 4, 4), Transform(0.5, 0, border="zeros"))[0, 0, :, 0]
    # Keys' weights half-way are -1/16, 9/16, 9/16, -1/16.
    assert half.tolist() == pytest.approx([8 / 16, 17 / 16, 1, 17 / 16])
    with pytest.raises(ValueError, match="Black has 3 values, but the images have 2 channels"):
        move_images(images, Transform(1, border="zeros"), (0, 0, 0))


@pytest.mark.parametrize("size", [(8, 9), (9, 8), (16, 16), (1, 5)])
@pytest.mark.parametrize("shift", [(0.5, 0.25), (-3.3, 7.9), (0, 1e-3)])
def test_wrapped_shifts_between_pixels_follow_the_shift_theorem(
    size: tuple[int, int], shift: tuple[float, float]
) -> None:
    images = noise(1, 2, *size)
    spectrum = np.fft.fft2(images.numpy())
    for axis, (length, distance) in enumerate(zip(size, shift, strict=True), start=2):
        frequency = np.fft.fftfreq(length)
        factor = np.exp(-2j * np.pi * frequency * distance)
        factor[frequency == -0.5] = math.cos(math.pi * distance)  # the phase of a real cosine at Nyquist is open
        spectrum = spectrum * np.moveaxis(factor.reshape(-1, 1, 1, 1), 0, axis)
    moved = move_images(images, Transform(*shift))
    assert np.allclose(moved.numpy(), np.fft.ifft2(spectrum).real, atol=1e-12)


def test_a_wave_is_shifted_exactly() -> None:
    x = torch.arange(32, dtype=torch.float64)
    wave = lambda offset: torch.cos(2 * math.pi * 5 * (x - offset) / 32 + 0.3)[None, None, None]  # noqa: E731
    assert torch.allclose(move_images(wave(0), Transform(columns=2.37)), wave(2.37), atol=1e-12)


@pytest.mark.parametrize(("rows", "columns"), [(0.5, 0), (-1.25, 2.75), (3.1, -0.2)])
def test_other_shifts_between_pixels(rows: float, columns: float) -> None:
    image = smooth(24, 20)
    moved = move_images(image, Transform(rows, columns, border="edge"))
    y, x = np.mgrid[:24, :20]
    source_y, source_x = (y - rows) / 10, (x - columns) / 10
    expected = 1 + 2 * source_y - source_x + 0.5 * source_y * source_x + 0.3 * source_y**2 - 0.7 * source_x**2
    assert np.allclose(moved[0, 0, 6:-6, 6:-6], expected[6:-6, 6:-6], atol=1e-12)
    by_scipy = ndimage.shift(image[0, 0].numpy(), (rows, columns), order=3, mode="mirror")
    assert np.allclose(moved[0, 0, 6:-6, 6:-6], by_scipy[6:-6, 6:-6], atol=3e-3)  # the spline sees the far border


@pytest.mark.parametrize("angle", [10.0, -33.0, 90.0, 145.0])
def test_rotation(angle: float) -> None:
    image = smooth(25, 25)
    moved = move_images(image, Transform(rotation=angle, border="zeros"))[0, 0]
    # SciPy's angles go from the first axis given to the second: with (1, 0), counter-clockwise as it is seen.
    expected = ndimage.rotate(image[0, 0].numpy(), angle, axes=(1, 0), reshape=False, order=3, mode="mirror")
    middle = slice(8, -8)
    assert np.allclose(moved[middle, middle], expected[middle, middle], atol=2e-3)


@pytest.mark.parametrize(("factor", "turns"), [(90, 1), (180, 2), (-90, 3), (450, 1)])
def test_quarter_turns_are_copies(factor: float, turns: int) -> None:
    images = noise(2, 3, 8, 8)
    expected = torch.rot90(images, turns, (2, 3))
    for border in ("wrap", "zeros", "edge"):
        assert torch.equal(move_images(images, Transform(rotation=factor, border=border)), expected)


@pytest.mark.parametrize("zoom", [0.5, 0.8, 1.5, 3.0])
def test_zoom(zoom: float) -> None:
    image = smooth(21, 21)
    moved = move_images(image, Transform(zoom=zoom, border="edge"))[0, 0].numpy()
    offset = np.array([10, 10]) * (1 - 1 / zoom)
    spline = ndimage.affine_transform(image[0, 0].numpy(), np.eye(2) / zoom, offset, order=3, mode="mirror")
    assert np.allclose(moved[8:-8, 8:-8], spline[8:-8, 8:-8], atol=2e-3)
    # Three times nine pixels: SciPy's zoom by whole pixels, cut at the centre.
    blocks = noise(1, 1, 9, 9)
    nearest = sampling(image_grid(9, 9), Transform(zoom=3, border="edge"), "nearest")
    assert nearest.rows is not None
    enlarged = ndimage.zoom(blocks[0, 0].numpy(), 3, order=0, grid_mode=True, mode="nearest")
    assert np.array_equal(nearest.rows @ blocks[0, 0].numpy() @ nearest.rows.T, enlarged[9:-9, 9:-9])


def test_flips_are_copies() -> None:
    images = noise(2, 3, 6, 7)
    for border in ("wrap", "zeros", "mean"):
        assert torch.equal(move_images(images, Transform(flip="horizontal", border=border)), images.flip(3))
        assert torch.equal(move_images(images, Transform(flip="vertical", border=border)), images.flip(2))


@given(
    st.floats(-5, 5), st.floats(-5, 5), st.floats(-180, 180), st.floats(0.3, 3), st.sampled_from(["none", "horizontal"])
)
def test_the_inverse_takes_back(rows: float, columns: float, angle: float, zoom: float, flip: str) -> None:
    motion = Transform(rows, columns, angle, zoom, flip).motion
    position = np.array([3.0, -7.0])
    there = np.array(motion.matrix) @ (position - motion.shift)
    back = np.array(motion.inverse.matrix) @ (there - motion.inverse.shift)
    assert np.allclose(back, position)


def test_a_map_moves_by_its_own_stride_and_centre() -> None:
    maps = noise(1, 2, 8, 8)
    grid = MapGrid((8, 8), (4.0, 4.0), (1.5, 1.5), (32, 32))  # two poolings of 2: cells in the middle of four pixels
    assert torch.equal(move_map(maps, grid, Transform(columns=8)), maps.roll(2, 3))
    assert torch.equal(move_map(maps, grid, Transform(flip="horizontal")), maps.flip(3))
    assert torch.equal(move_map(maps, grid, Transform(rotation=90)), maps.rot90(1, (2, 3)))
    half = move_map(maps, grid, Transform(columns=2))
    assert torch.allclose(half, move_images(maps, Transform(columns=0.5)))
    # Centres at 0, 2, 4 … of 16: mirrored they lie at 15, 13 …, half-way between two cells.
    odd = MapGrid((8, 8), (2.0, 2.0), (0.0, 0.0), (16, 16))
    mirrored = move_map(maps, odd, Transform(flip="horizontal"))
    assert torch.allclose(mirrored, move_images(maps.flip(3), Transform(columns=0.5)), atol=1e-12)
    nearest = move_map(maps, grid, Transform(columns=5), "nearest")
    assert torch.equal(nearest, maps.roll(1, 3))


def test_a_map_that_does_not_close_comes_back_in_where_it_can() -> None:
    # A convolution of 5 without padding on 12 pixels: cells 0 … 7 of a period of 12.
    grid = MapGrid((8, 8), (1.0, 1.0), (2.0, 2.0), (12, 12))
    maps = noise(1, 1, 8, 8)
    moved = move_map(maps, grid, Transform(columns=6), open_ended=True)
    known = known_cells(grid, Transform(columns=6))[0]
    assert known.tolist() == [True, True, False, False, False, False, True, True]
    assert torch.equal(moved[..., :2], maps[..., 6:])
    assert torch.equal(moved[..., 6:], maps[..., :2])
    filled = known_cells(grid, Transform(columns=6, border="zeros"))[0]
    assert filled.tolist() == [False] * 6 + [True, True]
    assert known_cells(grid, Transform(columns=-0.5, border="edge"))[0].tolist() == [True] * 7 + [False]


def test_axes_of_one_cell_stay() -> None:
    grid = MapGrid((1, 4), (0.0, 2.0), (3.5, 0.5), (8, 8))
    maps = noise(1, 1, 1, 4)
    assert torch.equal(move_map(maps, grid, Transform(rows=3, columns=2)), maps.roll(1, 3))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"zoom": 0}, "zoom above 0"),
        ({"rows": math.nan}, "finite numbers"),
        ({"border": "mirror"}, "There is no border “mirror”: choose one of wrap, zeros"),
        ({"flip": "both"}, "There is no flip “both”"),
    ],
)
def test_what_is_no_transform_is_told(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Transform(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("between", ["fourier", "nearest"])
@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize(("stride", "cells"), [(4.0, 7), (4.0, 6), (1.0, 28)])
def test_many_shifts_at_once_are_each_shift_by_itself(between: str, axis: str, stride: float, cells: int) -> None:
    grid = MapGrid((cells, cells), (stride, stride), (1.5, 1.5), (28, 28))
    transforms = [Transform(**{axis: float(distance)}, border="wrap") for distance in range(-9, 10)]
    maps = torch.rand(3, cells, cells, generator=torch.Generator().manual_seed(1))
    mover, which = MapMover(grid, transforms), list(range(len(transforms)))[::-1]
    moved = mover.move(maps, which, nearest=between == "nearest")
    known = mover.known[which][:, None]
    for place, index in enumerate(which):
        alone = move_map(maps[None], grid, transforms[index], between, open_ended=True)[0]  # type: ignore[arg-type]
        mask = torch.from_numpy(known[place]).expand_as(alone)
        torch.testing.assert_close(moved[place][mask], alone[mask], rtol=1e-5, atol=1e-6)
    others = torch.rand(moved.shape, generator=torch.Generator().manual_seed(2))
    expected = ((others - moved) * torch.from_numpy(known)).flatten(1).norm(dim=1)
    mask = CellMask(mover.known[which], maps)
    for layout in (torch.contiguous_format, torch.channels_last):
        one, several = maps[None].contiguous(memory_format=layout)[0], others.contiguous(memory_format=layout)
        torch.testing.assert_close(mover.move(one, which, nearest=between == "nearest"), moved)
        found = mover.distances(one, several, which, mask, nearest=between == "nearest")
        torch.testing.assert_close(found, expected)
