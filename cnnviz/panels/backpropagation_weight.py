"""The gradient of one weight written out: the sum over places, and the links from there upstream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cnnviz.panels.shared.kernels import as_kernels, owner_of_kernels
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.core.backpropagation import BackwardPass
    from cnnviz.core.chain_rule import Link, WeightGradient, WeightSum
    from cnnviz.core.graph import Layer
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation

LINKS_AT_ONCE = 8
MOST_LINKS = 120


@dataclass(frozen=True)
class WeightChoice:
    """Which weight of the selected channel's kernel; what lies beyond the last is the last."""

    input_channel: int
    row: int
    column: int


@dataclass(frozen=True, eq=False)
class Matrix:
    """A few numbers with their colours."""

    mosaic: Mosaic
    values: np.ndarray


@dataclass(frozen=True)
class LinkRow:
    """One link of the chain in words: where, δ there, the sum that it is, and the largest product in it."""

    unit: str
    delta: str
    terms: str
    largest: str


@dataclass(frozen=True, eq=False)
class WeightWords:
    """
    Attributes
    ----------
    layer : str
        The layer whose weight it is.
    shape : (out, in, rows, columns)
        Of its kernels; ``index`` is the weight in them.
    kernel, delta, inputs, products : Matrix or None
        The kernel; δ of the output channel; what the weight meets at each place; and their products. None where
        ``problem`` says why.
    delta_words : str
        What ``delta`` is.
    sentence : str
        The sum beside autograd's number.
    links : tuple of LinkRow
        From the place with the largest product up to the answer.
    """

    layer: str = ""
    shape: tuple[int, ...] = (1, 1, 1, 1)
    index: tuple[int, int, int, int] = (0, 0, 0, 0)
    kernel: Matrix | None = None
    delta: Matrix | None = None
    inputs: Matrix | None = None
    products: Matrix | None = None
    delta_words: str = ""
    sentence: str = ""
    links: tuple[LinkRow, ...] = ()
    problem: str = ""


def weight_words(
    scene: Scene, observation: Observation, backward: BackwardPass, choice: WeightChoice
) -> Iterator[WeightWords]:
    """The sum first, then more and more of the links."""
    from cnnviz.core.chain_rule import NoWeightSum, weight_gradient
    from cnnviz.core.filters import NoFilters

    network = observation.network
    try:
        owner = owner_of_kernels(network, observation.layer)
        kernels = _by_output(as_kernels(network, owner)[0], owner)
        kernels = kernels.reshape(*kernels.shape[:2], *((1,) * (4 - kernels.dim())), *kernels.shape[2:])
        out, channels, rows, columns = kernels.shape
        index = (
            min(scene.selection.channel, out - 1),
            min(choice.input_channel, channels - 1),
            min(choice.row, rows - 1),
            min(choice.column, columns - 1),
        )
        weight = network.weight(owner)
        assert weight is not None
        found = weight_gradient(network.traced, backward, owner.name, _own_index(index, kernels, weight, owner))
    except (NoFilters, NoWeightSum) as error:
        yield WeightWords(problem=f"{str(error)[:1].upper()}{str(error)[1:]}".rstrip(".") + ".")
        return
    own = next((each for each in found.sums if each.layer == owner.name), None)
    if own is None:
        yield WeightWords(problem=f"{owner.name} has no gradient here; choose another layer.")
        return
    words = WeightWords(
        owner.name,
        tuple(kernels.shape),
        index,
        _matrix(kernels[index[0], index[1]]),
        _matrix(own.delta),
        _matrix(own.inputs),
        _matrix(own.products),
        _delta_words(owner, index[0]),
        _sentence(found, owner.name),
    )
    yield words
    yield from _with_links(words, observation, backward, own)


def _delta_words(layer: Layer, channel: int) -> str:
    if layer.kind.startswith("ConvTranspose"):
        return f"δ of {layer.name}[{channel}], as painted"
    return f"δ = ∂L/∂{layer.name}[{channel}]"


def _by_output(weight: Tensor, layer: Layer) -> Tensor:
    """Kernels (out, in within the group, …); a transposed convolution has (in, out within the group, …)."""
    if not layer.kind.startswith("ConvTranspose") or layer.geometry is None:
        return weight
    groups = layer.geometry.groups
    inputs, outputs, *size = weight.shape
    return weight.reshape(groups, inputs // groups, outputs, *size).transpose(1, 2).reshape(groups * outputs, -1, *size)


def _own_index(index: tuple[int, int, int, int], kernels: Tensor, weight: Tensor, layer: Layer) -> tuple[int, ...]:
    """From the kernels as they are shown to the weight as the layer has it."""
    out, channel, row, column = index
    if layer.kind.startswith("ConvTranspose"):
        group, out = divmod(out, weight.shape[1])
        out, channel = group * kernels.shape[1] + channel, out
    if weight.dim() == 2:
        return out, (channel * kernels.shape[2] + row) * kernels.shape[3] + column
    return (out, channel, column) if weight.dim() == 3 else (out, channel, row, column)


def _matrix(values: Tensor) -> Matrix:
    from cnnviz.core.mosaic import mosaic

    values = values.detach().float().cpu()
    return Matrix(mosaic(values[None], columns=1, signed=True, gap=0), values.numpy())


def _sentence(found: WeightGradient, layer: str) -> str:
    sums = [each.total for each in found.sums]
    calls = "" if len(sums) == 1 else f" + {_number(sum(sums) - _of(found, layer))} from its other calls"
    difference = abs(found.total - found.autograd)
    size = sum(float(each.products.abs().sum()) for each in found.sums)
    verdict = "rounding" if difference <= 1e-5 * size else "more than rounding"
    return (
        (
            f"w = {_number(found.weight)}.  ∂L/∂w = Σ δ · input = {_number(_of(found, layer))}{calls};  "
            f"autograd has {_number(found.autograd)}, which differs by {difference:.0e} ({verdict})."
        )
        .replace("e-0", "e−")
        .replace("e-", "e−")
    )


def _of(found: WeightGradient, layer: str) -> float:
    return next(each.total for each in found.sums if each.layer == layer)


def _with_links(
    words: WeightWords, observation: Observation, backward: BackwardPass, own: WeightSum
) -> Iterator[WeightWords]:
    from cnnviz.core.chain_rule import chain_links

    shape = backward.values[words.layer].shape[1:]
    # where all products are 0 the first is as good as any, and may be cropped
    row, column = (max(0, min(at, size - 1)) for at, size in zip(own.largest_unit(), (1, 1, *shape)[-2:], strict=True))
    places = {1: (), 2: (column,), 3: (row, column)}.get(len(shape))
    if places is None:
        return
    unit = (words.index[0], *places)
    rows: list[LinkRow] = []
    for number, link in enumerate(chain_links(observation.network.traced, backward, words.layer, unit)):
        rows.append(_row(link))
        done = not link.through or number == MOST_LINKS
        if done or len(rows) % LINKS_AT_ONCE == 0:
            yield replace(words, links=tuple(rows))
        if done:
            return


def _row(link: Link) -> LinkRow:
    where = _unit(link.layer, link.unit)
    if not link.through:
        return LinkRow(where, _number(link.delta, 3), "∂L/∂z, the derivative of the loss itself", "")
    terms = " + ".join(
        f"{_number(total, 3)} ({count:,} term{'s' if count != 1 else ''} of {name})"
        for name, count, total in link.through
    )
    largest = f"{_number(link.local, 3)} × {_number(link.next_delta, 3)} at {_unit(link.next_layer, link.next_unit)}"
    return LinkRow(where, _number(link.delta, 3), terms, largest)


def _unit(layer: str, unit: Sequence[int]) -> str:
    return f"{layer}[{', '.join(map(str, unit))}]"


def _number(value: float, figures: int = 4) -> str:
    return f"{value:.{figures}g}".replace("e-0", "e-").replace("-", "−")
