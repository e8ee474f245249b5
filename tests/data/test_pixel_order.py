import numpy as np
import pytest

from cnnviz.data.labelled_images import LabelledImages
from cnnviz.data.pixel_order import permute_pixels, permuted_picture, pixel_permutation
from cnnviz.data.resampling import resample
from cnnviz.training.preparation import to_network_input, to_unit_range
from cnnviz.training.settings import checked_settings
from cnnviz.training.start import load_images, prepare


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


def test_a_picture_is_permuted_as_the_images_of_the_training_were():
    settings = checked_settings({"network": {"name": "lenet"}, "dataset": "digits", "permute_pixels": True})
    card = prepare(settings).data.card
    assert (card.permuted_at, card.input_size) == ((8, 8), (1, 28, 28))
    _, plain = load_images(settings.changed({"permute_pixels": False}), card.input_size)
    _, permuted = load_images(settings, card.input_size)
    trained_on = to_network_input(to_unit_range(permuted.images[:4]), card)
    mean, std = card.mean[0], card.std[0]
    for number, wanted in enumerate(trained_on.numpy()):
        small = plain.images[number].astype(np.float32) / 255
        np.testing.assert_array_equal(permuted_picture(small, (8, 8)), permuted.images[number].astype(np.float32) / 255)
        large = (permuted_picture(resample(small, 28, 28), card.permuted_at) - mean) / std
        # reduced and enlarged again a digit is a little softer than it was
        assert np.corrcoef(large.ravel(), wanted.ravel())[0, 1] > 0.9
    assert permuted_picture(small, None) is small
