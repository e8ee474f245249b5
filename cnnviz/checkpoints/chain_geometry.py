"""How images may shrink on their way to the size that the first linear layer reads.

Image size, padding, stride and pooling are not in the weights, but few of them fit. All ways are counted, and the
likeliest listed, by going through the convolutions once and keeping, for each size that the maps can have, how many
ways lead there and which of them are the likeliest.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnnviz.checkpoints.chain_shapes import ShapedChain
from cnnviz.nets.chain_layer import ChainLayer

KEPT = 12
"""How many of the likeliest ways are listed."""

# Image sizes by channels, the most usual first; each later one is less likely.
_SIZES = {1: (28, 32, 64, 128, 256), 3: (32, 224, 64, 96, 128, 48, 28, 227, 299)}
_OTHER_SIZES = (32, 28, 64, 128, 224)
_UNUSUAL_SIZES = (*range(8, 65), *range(72, 513, 8))


@dataclass(frozen=True, order=True)
class Step:
    """What is not in the weights of one convolution: how far its window moves, its padding, the pooling behind it."""

    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    pooling_size: int = 1
    pooling_stride: int = 1


@dataclass(frozen=True, order=True)
class Geometry:
    """One way to fit; ``cost`` is smaller the likelier it is, as the negative logarithm of a weight."""

    cost: float
    image_size: int
    steps: tuple[Step, ...]
    global_pooling: bool = False


@dataclass(frozen=True)
class Fitting:
    """All ways to fit: how many there are, and the likeliest, best first."""

    count: int
    likeliest: tuple[Geometry, ...]


def fitting_geometries(chain: ShapedChain) -> Fitting:
    """The ways in which the convolutions of ``chain`` lead to its first linear layer.

    A chain without linear layer fits in every way; one is listed for it, that keeps the size of the maps.
    """
    convolutions = [layer for layer in chain.layers if layer.kind == "conv"]
    linear = next((layer for layer in chain.layers if layer.kind == "linear"), None)
    sizes = _SIZES.get(convolutions[0].inputs, _OTHER_SIZES)
    kept = tuple(Step(padding=_same(layer)) for layer in convolutions)
    if linear is None:
        return Fitting(0, (Geometry(0.0, sizes[0], kept),))
    pixels = linear.inputs // convolutions[-1].outputs
    hints = _pooling_hints(chain)
    found = _fitting(convolutions, hints, sizes, pixels, penalty=1.0)
    if not found.count and len(convolutions) <= 8:
        found = _fitting(convolutions, hints, _UNUSUAL_SIZES, pixels, penalty=0.02)
    if pixels == 1:
        # One pixel is left by the average of each whole map as well, which then takes images of any size.
        averaged = Geometry(0.5, sizes[0], kept, global_pooling=True)
        found = Fitting(found.count + 1, tuple(sorted((averaged, *found.likeliest)))[:KEPT])
    return found


def _same(layer: ChainLayer) -> tuple[int, int]:
    rows, columns = layer.kernel_size
    return rows // 2, columns // 2


def _pooling_hints(chain: ShapedChain) -> list[bool | None]:
    """For each convolution, whether the numbers in the names leave room for pooling behind it; None if unknown.

    Numbers are consecutive in an ``nn.Sequential``: one left out is an activation function, two are it and pooling.
    Before a linear layer, one more is the flattening.
    """
    hints: list[bool | None] = []
    rows = list(zip(chain.layers, chain.gaps, strict=True))
    for index, (layer, gap) in enumerate(rows):
        if layer.kind != "conv":
            continue
        # Normalisation between a convolution and the next one has its own number, and the room is behind it.
        while index + 1 < len(rows) and rows[index + 1][0].kind in ("batch_norm", "prelu"):
            index += 1
            gap = None if gap is None or rows[index][1] is None else gap + (rows[index][1] or 0)
        before_linear = index + 1 < len(rows) and rows[index + 1][0].kind == "linear"
        has_prelu = rows[index][0].kind == "prelu"
        room = 2 + before_linear - has_prelu
        hints.append(None if gap is None else gap >= room)
    return hints


def _fitting(
    convolutions: Sequence[ChainLayer], hints: Sequence[bool | None], sizes: Sequence[int], pixels: int, penalty: float
) -> Fitting:
    count = 0
    likeliest: list[Geometry] = []
    for rank, size in enumerate(sizes):
        found = _from_size(convolutions, hints, size, pixels)
        count += found.count
        likeliest += [Geometry(way.cost + rank * penalty, size, way.steps) for way in found.likeliest]
    return Fitting(count, tuple(heapq.nsmallest(KEPT, likeliest)))


_Linked = tuple["_Linked", Step] | None
"""Steps, the last first: sharing what comes before makes a way one step longer without copying it."""


@dataclass
class _Ways:
    """Ways to one size of the maps; the likeliest as cost and steps, in rising order of the cost."""

    count: int
    likeliest: list[tuple[float, _Linked]]


_State = tuple[int, int, bool | None]
"""What later costs depend on: rows and columns of the maps, and whether the last convolution kept the size."""


def _from_size(convolutions: Sequence[ChainLayer], hints: Sequence[bool | None], size: int, pixels: int) -> Fitting:
    states: dict[_State, _Ways] = {(size, size, None): _Ways(1, [(0.0, None)])}
    for index, (layer, hint) in enumerate(zip(convolutions, hints, strict=True)):
        sources: dict[_State, list[tuple[_Ways, Step, float]]] = {}
        possible = {kept: [*_steps(layer, hint, index == 0, kept)] for kept in (None, False, True)}
        for (rows, columns, kept), ways in states.items():
            for step, cost, keeps in possible[kept]:
                left = _after(rows, columns, layer, step)
                if left is not None and left[0] * left[1] >= pixels:
                    sources.setdefault((*left, keeps), []).append((ways, step, cost))
        states = {state: _merged(found) for state, found in sources.items()}
    ends = [(ways, None, 0.0) for (rows, columns, _), ways in states.items() if rows * columns == pixels]
    reached = _merged(ends)
    return Fitting(reached.count, tuple(Geometry(cost, size, _unlinked(steps)) for cost, steps in reached.likeliest))


def _merged(sources: Sequence[tuple[_Ways, Step | None, float]]) -> _Ways:
    """Ways from several sizes to one, each a step longer where there is a step."""
    longer = (_longer(*source) for source in sources)
    merged = heapq.merge(*longer, key=lambda way: way[0])
    return _Ways(sum(ways.count for ways, *_ in sources), list(itertools.islice(merged, KEPT)))


def _longer(ways: _Ways, step: Step | None, cost: float) -> Iterator[tuple[float, _Linked]]:
    for before, steps in ways.likeliest:
        yield before + cost, (steps, step) if step is not None else steps


def _unlinked(steps: _Linked) -> tuple[Step, ...]:
    found = []
    while steps is not None:
        steps, step = steps
        found.append(step)
    return tuple(reversed(found))


def _steps(
    layer: ChainLayer, hint: bool | None, first: bool, kept: bool | None
) -> Iterator[tuple[Step, float, bool | None]]:
    """What a convolution can do, what that costs, and whether it keeps the size."""
    largest = max(layer.kernel_size)
    paddings = [(_same(layer), True), ((0, 0), False)] if largest > 1 else [((0, 0), None)]
    strides = {1: 0.0}
    if largest > 1:
        strides[2] = 1.0 if first and largest >= 7 else 2.0
    if first and largest >= 8:
        strides[4] = 0.5
    poolings = {(1, 1): 0.6, (2, 2): 0.4, (3, 2): 1.6}
    for padding, keeps in paddings:
        changed = 0.9 if kept is not None and keeps is not None and keeps != kept else 0.0
        for stride, stride_cost in strides.items():
            for (size, pooling_stride), pooling_cost in poolings.items():
                contradicted = 4.0 if hint is not None and hint != (size > 1) else 0.0
                cost = changed + stride_cost + pooling_cost + contradicted + (0.7 if stride > 1 and size > 1 else 0.0)
                yield Step(stride, padding, size, pooling_stride), cost, kept if keeps is None else keeps


def _after(rows: int, columns: int, layer: ChainLayer, step: Step) -> tuple[int, int] | None:
    """Rows and columns behind the convolution and its pooling; None where nothing is left."""
    left = _along(rows, layer.kernel_size[0], step.padding[0], step)
    if left < 1:
        return None
    # Nearly all maps and windows are square.
    square = rows == columns and layer.kernel_size[0] == layer.kernel_size[1]
    across = left if square else _along(columns, layer.kernel_size[1], step.padding[1], step)
    return None if across < 1 else (left, across)


def _along(size: int, kernel: int, padding: int, step: Step) -> int:
    convolved = (size + 2 * padding - kernel) // step.stride + 1
    # What has no pixel left stays below one: pooling of nothing is not something.
    return (convolved - step.pooling_size) // step.pooling_stride + 1 if convolved >= 1 else 0


def share(costs: Sequence[float], index: int) -> float:
    """The share of one way in the weight of all that are listed."""
    weights = [math.exp(-cost) for cost in costs]
    return weights[index] / sum(weights)
