import numpy as np

from cnnviz.data.datasets import load_dataset
from cnnviz.data.dots import CELLS, CLASS_NAMES, SIDE, draw_dots


def test_the_label_is_the_cell_in_which_the_light_lies():
    dots = draw_dots(400, seed=3)
    light = np.where(dots.images[:, 0] > 60, dots.images[:, 0], 0).astype(float)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    weight = light.sum(axis=(1, 2))
    found = np.stack([(light * axis).sum(axis=(1, 2)) / weight for axis in (rows, columns)], axis=1)
    assert np.abs(found - dots.centres).max() < 0.25
    named = [tuple(int(part.split()[1]) for part in CLASS_NAMES[label].split(", ")) for label in dots.labels]
    inside = dots.centres // (SIDE / CELLS) + 1
    assert [tuple(place) for place in inside.astype(int)] == named


def test_dots_differ_in_nothing_but_their_place():
    dots = draw_dots(400, seed=3)
    assert dots.images.max(axis=(1, 2, 3)).min() > 150
    light = dots.images.astype(float).sum(axis=(1, 2, 3))
    assert light.std() < 0.05 * light.mean()
    assert set(np.bincount(dots.labels, minlength=16) > 8) == {True}


def test_the_same_seed_draws_the_same_and_the_parts_differ():
    assert np.array_equal(draw_dots(20, seed=1).images, draw_dots(20, seed=1).images)
    train, test = load_dataset("dots", "train"), load_dataset("dots", "test")
    assert (train.images.shape, test.images.shape) == ((3000, 1, 28, 28), (1000, 1, 28, 28))
    assert train.class_names == CLASS_NAMES
    seen = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in seen for image in test.images)
