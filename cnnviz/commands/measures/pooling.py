"""``cnnviz measure --what pooling``: how little pooled maps change when the input moves, for every kind of pooling."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError
from cnnviz.commands.measures.images import measured_images
from cnnviz.commands.measures.report import Report, number, shown
from cnnviz.core.subsampling import subsampling

if TYPE_CHECKING:
    from cnnviz.checkpoints.open import OpenedNetwork
    from cnnviz.core.graph import Layer, LayerGraph


WAYS = {"columns": "to the right", "rows": "down", "both": "down and to the right"}


def measure_pooling(network: OpenedNetwork, arguments: argparse.Namespace) -> Report:
    """Distance against shift behind a layer that pools, with each kind in its place and without any."""
    import numpy as np
    import torch

    from cnnviz.core.choices import POOLING_WORDS
    from cnnviz.core.curves import Curves, series
    from cnnviz.core.invariance import SHIFTS, every_kind, pooled_distances, shifted
    from cnnviz.core.network_edits import CannotChange
    from cnnviz.core.pooling_feed import pooling_feed
    from cnnviz.core.trace import prepare
    from cnnviz.panels.shared.caveats import unseen_words
    from cnnviz.panels.shared.own_passes import outputs

    images, words = measured_images(arguments.data, arguments.images, network.card, arguments.data_dir)
    traced = prepare(network.module, images[:1])
    layer = _layer(network.name, traced.graph, arguments.layer)
    if layer.name in traced.graph.unseen:
        raise CommandError(f"{unseen_words(traced.graph, layer.name)} Choose another network.")
    try:
        feed = pooling_feed(traced.module, traced.graph, layer)
    except CannotChange as error:
        raise CommandError(str(error)) from error
    source, kinds = feed.source, every_kind(feed.pooling)
    down, across = arguments.direction != "columns", arguments.direction != "rows"
    found: dict[str, list[np.ndarray]] = {}
    for image in images:
        moved = shifted(image[None], [(shift * down, shift * across) for shift in SHIFTS])
        maps = outputs(traced, torch.cat([image[None], moved]), (source,), lambda: False)[source]
        maps = feed.maps(maps)
        for kind, distances in pooled_distances(maps[:1], maps[1:], kinds).items():
            found.setdefault(kind, []).append(distances.relative)
    named: dict[str, str] = {"detector": f"before pooling ({feed.title})"}
    named.update({str(kind): name for kind, name in POOLING_WORDS.items()})
    means = {kind: np.nanmean(np.stack(each), axis=0) for kind, each in found.items()}
    spreads = {kind: np.nanstd(np.stack(each), axis=0) for kind, each in found.items()}
    curves = Curves(
        f"Invariance behind {layer.name} of {network.name}",
        f"shift {WAYS[arguments.direction]}, wrapped (input pixels)",
        "‖p(x) − p(Tx)‖ / ‖p(x)‖",
        tuple(series(named[kind], SHIFTS, means[kind], spreads[kind], reference=kind == "detector") for kind in means),
    )
    values = {
        "layer": layer.name,
        "direction": arguments.direction,
        "images": len(images),
        "data": words,
        "shifts": list(SHIFTS),
        "distance": {kind: [number(value) for value in mean] for kind, mean in means.items()},
        "spread": {kind: [number(value) for value in spread] for kind, spread in spreads.items()},
    }
    one = SHIFTS.index(1)
    way = WAYS[arguments.direction]
    lines = [f"{layer.name}, the input shifted {way} by one pixel, relative distance over {words}:"]
    lines += [f"{named[kind]:<28} {shown(means[kind][one]):>9} ± {shown(spreads[kind][one])}" for kind in means]
    table: list[list[object]] = [["kind", "shift", "distance", "spread"]]
    for kind in means:
        table += [
            [kind, shift, number(mean), number(spread)]
            for shift, mean, spread in zip(SHIFTS, means[kind], spreads[kind], strict=True)
        ]
    return Report(lines, values, table, curves)


def _layer(name: str, graph: LayerGraph, asked: str | None) -> Layer:
    """The layer asked for, else the first one that pools with a window, else the first that leaves cells out."""
    poolings = [layer for layer in graph.layers if layer.geometry is not None and "Pool" in layer.kind]
    strides = [layer for layer in graph.layers if subsampling(layer, graph)]
    chosen = [layer for layer in (*poolings, *strides) if asked in (None, layer.name)]
    if chosen:
        return chosen[0]
    if not poolings and not strides:
        raise CommandError(f"{name} has no pooling with a window and no stride; choose a network that has.")
    known = ", ".join(layer.name for layer in poolings or strides)
    how = "pools in" if poolings else "leaves cells out in"
    raise CommandError(f"{asked} does not pool with a window; {name} {how} {known}.")
