"""How the pooling of one window is worked out, in words and numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.choices import PoolingKind
    from cnnviz.core.pooling import Pooling

Cell = tuple[int, int]
Box = tuple[int, int, int, int]

MOST_TERMS = 16
"""A longer sum is told, and not written out."""
_LARGE, _SMALL = 1e6, 5e-4


def plain(value: float) -> str:
    """A number as a person would write it: ``6``, ``0.333``, ``−1.5``; ``2.5e9`` where it is too large or too small."""
    if not math.isfinite(value):
        text = "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    elif abs(value) >= _LARGE or 0 < abs(value) < _SMALL:
        digits, _, power = f"{value:.3g}".partition("e")
        text = f"{digits}e{int(power)}" if power else digits
    else:
        text = f"{value:.3f}".rstrip("0").rstrip(".")
    return text.replace("-", "\N{MINUS SIGN}")


def box_of(pooling: Pooling, cell: Cell) -> Box:
    """First row and column, rows and columns of what an output reads; with a blur of all windows that it joins."""
    reach = (pooling.taps - 1) // 2 if pooling.blurs else 0
    wide = pooling.taps - 1 if pooling.blurs else 0
    (row, column), (high, across) = (
        tuple(
            at * step - pair[0] - reach for at, step, pair in zip(cell, pooling.stride, pooling.padding, strict=True)
        ),
        tuple(extent + wide for extent in pooling.extent),
    )
    return row, column, high, across


def words_of(maps: Tensor, pooling: Pooling, cell: Cell) -> str:
    """``"max of 1 1 5 6 = 6"``: the output ``cell`` of ``maps`` (1, 1, H, W)."""
    if pooling.blurs:
        return _blurred_words(maps, pooling, cell)
    values, weights = _window(maps, pooling, cell)
    if not values:
        return "nothing but padding"
    numbers = [_bracketed(value) for value in values]
    few, result = len(values) <= MOST_TERMS, plain(_value(maps, pooling, cell))
    if pooling.kind == "max":
        return f"max of {' '.join(map(plain, values))} = {result}" if few else f"max of {len(values)} values = {result}"
    if pooling.kind == "strided":
        return f"the cell at the window's centre = {result}"
    if pooling.kind == "weighted":
        total = sum(weights)
        parts = [f"{plain(weight / total)}·{number}" for weight, number in zip(weights, numbers, strict=True)]
        return f"{' + '.join(parts)} = {result}" if few else f"weighted sum of {len(values)} values = {result}"
    count = len(values)
    if pooling.kind == "average":
        return f"({' + '.join(numbers)}) / {count} = {result}" if few else f"mean of {count} values = {result}"
    squares = " + ".join(f"{number}²" for number in numbers) if few else f"sum of {count} squares"
    inside = squares if pooling.kind == "l2_sum" else f"({squares}) / {count}"
    return f"√({inside}) = {result}"


def _blurred_words(maps: Tensor, pooling: Pooling, cell: Cell) -> str:
    """Dense pooling first, then the weights of the blur, whose binomial numbers are whole."""
    import torch

    from cnnviz.core.padding import pad
    from cnnviz.core.pooling import binomial, pool

    kind: PoolingKind = "max" if pooling.kind == "blur_max" else "average"
    dense = pool(maps, replace(pooling, kind=kind, stride=(1, 1)))
    before, after = (pooling.taps - 1) // 2, pooling.taps // 2
    padded = pad(dense, ((before, after), (before, after)), pooling.blur_padding)[0, 0]
    top, left = (at * step for at, step in zip(cell, pooling.stride, strict=True))
    values = padded[top : top + pooling.taps, left : left + pooling.taps]
    row = binomial(pooling.taps)
    weights = torch.outer(row, row)
    called = "maxima" if kind == "max" else "means"
    result = plain(float((values.double() * weights).sum()))
    if values.numel() > MOST_TERMS:
        return f"blur of {values.numel()} {called} of windows side by side = {result}"
    total = 4 ** (pooling.taps - 1)
    parts = [
        f"{round(float(weight) * total)}·{_bracketed(float(value))}"
        for weight, value in zip(weights.flatten(), values.flatten(), strict=True)
    ]
    return f"{called} of windows side by side, blurred: ({' + '.join(parts)}) / {total} = {result}"


def _window(maps: Tensor, pooling: Pooling, cell: Cell) -> tuple[list[float], list[float]]:
    """The cells of the window that exist, and what each counts."""
    rows, columns = _places(maps.shape[-2], pooling, 0, cell[0]), _places(maps.shape[-1], pooling, 1, cell[1])
    shares = pooling.weights
    values, weights = [], []
    for step, row in rows:
        for across, column in columns:
            values.append(float(maps[0, 0, row, column]))
            weights.append(1.0 if shares is None else float(shares[step, across]))
    return values, weights


def _places(size: int, pooling: Pooling, axis: int, at: int) -> list[tuple[int, int]]:
    """Places of the window's cells on the map, each with its number in the window."""
    first = at * pooling.stride[axis] - pooling.padding[axis][0]
    places = [(step, first + step * pooling.dilation[axis]) for step in range(pooling.kernel_size[axis])]
    return [(step, place) for step, place in places if 0 <= place < size]


def _value(maps: Tensor, pooling: Pooling, cell: Cell) -> float:
    from cnnviz.core.pooling import pool

    return cast(float, pool(maps, pooling)[0, 0, cell[0], cell[1]].item())


def _bracketed(value: float) -> str:
    text = plain(value)
    return f"({text})" if value < 0 and text != "0" else text
