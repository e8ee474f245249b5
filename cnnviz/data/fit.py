"""How a picture of any size and colour becomes what the network takes: size, channels, mean and standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from cnnviz.data.colour import Pixels, to_grey
from cnnviz.data.frozen import Frozen
from cnnviz.data.resampling import Box, resample

Deviation = Annotated[float, Field(gt=0)]
Moments = tuple[tuple[float, ...], tuple[float, ...]]


class Fit(Frozen):
    """How a picture is fitted to the network, and the values to what it was trained on."""

    size: Literal["resize", "crop", "pad"] = Field(
        "crop",
        description="Stretch the whole picture, cut its centre out, or show all of it between black bars",
    )
    colour: Literal["auto", "grey", "colour"] = Field(
        "auto",
        description="As network and picture have it, always grey, or in colour if the network takes three channels",
    )
    normalise: Literal["network", "none", "custom"] = Field(
        "network", description="Subtract the mean and divide by the deviation: the network's, none, or your own"
    )
    mean: tuple[float, ...] = Field((0.0,), min_length=1, description="Own mean: one number, or one for each channel")
    std: tuple[Deviation, ...] = Field(
        (1.0,), min_length=1, description="Own standard deviation: one number, or one for each channel"
    )

    @model_validator(mode="after")
    def _as_many_deviations_as_means(self) -> Self:
        if len(self.mean) != len(self.std):
            raise ValueError(f"give as many standard deviations as means, not {len(self.std)} for {len(self.mean)}")
        return self


def fit_picture(pixels: Pixels, channels: int, height: int, width: int, fit: Fit) -> Pixels:
    """A picture at the network's size and with its number of channels.

    Parameters
    ----------
    pixels : array, float32, (1 or 3, H, W), in [0, 1]
    channels : int
        3 keeps colours. With any other number each channel is the grey picture: its luminance,
        0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601).

    Returns
    -------
    array, float32, (channels, height, width), in [0, 1]
        A copy to the last bit where nothing is to be fitted.
    """
    _, old_height, old_width = pixels.shape
    if not _keeps_colour(pixels.shape[0], channels, fit):
        pixels = to_grey(pixels)
    if fit.size == "pad" and (old_height, old_width) != (height, width):
        pixels = _padded(pixels, height, width)
    else:
        box = _centre(old_height, old_width, height, width) if fit.size == "crop" else None
        pixels = resample(pixels, height, width, box)
    if pixels.shape[0] != channels:
        pixels = np.repeat(pixels, channels, axis=0)
    return pixels


def normalisation(fit: Fit, mean: Sequence[float], std: Sequence[float]) -> Moments | None:
    """Mean and deviation that ``fit`` asks for, given the network's own; None where values stay as they are."""
    if fit.normalise == "none":
        return None
    if fit.normalise == "custom":
        return fit.mean, fit.std
    return (tuple(mean), tuple(std)) if len(mean) else None


def normalise(image: Pixels, mean: Sequence[float], std: Sequence[float]) -> Pixels:
    """``(image − mean) / std`` for each channel; one number counts for all channels.

    Raises
    ------
    ValueError
        There are neither as many numbers as channels nor one.
    """
    channels = image.shape[0]
    for numbers in (mean, std):
        if len(numbers) not in (1, channels):
            raise ValueError(
                f"The image has {channels} channels, and mean or standard deviation {len(numbers)} numbers: "
                "give one, or one for each channel."
            )
    shift = np.asarray(mean, np.float32).reshape(-1, 1, 1)
    normalised: Pixels = (image - shift) / np.asarray(std, np.float32).reshape(-1, 1, 1)
    return normalised


def describe_fit(
    source: tuple[int, int, int],
    channels: int,
    height: int,
    width: int,
    fit: Fit,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
) -> str:
    """In words what ``fit_picture`` and ``normalise`` do with a picture of shape ``source``, (C, H, W).

    For instance "512×512 colour → 28×28 grey, scaled; (x − 0.131) / 0.308". Sizes are width × height.
    """
    old_channels, old_height, old_width = source
    target = "colour" if _keeps_colour(old_channels, channels, fit) else "grey"
    if target == "grey" and channels != 1:
        target = f"grey in {channels} equal channels"
    words = f"{old_width}×{old_height} {_colour_word(old_channels)} → {width}×{height} {target}"
    if old_height * width != height * old_width:
        words += {"resize": ", stretched", "crop": ", cropped to the centre", "pad": ", with black bars"}[fit.size]
    elif old_height != height:
        words += ", scaled"
    moments = normalisation(fit, mean, std)
    return words + (f"; (x − {_numbers(moments[0])}) / {_numbers(moments[1])}" if moments else "; values as they are")


def name_fit(source: tuple[int, int, int], height: int, width: int, fit: Fit) -> str:
    """In two words what ``fit_picture`` does to the size of a picture of shape ``source``, (C, H, W).

    For instance "cropped from 451×300", which is width × height; empty where the size stays.
    """
    _, old_height, old_width = source
    if (old_height, old_width) == (height, width):
        return ""
    in_proportion = old_height * width == height * old_width
    done = "scaled" if in_proportion else {"resize": "stretched", "crop": "cropped", "pad": "padded"}[fit.size]
    return f"{done} from {old_width}×{old_height}"


def _keeps_colour(old_channels: int, channels: int, fit: Fit) -> bool:
    return old_channels == 3 and channels == 3 and fit.colour != "grey"


def _colour_word(channels: int) -> str:
    return "colour" if channels == 3 else "grey"


def _numbers(values: Sequence[float]) -> str:
    words = [f"{value:.3g}".replace("-", "−") for value in values]
    return words[0] if len(words) == 1 and values[0] >= 0 else f"({', '.join(words)})"


def _centre(old_height: int, old_width: int, height: int, width: int) -> Box:
    """The largest part about the centre with the aspect ratio of ``height`` and ``width``."""
    if old_height * width > height * old_width:
        part = old_width * height / width
        return (old_height - part) / 2, 0, (old_height + part) / 2, old_width
    part = old_height * width / height
    return 0, (old_width - part) / 2, old_height, (old_width + part) / 2


def _padded(pixels: Pixels, height: int, width: int) -> Pixels:
    channels, old_height, old_width = pixels.shape
    scale = min(height / old_height, width / old_width)
    inner_height = max(1, round(old_height * scale))
    inner_width = max(1, round(old_width * scale))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    padded = np.zeros((channels, height, width), np.float32)
    padded[:, top : top + inner_height, left : left + inner_width] = resample(pixels, inner_height, inner_width)
    return padded
