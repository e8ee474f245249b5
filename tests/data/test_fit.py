import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from torch.nn import functional

from cnnviz.data.fit import Fit, describe_fit, fit_picture, name_fit, normalisation, normalise
from cnnviz.data.resampling import resample

COLOUR = np.random.default_rng(0).random((3, 60, 90), np.float32)


def interpolated(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """PyTorch's anti-aliased bilinear resampling, written apart from Pillow's."""
    batch = torch.from_numpy(np.ascontiguousarray(pixels))[None]
    return functional.interpolate(batch, (height, width), mode="bilinear", antialias=True)[0].numpy()


@pytest.mark.parametrize("size", [(28, 28), (64, 64), (20, 30), (224, 100), (1, 1), (60, 45)])
def test_stretching_is_anti_aliased_bilinear(size: tuple[int, int]) -> None:
    fitted = fit_picture(COLOUR, 3, *size, Fit(size="resize"))
    np.testing.assert_allclose(fitted, interpolated(COLOUR, *size), atol=1e-5)
    assert fitted.dtype == np.float32


def test_cropping_takes_the_centre() -> None:
    fitted = fit_picture(COLOUR, 3, 30, 30, Fit())
    np.testing.assert_allclose(fitted[:, :, 1:-1], interpolated(COLOUR[:, :, 15:75], 30, 30)[:, :, 1:-1], atol=1e-5)
    np.testing.assert_array_equal(fit_picture(COLOUR, 3, 60, 60, Fit()), COLOUR[:, :, 15:75])
    tall = COLOUR.swapaxes(1, 2)
    np.testing.assert_array_equal(fit_picture(tall, 3, 60, 60, Fit()), tall[:, 15:75])


def test_padding_shows_all_between_black_bars() -> None:
    fitted = fit_picture(COLOUR, 3, 30, 30, Fit(size="pad"))
    np.testing.assert_allclose(fitted[:, 5:25], interpolated(COLOUR, 20, 30), atol=1e-5)
    assert fitted[:, :5].max() == fitted[:, 25:].max() == 0
    thin = fit_picture(np.ones((1, 1, 5000), np.float32), 1, 8, 8, Fit(size="pad"))
    np.testing.assert_array_equal(thin[0].sum(axis=1), [0, 0, 0, 8, 0, 0, 0, 0])


@pytest.mark.parametrize("size", ["resize", "crop", "pad"])
def test_of_equal_size_it_is_a_copy(size: str) -> None:
    fitted = fit_picture(COLOUR, 3, 60, 90, Fit(size=size))
    np.testing.assert_array_equal(fitted, COLOUR)
    assert not np.shares_memory(fitted, COLOUR)


def test_grey_is_pillows_luminance() -> None:
    photo = (COLOUR * 255).astype(np.uint8)
    expected = np.asarray(Image.fromarray(photo.transpose(1, 2, 0)).convert("L"))
    fitted = fit_picture(photo.astype(np.float32) / 255, 1, 60, 90, Fit())
    np.testing.assert_allclose(fitted[0], expected / 255, atol=1 / 255)
    np.testing.assert_array_equal(
        fit_picture(photo / np.float32(255), 3, 60, 90, Fit(colour="grey")), np.repeat(fitted, 3, 0)
    )
    np.testing.assert_array_equal(fit_picture(photo / np.float32(255), 1, 60, 90, Fit(colour="colour")), fitted)


def test_grey_is_repeated_in_every_channel() -> None:
    for channels in (1, 2, 3, 5):
        fitted = fit_picture(COLOUR[:1], channels, 60, 90, Fit())
        np.testing.assert_array_equal(fitted, np.repeat(COLOUR[:1], channels, 0))


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["resize", "crop", "pad"]),
)
@settings(deadline=None, max_examples=80)
def test_any_size_fits_any_other(height: int, width: int, new_height: int, new_width: int, size: str) -> None:
    white = np.ones((1, height, width), np.float32)
    fitted = fit_picture(white, 1, new_height, new_width, Fit(size=size))
    assert fitted.shape == (1, new_height, new_width)
    if size == "pad":
        shown = fitted[0] > 0.99
        assert shown[(new_height - 1) // 2, (new_width - 1) // 2]
        assert shown.any(axis=0).all() or shown.any(axis=1).all()
        np.testing.assert_array_equal(fitted[0, ~shown], 0)
    else:
        np.testing.assert_allclose(fitted, 1, atol=1e-6)


def test_the_box_of_a_resampling_may_lie_between_pixels() -> None:
    ramp = np.tile(np.arange(20, dtype=np.float32), (1, 20, 1))
    part = resample(ramp, 5, 5, (0, 4.5, 20, 9.5))
    np.testing.assert_allclose(part[0, 2], np.arange(5) + 4.5, atol=1e-5)


def test_normalising_is_torchs() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = functional.batch_norm(
        torch.from_numpy(COLOUR)[None], torch.tensor(mean), torch.tensor(std) ** 2, eps=0.0
    )[0].numpy()
    np.testing.assert_allclose(normalise(COLOUR, mean, std), expected, atol=1e-5)
    np.testing.assert_allclose(normalise(COLOUR, (0.5,), (0.25,)), COLOUR * 4 - 2, atol=1e-5)
    assert normalise(COLOUR, mean, std).dtype == np.float32


def test_numbers_that_do_not_match_the_channels_are_told() -> None:
    with pytest.raises(ValueError, match="has 1 channels, and mean or standard deviation 3 numbers: give one"):
        normalise(COLOUR[:1], (0.1, 0.2, 0.3), (1.0,))


def test_what_normalises() -> None:
    own = Fit(normalise="custom", mean=(0.1,), std=(0.2,))
    assert normalisation(Fit(), [0.5], [0.25]) == ((0.5,), (0.25,))
    assert normalisation(Fit(), (), ()) is None
    assert normalisation(Fit(normalise="none"), [0.5], [0.25]) is None
    assert normalisation(own, [0.5], [0.25]) == ((0.1,), (0.2,))


@pytest.mark.parametrize(
    ("source", "target", "fit", "moments", "words"),
    [
        (
            (3, 512, 512),
            (1, 28, 28),
            Fit(),
            ((0.131,), (0.308,)),
            "512×512 colour → 28×28 grey, scaled; (x − 0.131) / 0.308",
        ),
        (
            (3, 300, 451),
            (3, 64, 64),
            Fit(),
            ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            "451×300 colour → 64×64 colour, cropped to the centre; (x − (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)",
        ),
        ((1, 28, 28), (1, 28, 28), Fit(), ((), ()), "28×28 grey → 28×28 grey; values as they are"),
        (
            (1, 10, 20),
            (3, 32, 32),
            Fit(size="pad", normalise="none"),
            ((0.5,), (0.5,)),
            "20×10 grey → 32×32 grey in 3 equal channels, with black bars; values as they are",
        ),
        (
            (3, 10, 20),
            (3, 32, 32),
            Fit(size="resize", colour="grey", normalise="custom", mean=(-1,), std=(2,)),
            ((0.5,), (0.5,)),
            "20×10 colour → 32×32 grey in 3 equal channels, stretched; (x − (−1)) / 2",
        ),
    ],
)
def test_the_fit_in_words(
    source: tuple[int, int, int],
    target: tuple[int, int, int],
    fit: Fit,
    moments: tuple[tuple[float, ...], tuple[float, ...]],
    words: str,
) -> None:
    assert describe_fit(source, *target, fit, *moments) == words


@pytest.mark.parametrize(
    "fields", [{"std": (0.0,)}, {"std": (-1.0,)}, {"mean": ()}, {"mean": (0.1, 0.2, 0.3)}, {"size": "squash"}]
)
def test_a_fit_refuses(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Fit(**fields)


@pytest.mark.parametrize(
    ("source", "fit", "words"),
    [
        ((3, 300, 451), Fit(), "cropped from 451×300"),
        ((3, 300, 451), Fit(size="resize"), "stretched from 451×300"),
        ((1, 300, 451), Fit(size="pad"), "padded from 451×300"),
        ((3, 256, 256), Fit(), "scaled from 256×256"),
        ((3, 32, 32), Fit(), ""),
    ],
)
def test_what_became_of_the_size_is_said_in_two_words(source, fit, words):
    assert name_fit(source, 32, 32, fit) == words
