import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Generator

from cnnviz.training import augmentation
from cnnviz.training.augmentation import (
    AUGMENTATIONS,
    Draws,
    affine,
    augment,
    brightness,
    crop,
    cutout,
    flip,
    thickness,
)


@pytest.fixture
def generator():
    return Draws(Generator().manual_seed(0))


def fix(monkeypatch, **constants):
    """Leave chance no room: each named range holds one value."""
    for name, value in constants.items():
        monkeypatch.setattr(augmentation, name, value)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_is_drawn_from_its_generator_for_every_image_anew(name):
    image = torch.rand(1, 3, 16, 20, generator=Generator().manual_seed(5)).expand(16, 3, 16, 20)
    once = augment(image, (name,), Draws(Generator().manual_seed(1)))
    again = augment(image, (name,), Draws(Generator().manual_seed(1)))
    other = augment(image, (name,), Draws(Generator().manual_seed(2)))
    assert once.shape == image.shape
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert len({tuple(changed.flatten().tolist()) for changed in once}) > 1
    assert once.min() >= 0
    assert once.max() <= 1


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_parts_of_a_batch_are_changed_as_they_are_in_the_whole(name):
    images = torch.rand(12, 3, 16, 20, generator=Generator().manual_seed(5))
    whole = augment(images, (name, "brightness"), Draws(Generator().manual_seed(1)))
    parts = [
        augment(part, (name, "brightness"), Draws(Generator().manual_seed(1), index, 3))
        for index, part in enumerate(images.split(4))
    ]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_augmentations_follow_one_another_in_the_order_given(monkeypatch, generator):
    fix(monkeypatch, GAINS=(0.5, 0.5))
    image = torch.full((1, 1, 9, 9), 0.8)
    assert 0.5 in augment(image, ("brightness", "cutout"), generator)
    assert 0.5 not in augment(image, ("cutout", "brightness"), generator)
    assert augment(image, (), generator) is image


STILL = {"LARGEST_SHIFT": 0.0, "LARGEST_ROTATION": 0.0, "LARGEST_SHEAR": 0.0, "SCALES": (1, 1), "ASPECT_RATIOS": (1, 1)}


def centre_of_mass(image):
    return np.array(scipy.ndimage.center_of_mass(image.numpy()))


def test_affine_without_change_is_the_identity(monkeypatch, generator):
    fix(monkeypatch, **STILL)
    image = torch.rand(2, 1, 9, 12)
    torch.testing.assert_close(affine(image, generator), image, atol=1e-5, rtol=0)


def test_affine_shifts_reach_their_bound_and_no_further(monkeypatch, generator):
    fix(monkeypatch, **STILL | {"LARGEST_SHIFT": 0.2})
    image = torch.zeros(500, 1, 20, 30)
    image[:, :, 9:11, 14:16] = 1
    moved = np.array([centre_of_mass(changed[0]) for changed in affine(image, generator)]) - [9.5, 14.5]
    assert 3.8 < np.abs(moved[:, 0]).max() <= 4.01
    assert 5.7 < np.abs(moved[:, 1]).max() <= 6.01


def test_affine_rotates_without_distortion_on_an_image_that_is_not_square(monkeypatch, generator):
    fix(monkeypatch, **STILL | {"LARGEST_ROTATION": 0.5})
    image = torch.zeros(100, 1, 31, 61)
    image[:, :, 14:17, 39:42] = 1
    offsets = np.array([centre_of_mass(changed[0]) for changed in affine(image, generator)]) - [15, 30]
    np.testing.assert_allclose(np.linalg.norm(offsets, axis=1), 10, atol=0.1)
    angles = np.arctan2(offsets[:, 0], offsets[:, 1])
    assert angles.min() < -0.4
    assert 0.4 < angles.max() <= 0.51


def test_affine_scales_areas_by_the_square(monkeypatch, generator):
    fix(monkeypatch, **STILL | {"SCALES": (0.5, 0.5)})
    image = torch.zeros(1, 1, 40, 40)
    image[:, :, 10:30, 10:30] = 1
    assert affine(image, generator).sum().item() == pytest.approx(100, rel=0.02)


def test_affine_shear_keeps_rows_in_place(monkeypatch, generator):
    fix(monkeypatch, **STILL | {"LARGEST_SHEAR": 0.4})
    image = torch.zeros(50, 1, 41, 41)
    image[:, :, 9:12, 19:22] = 1
    moved = np.array([centre_of_mass(changed[0]) for changed in affine(image, generator)]) - [10, 20]
    np.testing.assert_allclose(moved[:, 0], 0, atol=0.05)
    assert 3.5 < np.abs(moved[:, 1]).max() <= 4.05


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (-1.0, lambda image: scipy.ndimage.grey_erosion(image, size=(2, 2), origin=-1)),
        (0.0, lambda image: image),
        (1.0, lambda image: scipy.ndimage.grey_dilation(image, size=(3, 3))),
        (2.0, lambda image: scipy.ndimage.grey_dilation(image, size=(5, 5))),
        (0.5, lambda image: (image + scipy.ndimage.grey_dilation(image, size=(3, 3))) / 2),
    ],
)
def test_thickness_is_grey_morphology(monkeypatch, generator, amount, expected):
    fix(monkeypatch, THICKNESSES=(amount, amount))
    image = torch.rand(1, 1, 12, 10, dtype=torch.float64)
    changed = thickness(image.float(), generator)[0, 0].numpy()
    inside = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(changed[inside], expected(image[0, 0].numpy())[inside], atol=1e-6)


def test_brightness_multiplies_and_cuts_off(monkeypatch, generator):
    fix(monkeypatch, GAINS=(2, 2))
    image = torch.tensor([0.1, 0.4, 0.9]).view(1, 1, 1, 3)
    torch.testing.assert_close(brightness(image, generator).flatten(), torch.tensor([0.2, 0.8, 1.0]))


def test_flip_mirrors_half_of_the_images_left_to_right(generator):
    image = torch.arange(6.0).view(1, 1, 2, 3).expand(1000, 1, 2, 3)
    changed = flip(image, generator)
    mirrored = (changed == torch.tensor([[2.0, 1, 0], [5, 4, 3]])).flatten(1).all(dim=1)
    unchanged = (changed == image).flatten(1).all(dim=1)
    assert (mirrored | unchanged).all()
    assert 430 < mirrored.sum() < 570


def test_crop_is_a_window_of_the_reflected_image(monkeypatch, generator):
    fix(monkeypatch, CROP_MARGIN=0.25)
    image = torch.rand(8, 12)
    reflected = np.pad(image.numpy(), ((2, 2), (3, 3)), mode="reflect")
    windows = {
        reflected[row : row + 8, column : column + 12].tobytes(): (row, column)
        for row in range(5)
        for column in range(7)
    }
    changed = crop(image.expand(400, 2, 8, 12), generator)
    assert {windows[one[0].numpy().tobytes()] for one in changed} == set(windows.values())
    assert torch.equal(changed[:, 0], changed[:, 1])


def test_cutout_greys_a_square_out(generator):
    image = torch.rand(300, 1, 16, 16)
    changed = cutout(image, generator)
    hidden = (changed != image)[:, 0]
    assert (changed[:, 0][hidden] == 0.5).all()
    for mask in hidden:
        rows, columns = torch.nonzero(mask.any(dim=1)).flatten(), torch.nonzero(mask.any(dim=0)).flatten()
        assert mask.sum() == len(rows) * len(columns)
        assert len(rows) <= 5
        assert len(columns) <= 5
    assert hidden.any(dim=0).all()
