"""What the activations of a layer are like, in numbers."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ActivationStatistics:
    """Numbers about the outputs of one layer for one image.

    Attributes
    ----------
    mean, std, minimum, maximum : float
        Of the finite values (``std`` of the values as they are, not of a sample); NaN if there is none.
    zeros : float
        Share of all values that are exactly zero, in [0, 1].
    silent : int
        Maps that say nothing: no value above zero, so that a ReLU passes nothing on, or all values equal.
    maps : int
        How many maps there are.
    nan, infinite : int
        How many values are NaN, and positive or negative infinity.
    """

    mean: float
    std: float
    minimum: float
    maximum: float
    zeros: float
    silent: int
    maps: int
    nan: int
    infinite: int


def _maps(x: Tensor) -> Tensor:
    """``x`` as floating-point values (C, values of a map)."""
    x = x.detach()
    if not x.dtype.is_floating_point or x.dtype.itemsize < 4:
        x = x.float()
    return x.reshape(len(x), -1) if x.ndim and x.numel() else x.reshape(-1, 1)


def statistics(x: Tensor) -> ActivationStatistics:
    """Describe the activations of one image.

    Parameters
    ----------
    x : Tensor (C, …)
        Feature maps (C, h, w), or single units (C,), which are silent when they are not above zero.
    """
    maps = _maps(x)
    count, size = maps.shape
    if maps.numel() == 0:
        return ActivationStatistics(math.nan, math.nan, math.nan, math.nan, 0.0, 0, 0, 0, 0)
    if maps.device.type == "cpu" and maps.dtype == torch.float32:
        usual = _statistics_of_usual(maps.numpy())
        if usual is not None:
            return usual
    lows, highs = maps.amin(1), maps.amax(1)
    mean = maps.mean()
    std = (maps - mean).square().mean().sqrt()  # a tenth of the time of std_mean on large maps
    silent = highs <= 0
    if size > 1:
        silent = silent | (lows == highs)
    # Counted on the device and brought over together, so that an accelerator is waited for once.
    numbers = torch.stack((mean, std, lows.amin(), highs.amax(), torch.count_nonzero(maps), silent.sum()))
    means, stds, low, high, nonzero, silent_maps = numbers.tolist()
    nan = infinite = 0
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = maps[maps.isfinite()]
        nan = int(maps.isnan().sum())
        infinite = maps.numel() - len(finite) - nan
        means, stds, low, high = _describe(finite)
    elif not math.isfinite(stds) or (stds < 1e-15 and low != high):  # the squares leave the range of single precision
        means, stds, low, high = _describe(maps)
    zeros = 1 - nonzero / maps.numel()
    return ActivationStatistics(means, stds, low, high, zeros, int(silent_maps), count, nan, infinite)


def _statistics_of_usual(maps: NDArray[np.float32]) -> ActivationStatistics | None:
    """Of finite values on the CPU that are neither tiny nor huge: numpy takes a third of the time that torch does."""
    lows, highs = maps.min(1), maps.max(1)
    low, high = float(lows.min()), float(highs.max())
    if not 1e-12 < high - low < 1e15:
        return None
    mean = float(maps.mean())
    away = (maps - np.float32(mean)).reshape(-1)
    std = math.sqrt(float(np.dot(away, away)) / away.size)
    silent = highs <= 0
    if maps.shape[1] > 1:
        silent |= lows == highs
    zeros = 1 - int(np.count_nonzero(maps != 0)) / maps.size
    return ActivationStatistics(mean, std, low, high, zeros, int(silent.sum()), len(maps), 0, 0)


def _describe(values: Tensor) -> tuple[float, float, float, float]:
    if values.numel() == 0:
        return math.nan, math.nan, math.nan, math.nan
    std, mean = torch.std_mean(values.cpu().double(), correction=0)
    return float(mean), float(std), float(values.min()), float(values.max())


def share_zero_after_relu(x: Tensor) -> float:
    """Share of the values of ``x`` (any shape) that a ReLU would make zero, in [0, 1]; 0 if there are none.

    NaN passes a ReLU and is not counted.
    """
    if not x.numel():
        return 0.0
    off = x.detach() <= 0
    # numpy counts booleans ten times as fast as torch adds them up
    return (float(np.count_nonzero(off.numpy())) if off.device.type == "cpu" else float(off.sum())) / x.numel()


def histogram(x: Tensor, bins: int = 64) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count the finite values of ``x`` in bins of equal width.

    Parameters
    ----------
    x : Tensor
        Of any shape and real type.
    bins : int
        At least 1. Data with negative values has edges symmetric about zero; others from zero on.

    Returns
    -------
    counts : array (bins,) of int
        They add up to the number of finite values. A value within rounding of an edge may count on its other side.
    edges : array (bins + 1,)
        The last bin includes its upper edge. From 0 to 1, or -1 to 1, where all values are zero or there is none.

    Raises
    ------
    ValueError
        ``bins`` is below 1.
    """
    if bins < 1:
        raise ValueError(f"a histogram needs at least one bin, not {bins}")
    values = x.detach().reshape(-1)
    if values.device.type != "cpu":
        counted = _counted_on_device(values.float(), bins)
        if counted is not None:
            return counted
        values = values.cpu()
    values = values if values.dtype in (torch.float32, torch.float64) else values.float()
    data = values.numpy()
    low, high = _ends(data)
    if not (math.isfinite(low) and math.isfinite(high)):
        data = data[np.isfinite(data)]
        low, high = _ends(data)
    reach = max(abs(low), abs(high))
    if not 1e-30 < reach < 1e37:  # the places below would leave the range of single precision
        data = data.astype(np.float64)
        reach = reach if reach > bins * np.finfo(np.float64).tiny else 1.0
    start = -reach if low < 0 else 0.0
    places = ((data - start) * (bins / (reach - start))).astype(np.intp)
    np.minimum(places, bins - 1, out=places)
    # Some ten times faster than numpy.histogram, which moves values that rounding put beyond an edge.
    return np.bincount(places, minlength=bins), np.linspace(start, reach, bins + 1)


def _counted_on_device(values: Tensor, bins: int) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """The same where the values are, so that the counts alone are brought over; None where it takes more precision."""
    values = values[values.isfinite()]
    low, high = torch.stack(torch.aminmax(values)).tolist() if len(values) else (0.0, 0.0)
    reach = max(abs(low), abs(high))
    if not 1e-30 < reach < 1e37:
        return None
    start = -reach if low < 0 else 0.0
    places = ((values - start) * (bins / (reach - start))).long().clamp_(max=bins - 1)
    counts: NDArray[np.int64] = torch.bincount(places, minlength=bins).cpu().numpy()
    return counts, np.linspace(start, reach, bins + 1)


def _ends(data: NDArray[np.floating]) -> tuple[float, float]:
    return (float(data.min()), float(data.max())) if data.size else (0.0, 0.0)


def strongest(x: Tensor, k: int, *, passed_on: bool = False) -> tuple[int, ...]:
    """The ``k`` channels with the largest mean absolute activation, the strongest first; all if there are fewer.

    Parameters
    ----------
    x : Tensor (C, …)
        NaN and infinite values count as zero; of equally strong channels the first comes first.
    passed_on : bool
        Go by what a ReLU would pass on: negative values count as zero.
    """
    maps = _maps(x)
    if maps.numel() == 0 or k <= 0:
        return ()
    if maps.device.type == "cpu" and maps.dtype == torch.float32:
        # asked for many layers at every frame, where numpy's calls cost less than torch's
        values = maps.numpy()
        means = (np.maximum(values, 0) if passed_on else np.abs(values)).mean(1)
        if np.isfinite(means).all():
            return tuple(np.argsort(-means, stable=True)[:k].tolist())
    maps = maps.clamp(min=0) if passed_on else maps.abs()
    strength = maps.mean(1)
    if not bool(strength.isfinite().all()):
        strength = maps.cpu().nan_to_num(0.0, 0.0, 0.0).double().mean(1)
    order = torch.argsort(strength, descending=True, stable=True)
    return tuple(order[:k].tolist())
