"""The sizes of the maps along a table of layers, and where they become impossible; without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.nets.chain_layer import ChainLayer

_Shape = tuple[int, ...]


class _Impossible(ValueError):
    """A row cannot be computed; the message says why, and what would help."""


@dataclass(frozen=True)
class RowSize:
    """What a row gives.

    Attributes
    ----------
    output : tuple of int or None
        Without the batch, behind the row's pooling; None from the first impossible row on.
    problem : str
        Why the row is impossible; empty for the rows before and after it.
    """

    output: _Shape | None
    problem: str = ""


def row_sizes(guess: ChainGuess) -> tuple[RowSize, ...]:
    """What each row of the table gives for an image of its input size.

    A window that hangs over the edge is left out, as torch does for convolutions and pooling alike.
    """
    sizes: list[RowSize] = []
    shape: _Shape | None = guess.input_size
    for row in guess.layers:
        if shape is None:
            sizes.append(RowSize(None))
            continue
        try:
            shape = _pooled(row, _KINDS[row.kind](row, shape))
            sizes.append(RowSize(shape))
        except _Impossible as error:
            shape = None
            sizes.append(RowSize(None, str(error)))
    return tuple(sizes)


def _convolved(row: ChainLayer, shape: _Shape) -> _Shape:
    if len(shape) != 3:
        raise _Impossible("a convolution reads maps, but the layer before gives plain numbers")
    if shape[0] != row.inputs:
        raise _Impossible(f"it reads {row.inputs} channels, but {shape[0]} come to it")
    sizes = []
    for size, kernel, padding in zip(shape[1:], row.kernel_size, row.padding, strict=True):
        if size + 2 * padding < kernel:
            raise _Impossible(
                f"its {_by(row.kernel_size)} kernel is larger than the maps of {_by(shape[1:])} that come to it"
                f"{f', padding {padding} included' if padding else ''}: pad by {-(-(kernel - size) // 2)} or more, "
                "pool less before, or take larger images"
            )
        sizes.append((size + 2 * padding - kernel) // row.stride + 1)
    return (row.outputs, *sizes)


def _linear(row: ChainLayer, shape: _Shape) -> _Shape:
    numbers = 1
    for size in shape:
        numbers *= size
    if numbers == row.inputs:
        return (row.outputs,)
    if len(shape) == 1:
        raise _Impossible(f"it reads {row.inputs:,} numbers, but the layer before gives {numbers:,}")
    wanted = ""
    pixels, rest = divmod(row.inputs, shape[0])
    side = round(pixels**0.5)
    if not rest and side * side == pixels:
        wanted = f": the maps before it have to be {side}×{side}"
    raise _Impossible(f"it reads {row.inputs:,} numbers, but {_by(shape)} are {numbers:,}{wanted}")


def _normalised(row: ChainLayer, shape: _Shape) -> _Shape:
    if row.outputs not in (shape[0], 1 if row.kind == "prelu" else shape[0]):
        raise _Impossible(f"it has {row.outputs} channels, but {shape[0]} come to it")
    return shape


_KINDS: dict[str, Callable[[ChainLayer, _Shape], _Shape]] = {
    "conv": _convolved,
    "linear": _linear,
    "batch_norm": _normalised,
    "prelu": _normalised,
}


def _pooled(row: ChainLayer, shape: _Shape) -> _Shape:
    if row.pooling == "none":
        return shape
    if len(shape) != 3:
        raise _Impossible("pooling needs maps, but this layer gives plain numbers: choose no pooling")
    if row.pooling == "global":
        return (shape[0], 1, 1)
    if min(shape[1:]) < row.pooling_size:
        raise _Impossible(
            f"the {row.pooling_size}×{row.pooling_size} pooling window is larger than the maps of {_by(shape[1:])}: "
            "choose a smaller one, or no pooling"
        )
    return (shape[0], *((size - row.pooling_size) // row.pooling_stride + 1 for size in shape[1:]))


def _by(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))
