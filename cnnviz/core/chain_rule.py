"""The chain rule with its numbers: the gradient of one weight as a sum over places, and the links upstream."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.core.backpropagation import BackwardPass
from cnnviz.core.graph import Layer, LayerGraph
from cnnviz.core.pooled_convolution import PooledConv2d
from cnnviz.core.trace import TracedNetwork

Index = tuple[int, ...]

_KINDS = ("Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Linear")
_PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class NoWeightSum(ValueError):
    """The gradient of a weight cannot be written as a sum of products; the message says why, and what can be."""


@dataclass(frozen=True, eq=False)
class WeightSum:
    """∂L/∂w of one call of a layer: the sum over all places of δ there times the input that the weight meets there.

    Attributes
    ----------
    layer : str
        The call.
    delta : Tensor (rows, columns)
        δ, the gradient of the loss with respect to the layer's output, of the output channel. The places are those of
        the output; of a transposed convolution they are those of the input, and δ is that of the output unit that the
        weight paints from there, 0 where that unit is cropped.
    inputs : Tensor (rows, columns)
        What the weight is multiplied with at that place; 0 in padding with zeros.
    first, step : (int, int)
        The place (i, j) adds to the output unit ``first + (i, j) * step``.
    """

    layer: str
    delta: Tensor
    inputs: Tensor
    first: tuple[int, int] = (0, 0)
    step: tuple[int, int] = (1, 1)

    @property
    def products(self) -> Tensor:
        return self.delta.cpu().double() * self.inputs.cpu().double()  # not every device knows double precision

    @property
    def total(self) -> float:
        """Summed in double precision."""
        return float(self.products.sum())

    def largest_unit(self) -> tuple[int, int]:
        """Row and column of the output unit with the largest product."""
        row, column = divmod(int(self.products.abs().argmax()), self.products.shape[1])
        return self.first[0] + row * self.step[0], self.first[1] + column * self.step[1]


@dataclass(frozen=True, eq=False)
class WeightGradient:
    """
    Attributes
    ----------
    weight : float
    sums : tuple of WeightSum
        One for each call that uses the weight.
    autograd : float
        What autograd has for the weight, which is the sum of the sums up to rounding.
    """

    weight: float
    sums: tuple[WeightSum, ...]
    autograd: float

    @property
    def total(self) -> float:
        return sum(each.total for each in self.sums)


@dataclass(frozen=True, eq=False)
class Link:
    """One link of the chain: δ of a unit is the sum over all units that read it of local derivative times δ there.

    Attributes
    ----------
    layer, unit
        The unit, as an index into the layer's output without the batch axis.
    delta : float
        What autograd has for it.
    through : tuple of (str, int, float)
        For each layer that reads it: its name, how many of its units have a local derivative that is not zero, and
        their sum of products. Together they are ``delta`` up to rounding. Empty at the network's answer, whose δ is
        that of the loss.
    next_layer, next_unit : str, Index
        The unit with the largest product, which the next link is about; empty at the answer.
    local, next_delta : float
        Its local derivative, and δ there.
    """

    layer: str
    unit: Index
    delta: float
    through: tuple[tuple[str, int, float], ...] = ()
    next_layer: str = ""
    next_unit: Index = ()
    local: float = 0.0
    next_delta: float = 0.0

    @property
    def total(self) -> float:
        return sum(part for _, _, part in self.through)


def weight_gradient(traced: TracedNetwork, backward: BackwardPass, layer: str, index: Index) -> WeightGradient:
    """The gradient of one weight of a convolution or a linear layer, written out.

    Parameters
    ----------
    backward : BackwardPass
        Of one image, with the layer, what it reads, and all other layers that use its weight.
    index : (out, in, row, column), (out, in, column) or (out, in)
        Into the layer's weight; ``in`` is within the group. Of a transposed convolution (in, out, row, column) or
        (in, out, column), where ``out`` is within the group.

    Raises
    ------
    NoWeightSum
        It is no such layer, or its input is not known.
    IndexError
        The layer has no such weight.

    Notes
    -----
    With stride s, dilation d and padding p, the output at i is the sum over r of w[r] · x[i·s + r·d − p]; hence
    ∂L/∂w[r] = Σᵢ δ[i] · x[i·s + r·d − p]. Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation 9.11.
    A transposed convolution changes the parts of input and output: ∂L/∂w[r] = Σᵢ δ[i·s + r·d − p] · x[i].
    """
    module = traced.module
    weight = _weight_of(module, traced.graph[layer])
    if len(index) != weight.ndim or any(not 0 <= at < size for at, size in zip(index, weight.shape, strict=True)):
        raise IndexError(f"{layer} has weights of shape {tuple(weight.shape)}, and none at {index}")
    names = {id(each): name for name, each in module.named_parameters()}
    if id(weight) not in names:
        raise NoWeightSum(f"The weight of {layer} is made of other ones; choose a layer that has its own.")
    calls = [each for each in traced.graph if _uses(module, each, weight) and each.name in backward.gradients]
    sums = tuple(_sum(traced.graph, backward, call, index) for call in calls)
    found = backward.weights.get(names[id(weight)])
    return WeightGradient(float(weight.detach()[index]), sums, 0.0 if found is None else float(found[index]))


def _weight_of(module: nn.Module, layer: Layer) -> Tensor:
    owner = None if layer.module_path is None else module.get_submodule(layer.module_path)
    if isinstance(owner, PooledConv2d):
        raise NoWeightSum(f"{layer.name} is pooled in the place of its stride; put the stride back to see the sum.")
    weight = getattr(owner, "weight", None)
    if layer.kind not in _KINDS or not isinstance(weight, Tensor):
        raise NoWeightSum(
            f"{layer.name} ({layer.kind}) has no weights of this kind; choose a convolution or linear layer."
        )
    return weight


def _uses(module: nn.Module, layer: Layer, weight: Tensor) -> bool:
    if layer.module_path is None:
        return False
    return getattr(module.get_submodule(layer.module_path), "weight", None) is weight


def _sum(graph: LayerGraph, backward: BackwardPass, call: Layer, index: Index) -> WeightSum:
    if call.name in graph.unseen or len(call.inputs) != 1 or call.inputs[0] not in backward.values:
        raise NoWeightSum(f"What {call.name} reads is not known; choose another layer.")
    value, gradient = backward.values[call.inputs[0]], backward.gradients[call.name]
    if value.shape[0] != 1:
        raise NoWeightSum("The sum is written out for one image.")
    if call.kind == "Linear":
        return WeightSum(call.name, gradient[0, ..., index[0]].reshape(-1, 1), value[0, ..., index[1]].reshape(-1, 1))
    if len(index) == 3:
        value, gradient, index = value[:, :, None], gradient[:, :, None], (*index[:2], 0, index[2])
    if call.kind.startswith("ConvTranspose"):
        return _painted(call, value, gradient, index)
    return WeightSum(call.name, gradient[0, index[0]], _met(call, value, index, gradient.shape))


def _along_both_axes(layer: Layer) -> tuple[Index, Index, tuple[tuple[int, int], ...]]:
    """Stride, dilation and padding for rows and columns; a convolution of one axis has one row."""
    geometry = layer.geometry
    assert geometry is not None
    if len(geometry.stride) == 1:
        return (1, *geometry.stride), (1, *geometry.dilation), ((0, 0), *geometry.padding)
    return geometry.stride, geometry.dilation, geometry.padding


def _met(call: Layer, value: Tensor, index: Index, shape: torch.Size) -> Tensor:
    """What a convolution's weight is multiplied with at every place of the output."""
    geometry = call.geometry
    assert geometry is not None
    out, channel, *taps = index
    group = out // (shape[1] // geometry.groups)
    channel += group * (value.shape[1] // geometry.groups)
    strides, dilations, padding = _along_both_axes(call)
    widths = [*padding[1], *padding[0]]
    padded = F.pad(value[:, channel : channel + 1], widths, mode=_PAD_MODES[geometry.padding_mode])[0, 0]
    (rows, columns), (first, left) = shape[2:], (tap * step for tap, step in zip(taps, dilations, strict=True))
    return padded[first :: strides[0], left :: strides[1]][:rows, :columns]


def _painted(call: Layer, value: Tensor, gradient: Tensor, index: Index) -> WeightSum:
    """Of a transposed convolution: every place of the input paints the weight onto one place of the output."""
    geometry = call.geometry
    assert geometry is not None
    channel, out, *taps = index
    group = channel // (value.shape[1] // geometry.groups)
    out += group * (gradient.shape[1] // geometry.groups)
    strides, dilations, padding = _along_both_axes(call)
    inputs, deltas = value[0, channel], gradient[0, out]
    places: list[tuple[Tensor, Tensor]] = []
    first: list[int] = []
    for axis, (tap, step, dilation, (before, _)) in enumerate(zip(taps, strides, dilations, padding, strict=True)):
        first.append(tap * dilation - before)
        at = first[axis] + torch.arange(inputs.shape[axis], device=deltas.device) * step
        places.append((at.clamp(0, deltas.shape[axis] - 1), (at >= 0) & (at < deltas.shape[axis])))
    (rows, row_inside), (columns, column_inside) = places
    delta = deltas[rows][:, columns] * (row_inside[:, None] & column_inside)
    return WeightSum(call.name, delta, inputs, (first[0], first[1]), (strides[0], strides[1]))


def chain_links(traced: TracedNetwork, backward: BackwardPass, layer: str, unit: Index) -> Iterator[Link]:
    """The links from a unit up to the network's answer, along the largest product of each.

    Parameters
    ----------
    backward : BackwardPass
        Of one image and all layers, with its graph kept.
    unit : tuple of int
        Index into the layer's output, without the batch axis.
    """
    graph, present = traced.graph, layer
    while True:
        delta = float(backward.gradients[present][(0, *unit)])
        parts = []
        for reader in graph.consumers(present):
            column = _local_derivatives(backward, graph, present, unit, reader)
            if column is not None:
                parts.append((reader.name, column, column.double() * backward.gradients[reader.name].cpu().double()))
        if not parts:
            yield Link(present, unit, delta)
            return
        through = tuple((name, int(column.count_nonzero()), float(terms.sum())) for name, column, terms in parts)
        name, column, terms = max(parts, key=lambda part: float(part[2].abs().max()))
        at = _unravelled(int(terms.abs().argmax()), terms.shape)
        yield Link(present, unit, delta, through, name, at[1:], float(column[at]), float(backward.gradients[name][at]))
        present, unit = name, at[1:]


def _unravelled(flat: int, shape: torch.Size) -> Index:
    found: list[int] = []
    for size in reversed(shape):
        flat, at = divmod(flat, size)
        found.append(at)
    return tuple(reversed(found))


def _local_derivatives(
    backward: BackwardPass, graph: LayerGraph, layer: str, unit: Index, reader: Layer
) -> Tensor | None:
    """∂(every unit of ``reader``)/∂(one unit of ``layer``), with all else that ``reader`` reads held still.

    By differentiating twice: the gradient that comes back to the unit is linear in the one that is sent, and its
    coefficients are the derivatives.
    """
    value, output = backward.attached[layer], backward.attached.get(reader.name)
    if output is None or reader.name not in backward.gradients or not output.requires_grad:
        return None
    others = [backward.attached[name] for name in reader.inputs if name != layer and name in backward.attached]
    stopped = [each for each in others if each.requires_grad and each is not value]
    handles = [each.register_hook(torch.zeros_like) for each in stopped]  # type: ignore[no-untyped-call]
    try:
        with torch.enable_grad():
            sent = torch.zeros_like(output, requires_grad=True)
            (back,) = torch.autograd.grad(output, value, sent, create_graph=True, allow_unused=True)
            if back is None or not back.requires_grad:
                return None
            (column,) = torch.autograd.grad(back[(0, *unit)], sent, retain_graph=True, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    return None if column is None else column.detach().cpu()
