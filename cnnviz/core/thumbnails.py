"""Feature maps made small enough for a diagram."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d


def thumbnails(maps: Tensor, channels: Sequence[int], side: int) -> Tensor:
    """The chosen maps, averaged over squares of whole pixels until neither of their sides is longer than ``side``.

    What is left over at the edges is averaged too, over as many pixels as there are.

    Parameters
    ----------
    maps : Tensor (C, h, w)
        NaN and infinite values spread over their square.
    channels : sequence of int
        Ascending.
    side : int
        In pixels, at least 1.

    Returns
    -------
    Tensor (len(channels), ⌈h/s⌉, ⌈w/s⌉)
        ``s`` = ⌈max(h, w) / side⌉; of the values' own type where nothing was averaged.
    """
    shrink = math.ceil(max(maps.shape[1:], default=1) / side)
    every = len(channels) == maps.shape[0]
    if maps.device.type != "cpu" or maps.dtype != torch.float32:
        chosen = maps if every else maps[list(channels)]
        return chosen if shrink <= 1 else _pooled(chosen, shrink)
    # Asked for each layer at every frame: numpy takes a third of the time that torch does for so little.
    array: NDArray[np.float32] = maps.numpy()
    array = array if every else array[list(channels)]
    if shrink <= 1:
        return torch.from_numpy(array)
    if array.shape[1] % shrink or array.shape[2] % shrink:
        return _pooled(torch.from_numpy(array), shrink)
    rows = array[:, ::shrink] + array[:, 1::shrink]
    for offset in range(2, shrink):
        rows += array[:, offset::shrink]
    sums = rows[:, :, ::shrink] + rows[:, :, 1::shrink]
    for offset in range(2, shrink):
        sums += rows[:, :, offset::shrink]
    sums *= np.float32(1 / shrink**2)
    return torch.from_numpy(sums)


def _pooled(maps: Tensor, shrink: int) -> Tensor:
    return avg_pool2d(maps.float(), shrink, ceil_mode=True, count_include_pad=False)
