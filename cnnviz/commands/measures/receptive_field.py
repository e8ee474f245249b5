"""``cnnviz measure --what receptive-field``: how much of the input each layer's units can see."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cnnviz.commands.errors import CommandError
from cnnviz.commands.measures.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from cnnviz.checkpoints.open import OpenedNetwork
    from cnnviz.core.field_table import FieldRow
    from cnnviz.core.receptive_field import ReceptiveField


def measure_receptive_field(network: OpenedNetwork, arguments: argparse.Namespace) -> Report:
    """Size, effective stride and padding of all layers, or of the one that ``--layer`` names."""
    import torch

    from cnnviz.core.curves import Curves, series
    from cnnviz.core.field_table import field_table
    from cnnviz.core.trace import prepare

    graph = prepare(network.module, torch.zeros(1, *network.card.input_size)).graph
    rows = [row for row in field_table(graph) if row.kind != "Input"]
    if arguments.layer is not None:
        rows = [row for row in rows if row.layer == arguments.layer]
        if not rows:
            known = ", ".join(graph.names)
            raise CommandError(f"{network.name} has no layer {arguments.layer!r}; give one of {known}.")
    places, nothing = list(range(len(rows))), float("nan")
    curves = Curves(
        f"Receptive field of {network.name}",
        "layer",
        "field (input pixels)",
        tuple(
            series(name, places, [nothing if row.size is None else row.size[axis] for row in rows], points=True)
            for axis, name in enumerate(("rows", "columns"))
        ),
        x_names=tuple(row.layer for row in rows),
    )
    return Report(_lines(rows), {"layers": {row.layer: _values(row) for row in rows}}, _table(rows), curves)


def _values(row: FieldRow) -> dict[str, Any]:
    return {
        "size": row.size,
        "size_range": row.size_range,
        "stride": _numbers(row.stride),
        "padding": row.padding,
        "padding_after": row.padding_after,
        "centre": row.centre,
        "varies": row.varies,
        "whole_map_because": row.whole_map_because,
        "apart_size": None if row.apart is None else row.apart.size,
        "apart_stride": None if row.apart is None else _numbers(row.apart.stride),
        "apart_padding": None if row.apart is None else row.apart.padding,
        "told": row.told,
    }


def _numbers(stride: Sequence[int | Fraction | None]) -> list[float] | None:
    """None where branches of different strides meet."""
    return None if None in stride else [float(step) for step in stride if step is not None]


def _apart(field: ReceptiveField) -> str:
    """Of the layers that look at the whole map."""
    size = "×".join(map(str, field.size))
    stride = "no stride in common" if None in field.stride else f"stride {'×'.join(map(str, field.stride))}"
    return f"{size}, {stride}, padding {'×'.join(map(str, field.padding))}"


def _lines(rows: list[FieldRow]) -> list[str]:
    width = max(len(row.layer) for row in rows)
    lines = [f"{'layer':<{width}}  {'size':<10} {'stride':<10} padding"]
    for row in rows:
        if row.size is None:
            lines.append(f"{row.layer:<{width}}  {row.told}")
            continue
        size = "×".join(map(str, row.size))
        stride = "–" if None in row.stride or not any(row.stride) else "×".join(map(str, row.stride))
        words = [f"{row.layer:<{width}}  {size:<10} {stride:<10} {'×'.join(map(str, row.padding)):<8}"]
        words += ["varies from unit to unit"] if row.varies else []
        words += [f"the whole map, because of {', '.join(row.whole_map_because)}"] if row.whole_map_because else []
        words += [f"and apart from that {_apart(row.apart)}"] if row.apart is not None else []
        lines.append(" ".join(words).rstrip())
    return lines


def _table(rows: list[FieldRow]) -> list[list[object]]:
    titles = ["layer", "rows", "columns", "row stride", "column stride", "padding above", "padding left", "varies"]
    table: list[list[object]] = [list(titles)]
    for row in rows:
        size = row.size or ("", "")
        stride = ["" if step is None else float(step) for step in row.stride]
        table.append([row.layer, *size, *stride, *(row.padding if row.size else ("", "")), row.varies])
    return table
