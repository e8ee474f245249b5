"""How often a network gives the same answer for shifted copies of an image."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnviz.core.execution import Cancelled, tensors_in
from cnnviz.core.interpolation import Border
from cnnviz.core.trace import evaluating, prepare
from cnnviz.core.transforms import Transform, move_images

Coming = Border | Literal["crop"]
"""What comes in at the sides: as for any transform; or nothing, for windows that are cut out of larger images."""

BATCH = 256
VALUES_AT_ONCE = 400_000
"""Of the copies that go through the network together: a pass is not cut short when it is given up."""


@dataclass(frozen=True, eq=False)
class Consistency:
    """The share of pairs of shifted copies of an image on which the top class is the same, over images.

    Attributes
    ----------
    share : float
        Mean over images, each of which counts the same; NaN where no image has an answer.
    low, high : float
        Ends of the bootstrap interval over images (percentiles of the mean of images drawn with replacement); NaN for
        less than two images.
    level : float
        Of the interval, such as 0.95.
    per_image : array (images,)
        Share of the pairs of each image.
    pairs : int
        How many pairs were compared for each image.
    largest_shift : int
        Pixels, up, down, left and right.
    border : str
    unanswered : int
        Images with an answer that is not finite for some copy; their pairs count as different.
    cells : int
        Of the network's answer: 1 of a classifier; else the pixels that are compared, each at its place in the image.
    """

    share: float
    low: float
    high: float
    level: float
    per_image: NDArray[np.float64]
    pairs: int
    largest_shift: int
    border: Coming
    unanswered: int = 0
    cells: int = 1

    @property
    def images(self) -> int:
        return len(self.per_image)


def shift_consistency(
    module: nn.Module,
    images: Tensor,
    largest_shift: int = 4,
    *,
    border: Coming = "wrap",
    pairs: int | None = None,
    batch: int = BATCH,
    black: float | tuple[float, ...] = 0.0,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 2000,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Consistency:
    """Measure consistency (Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019) over ``images``.

    Parameters
    ----------
    module : nn.Module
        A classifier, of (N, classes); one output alone is taken for yes or no at 0. Or one that answers for each pixel,
        (N, classes, height, width) of the image's size: its answers are moved back by the shift and compared pixel by
        pixel, apart from those near the border unless the image is wrapped; one channel alone is taken for yes above
        the middle between its least and its largest value for the image itself. In evaluation mode meanwhile.
    images : Tensor (N, C, H, W)
        Ready for the network; with the border "crop" larger than its input by twice ``largest_shift``.
    largest_shift : int
        Copies are shifted by all whole pixels up to this, in all four directions: (2 n + 1)² copies.
    pairs : int, optional
        Compare as many pairs of different shifts, drawn anew for each image, as in the paper; without it all pairs of
        copies.
    batch : int
        Copies that go through the network together at most: 1 where the network's way depends on the values.
    seed : int
        Of these pairs and of the bootstrap.
    cancelled : callable, optional
        Polled between passes.
    progress : callable, optional
        Told the share that is done.

    Raises
    ------
    ValueError
        There is nothing to measure, or the network's answer is neither of these.
    Cancelled
        As asked by ``cancelled``.
    """
    _check(images, largest_shift, border, pairs, level)
    shifts = [
        (r, c) for r in range(-largest_shift, largest_shift + 1) for c in range(-largest_shift, largest_shift + 1)
    ]
    random = np.random.default_rng(seed)
    per_image = np.empty(len(images))
    unanswered, cells = 0, 1
    with evaluating(tuple(module.modules())), torch.no_grad():
        for number in range(len(images)):
            chosen = None if pairs is None else _draw(random, len(shifts), pairs)
            used = range(len(shifts)) if chosen is None else np.unique(chosen)
            copies = [shifts[index] for index in used]
            image = images[number : number + 1]
            answers = _answers(module, image, copies, largest_shift, border, black, batch, cancelled)
            broken = answers < 0
            unanswered += bool(broken.any())
            cells = int(np.prod(answers.shape[1:]))
            if chosen is None:
                per_image[number] = _agreeing(answers)
            else:
                one, other = (answers[np.searchsorted(used, side)] for side in chosen.T)
                per_image[number] = np.mean((one == other) & (one >= 0))
            if progress is not None:
                progress((number + 1) / len(images))
    low, high = bootstrap_interval(per_image, level, resamples, seed)
    count = math.comb(len(shifts), 2) if pairs is None else pairs
    return Consistency(
        float(per_image.mean()), low, high, level, per_image, count, largest_shift, border, unanswered, cells
    )


def batch_for(module: nn.Module, images: Tensor, margin: int = 0) -> int:
    """How many copies of ``images`` (N, C, H, W), less ``margin`` on each side, may go through ``module`` together."""
    height, width = images.shape[2:]
    example = images[:1, :, margin : height - margin, margin : width - margin]
    return 1 if prepare(module, example).graph.method == "hooks" else BATCH


def bootstrap_interval(
    values: NDArray[np.float64], level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of ``values``.

    Percentiles rather than BCa, which is not defined where all values are the same, as shares of 1 often are.

    Parameters
    ----------
    values : array (n,)
    level : float
        Share of such intervals that hold the mean, from 0 to 1.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    (float, float)
        Its ends, in the unit of ``values``; NaN for less than two of them.

    Notes
    -----
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    if len(values) < 2:
        return math.nan, math.nan
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for number in range(resamples):
        means[number] = values[random.integers(0, len(values), len(values))].mean()
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def _check(images: Tensor, largest_shift: int, border: Coming, pairs: int | None, level: float) -> None:
    if images.ndim != 4 or not len(images):
        raise ValueError(f"Consistency is measured on images (N, C, H, W), at least one, not on {tuple(images.shape)}.")
    if largest_shift < 1:
        raise ValueError("Without a shift of at least 1 pixel there is nothing to compare.")
    if border != "crop" and largest_shift > min(images.shape[2:]):
        raise ValueError(
            f"Shifts of up to {largest_shift} pixels leave nothing of images of {images.shape[2]}×{images.shape[3]}; "
            f"shift by at most {min(images.shape[2:])}."
        )
    if border == "crop" and min(images.shape[2:]) <= 2 * largest_shift:
        raise ValueError(
            f"Images of {images.shape[2]}×{images.shape[3]} leave no window that moves by {largest_shift}."
        )
    if pairs is not None and pairs < 1:
        raise ValueError("At least one pair of copies has to be compared.")
    if not 0 < level < 1:
        raise ValueError("The level of the interval lies between 0 and 1, such as 0.95.")


def _draw(random: np.random.Generator, copies: int, pairs: int) -> NDArray[np.int64]:
    """Pairs (n, 2) of different copies."""
    one = random.integers(0, copies, pairs)
    other = (one + random.integers(1, copies, pairs)) % copies
    return np.stack([one, other], 1)


def _agreeing(answers: NDArray[np.int64]) -> float:
    """Share of all pairs of copies (copies, …) whose answers are the same, mean over what follows the first axis."""
    counts = [(answers == each).sum(0) for each in np.unique(answers[answers >= 0])]
    same = sum((count * (count - 1) for count in counts), np.zeros(answers.shape[1:]))
    return float(np.mean(same) / (len(answers) * (len(answers) - 1)))


def _answers(
    module: nn.Module,
    image: Tensor,
    shifts: list[tuple[int, int]],
    largest: int,
    border: Coming,
    black: float | tuple[float, ...],
    batch: int,
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.int64]:
    """The top class of every shifted copy, or of each of its pixels that is compared; -1 where it is not finite."""
    found: list[NDArray[np.int64]] = []
    first = _answer(module, _copy(image, (0, 0), largest, border, black))
    threshold = 0.0 if first.ndim == 2 else float(first.min() + first.max()) / 2
    at_once = min(max(VALUES_AT_ONCE // image.numel(), 1), batch)
    for start in range(0, len(shifts), at_once):
        if cancelled is not None and cancelled():
            raise Cancelled
        part = shifts[start : start + at_once]
        answer = _answer(module, torch.cat([_copy(image, shift, largest, border, black) for shift in part]))
        if len(answer) != len(part):
            raise ValueError(f"The network gives {len(answer)} answers for {len(part)} images.")
        top = (answer[:, 0] > threshold).long() if answer.shape[1] == 1 else answer.argmax(1)
        named = torch.where(answer.isfinite().all(1), top, -1).cpu().numpy()
        found.append(named if answer.ndim == 2 else _back(named, part, largest, border))
    return np.concatenate(found)


def _back(top: NDArray[np.int64], shifts: list[tuple[int, int]], largest: int, border: Coming) -> NDArray[np.int64]:
    """Answers (copies, h, w) moved back to where their pixels are in the image, as far as all copies show them."""
    if border != "wrap" and min(top.shape[1:]) <= 2 * largest:
        raise ValueError(f"Answers of {top.shape[1]}×{top.shape[2]} have no pixel that stays inside by {largest}.")
    moved = [np.roll(each, (-rows, -columns), (0, 1)) for each, (rows, columns) in zip(top, shifts, strict=True)]
    inner = slice(None) if border == "wrap" else slice(largest, -largest)
    return np.stack([each[inner, inner].ravel() for each in moved])


def _copy(
    image: Tensor, shift: tuple[int, int], largest: int, border: Coming, black: float | tuple[float, ...]
) -> Tensor:
    if border != "crop":
        return move_images(image, Transform(*shift, border=border), black)
    # What moves down is seen by a window that moves up.
    top, left = largest - shift[0], largest - shift[1]
    height, width = (length - 2 * largest for length in image.shape[2:])
    return image[:, :, top : top + height, left : left + width]


def _answer(module: nn.Module, images: Tensor) -> Tensor:
    """Classes (N, classes), or maps of them (N, classes, h, w) as large as the images."""
    found = tensors_in(module(images))
    if found and (found[0].ndim == 2 or (found[0].ndim == 4 and found[0].shape[2:] == images.shape[2:])):
        return found[0]
    shape = tuple(found[0].shape[1:]) if found else ()
    raise ValueError(
        f"The network's answer has the shape {shape}: consistency needs one for the image, or one for each of its "
        "pixels. Open a classifier, or a network for segmentation."
    )
