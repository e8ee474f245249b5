"""Backpropagation: the error signal on its way from the loss back to the input, layer by layer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.core.choices import LossName
from cnnviz.engine.panel import Cancelled, ComputeCancelled, PanelSpec, Rest
from cnnviz.panels.backpropagation_signal import BlockRow, ClassRow, LayerMaps, LayerSignal
from cnnviz.panels.backpropagation_weight import WeightChoice, WeightWords, weight_words
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.backpropagation import BackwardPass
    from cnnviz.core.curves import Curves
    from cnnviz.core.objective import Objective
    from cnnviz.engine.observation import LoadedNetwork, Observation

SLOW_S = 0.08
"""A network whose two passes take longer waits for the hand to rest."""
REST_S = 0.12

Page = Literal["maps", "depth", "weight"]


class BackpropagationParams(PanelParams):
    loss: LossName = Field("cross-entropy", description="what the signal begins with")
    target: int | None = Field(None, ge=0, description="the class that is taken for right; none: the predicted one")
    reached: int | None = Field(
        None,
        ge=0,
        description="how many layers the signal has come back; none: all of them",
        json_schema_extra={"undo": "gesture"},
    )
    input_channel: int = Field(0, ge=0, description="input channel of the weight that is written out, in its group")
    row: int = Field(0, ge=0, description="row of the weight in its kernel")
    column: int = Field(0, ge=0, description="column of the weight in its kernel")
    page: Page = Field("maps", description="what stands below the layers", json_schema_extra={"undo": "none"})


@dataclass(frozen=True, eq=False)
class BackpropagationResult:
    """
    Attributes
    ----------
    loss_words : str
        The loss with its number.
    classes : tuple of ClassRow
        What of the answer is shown beside the loss; empty where the network answers with maps.
    labels : tuple of str
        All classes, to choose from.
    target : int or None
        The class that is taken for right, where there is one.
    signals : tuple of LayerSignal
        In order of execution, the input first.
    selected : int
        Which of ``signals`` the maps are of.
    blocks : tuple of BlockRow
        The residual blocks.
    weight : WeightWords or None
        The gradient of one weight written out, where it is asked for.
    stale : bool
        These are of an earlier input, while the present one is worked out.
    """

    network: str
    loss: float
    loss_words: str
    classes: tuple[ClassRow, ...]
    labels: tuple[str, ...]
    target: int | None
    signals: tuple[LayerSignal, ...]
    curves: Curves
    selected: int
    maps: LayerMaps | None
    blocks: tuple[BlockRow, ...] = ()
    weight: WeightWords | None = None
    stale: bool = False


@dataclass(eq=False)
class _Held:
    """The passes of the last frame, and what was made of them."""

    key: tuple[object, ...]
    objective: Objective
    target: Tensor
    backward: BackwardPass
    seconds: float
    signals: tuple[LayerSignal, ...]
    image: object = None


_held: list[_Held] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[BackpropagationResult | Rest]:
    """The signal at once; of a network that is slow the last one first, until the hand rests."""
    network = observation.network
    if network.lacks:
        raise ValueError("There is no answer to go back from: the file is no whole network.")
    params = cast(BackpropagationParams, scene.panel("backpropagation"))
    networks = [network] if network.base is network else [network, network.base]
    keys = [_key(each, observation, params) for each in networks]
    known = {each.key: each for each in _held}
    last = next((each for each in _held if each.key[0] == network.generation), None)
    if keys[0] not in known and last is not None and last.seconds > SLOW_S:
        yield replace(_result(scene, observation, [last]), stale=True)
        yield Rest(REST_S)
    held = [
        known.get(key) or _work(each, observation, params, key, cancelled)
        for each, key in zip(networks, keys, strict=True)
    ]
    _held[:] = held
    result = _result(scene, observation, held)
    if params.page != "weight":
        yield result
        return
    for weight in weight_words(scene, observation, held[0].backward, _choice(params)):
        if cancelled():
            raise ComputeCancelled
        yield replace(result, weight=weight)


def _choice(params: BackpropagationParams) -> WeightChoice:
    return WeightChoice(params.input_channel, params.row, params.column)


def _key(network: LoadedNetwork, observation: Observation, params: BackpropagationParams) -> tuple[object, ...]:
    image = id(observation.rendered.edited), observation.mean, observation.std
    return (network.generation, params.loss, params.target, params.page == "weight", *image)


def _work(
    network: LoadedNetwork,
    observation: Observation,
    params: BackpropagationParams,
    key: tuple[object, ...],
    cancelled: Cancelled,
) -> _Held:
    from cnnviz.core.backpropagation import backpropagate
    from cnnviz.core.execution import Cancelled as PassCancelled
    from cnnviz.core.objective import Objective, form_of, targets
    from cnnviz.engine.input_tensor import input_tensor
    from cnnviz.panels.backpropagation_signal import layer_signals

    objective = Objective(params.loss, form_of(network.graph))
    chosen: list[Tensor] = []

    def loss(output: Tensor) -> Tensor:
        # in single precision p − 1 of a sure answer would be rounding, or nothing; not every device knows double
        answer = output.cpu().double()
        chosen.append(targets(answer, objective.form, "predicted" if params.target is None else params.target))
        return objective(answer, chosen[0])

    start = time.perf_counter()
    images = input_tensor(replace(observation, network=network))
    try:
        backward = backpropagate(network.traced, images, loss, keep_graph=params.page == "weight", cancelled=cancelled)
    except PassCancelled:
        raise ComputeCancelled from None
    signals = layer_signals(network, backward)
    seconds = time.perf_counter() - start
    return _Held(key, objective, chosen[0], backward, seconds, signals, observation.rendered.edited)


def _result(scene: Scene, observation: Observation, held: list[_Held]) -> BackpropagationResult:
    from cnnviz.panels.backpropagation_signal import block_rows, class_rows, gradient_curves, layer_maps, loss_words

    network, first = observation.network, held[0]
    names = [each.layer for each in first.signals]
    selected = names.index(observation.layer.name) if observation.layer.name in names else len(names) - 1
    labels = _labels(network, first)
    target = int(first.target[0]) if len(first.target) == 1 else None
    return BackpropagationResult(
        network.name,
        first.backward.loss,
        loss_words(first.objective, first.backward.loss, target, labels),
        class_rows(first.objective, first.backward, first.target, labels),
        labels,
        target,
        first.signals,
        gradient_curves(network, [each.signals for each in held]),
        selected,
        layer_maps(network, first.backward, names[selected]),
        block_rows(network, first.backward),
    )


def _labels(network: LoadedNetwork, held: _Held) -> tuple[str, ...]:
    shape = held.backward.output.shape
    classes = shape[1] if len(shape) > 1 else 1
    if classes == 1:
        return ("no", "yes")
    known = network.card.labels
    return tuple(known[index] if index < len(known) else f"class {index}" for index in range(classes))


SPEC = PanelSpec(
    id="backpropagation",
    title="Backpropagation",
    area="centre",
    params=BackpropagationParams,
    depends=("network", "input", "unit"),
    compute=compute,
    view="cnnviz.panels.backpropagation_view:BackpropagationView",
    tip="The gradient of the loss with respect to what every layer gives, from the answer back to the input.",
)
