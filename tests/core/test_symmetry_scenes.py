"""The maximum stays; the spectrum turns along."""

import numpy as np
import pytest
import torch

from cnnviz.core.symmetry_scenes import maximum_under_translation, spectrum_under_rotation


def noise(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).standard_normal(shape))


def test_the_maximum_is_invariant_and_its_place_is_not() -> None:
    image = noise(2, 7, 9)
    shifts = [(0, 0), (1, 0), (0, -3), (5, 4), (-9, 20)]
    trace = maximum_under_translation(image, shifts)
    assert trace.values.tolist() == [float(image.max())] * 5
    for (rows, columns), place in zip(shifts, trace.places, strict=True):
        moved = np.roll(image.numpy(), (rows, columns), (1, 2))
        assert tuple(place) == np.unravel_index(moved.argmax(), moved.shape)
    between = maximum_under_translation(image, [(0, 0), (0.5, 0)])
    assert between.values[0] != between.values[1]
    with pytest.raises(ValueError, match="at least one"):
        maximum_under_translation(image, [])
    with pytest.raises(ValueError, match="not finite"):
        maximum_under_translation(image * float("nan"), [(0, 0)])


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_about_index_zero_are_exact(size: int, turns: int) -> None:
    image = noise(size, size)
    scene = spectrum_under_rotation(image, 90 * turns, window=False)
    assert scene.error < 1e-12
    assert scene.magnitude_error < 1e-12
    # Counter-clockwise, with rows that count downwards: what lies at (r, c) goes to (-c, r), counted around.
    by_index = np.fft.ifftshift(image.numpy())
    for _ in range(turns):
        turned = np.empty_like(by_index)
        for row in range(size):
            for column in range(size):
                turned[-column % size, row] = by_index[row, column]
        by_index = turned
    assert np.array_equal(scene.turned_image.numpy(), np.fft.fftshift(by_index))
    assert np.allclose(scene.of_turned.numpy(), np.fft.fftshift(np.fft.fft2(by_index)))


@pytest.mark.parametrize("angle", [0, 30, -45, 110])
def test_the_peaks_of_a_wave_turn_along(angle: float) -> None:
    size, frequency = 64, 12
    x = torch.arange(size, dtype=torch.float64) - size // 2
    wave = torch.cos(2 * torch.pi * frequency * x / size).expand(size, size)
    scene = spectrum_under_rotation(wave, angle)
    peak = np.array(np.unravel_index(int(scene.of_turned.abs().argmax()), (size, size))) - size // 2
    direction = np.array([-np.sin(np.radians(angle)), np.cos(np.radians(angle))]) * frequency
    assert min(np.abs(peak - direction).max(), np.abs(peak + direction).max()) < 1
    # A smooth image that fades out turns almost without error; noise does not.
    y = torch.hypot(x[:, None] / 6, x[None] / 3)
    assert spectrum_under_rotation(torch.exp(-(y**2) / 2), angle).error < 0.02
    assert spectrum_under_rotation(noise(size, size), 30, window=False).error > 0.3


def test_the_square_at_the_centre_is_taken() -> None:
    image = noise(10, 15)
    assert torch.equal(spectrum_under_rotation(image, 90, window=False).image, image[:, 2:12])
    with pytest.raises(ValueError, match="zero everywhere"):
        spectrum_under_rotation(torch.zeros(4, 4), 90)
    with pytest.raises(ValueError, match="at least 2×2"):
        spectrum_under_rotation(torch.ones(1, 4), 90)
