"""The weights of a layer as pictures."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.choices import ColourScale

Form = Literal["colour", "tiles", "matrix"]

DEAD = 1e-6
"""A filter is dead if its norm is below this share of the median norm."""


class NoFilters(ValueError):
    """A layer has no weights that can be shown as filters; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class FilterBank:
    """The weights of one layer, ready to be drawn.

    Attributes
    ----------
    form : "colour", "tiles" or "matrix"
    images : array
        ``colour``: (filters, rows, columns, 3) in [0, 1]; ``tiles``: (filters, rows, columns), signed weights;
        ``matrix``: (1, outputs, inputs), signed weights.
    low, high : array (filters,)
        The weights that 0 and 1 stand for in colour images; the smallest and largest weight of each tile otherwise.
    norms : array (filters,)
        Euclidean norm of all weights of each filter (each output of a matrix), whatever part of them is shown.
    dead : array (filters,) of bool
        Filters that do nothing: their norm is almost zero next to that of the others, or all are zero.
    input_channels : int
        How many input channels one filter reads, which is what can be paged through.
    caption : str
        What is shown, in words.
    """

    form: Form
    images: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    norms: NDArray[np.float32]
    dead: NDArray[np.bool_]
    input_channels: int
    caption: str


def kernel_bank(
    weight: Tensor, kind: str, input_channel: int | None = None, scale: ColourScale = "shared"
) -> FilterBank:
    """Arrange the weights of a layer as pictures.

    Parameters
    ----------
    weight : Tensor
        ``(out, in / groups, rows, columns)`` of ``Conv2d``; ``(in, out / groups, rows, columns)`` of
        ``ConvTranspose2d``; ``(out, in)`` of ``Linear``. One-dimensional convolutions have one row.
    kind : str
        As in ``Layer.kind``.
    input_channel : int, optional
        Which input channel's weights to show, within the group; by default their mean. Not used for matrices, nor for
        the three channels of a colour image, which are shown together unless one is asked for.
    scale : "shared" or "own"
        Colour images are ``(weight - min) / (max - min)`` over all filters, or over each; where all are equal they
        are grey. Others hold weights as they are. Weights that are not finite do not take part in the scale.

    Returns
    -------
    FilterBank
        A matrix for 1×1 convolutions and linear layers; in colour if a filter reads three input channels; else tiles.
        For transposed convolutions a tile is what one unit of the input channel paints into an output channel (of the
        first group, where there are several).

    Raises
    ------
    NoFilters
        The layer has no weights of these kinds, or kernels in three dimensions.
    IndexError
        There is no such input channel.
    """
    if weight.numel() == 0:
        raise NoFilters(f"{kind} has no weights")
    values = weight.detach().cpu().float()
    if kind == "Linear":
        return _matrix(values, f"{values.shape[0]} outputs × {values.shape[1]} inputs")
    if not kind.startswith("Conv"):
        raise NoFilters(f"{kind} has no filters: only convolutions and linear layers have")
    if values.ndim == 5:
        raise NoFilters("the kernels are three-dimensional, and no picture shows them")
    if values.ndim == 3:
        values = values[:, :, None]
    if values.ndim != 4:
        raise NoFilters(f"weights of shape {tuple(weight.shape)} are not those of a convolution")
    transposed = kind.startswith("ConvTranspose")
    if transposed:
        values = values.transpose(0, 1)
    filters, channels, rows, columns = values.shape
    if rows == columns == 1:
        return _matrix(values[:, :, 0, 0], f"{filters} outputs × {channels} inputs")
    if input_channel is not None and not 0 <= input_channel < channels:
        raise IndexError(f"a filter reads {channels} input channels, and there is no channel {input_channel}")
    size = f"{filters} {'transposed ' if transposed else ''}filters of {rows}×{columns}"
    norms = values.flatten(1).norm(dim=1)
    if channels == 3 and input_channel is None and not transposed:
        return _colour(values, norms, scale, f"{size} in colour")
    if input_channel is not None:
        shown, part = values[:, input_channel], f"input channel {input_channel} of {channels}"
    else:
        shown, part = values.mean(1), "the only input channel" if channels == 1 else f"mean of {channels} channels"
    return _bank("tiles", shown, shown.flatten(1), norms, channels, f"{size}: {part}")


def _matrix(values: Tensor, caption: str) -> FilterBank:
    return _bank("matrix", values[None], values, values.norm(dim=1), values.shape[1], caption)


def _colour(values: Tensor, norms: Tensor, scale: ColourScale, caption: str) -> FilterBank:
    ends = values.flatten(1)
    finite = ends.isfinite()
    low, high = ends.where(finite, torch.inf).amin(1), ends.where(finite, -torch.inf).amax(1)
    if scale == "shared":
        low, high = low.amin().expand(len(values)), high.amax().expand(len(values))
    low4, span = low[:, None, None, None], (high - low)[:, None, None, None]
    images = torch.where(span > 0, (values - low4) / span, 0.5).permute(0, 2, 3, 1)
    return _bank("colour", images, torch.stack((low, high), 1), norms, 3, caption)


def _bank(form: Form, images: Tensor, ends: Tensor, norms: Tensor, channels: int, caption: str) -> FilterBank:
    dead = norms <= DEAD * norms.median()
    return FilterBank(
        form,
        images.contiguous().numpy(),
        ends.amin(1).numpy(),
        ends.amax(1).numpy(),
        norms.numpy(),
        dead.numpy(),
        channels,
        caption,
    )


def linear_after_flatten(weight: Tensor, map_shape: tuple[int, int, int]) -> Tensor:
    """The weights of a linear layer that reads a flattened layer, as one stack of maps for each output.

    Parameters
    ----------
    weight : Tensor (outputs, C · h · w)
    map_shape : (C, h, w)
        Shape of what was flattened.

    Returns
    -------
    Tensor (outputs, C, h, w)
        A view; its kernels can be shown as those of a convolution over the whole map, which it is.

    Raises
    ------
    NoFilters
        The sizes do not agree.
    """
    channels, rows, columns = map_shape
    if weight.ndim != 2 or weight.shape[1] != channels * rows * columns:
        raise NoFilters(f"weights of shape {tuple(weight.shape)} do not read {channels} maps of {rows}×{columns}")
    return weight.view(weight.shape[0], channels, rows, columns)
