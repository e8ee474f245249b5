"""From the fields of a layer's inputs to the field of the layer, whatever the layer does to positions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

from cnnviz.core import field_readings as readings
from cnnviz.core.field_axis import Axis, Reading, image_axis, read, union
from cnnviz.core.graph import Layer
from cnnviz.core.placement import Along, Mix, Pick, Resize


class UnknownOperation(ValueError):
    """A layer does something to positions that is not known here; the message names it."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The field along one axis of the image.

    Attributes
    ----------
    axis : Axis
        The intervals; of a single unit where all share one.
    along : int or None
        Which axis of the layer's output the units are counted along; None where all share one interval.
    whole_from : tuple of str
        The layers that looked at a whole map.
    """

    axis: Axis
    along: int | None
    whole_from: tuple[str, ...] = ()

    def whole(self, layer: str) -> "Side":
        """Of units that each read all that there are along this axis."""
        if self.along is None:
            return self
        if self.axis.units == 1 or self.axis.is_whole:
            return Side(self.axis.whole(), None, self.whole_from)
        return Side(self.axis.whole(), None, (*self.whole_from, layer))

    def moved(self, along: int | None) -> "Side":
        """The same along another axis of the tensor; None where it lies along none."""
        return Side(self.axis, along, self.whole_from)


Sides = tuple[Side, Side]
"""Rows and columns of the image."""

Shapes = Sequence[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """How a pass over the graph takes normalisation.

    Attributes
    ----------
    apart : bool
        Whether what looks at the whole map beside a branch that does not is left out.
    training : bool
        Whether batch normalisation looks at the maps themselves.
    """

    apart: bool = False
    training: bool = False


def input_sides(layer: Layer) -> Sides:
    """Of the network's input, in which each pixel sees itself; raises UnknownOperation where that is no image."""
    if len(layer.output_shape) != 3:
        raise UnknownOperation(f"the network's input has the shape {layer.output_shape}, which is no image (C, H, W)")
    _, rows, columns = layer.output_shape
    axis = image_axis(rows)
    return Side(axis, 1), Side(axis if rows == columns else image_axis(columns), 2)


def treats_axes_alike(layer: Layer, inputs: Sequence[Sides]) -> bool:
    """Whether what holds for rows holds for columns, so that a square image need be followed along one axis alone."""
    for rows, columns in inputs:
        if rows.axis is not columns.axis or (rows.along, columns.along) not in ((1, 2), (None, None)):
            return False
    if len(layer.output_shape) != 3 or layer.output_shape[1] != layer.output_shape[2] or layer.placement is not None:
        return False
    shape = layer.geometry
    if shape is None:
        return True
    sides = (shape.kernel_size, shape.stride, shape.dilation, shape.padding)
    return all(len(each) == 2 and each[0] == each[1] for each in sides)


def side_after(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    """The field of ``layer`` along one axis of the image, from those of its inputs and their output shapes.

    Raises
    ------
    UnknownOperation
        What the layer does to positions is not known.
    """
    if all(side.along is None for side in inputs):
        return _joined(layer, inputs, asked)
    return _rule_of(layer, asked)(layer, inputs, shapes, asked)


Rule = Callable[[Layer, Sequence[Side], Shapes, Asked], Side]


def _rule_of(layer: Layer, asked: Asked) -> Rule:
    placement = layer.placement
    if asked.training and layer.kind in _BATCH_NORMS:
        return _pointwise if asked.apart else _batch_moments
    if isinstance(placement, Mix):
        return _pointwise if placement.normalises and asked.apart else _mixed
    if isinstance(placement, Pick):
        return _picked
    if isinstance(placement, Resize):
        return _resized
    if layer.geometry is not None and layer.kind != "Flatten":
        return _windowed
    return _RULES.get(layer.kind, _unknown)


def _unknown(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    raise UnknownOperation(f"what {layer.kind} does to positions is not known (layer {layer.name})")


def _joined(layer: Layer, sides: Sequence[Side], asked: Asked) -> Side:
    """The union of the inputs, each unit reading the one in its own place, or the only one there is."""
    moving = [side for side in sides if side.along is not None]
    if asked.apart and any(not side.axis.is_whole for side in moving):
        sides = moving = [side for side in moving if not side.axis.is_whole]
    if len(sides) == 1:
        return sides[0]
    if len({side.along for side in moving}) > 1:
        raise UnknownOperation(f"{layer.name} ({layer.kind}) joins maps that are turned against each other")
    units = max(side.axis.units for side in sides)
    if any(side.axis.units not in (1, units) for side in sides):
        raise UnknownOperation(f"{layer.name} ({layer.kind}) joins maps of different sizes")
    spread = [side.axis if side.axis.units == units else side.axis.spread(units) for side in sides]
    along = moving[0].along if moving else None
    return Side(union(spread, _unaligned(layer, sides)), along, _sources(sides))


def _unaligned(layer: Layer, sides: Sequence[Side]) -> str:
    if any(side.axis.is_whole for side in sides):
        return f"a branch of {layer.name} reads the whole map, and another reads beyond it"
    named = zip(layer.inputs, sides, strict=True) if len(layer.inputs) == len(sides) else ()
    strides = ", ".join(f"{name}: {' and '.join(str(p.stride) for p in side.axis.parts)}" for name, side in named)
    return f"the branches of {layer.name} have different effective strides ({strides})"


def _sources(sides: Sequence[Side]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for side in sides for name in side.whole_from))


def _pointwise(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    """Axes are matched from the last, as torch matches them."""
    rank = len(layer.output_shape)
    found = []
    for side, shape in zip(inputs, shapes, strict=True):
        along = None if side.along is None else side.along + rank - len(shape)
        if along is not None and not 0 <= along < rank:
            return _unknown(layer, inputs, shapes, asked)
        found.append(side.moved(along))
    return _fitting(layer, _joined(layer, found, asked))


def _fitting(layer: Layer, side: Side) -> Side:
    """``side``, if it has as many units as the layer's output has."""
    if side.along is None or side.axis.units == layer.output_shape[side.along]:
        return side
    if side.axis.units != 1:
        raise UnknownOperation(
            f"{layer.name} ({layer.kind}) gives {layer.output_shape[side.along]} rows or columns where its input has "
            f"{side.axis.units}, which is not known here"
        )
    return Side(side.axis.spread(layer.output_shape[side.along]), side.along, side.whole_from)


def _whole(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    return _joined(layer, [side.whole(layer.name) for side in inputs], asked)


def _batch_moments(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    # Channels stand first: what else there is lies in the plane.
    side = inputs[0]
    return side if side.along == 0 else side.whole(layer.name)


def _mixed(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    mix = layer.placement
    assert isinstance(mix, Mix)
    found = []
    for side in inputs:
        if side.along is None or side.along in mix.axes:
            found.append(side.whole(layer.name))
        else:
            found.append(side.moved(side.along - sum(axis < side.along for axis in mix.axes) * mix.removed))
    return _joined(layer, found, asked)


def _picked(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    pick = layer.placement
    assert isinstance(pick, Pick)
    found = []
    for side in inputs:
        places = [i for i, entry in enumerate(pick.axes) if entry is not None and entry.source == side.along]
        if side.along is None:
            found.append(side)
        elif not places:  # one row or column was selected, which the placement does not tell
            found.append(side.whole(layer.name))
        else:
            entry = pick.axes[places[0]]
            assert entry is not None
            kept, plain = side.moved(places[0]), entry == Along(entry.source)
            if not plain or layer.output_shape[places[0]] < side.axis.units:
                kept = _reading(layer, kept, readings.picked(entry, side.axis.units))
            found.append(_fitting(layer, kept))
    return _joined(layer, found, asked)


def _reading(layer: Layer, side: Side, reading: Reading) -> Side:
    assert side.along is not None
    units = layer.output_shape[side.along]
    if units < 1:
        raise UnknownOperation(f"nothing is left of the map in {layer.name}: its output is {layer.output_shape}")
    return Side(read(side.axis, reading, units), side.along, side.whole_from)


def _resized(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    resize, side = layer.placement, inputs[0]
    assert isinstance(resize, Resize)
    which = _of_window(layer, side, len(resize.scale))
    if which is None or side.along is None:
        return side
    units = layer.output_shape[side.along]
    return _reading(layer, side, readings.resize(resize, which, side.axis.units, units))


def _of_window(layer: Layer, side: Side, axes: int) -> int | None:
    """Which axis of a window of so many axes lies along the side; None if none does."""
    if side.along is None or side.along < len(layer.output_shape) - axes:
        return None
    return side.along - (len(layer.output_shape) - axes)


def _windowed(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    geometry = layer.geometry
    assert geometry is not None
    transposed = layer.kind.startswith(("ConvTranspose", "MaxUnpool"))
    found = []
    for side in inputs:
        axis = _of_window(layer, side, len(geometry.kernel_size))
        if axis is not None:
            window = readings.transposed_window if transposed else readings.window
            found.append(_reading(layer, side, window(geometry, axis)))
        elif layer.kind.startswith("Conv"):  # sums over channels, which rows or columns lie along here
            found.append(side.whole(layer.name))
        else:
            found.append(side)
    return _joined(layer, found, asked)


def _adaptive(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    side = inputs[0]
    axis = _of_window(layer, side, 2)
    if axis is None or side.along is None:
        return side
    units = layer.output_shape[side.along]
    if units == 1:
        # It stays a map, that larger ones may be made of again.
        return side.whole(layer.name).moved(side.along)
    return _reading(layer, side, readings.adaptive(side.axis.units, units))


def _shuffled(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    side = inputs[0]
    if side.along is None or side.along not in (1, 2):
        return _unknown(layer, inputs, shapes, asked)
    old, new = side.axis.units, layer.output_shape[side.along]
    reading = readings.blocks(new // old) if new >= old else readings.joined_blocks(old // new)
    return _reading(layer, side, reading)


def _reshaped(layer: Layer, inputs: Sequence[Side], shapes: Shapes, asked: Asked) -> Side:
    """An axis outlives a new shape where as many values stand before and after it as did; else it is told as whole."""
    side, shape = inputs[0], shapes[0]
    if side.along is None:
        return side
    if layer.geometry is not None and side.along > 0:  # it reads the middle of the map alone
        axis = side.along - 1
        units = side.axis.units + sum(layer.geometry.padding[axis])
        return Side(read(side.axis, readings.window(layer.geometry, axis), units), side.along).whole(layer.name)
    before = [1, *accumulate(shape, mul)]
    after = [1, *accumulate(layer.output_shape, mul)]
    for axis, size in enumerate(layer.output_shape):
        if size == shape[side.along] and after[axis] == before[side.along] and before[-1] == after[-1]:
            return side.moved(axis)
    return side.whole(layer.name)


_BATCH_NORMS = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")
_POINTWISE_KINDS = (
    "Add Subtract Multiply Divide Concat Split Clamp Identity Dropout Dropout1d Dropout2d Dropout3d AlphaDropout "
    "FeatureAlphaDropout BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LocalResponseNorm CrossMapLRN2d "
    "ChannelShuffle Softmax2d ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish Sigmoid LogSigmoid Tanh "
    "Tanhshrink Softplus Softsign Softshrink Hardshrink Hardsigmoid Hardswish Hardtanh Threshold GLU Abs Neg Pow Sqrt "
    "Rsqrt Exp Log Square Maximum Minimum Max Min Where Lerp Reciprocal Sign Floor Ceil Round Erf Sin Cos Relu "
    "MaskedFill Gt Lt Ge Le Eq Ne Addcmul Addcdiv Floordiv Remainder Log1p Expm1 NanToNum Clip Expand ExpandAs "
    "Repeat Tile FloorDivide Atan"
)
_WHOLE_KINDS = (
    "Linear GroupNorm LayerNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d MatMul Einsum ScaledDotProductAttention "
    "MultiheadAttention TransformerEncoderLayer LSTM GRU RNN GridSample Unfold Fold Bilinear Topk Sort Argsort "
    "Cumsum Mean Sum Amax Amin Norm Std Var Logsumexp Prod Argmax Softmax LogSoftmax Softmin"
)

_RULES: dict[str, Rule] = {
    **dict.fromkeys(_POINTWISE_KINDS.split(), _pointwise),
    **dict.fromkeys(_WHOLE_KINDS.split(), _whole),
    **dict.fromkeys(("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), _adaptive),
    **dict.fromkeys(("PixelShuffle", "PixelUnshuffle"), _shuffled),
    **dict.fromkeys(("Flatten", "Unflatten", "Reshape", "Squeeze", "Unsqueeze"), _reshaped),
}
