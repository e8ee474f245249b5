"""The networks that ship do what their cards say, measured on data sets that lie beside the checkout."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage

from cnnviz.checkpoints.open import open_network
from cnnviz.data.datasets import load_dataset
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.training.evaluate import evaluate

DATA = Path(os.environ.get("CNNVIZ_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
SAMPLES = 2000

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no data sets beside the checkout")


@cache
def some_test_images(dataset: str) -> LabelledImages:
    images = load_dataset(dataset, "test", DATA)
    return images.subset(np.random.default_rng(0).permutation(len(images))[:SAMPLES])


def accuracy(name: str, images: LabelledImages) -> float:
    network = open_network(name)
    return evaluate(network.module, network.card, images).accuracy


@pytest.mark.parametrize(
    ("name", "dataset", "least"),
    [("mnist-lenet", "mnist", 0.992), ("cifar-net", "cifar10", 0.84), ("tiny-vgg", "cifar10", 0.66)],
)
def test_the_accuracy_on_the_card_is_repeated(name, dataset, least):
    stated = open_network(name).card.test_accuracy
    assert stated >= least
    deviation = (stated * (1 - stated) / SAMPLES) ** 0.5
    assert accuracy(name, some_test_images(dataset)) == pytest.approx(stated, abs=3 * deviation)


def changed(change) -> LabelledImages:
    digits = some_test_images("mnist")
    images = np.stack([change(image[0], index)[None] for index, image in enumerate(digits.images)])
    return LabelledImages(images, digits.labels, digits.class_names)


def shifted(image, index):
    rows, columns = np.random.default_rng(index).integers(-4, 5, 2)
    return scipy.ndimage.shift(image, (rows, columns), order=0)


def scaled(factor):
    def change(image, _):
        offset = 13.5 * (1 - 1 / factor)
        return scipy.ndimage.affine_transform(image, np.eye(2) / factor, offset, order=1)

    return change


@pytest.mark.parametrize(
    "change",
    [
        shifted,
        lambda image, _: scipy.ndimage.grey_dilation(image, size=(3, 3)),
        lambda image, _: scipy.ndimage.grey_dilation(image, footprint=[[0, 1, 0], [1, 1, 1], [0, 1, 0]]),
        lambda image, _: scipy.ndimage.grey_erosion(image, size=(2, 2)),
        lambda image, index: scipy.ndimage.rotate(image, (-15, 15)[index % 2], reshape=False, order=1),
        scaled(0.75),
        scaled(1.2),
        lambda image, _: np.where(image > 100, 255, 0).astype(np.uint8),
    ],
    ids=["shifted", "very thick", "thick", "thin", "tilted", "small", "large", "without grey"],
)
def test_digits_are_recognised_however_they_are_drawn(change):
    assert accuracy("mnist-lenet", changed(change)) >= 0.97
