import numpy as np
import pytest

from cnnviz.data.datasets import load_dataset
from cnnviz.data.shapes import CLASS_NAMES, SIDE, draw_shapes

AREAS = {"circle": np.pi, "square": 2.0, "triangle": 3 * np.sqrt(3) / 4, "ring": np.pi * (1 - 0.6**2)}


@pytest.fixture(scope="module")
def shapes():
    return draw_shapes(1500, seed=7)


@pytest.mark.parametrize("name", AREAS)
def test_masks_have_the_area_of_their_shape(shapes, name):
    chosen = shapes.labels == CLASS_NAMES.index(name)
    areas = shapes.masks[chosen].sum(axis=(1, 2)) / shapes.radii[chosen] ** 2
    assert areas.mean() == pytest.approx(AREAS[name], rel=0.02)


def test_masks_lie_within_the_circle_about_the_centre(shapes):
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    distance = (
        np.hypot(rows - shapes.centres[:, 0, None, None], columns - shapes.centres[:, 1, None, None])
        / shapes.radii[:, None, None]
    )
    assert distance[shapes.masks == 1].max() <= 1
    centre = [(shapes.masks * axis).sum(axis=(1, 2)) / shapes.masks.sum(axis=(1, 2)) for axis in (rows, columns)]
    assert np.abs(np.stack(centre, axis=1) - shapes.centres).max() < 0.5


def test_the_shape_can_be_told_from_its_ground_and_no_class_by_its_colour(shapes):
    images = shapes.images.astype(float)
    inside, outside = shapes.masks[:, None] == 1, shapes.masks[:, None] == 0
    ink = (images * inside).sum(axis=(2, 3)) / inside.sum(axis=(2, 3))
    ground = (images * outside).sum(axis=(2, 3)) / outside.sum(axis=(2, 3))
    assert np.abs(ink - ground).max(axis=1).min() > 30
    for label in range(len(CLASS_NAMES)):
        assert np.abs(ink[shapes.labels == label].mean(axis=0) - 127.5).max() < 20


def test_the_same_seed_draws_the_same_and_the_parts_differ():
    assert np.array_equal(draw_shapes(20, seed=1).images, draw_shapes(20, seed=1).images)
    train, test = load_dataset("shapes", "train"), load_dataset("shapes", "test")
    assert (train.images.shape, test.images.shape) == ((6000, 3, 32, 32), (1000, 3, 32, 32))
    assert train.class_names == CLASS_NAMES
    seen = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in seen for image in test.images)
