import numpy as np
import pytest

from cnnviz.data.labelled_images import DatasetError, LabelledImages
from cnnviz.data.split import split_by_class


def numbered(labels):
    """Images that carry their own number."""
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    return LabelledImages(images, np.array(labels), tuple(map(str, range(max(labels) + 1))))


def test_a_fifth_of_each_class_and_one_of_small_ones_is_kept_back():
    train, test = split_by_class(numbered([0] * 50 + [1] * 10 + [2] * 2 + [3]), seed=0)
    assert np.bincount(test.labels, minlength=4).tolist() == [10, 2, 1, 0]
    together = np.concatenate([train.images, test.images]).ravel()
    assert sorted(together) == list(range(63))


def test_the_seed_alone_decides():
    images = numbered([0] * 50 + [1] * 50)
    one, same, other = (split_by_class(images, seed)[1].images.ravel().tolist() for seed in (3, 3, 4))
    assert one == same == sorted(one)
    assert one != other


def test_nothing_can_be_kept_back_of_single_images():
    with pytest.raises(DatasetError, match=r"2 images are too few .* add some to each class"):
        split_by_class(numbered([0, 1]), seed=0)
