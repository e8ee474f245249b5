"""``cnnviz measure --what effective-field``: which pixels a unit really listens to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError
from cnnviz.commands.measures.images import measured_images
from cnnviz.commands.measures.report import Report

if TYPE_CHECKING:
    from cnnviz.checkpoints.open import OpenedNetwork
    from cnnviz.core.curves import Curves
    from cnnviz.core.effective_field import EffectiveField
    from cnnviz.core.graph import LayerGraph


def measure_effective_field(network: OpenedNetwork, arguments: argparse.Namespace) -> Report:
    """The shares of Σ|g| of the unit in the middle of a layer, averaged over images and channels."""
    from cnnviz.core.effective_field import NoEffectiveField, effective_field
    from cnnviz.core.trace import prepare

    images, words = measured_images(arguments.data, arguments.images, network.card, arguments.data_dir)
    traced = prepare(network.module, images[:1])
    layer = _layer(network.name, traced.graph, arguments.layer)
    try:
        found = effective_field(traced, layer, images)
    except NoEffectiveField as error:
        raise CommandError(str(error)) from error
    values = {
        "layer": layer,
        "measured_at": found.measured_at,
        "unit": [found.row, found.column],
        "images": found.images,
        "channels": list(found.channels),
        "data": words,
        "shares": [
            {"share": each.share, "area": each.area, "width": each.width, "ratio_to_theory": each.ratio}
            for each in found.shares
        ],
    }
    table: list[list[object]] = [["row", *(f"column {column}" for column in range(found.heat.shape[1]))]]
    table += [[row, *map(float, values)] for row, values in enumerate(found.heat)]
    return Report(_lines(found, words), values, table, _curves(network.name, found))


def _layer(name: str, graph: LayerGraph, asked: str | None) -> str:
    """The layer asked for, else the last one that gives maps."""
    if asked is not None:
        if asked not in graph:
            raise CommandError(f"{name} has no layer {asked!r}; give one of {', '.join(graph.names)}.")
        return asked
    maps = [layer.name for layer in graph.layers if len(layer.output_shape) == 3 and layer.kind != "Input"]
    if not maps:
        raise CommandError(f"{name} has no layer with rows and columns; name another one with --layer.")
    return maps[-1]


def _percent(share: float) -> str:
    """With a digit that is not 0, of a few pixels of a large field too."""
    return f"{share:.1%}" if share >= 0.01 else f"{share * 100:.2g}%"


def _lines(found: EffectiveField, words: str) -> list[str]:
    lines = [f"{found.layer}, the unit at row {found.row}, column {found.column}, over {words}:"]
    if found.is_silent:
        return [*lines, "No pixel changes it on these images; choose others with --data."]
    for each in found.shares:
        ratio = "" if each.ratio is None else f", {_percent(each.ratio)} of the field by theory"
        lines.append(f"{each.share:>4.0%} of Σ|g| in {each.area:,} pixels, as a square {each.width:.1f} wide{ratio}")
    return lines


def _curves(name: str, found: EffectiveField) -> Curves:
    """The share of Σ|g| in the strongest pixels, against the side of a square of as many."""
    import numpy as np

    from cnnviz.core.curves import Curves, Mark, series

    total = found.heat.sum()
    strongest = np.sort(found.heat, axis=None)[::-1]
    held = np.cumsum(strongest) / total if total else np.zeros(strongest.size)
    seen = max(int(np.searchsorted(held, 0.999)) + 1, 2)
    return Curves(
        f"Effective field of {found.layer} in {name}",
        "side of a square of the strongest pixels (input pixels)",
        "share of Σ|gradient|",
        (series("held by them", np.sqrt(np.arange(1, seen + 1)), held[:seen]),),
        tuple(Mark("y", each.share, f"{each.share:.0%}") for each in found.shares),
    )
