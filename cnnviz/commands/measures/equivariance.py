"""``cnnviz measure --what equivariance``: the error of every layer over shifts, turns, zooms or flips."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError
from cnnviz.commands.measures.images import black_of, measured_images
from cnnviz.commands.measures.report import Report, number, shown

if TYPE_CHECKING:
    from cnnviz.checkpoints.open import OpenedNetwork
    from cnnviz.core.equivariance_result import Equivariance, LayerEquivariance, Sweep

STRENGTHS = {
    "shift": tuple(float(each) for each in range(-16, 17)),
    "rotate": tuple(float(each) for each in range(-180, 181, 15)),
    "zoom": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0),
    "flip": (0.0, 1.0),
}


def measure_equivariance(network: OpenedNetwork, arguments: argparse.Namespace) -> Report:
    """The error of all layers, or of the one that ``--layer`` names."""
    from cnnviz.core.equivariance import equivariance
    from cnnviz.core.equivariance_result import Sweep, equivariance_curves
    from cnnviz.core.trace import prepare

    if arguments.border == "crop":
        raise CommandError("The border crop is for consistency; choose wrap, zeros, edge or mean.")
    strengths = arguments.strengths or STRENGTHS[arguments.transform]
    images, words = measured_images(arguments.data, arguments.images, network.card, arguments.data_dir)
    traced = prepare(network.module, images[:1])
    if arguments.layer is not None and arguments.layer not in traced.graph:
        known = ", ".join(traced.graph.names)
        raise CommandError(f"{network.name} has no layer {arguments.layer!r}; give one of {known}.")
    layers = None if arguments.layer is None else [arguments.layer]
    try:
        sweep = Sweep(arguments.transform, strengths, arguments.direction, arguments.border)
        result = equivariance(
            traced, images, sweep.transforms, layers, compared=arguments.cells, black=black_of(network.card)
        )
    except ValueError as error:
        raise CommandError(str(error)) from error
    if all(result[name].reason for name in result):
        name = next(iter(result))
        raise CommandError(f"{name} cannot be measured: {result[name].reason}; choose another layer.")
    lines = _lines(network.name, words, result, sweep)
    of = network.name if arguments.layer is None else f"{arguments.layer} of {network.name}"
    curves = replace(equivariance_curves(result, sweep), title=f"Equivariance error of {of}")
    return Report(lines, _values(words, result, sweep), _table(result, sweep), curves)


def _lines(name: str, words: str, result: Equivariance, sweep: Sweep) -> list[str]:
    lines = [f"{name}, {sweep.x_label}, border {sweep.border}: relative error over {words}"]
    if len(result) == 1:
        lines += _strength_lines(result[next(iter(result))], sweep)
    else:
        width = max(len(each) for each in result)
        lines.append(f"{'layer':<{width}} {'stride':>7} {'mean':>9} {'largest':>9} {'chance':>9}")
        lines += [_layer_line(result[each], width) for each in result]
    lines.append(f"chance: {result.chance_from}")
    by_note: dict[str, list[str]] = {}
    for each in result:
        for note in result[each].notes:
            by_note.setdefault(note, []).append(each)
    return [*lines, *result.notes, *(f"{', '.join(names)}: {note}" for note, names in by_note.items())]


def _strength_lines(layer: LayerEquivariance, sweep: Sweep) -> list[str]:
    lines = [f"{'strength':>10} {'error':>9} {'spread':>9} {'nearest':>9} {'floor':>9} {'cells':>6}"]
    columns = (layer.mean, layer.spread, layer.nearest_mean, layer.floor)
    for place, strength in enumerate(sweep.strengths):
        name = sweep.x_names[int(strength)] if sweep.x_names else f"{strength:g}"
        values = " ".join(f"{shown(column[place]):>9}" for column in columns)
        lines.append(f"{name:>10} {values} {layer.compared[place]:>6.0%}")
    return lines


def _layer_line(layer: LayerEquivariance, width: int) -> str:
    if layer.reason:
        return f"{layer.layer:<{width}} not measurable: {layer.reason}"
    there = [value for value in layer.mean.tolist() if math.isfinite(value)]
    mean, largest = (sum(there) / len(there), max(there)) if there else (math.nan, math.nan)
    stride = f"{layer.grid.stride[1]:g}" if layer.grid is not None and layer.grid.stride[1] else "–"
    return f"{layer.layer:<{width}} {stride:>7} {shown(mean):>9} {shown(largest):>9} {shown(layer.chance):>9}"


def _values(words: str, result: Equivariance, sweep: Sweep) -> dict[str, object]:
    layers = {}
    for name in result:
        layer = result[name]
        layers[name] = {
            "mean": [number(value) for value in layer.mean],
            "spread": [number(value) for value in layer.spread],
            "nearest": [number(value) for value in layer.nearest_mean],
            "floor": [number(value) for value in layer.floor],
            "compared": [number(value) for value in layer.compared],
            "chance": number(layer.chance),
            "stride": None if layer.grid is None else list(layer.grid.stride),
            "notes": list(layer.notes),
            "reason": layer.reason,
        }
    return {
        "transform": sweep.kind,
        "direction": sweep.direction,
        "border": sweep.border,
        "cells": result.compared,
        "strengths": list(sweep.strengths),
        "images": result.images,
        "data": words,
        "chance_from": result.chance_from,
        "layers": layers,
    }


def _table(result: Equivariance, sweep: Sweep) -> list[list[object]]:
    rows: list[list[object]] = [["layer", "strength", "mean", "spread", "nearest", "floor", "compared", "chance"]]
    for name in result:
        layer = result[name]
        if layer.reason:
            continue
        for place, strength in enumerate(sweep.strengths):
            columns = (layer.mean, layer.spread, layer.nearest_mean, layer.floor, layer.compared)
            values = [number(column[place]) for column in columns]
            rows.append([name, strength, *values, number(layer.chance)])
    return rows
