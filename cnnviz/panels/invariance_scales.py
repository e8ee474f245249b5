"""Pyramids and halving of the input, and global pooling at any size of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cnnviz.engine.input_tensor import as_input
from cnnviz.engine.panel import Cancelled, ComputeCancelled
from cnnviz.panels.invariance import InvarianceParams, InvarianceResult, Picture
from cnnviz.panels.shared.unshifted_input import unshifted
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from cnnviz.core.choices import PoolingKind
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation

MOST_LEVELS = 5
SMALLEST_SIDE = 2
FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
MOST_PIXELS = 512 * 512
_HALVED: tuple[tuple[PoolingKind, str], ...] = (
    ("max", "maximum"),
    ("average", "average"),
    ("blur_average", "blurred average"),
    ("strided", "every 2nd pixel"),
)


def pyramids(scene: Scene, observation: Observation) -> InvarianceResult:
    """Gaussian and Laplacian pyramid, and four ways to halve the image."""
    import torch

    from cnnviz.core.pooling import Pooling, pool
    from cnnviz.core.pyramids import gaussian_pyramid, laplacian_pyramid, reconstruct

    image = torch.from_numpy(unshifted(scene, observation)).mean(0)[None, None]
    levels = MOST_LEVELS - 1
    while levels > 1 and min(image.shape[-2:]) / 2**levels < SMALLEST_SIDE:
        levels -= 1
    gaussian, laplacian = gaussian_pyramid(image, levels), laplacian_pyramid(image, levels)
    off = float((reconstruct(laplacian) - image).abs().max())
    halved = [pool(image, Pooling.of(kind, 2)) for kind, _ in _HALVED] if min(image.shape[-2:]) > 1 else []
    sizes = tuple(f"{level.shape[-2]}×{level.shape[-1]}" for level in gaussian)
    finer = (*(f"{one}\n− {other}" for one, other in pairwise(sizes)), sizes[-1])
    adds = _placed(laplacian, signed=True)
    pictures = [
        Picture("Gaussian: smoothed and halved", _placed(gaussian, signed=False), "photo", sizes, _sizes(gaussian)),
        Picture("Laplacian: what each level adds to the next", adds, "signed", finer, _sizes(laplacian)),
    ]
    if halved:
        words = tuple(words for _, words in _HALVED)
        pictures.append(Picture("halved once by", _placed(halved, signed=False), "photo", words))
    exact = f"Expanding and adding the levels of the Laplacian pyramid gives the image back, {_within(off)}."
    stride = "Every second pixel is what a convolution with stride 2 keeps; the others summarise each 2×2 block first."
    return InvarianceResult("pyramids", "pyramids of the input", f"{exact} {stride}", pictures=tuple(pictures))


def _within(off: float) -> str:
    """How exactly, of values from 0 to 1: ``to within 6e−8``."""
    mantissa, _, exponent = f"{off:.0e}".partition("e")
    return f"to within {mantissa}e{int(exponent)}".replace("-", "−") if off else "exactly"


def _sizes(levels: Sequence[Tensor]) -> tuple[tuple[int, int], ...]:
    return tuple((int(level.shape[-2]), int(level.shape[-1])) for level in levels)


def _placed(levels: Sequence[Tensor], *, signed: bool) -> Mosaic:
    """Images of several sizes at the corner of equal tiles; what they leave of theirs is empty."""
    import torch

    from cnnviz.core.mosaic import GAP, mosaic

    height, width = (max(level.shape[axis] for level in levels) for axis in (-2, -1))
    tiles = torch.zeros(len(levels), height, width, dtype=levels[0].dtype)
    for tile, level in zip(tiles, levels, strict=True):
        tile[: level.shape[-2], : level.shape[-1]] = level[0, 0]
    # own scales for what is signed: the finer levels are faint beside the last
    shown = mosaic(tiles, columns=len(levels), scale="own" if signed else "shared", signed=signed, gap=1)
    for number, level in enumerate(levels):
        top, left, rows, columns = shown.tile_rect(number)
        shown.indices[top + level.shape[-2] : top + rows, left : left + columns] = GAP
        shown.indices[top : top + rows, left + level.shape[-1] : left + columns] = GAP
    return shown


def last_maps(graph: LayerGraph) -> str | None:
    """The last layer with rows and columns; None without any."""
    with_maps = [layer.name for layer in graph if len(layer.output_shape) == 3 and max(layer.output_shape[1:]) > 1]
    return with_maps[-1] if len(with_maps) > 1 else None


def any_size(
    scene: Scene, observation: Observation, params: InvarianceParams, cancelled: Cancelled
) -> InvarianceResult:
    """The convolutional part at several sizes of the input, and its maps pooled globally; raises ValueError."""
    import torch
    import torch.nn.functional as F

    from cnnviz.core.curves import Curves, Mark, series
    from cnnviz.core.invariance import distances

    network = observation.network
    layer = last_maps(network.graph)
    if layer is None:
        raise ValueError(f"{network.name} has no maps to pool globally; open a network with convolutions.")
    image = torch.from_numpy(unshifted(scene, observation))[None]
    height, width = image.shape[-2:]
    pooled: dict[float, tuple[Tensor, Tensor]] = {}
    lines, refusal = [], ""
    for factor in FACTORS:
        if cancelled():
            raise ComputeCancelled
        size = (max(round(height * factor), 1), max(round(width * factor), 1))
        if factor > 1 and size[0] * size[1] > MOST_PIXELS:
            continue
        resized = F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
        given = as_input(resized.clamp(0, 1), observation)
        try:
            maps = network.traced.output_of(layer, given, cancelled=cancelled).detach()
        except (RuntimeError, ValueError) as error:
            lines.append(f"{size[0]}×{size[1]}: {_first_sentence(error)}")
            continue
        channels, rows, columns = maps.shape[1:]
        pooled[factor] = maps.mean((2, 3)), maps.amax((2, 3))
        lines.append(f"{size[0]}×{size[1]} → {rows}×{columns}×{channels} → 1×1×{channels}")
        refusal = refusal or _refusal(observation, given)
    if 1.0 not in pooled:
        raise ValueError(f"{layer} gives no maps for this input: {lines[-1]}.")
    places = [factor * width for factor in pooled]
    names = ("global average", "global maximum")
    found = [[distances(pooled[1.0][way], vectors[way]) for vectors in pooled.values()] for way in range(len(names))]
    cosine = params.measure == "cosine"
    curves = Curves(
        f"{layer} pooled globally, at several sizes of the input",
        "columns of the input (pixels)",
        "cosine" if cosine else "relative distance",
        tuple(
            series(name, places, [float((each.cosine if cosine else each.relative)[0]) for each in way], points=True)
            for name, way in zip(names, found, strict=True)
        ),
        (Mark("x", float(width), "its own size"),),
    )
    whole = refusal or "The whole network takes all these sizes."
    reading = (
        "0: the pooled numbers are those at its own size; 1: they differ by as much as those are large."
        if not cosine
        else "1: the pooled numbers point the same way as those at its own size; 0: nothing of it is left."
    )
    return InvarianceResult("size", f"{layer}, pooled globally", "\n".join([*lines, whole]), curves, reading=reading)


def _refusal(observation: Observation, given: Tensor) -> str:
    """Why the whole network does not take an input of another size; empty where it does."""
    network = observation.network
    try:
        network.traced.run(given, ())
    except (RuntimeError, ValueError):
        dense = next((layer for layer in network.graph if layer.kind == "Linear"), None)
        if dense is None:
            return f"{network.name} does not take another size."
        weight = network.weight(dense)
        takes = network.graph[dense.inputs[0]].output_shape[-1] if weight is None else weight.shape[1]
        return (
            f"The whole network refuses other sizes: {dense.name} has weights for {takes:,} values, and another size "
            "gives another number of them. Global pooling gives one for each channel, whatever the size."
        )
    return ""


def _first_sentence(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0]
