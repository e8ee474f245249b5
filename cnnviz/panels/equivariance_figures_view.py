"""What the equivariance panel shows at one strength, as figures that are saved."""

from __future__ import annotations

import math

from cnnviz.panels.equivariance import EquivarianceParams, EquivarianceResult
from cnnviz.ui.bars_figure import Bar, BarsFigure
from cnnviz.ui.numbers import format_number
from cnnviz.ui.tiles_figure import TileRow, TilesFigure

NO_NUMBER = "–"


def strength_words(params: EquivarianceParams) -> str:
    """What T does, such as ``shifted by +4.0 px to the right, wrapped``."""
    border = {"wrap": "wrapped", "zeros": "filled"}[params.border]
    if params.transform == "shift":
        way = {"columns": "to the right", "rows": "down", "both": "down and to the right"}[params.direction]
        return f"shifted by {format_number(params.shift, 1, sign=True)} px {way}, {border}"
    if params.transform == "rotate":
        return f"turned by {format_number(params.angle, 0, sign=True)}°, {border}"
    if params.transform == "zoom":
        return f"magnified {format_number(params.zoom, 2)}×, {border}"
    return f"mirrored {'left and right' if params.flip == 'horizontal' else 'top and bottom'}"


def errors_figure(result: EquivarianceResult, title: str) -> BarsFigure:
    """The relative error of every layer."""
    bars = tuple(
        Bar(each.layer, each.error, NO_NUMBER if math.isnan(each.error) else format_number(each.error))
        for each in result.layers
    )
    largest = max((bar.value for bar in bars if math.isfinite(bar.value)), default=1.0)
    marked = next(index for index, each in enumerate(result.layers) if each.layer == result.layer)
    return BarsFigure(title, "layer", "relative error ‖f(Tx) − T f(x)‖ / ‖f(x)‖", bars, max(largest, 1.0), marked)


def maps_figure(result: EquivarianceResult, title: str) -> TilesFigure:
    """f(Tx), T f(x) and their difference of the selected channel, in one scale; cells left out are empty."""
    assert result.maps is not None
    labels = ("f(T(x))", "T(f(x))", "difference")
    row = TileRow(f"channel {result.channel}", result.maps.mosaic, "signed", labels, result.maps.values)
    return TilesFigure(title, (row,))
