import numpy as np
from sklearn.datasets import load_digits as sklearn_digits

from cnnviz.data.datasets import has_test_split, load_dataset


def test_the_two_parts_are_all_of_scikit_learns_digits_once():
    train, test = load_dataset("digits", "train"), load_dataset("digits", "test")
    assert (len(train), len(test)) == (1438, 359)
    theirs = sklearn_digits()
    expected = {(image.tobytes(), label) for image, label in zip(theirs.images, theirs.target, strict=True)}
    ours = set()
    for part in (train, test):
        sixteenths = np.rint(part.images[:, 0] / 255 * 16).astype(np.float64)
        ours |= {(image.tobytes(), label) for image, label in zip(sixteenths, part.labels, strict=True)}
    assert ours == expected
    assert train.images.shape[1:] == (1, 8, 8)
    assert train.images.max() == 255
    assert has_test_split("digits")


def test_every_digit_is_tested_in_the_share_that_it_has():
    train, test = load_dataset("digits", "train"), load_dataset("digits", "test")
    shares = np.bincount(test.labels) / (np.bincount(train.labels) + np.bincount(test.labels))
    assert np.abs(shares - 0.2).max() < 0.005
