"""The diagram of a network as SVG: a box for each layer, from top to bottom, and an arrow for each connection."""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from cnnviz.core.graph import Layer, LayerGraph

_FONT = 12
_ADVANCE = 0.602 * _FONT
"""Width of a character: the font has one width for all, so that boxes are as wide as their words everywhere."""
_PADDING, _BOX, _GAP, _MARGIN, _LANE = 12, 44, 20, 24, 14

_FILLS = (
    (("Input",), "#eceff4"),
    (("Conv",), "#cfe3ff"),
    (("Linear", "Bilinear", "MatMul"), "#ffe0c2"),
    (("BatchNorm", "GroupNorm", "LayerNorm", "InstanceNorm", "LocalResponseNorm"), "#e4dcf7"),
    (("MaxPool", "AvgPool", "AdaptiveAvg", "AdaptiveMax", "LPPool", "Upsample"), "#d3f0dc"),
    (("Add", "Concat", "Multiply"), "#fff3bf"),
)
_OTHER = "#ffffff"


def graph_svg(graph: LayerGraph, title: str) -> str:
    """Draw ``graph``.

    Parameters
    ----------
    graph : LayerGraph
        Layers in order of execution; one that reads another than the one before it gets an arrow around what is
        between.
    title : str
        The network's name.

    Returns
    -------
    str
        An SVG document on white. Each layer is a ``g`` of the class ``layer`` with its name as ``data-layer``, each
        connection a ``path`` of the class ``edge`` with ``data-from`` and ``data-to``.
    """
    layers = graph.layers
    heading = f"{title}: {len(layers)} layers, {graph.parameters:,} weights, {graph.macs:,} multiply-adds"
    widest = max((_width(layer) for layer in layers), default=10)
    wide = widest * _ADVANCE + 2 * _PADDING
    lanes = _lanes(graph)
    top = _MARGIN + 2 * _FONT
    width = max(
        _MARGIN * 2 + wide + (max(lanes.values(), default=-1) + 2) * _LANE, len(heading) * _ADVANCE + 2 * _MARGIN
    )
    height = top + len(layers) * (_BOX + _GAP) - _GAP + _MARGIN
    rows = {layer.name: top + index * (_BOX + _GAP) for index, layer in enumerate(layers)}
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
        f'font-size="{_FONT}">',
        f"<title>{_text(title)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#5f6978"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN + _FONT / 2:.0f}" font-weight="bold" fill="#1a1e25">{_text(heading)}</text>',
        '<g fill="none" stroke="#5f6978" stroke-width="1.4">',
        *_edges(graph, rows, lanes, wide),
        "</g>",
        *(_box(layer, rows[layer.name], wide) for layer in layers),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _edges(graph: LayerGraph, rows: dict[str, int], lanes: dict[tuple[str, str], int], wide: float) -> Iterator[str]:
    middle, right = _MARGIN + wide / 2, _MARGIN + wide
    for layer in graph.layers:
        for source in layer.inputs:
            lane = lanes.get((source, layer.name))
            if lane is None:
                way = f"M{middle:.1f} {rows[source] + _BOX:.1f}V{rows[layer.name] - 1:.1f}"
            else:
                start, end = rows[source] + _BOX * 0.7, rows[layer.name] + _BOX * 0.3
                out = right + (lane + 1) * _LANE
                bend = min(0.6 * _LANE, abs(end - start) / 2)
                way = (
                    f"M{right:.1f} {start:.1f}H{out - bend:.1f}Q{out:.1f} {start:.1f} {out:.1f} {start + bend:.1f}"
                    f"V{end - bend:.1f}Q{out:.1f} {end:.1f} {out - bend:.1f} {end:.1f}H{right + 1:.1f}"
                )
            ends = f"data-from={quoteattr(_clean(source))} data-to={quoteattr(_clean(layer.name))}"
            yield f'<path class="edge" {ends} d="{way}" marker-end="url(#arrow)"/>'


def _lanes(graph: LayerGraph) -> dict[tuple[str, str], int]:
    """How far out each arrow that passes by other layers runs, so that no two run on each other."""
    at = {layer.name: index for index, layer in enumerate(graph.layers)}
    passing = sorted(
        ((at[source], at[layer.name], source, layer.name) for layer in graph.layers for source in layer.inputs),
        key=lambda edge: edge[1] - edge[0],
    )
    taken: list[list[tuple[int, int]]] = []
    lanes: dict[tuple[str, str], int] = {}
    for start, end, source, name in passing:
        if end - start <= 1:
            continue
        free = (lane for lane, spans in enumerate(taken) if all(end <= low or high <= start for low, high in spans))
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((start, end))
        lanes[source, name] = lane
    return lanes


def _box(layer: Layer, top: float, wide: float) -> str:
    left, right = _MARGIN + _PADDING, _MARGIN + wide - _PADDING
    first, second = _lines(layer)
    fill = next((fill for kinds, fill in _FILLS if layer.kind.startswith(kinds)), _OTHER)
    return (
        f'<g class="layer" data-layer={quoteattr(_clean(layer.name))}>'
        f"<title>{_text(_told(layer))}</title>"
        f'<rect x="{_MARGIN}" y="{top:.1f}" width="{wide:.1f}" height="{_BOX}" rx="6" fill="{fill}" stroke="#5f6978"/>'
        f'<text x="{left}" y="{top + 18:.1f}" font-weight="bold" fill="#1a1e25">{_text(first[0])}</text>'
        f'<text x="{right:.1f}" y="{top + 18:.1f}" text-anchor="end" fill="#1a1e25">{_text(first[1])}</text>'
        f'<text x="{left}" y="{top + 35:.1f}" fill="#4a5362">{_text(second[0])}</text>'
        f'<text x="{right:.1f}" y="{top + 35:.1f}" text-anchor="end" fill="#4a5362">{_text(second[1])}</text></g>'
    )


def _lines(layer: Layer) -> tuple[tuple[str, str], tuple[str, str]]:
    """What stands in a box, at the left and at the right."""
    shape = "×".join(map(str, layer.output_shape))
    weights = f"{layer.parameters:,} weights" if layer.parameters else ""
    return (layer.name, shape), (layer.summary or layer.kind, weights)


def _width(layer: Layer) -> int:
    """Characters of its longer line, with room between left and right."""
    return max(len(left) + len(right) + 3 for left, right in _lines(layer))


def _told(layer: Layer) -> str:
    work = f", {layer.macs:,} multiply-adds" if layer.macs else ""
    return f"{layer.kind}{work}"


def _text(words: str) -> str:
    return escape(_clean(words))


def _clean(words: str) -> str:
    """Without characters that XML cannot hold; names come from files."""
    return "".join(
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "\ufffd"
        for c in words
    )
