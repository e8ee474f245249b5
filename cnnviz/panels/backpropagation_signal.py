"""What the backpropagation panel shows of one backward pass: a strip of every layer, curves over depth, maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.panels.backpropagation_words import way_back
from cnnviz.panels.shared.block_states import block_name, state_of, states_of
from cnnviz.panels.shared.feature_maps import feature_maps

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.core.backpropagation import BackwardPass
    from cnnviz.core.curves import Curves
    from cnnviz.core.graph import Layer
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.core.objective import Objective
    from cnnviz.engine.observation import LoadedNetwork

THUMBNAIL_PX = 32
MAPS = 4
MOST_CELLS = 96
MOST_CLASSES = 10


@dataclass(frozen=True, eq=False)
class LayerSignal:
    """The signal at one layer's output.

    Attributes
    ----------
    mosaic : Mosaic or None
        The gradient of the maps with the strongest gradients, one below the other, signed; None where the layer has no
        gradient of its own.
    channels : tuple of int
        Which channel each tile shows, ascending.
    norm : float
        Of the gradient; NaN where there is none.
    weight_norm : float or None
        Of the gradient of the layer's weights; None where it has none.
    zeros : float
        Share of the gradient that is exactly zero.
    off : float or None
        Share of a ReLU's units that are off.
    reached : bool
        Whether the loss depends on the layer at all.
    inputs : tuple of int
        Places in the strip of the layers that it reads, to which it hands the signal back.
    """

    layer: str
    kind: str
    summary: str
    shape: tuple[int, ...]
    mosaic: Mosaic | None
    channels: tuple[int, ...]
    norm: float
    weight_norm: float | None
    zeros: float
    off: float | None
    reached: bool
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class ClassRow:
    """One class: its score z, its probability p, whether it is the right one (y = 1), and ∂L/∂z."""

    index: int
    label: str
    score: float
    probability: float
    wanted: float
    gradient: float


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """All maps of one layer: what it gives, and the gradient of the loss with respect to that.

    ``values`` and ``gradient_values`` are arrays (C, h, w).
    """

    layer: str
    activations: Mosaic
    gradients: Mosaic
    values: np.ndarray
    gradient_values: np.ndarray
    words: str


@dataclass(frozen=True)
class BlockRow:
    """One residual block.

    Attributes
    ----------
    layer, name : str
        The sum, and the block that it stands in.
    state : str
        ``as loaded``, ``branch silent`` or ``shortcut silent``.
    share : float
        Norm of what the branch gives over that of what the shortcut gives; NaN where that is zero.
    difference : float
        Largest difference between the block's sum and its shortcut; with the branch silent it is 0.
    gain : float
        Norm of the signal where the block begins over that at its sum: 1 passes it undamped. NaN where there is none.
    """

    layer: str
    name: str
    state: str
    share: float
    difference: float
    gain: float


def block_rows(network: LoadedNetwork, backward: BackwardPass) -> tuple[BlockRow, ...]:
    """All residual blocks of the network, in order of execution."""
    from cnnviz.core.backpropagation import norm
    from cnnviz.core.residual_blocks import residual_blocks

    states = states_of(network)
    rows = []
    for block in residual_blocks(network.graph):
        names = (block.layer, block.branch, block.shortcut, block.fork)
        if not all(name in backward.values for name in names):
            continue
        total, branch, shortcut = (backward.values[name] for name in names[:3])
        rows.append(
            BlockRow(
                block.layer,
                block_name(network.graph, block.layer),
                state_of(states, block.layer),
                _ratio(float(norm(branch)), float(norm(shortcut))),
                float((total - shortcut).abs().max()),
                _ratio(*(_norm_of(backward, name) for name in (block.fork, block.layer))),
            )
        )
    return tuple(rows)


def _norm_of(backward: BackwardPass, layer: str) -> float:
    from cnnviz.core.backpropagation import norm

    return float(norm(backward.gradients[layer])) if layer in backward.gradients else math.nan


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0 else math.nan


def layer_signals(network: LoadedNetwork, backward: BackwardPass) -> tuple[LayerSignal, ...]:
    """The signal at every layer, in order of execution."""
    layers = [layer for layer in network.graph if layer.name in backward.values]
    place = {layer.name: index for index, layer in enumerate(layers)}
    return tuple(_signal(network, layer, backward, place) for layer in layers)


def _signal(network: LoadedNetwork, layer: Layer, backward: BackwardPass, place: Mapping[str, int]) -> LayerSignal:
    from cnnviz.core.backpropagation import norm, share_of_zeros

    gradient = backward.gradients.get(layer.name)
    mosaic, channels = (None, ()) if gradient is None else _thumbnails(gradient)
    return LayerSignal(
        layer.name,
        layer.kind,
        "image" if layer.kind == "Input" else layer.summary or layer.kind,
        layer.output_shape,
        mosaic,
        channels,
        math.nan if gradient is None else float(norm(gradient)),
        backward.weight_norm(network.module, layer),
        0.0 if gradient is None else share_of_zeros(gradient),
        share_of_zeros(backward.values[layer.name]) if layer.kind == "ReLU" else None,
        gradient is not None and layer.name not in backward.unreached,
        tuple(place[name] for name in layer.inputs if name in place),
    )


def _thumbnails(gradient: Tensor) -> tuple[Mosaic | None, tuple[int, ...]]:
    import torch

    from cnnviz.core.mosaic import mosaic
    from cnnviz.core.thumbnails import thumbnails

    while gradient.dim() > 4:  # of volumes the slice in the middle
        gradient = gradient.select(2, gradient.shape[2] // 2)
    maps = feature_maps(gradient)
    single = maps.shape[1:].numel() == 1
    if single:
        channels = tuple(range(min(maps.shape[0], MOST_CELLS)))
    elif maps.shape[0] <= MAPS:
        channels = tuple(range(maps.shape[0]))
    else:
        strength = torch.linalg.vector_norm(maps.flatten(1), dim=1)
        channels = tuple(sorted(strength.topk(MAPS).indices.tolist()))
    small = thumbnails(maps, channels, THUMBNAIL_PX)
    return mosaic(small, columns=1, scale="shared", signed=True, gap=0 if single else 1), channels


def layer_maps(network: LoadedNetwork, backward: BackwardPass, layer: str) -> LayerMaps | None:
    """The maps of ``layer``; None where it has no gradient, or more axes than can be shown."""
    from cnnviz.core.mosaic import columns_for, mosaic

    gradient, value = backward.gradients.get(layer), backward.values[layer]
    if gradient is None or value.dim() > 4:
        return None
    maps, gradients = feature_maps(value), feature_maps(gradient)
    columns = columns_for(maps.shape[0], (maps.shape[1], maps.shape[2]), 1.0)
    return LayerMaps(
        layer,
        mosaic(maps, columns),
        mosaic(gradients, columns, signed=True),
        maps.float().cpu().numpy(),
        gradients.float().cpu().numpy(),
        _words(network.graph[layer], backward),
    )


def _words(layer: Layer, backward: BackwardPass) -> str:
    from cnnviz.core.backpropagation import share_of_zeros

    gradient, value = backward.gradients[layer.name], backward.values[layer.name]
    if layer.name in backward.unreached:
        return f"The loss does not depend on {layer.name}: no signal reaches it."
    way = way_back(layer.kind)
    words = f"{layer.name}: {way}. " if way else ""
    if layer.kind == "ReLU":
        words += f"{share_of_zeros(value):.0%} of its {value.numel():,} units are off. "
    return f"{words}{share_of_zeros(gradient):.0%} of δ here is exactly 0.".replace("%", "\u00a0%")


def class_rows(
    objective: Objective, backward: BackwardPass, target: Tensor, labels: Sequence[str]
) -> tuple[ClassRow, ...]:
    """The classes in their order; of many those with the strongest gradients. None where the answer is no vector."""
    from cnnviz.core.objective import one_hot

    output = backward.output.cpu().double()
    if output.dim() > 2 or len(target) != 1:
        return ()
    answers = output.reshape(1, -1)
    gradient = _gradient_of_output(objective, output, target).reshape(-1)
    probability, wanted = objective.probabilities(answers)[0], one_hot(answers, target)[0]
    count = answers.shape[1]
    if count == 1:
        labels = ("yes",)
    chosen = list(range(count))
    if count > MOST_CLASSES:
        strength = gradient.abs()
        strength[int(target[0])] = math.inf
        chosen = sorted(strength.topk(MOST_CLASSES).indices.tolist())
    return tuple(
        ClassRow(i, labels[i], float(answers[0, i]), float(probability[i]), float(wanted[i]), float(gradient[i]))
        for i in chosen
    )


def _gradient_of_output(objective: Objective, output: Tensor, target: Tensor) -> Tensor:
    import torch

    with torch.enable_grad():
        answer = output.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(objective(answer, target), answer)
    return gradient


def loss_words(objective: Objective, loss: float, target: int | None, labels: Sequence[str]) -> str:
    """``"L = −log p(5) = 0.0016"``."""
    number = f"{loss:.3g}" if abs(loss) >= 1e-3 or loss == 0 else f"{loss:.1e}"
    number = number.replace("-", "−").replace("e−0", "e−")
    if target is None:
        return f"L = {number}, the mean over all places"
    label = labels[min(target, len(labels) - 1)]
    name = {"cross-entropy": f"−log p({label})", "square-error": "Σ (p − y)²", "logit": f"z({label})"}[objective.loss]
    return f"L = {name} = {number}"


def gradient_curves(network: LoadedNetwork, signals: Sequence[tuple[LayerSignal, ...]]) -> Curves:
    """Norms over depth, logarithmic; with those of the network as it was loaded, where it is changed.

    The latter are scaled to begin with as strong a signal at the answer, since another answer has another loss: what
    is compared is what becomes of the signal on its way.
    """
    import numpy as np

    from cnnviz.core.curves import Curves, Series, series

    names = [each.layer for each in signals[0]]
    lines: list[Series] = []
    for number, found in enumerate(signals):
        by_name = {each.layer: each for each in found}
        places = [(index, by_name[name]) for index, name in enumerate(names) if name in by_name]
        before, scale = (" as loaded, from the same start", _ratio(signals[0][-1].norm, found[-1].norm))
        if not number:
            before, scale = "", 1.0
        at = np.array([index for index, _ in places], float)
        norms = np.array([each.norm for _, each in places]) * scale
        lines.append(series(f"‖∂L/∂output‖{before}", at, norms, points=not number, reference=bool(number)))
        weighted = [(index, each.weight_norm * scale) for index, each in places if each.weight_norm is not None]
        if weighted:
            x, y = zip(*weighted, strict=True)
            lines.append(series(f"‖∂L/∂weights‖{before}", x, y, points=not number, reference=bool(number)))
    title = f"Gradient by depth of {network.title}"
    return Curves(title, "layer", "norm", tuple(lines), logarithmic=True, whole_x=True, x_names=tuple(names))
