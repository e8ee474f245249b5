"""Which input pixels a unit really listens to: the gradient of its value."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnviz.core.execution import Cancelled
from cnnviz.core.graph import LayerGraph
from cnnviz.core.receptive_field import Box, ReceptiveField, UnknownOperation, receptive_field
from cnnviz.core.trace import TracedNetwork

SHARES = (0.5, 0.9, 0.95)

_NON_LINEARITIES = frozenset(
    (
        *("ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish"),
        *("Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink", "Softplus", "Softsign", "Softshrink", "Hardshrink"),
        *("Hardsigmoid", "Hardswish", "Hardtanh", "Threshold", "Clamp"),
        *("Softmax", "LogSoftmax", "Softmin", "Softmax2d"),
    )
)
_NOTHING_DONE = frozenset(("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"))
_MOST_CHANNELS = 8
_CHUNK = 8


class NoEffectiveField(ValueError):
    """A unit has no gradient; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class FieldShare:
    """The fewest pixels that hold a share of Σ|g|.

    Attributes
    ----------
    share : float
        Of 1.
    area : int
        Pixels; 0 where there is no gradient at all.
    width : float
        Side of a square of that area.
    ratio : float or None
        Area over that of the field by theory, inside of the image; None where theory does not tell.
    """

    share: float
    area: int
    width: float
    ratio: float | None


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """The mean of \\|gradient\\| of a unit with respect to the image.

    Attributes
    ----------
    heat : array (H, W), float64
        Summed over the image's channels, averaged over images and over the channels of the layer that were taken.
    layer : str
        As asked for.
    measured_at : str
        The layer whose output was differentiated: the one before a non-linearity.
    row, column : int or None
        The unit's place; None where the output is no map.
    channels : tuple of int
        The channels of the layer that were averaged over.
    images : int
    shares : tuple of FieldShare
    theory : box or None
        The pixels that can reach the unit, as a box.
    is_final : bool
        Whether all images and channels that were asked for are in it.
    """

    heat: NDArray[np.float64]
    layer: str
    measured_at: str
    row: int | None
    column: int | None
    channels: tuple[int, ...]
    images: int
    shares: tuple[FieldShare, ...]
    theory: Box | None
    is_final: bool

    @property
    def is_silent(self) -> bool:
        """Whether no pixel changes the unit at all, on these images."""
        return not self.heat.any()


def pre_activation(graph: LayerGraph, layer: str) -> str:
    """The layer whose output a non-linearity turns into that of ``layer``; ``layer`` itself if it is none."""
    found = graph[layer]
    while found.kind in _NOTHING_DONE and len(found.inputs) == 1:
        found = graph[found.inputs[0]]
    if found.kind in _NON_LINEARITIES and len(found.inputs) == 1:
        return found.inputs[0]
    return layer


def effective_field(
    traced: TracedNetwork,
    layer: str,
    images: Tensor,
    *,
    channel: int | None = None,
    row: int | None = None,
    column: int | None = None,
    field: ReceptiveField | UnknownOperation | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> EffectiveField:
    """The last of :func:`effective_field_steps`; parameters and errors as there."""
    *_, last = effective_field_steps(
        traced, layer, images, channel=channel, row=row, column=column, field=field, cancelled=cancelled
    )
    return last


def effective_field_steps(
    traced: TracedNetwork,
    layer: str,
    images: Tensor,
    *,
    channel: int | None = None,
    row: int | None = None,
    column: int | None = None,
    field: ReceptiveField | UnknownOperation | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[EffectiveField]:
    """The effective field of one unit, coarse first: of one image and one channel, then of more and more.

    The forward pass ends at the layer, and the gradient is that of the value before the layer's non-linearity, which
    would hide what a silent unit listens to.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
        Ready for the network, on its device.
    channel : int, optional
        By default the mean over the layer's channels, or over eight of them, evenly spread.
    row, column : int, optional
        By default the unit in the centre of the map.
    field : ReceptiveField or UnknownOperation, optional
        Of the layer, where it is known already.
    cancelled : callable, optional
        Polled between layers and before each gradient.

    Raises
    ------
    NoEffectiveField
        The unit has no gradient with respect to the image, or one that is not a number; or there is no image.
    IndexError
        The layer has no such unit.
    Cancelled
        As asked by ``cancelled``.

    Notes
    -----
    Luo, Li, Urtasun and Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks",
    NeurIPS, 2016. Unlike the paper, absolute values are averaged, so that gradients of opposite signs in different
    images do not cancel each other.
    """
    if not len(images):
        raise NoEffectiveField("There is no image to measure the effective field on; choose at least one.")
    where = pre_activation(traced.graph, layer)
    place, channels = _unit(traced.graph[where].output_shape, layer, channel, row, column)
    if field is None:
        field = _known_field(traced.graph, layer)
    theory = None if isinstance(field, UnknownOperation) else field.clipped_box(*_row_and_column(place), channel or 0)
    measured = _Measured(layer, where, place, theory)
    total = np.zeros(tuple(images.shape[2:]))
    if len(images) > 1 or len(channels) > 1:
        first = channels[len(channels) // 2 : len(channels) // 2 + 1]
        yield measured.told(_gradient(traced, measured, images[:1], first, cancelled), first, 1, is_final=False)
    done = 0
    at_once = 1 if traced.graph.method == "hooks" else _CHUNK  # each image may take another way
    for start in range(0, len(images), at_once):
        chunk = images[start : start + at_once]
        total += _gradient(traced, measured, chunk, channels, cancelled)
        done += len(chunk)
        final = done == len(images)
        if final or done & (done - 1) == 0:  # each time that there are twice as many
            yield measured.told(total / done, channels, done, is_final=final)


def _unit(
    shape: tuple[int, ...], layer: str, channel: int | None, row: int | None, column: int | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The place of the unit in each map, and the channels to average over."""
    if not shape:
        return (), (0,)
    middle = [size // 2 if at is None else at for size, at in zip(shape[1:], (row, column), strict=False)]
    place = (*middle, *(size // 2 for size in shape[1 + len(middle) :]))
    if any(not 0 <= at < size for at, size in zip(place, shape[1:], strict=True)):
        raise IndexError(f"{layer} has no unit at {place}; its output is {shape}")
    if channel is not None:
        if not 0 <= channel < shape[0]:
            raise IndexError(f"{layer} has {shape[0]} channels, and none has the number {channel}")
        return place, (channel,)
    count = min(shape[0], _MOST_CHANNELS)
    return place, tuple(int(at) for at in np.linspace(0, shape[0] - 1, count).round())


def _known_field(graph: LayerGraph, layer: str) -> ReceptiveField | UnknownOperation:
    try:
        return receptive_field(graph, layer)
    except UnknownOperation as error:
        return error


def _row_and_column(place: tuple[int, ...]) -> tuple[int, int]:
    row, column, *_ = (*place, 0, 0)
    return row, column


@dataclass(frozen=True, slots=True)
class _Measured:
    layer: str
    where: str
    place: tuple[int, ...]
    theory: Box | None

    def told(
        self, heat: NDArray[np.float64], channels: tuple[int, ...], images: int, *, is_final: bool
    ) -> EffectiveField:
        area = None if self.theory is None else self.theory[2] * self.theory[3]
        row, column = self.place[:2] if len(self.place) >= 2 else (None, None)
        shares = shares_of(heat, SHARES, area)
        return EffectiveField(
            heat, self.layer, self.where, row, column, channels, images, shares, self.theory, is_final
        )


def _gradient(
    traced: TracedNetwork,
    measured: _Measured,
    images: Tensor,
    channels: Sequence[int],
    cancelled: Callable[[], bool] | None,
) -> NDArray[np.float64]:
    """Σ|g| over ``images`` and over their channels, the mean over the layer's ``channels``; (H, W)."""
    given = images.detach().clone().requires_grad_()
    try:
        output = traced.output_of(measured.where, given, cancelled=cancelled)
    except KeyError as error:
        raise NoEffectiveField(
            f"{measured.where} is not reached by every image: another way through the network was taken. Choose "
            "another input or layer."
        ) from error
    if not output.requires_grad or not output.is_floating_point():
        raise NoEffectiveField(
            f"{measured.where} has no gradient with respect to the image; choose a layer before it, such as a "
            "convolution."
        )
    total = torch.zeros(images.shape[2:], dtype=torch.float64, device=images.device)
    for index, channel in enumerate(channels):
        if cancelled is not None and cancelled():
            raise Cancelled
        values = output
        for at in (channel, *measured.place) if output.ndim > 1 else ():
            values = values.select(1, at)
        (gradient,) = torch.autograd.grad(
            values.sum(), given, retain_graph=index + 1 < len(channels), allow_unused=True
        )
        if gradient is not None:
            total += gradient.detach().abs().double().sum((0, 1))
    if not bool(torch.isfinite(total).all()):
        raise NoEffectiveField(
            f"The gradient of {measured.where} is not a number on this input: the network overflows, or its weights "
            "are not numbers. Choose another input or layer."
        )
    heat: NDArray[np.float64] = (total / len(channels)).cpu().numpy()
    return heat


def shares_of(
    heat: NDArray[np.float64], shares: Sequence[float], theory_area: int | None = None
) -> tuple[FieldShare, ...]:
    """The fewest pixels that hold each of ``shares`` of the sum of ``heat``, which has no negative values."""
    sums = np.cumsum(np.sort(heat, axis=None)[::-1])
    found = []
    for share in shares:
        # A sum in another order may miss the whole by its rounding.
        area = int(np.searchsorted(sums, share * sums[-1] * (1 - 1e-12))) + 1 if sums[-1] > 0 else 0
        found.append(FieldShare(share, area, sqrt(area), area / theory_area if theory_area else None))
    return tuple(found)
