"""Pooling over channels: rotated versions of one filter, and the maximum over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnviz.panels.invariance import InvarianceParams, InvarianceResult, Picture
from cnnviz.panels.shared.kernels import as_kernels, owner_of_kernels
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.engine.observation import Observation

STEP = 5
"""Degrees between points of the curves."""
MOST_FOUND = 6
_LITTLE = 0.15
"""A share of an answer that is next to nothing."""
_TURNS = 24
"""In which the layer's other filters are compared."""


def over_channels(scene: Scene, observation: Observation, params: InvarianceParams) -> InvarianceResult:
    """Raises ValueError where the filter cannot be turned."""
    from cnnviz.core.curves import Curves, series
    from cnnviz.core.mosaic import mosaic
    from cnnviz.core.rotated_filters import against_rotation, rotated_bank

    owner = owner_of_kernels(observation.network, observation.layer)
    weight, _ = as_kernels(observation.network, owner)
    if weight.dim() != 4 or weight.shape[-1] != weight.shape[-2] or weight.shape[-1] < 3:
        raise ValueError(
            f"The filters of {owner.name} are {'×'.join(map(str, weight.shape[2:])) or 'single weights'}, and have no "
            "pattern to be turned; select a convolution with a square kernel of 3×3 or more."
        )
    weight = weight.detach().float().cpu()
    channel = min(scene.selection.channel, len(weight) - 1)
    bank = rotated_bank(weight[channel], params.filters)
    angles = list(range(0, 360 + STEP, STEP))
    turned = against_rotation(weight[channel][None], bank, angles)
    alone, best = turned.spread
    strongest = int(weight[channel].flatten(1).norm(dim=1).argmax())
    found = similar(weight, channel)
    curves = Curves(
        f"Answer of {owner.name}, filter {channel}, to its own pattern turned",
        "rotation of the pattern (degrees)",
        "largest answer",
        (
            series("the filter alone", angles, turned.responses[:, 0]),
            series(f"maximum over {params.filters}", angles, turned.maximum),
        ),
    )
    pictures = [
        Picture(
            f"filter {channel} and turned" + (f", input channel {strongest}" if weight.shape[1] > 1 else ""),
            mosaic(bank[:, strongest], columns=params.filters, signed=True, gap=1),
            "signed",
            tuple(f"{360 * step / params.filters:.0f}°" for step in range(params.filters)),
        )
    ]
    if found:
        others = weight[[other for other, _, _ in found], strongest]
        labels = tuple(f"{other}: {angle:.0f}°\nr {r:.2f}" for other, angle, r in found)
        shown = mosaic(others, columns=len(found), scale="own", signed=True, gap=1)
        pictures.append(Picture("others that are most like it when turned", shown, "signed", labels))
    words = (
        f"As its pattern turns, the answer of the filter alone varies by {_percent(alone)} of its largest, the maximum "
        f"over {params.filters} by {_percent(best)}"
    )
    if best < _LITTLE and best < alone:
        words += ": the maximum hardly cares which of them answers."
    else:
        words += ": it changes less, whichever of them answers." if best < alone else "."
    if params.filters == 1:
        words = "The bank holds this filter alone, so that there is nothing to choose from: raise “filters”."
    return InvarianceResult("channels", f"{owner.name}, filter {channel}", words, curves, tuple(pictures))


def similar(weight: Tensor, channel: int) -> list[tuple[int, float, float]]:
    """The filters of a layer (filters, C, k, k) most like ``channel`` turned: number, degrees and correlation."""
    from cnnviz.core.rotated_filters import disc, rotated_bank

    mask = disc(weight.shape[-1]).to(weight).flatten().bool()
    turned = _normed(rotated_bank(weight[channel], _TURNS).flatten(2)[:, :, mask])
    others = _normed(weight.flatten(2)[:, :, mask])
    best, which = (others @ turned.T).max(1)
    order = [place for place in best.argsort(descending=True).tolist() if place != channel and best[place] > 0]
    return [(place, float(which[place]) * 360 / _TURNS, float(best[place])) for place in order[:MOST_FOUND]]


def _normed(filters: Tensor) -> Tensor:
    """Each filter as a vector of norm 1 without its mean, so that products are correlations."""
    flat: Tensor = filters.flatten(1).clone()
    flat -= flat.mean(1, keepdim=True)
    normed: Tensor = flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return normed


def _percent(share: float) -> str:
    return "nothing that can be told" if share != share else f"{share * 100:.0f} %"
