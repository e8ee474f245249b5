import numpy as np
import pytest

from cnnviz.data.labelled_images import LabelledImages
from cnnviz.data.pixel_order import permute_pixels, pixel_permutation
from cnnviz.training.settings import checked_settings
from cnnviz.training.start import load_images


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (5, 9)])
def test_the_order_is_a_bijection_that_leaves_hardly_a_pixel_in_its_place(height, width):
    order = pixel_permutation(height, width)
    assert sorted(order.tolist()) == list(range(height * width))
    assert (order == np.arange(height * width)).sum() <= 6
    assert np.array_equal(order, pixel_permutation(height, width))


def test_every_image_and_channel_is_put_in_that_order():
    random = np.random.default_rng(0)
    images = LabelledImages(
        random.integers(0, 256, (3, 2, 5, 9), np.uint8), np.array([0, 1, 0]), ("a", "b"), ("x.png",)
    )
    permuted = permute_pixels(images)
    order = pixel_permutation(5, 9)
    for image, before in zip(permuted.images.reshape(6, 45), images.images.reshape(6, 45), strict=True):
        assert image.tolist() == [before[index] for index in order]
    assert np.array_equal(permuted.labels, images.labels)
    assert permuted.skipped == ("x.png",)


def test_training_and_test_images_are_permuted_alike():
    plain = load_images(checked_settings({"dataset": "dots"}), (1, 28, 28))
    permuted = load_images(checked_settings({"dataset": "dots", "permute_pixels": True}), (1, 28, 28))
    order = pixel_permutation(28, 28)
    for before, after in zip(plain, permuted, strict=True):
        assert np.array_equal(after.images.reshape(-1, 784), before.images.reshape(-1, 784)[:, order])
