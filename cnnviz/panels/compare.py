"""Compare two: what changed between the shown network and another one, layer by layer and side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.engine.observation import only_selected
from cnnviz.engine.panel import Cancelled, ComputeCancelled, PanelSpec
from cnnviz.panels.compare_sides import (
    Side,
    SideBySide,
    colours_side_by_side,
    other_side,
    shown_side,
    side_by_side,
    told_apart,
)
from cnnviz.panels.shared.class_scores import class_scores
from cnnviz.panels.shared.feature_maps import feature_maps
from cnnviz.panels.shared.kernels import as_kernels, loose_layer, owner_of_kernels
from cnnviz.scene.models import NetworkChoice, Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.checkpoints.comparison import Comparison
    from cnnviz.engine.observation import Observation
    from cnnviz.engine.other_network import OtherNetwork

MOST_NAMED = 4


class CompareParams(PanelParams):
    other: NetworkChoice | None = Field(None, description="The network that the shown one is compared with")
    show: Literal["activations", "filters"] = Field(
        "activations", description="What is put side by side: answers to the present input, or weights"
    )
    input_channel: int | None = Field(
        None, ge=0, description="Kernels for this input channel; none: three in colour, else the first"
    )


@dataclass(frozen=True)
class ChangedLayer:
    """``selects`` is the graph's name of the layer, None where it cannot be selected."""

    layer: str
    relative_change: float
    selects: str | None


@dataclass(frozen=True, eq=False)
class CompareResult:
    """What is known so far.

    Attributes
    ----------
    first, second : str
        Names of the shown network and of the other; the second is empty where none is chosen.
    opening : bool
        The other one is still to be loaded: nothing else is known.
    changes : tuple of ChangedLayer
        The most changed first.
    left : int
        Tensors still to be compared.
    notes : tuple of str
        What is missing on either side, in sentences.
    layer : str
        The selected layer, or the one before it whose kernels are shown.
    weights_of : str
        That layer's name among ``changes``.
    channel : int or None
        The selected tile.
    input_channels : int
        How many can be paged through; 0 for activations and matrices.
    selects_loose : bool
        The shown file is no whole network: its layers are chosen in the filters panel, not selected.
    """

    first: str
    second: str
    opening: bool = False
    verdict: str = ""
    changes: tuple[ChangedLayer, ...] = ()
    left: int = 0
    notes: tuple[str, ...] = ()
    answers: tuple[str, str] = ("", "")
    layer: str = ""
    weights_of: str = ""
    pictures: SideBySide | None = None
    channel: int | None = None
    input_channels: int = 0
    input_channel: int | None = None
    selects_loose: bool = False


@dataclass
class _Work:
    """A comparison that may still be going on; kept, so that it goes on where a newer scene interrupted it."""

    generation: int
    other: OtherNetwork
    sides: tuple[Side, Side]
    steps: Iterator[Comparison]
    known: Comparison

    def go_on(self) -> bool:
        """Compare some more; False when all is done."""
        step = next(self.steps, None)
        self.known = step or self.known
        return step is not None


_last: list[_Work] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[CompareResult]:
    """First what is seen, then how much each layer changed, as it is found."""
    params = cast(CompareParams, scene.panel("compare"))
    name = observation.network.name
    if params.other is None:
        _last.clear()
        yield CompareResult(name, "")
        return
    host = observation.other
    assert host is not None
    other = host.loaded(params.other)
    if other is None:
        yield CompareResult(name, params.other.source.rpartition("/")[2].partition(":")[2] or "it", opening=True)
        other = host.load(params.other)
    work = _work(observation, other)
    yield _result(scene, observation, work, params, cancelled)
    while work.go_on():
        if cancelled():
            raise ComputeCancelled
        yield _result(scene, observation, work, params, cancelled)


def _work(observation: Observation, other: OtherNetwork) -> _Work:
    from cnnviz.checkpoints.comparison import compare_step_by_step

    generation = observation.network.generation
    if not _last or _last[0].generation != generation or _last[0].other is not other:
        sides = told_apart(shown_side(observation.network), other_side(other))
        steps = compare_step_by_step(sides[0].weights, sides[1].weights)
        _last[:] = [_Work(generation, other, sides, steps, next(steps))]
    return _last[0]


def _result(
    scene: Scene, observation: Observation, work: _Work, params: CompareParams, cancelled: Cancelled
) -> CompareResult:
    seen, blind = _seen_by_other(scene, observation, work.other, cancelled)
    pictures: SideBySide | None
    channels, input_channel = 0, None
    if params.show == "filters":
        layer, weights_of, pictures, channels, input_channel = _filters(scene, observation, work, params)
    else:
        layer = observation.layer.name
        weights_of = observation.layer.module_path or ""
        pictures = _activations(observation, seen, blind)
    of_path = {each.module_path: each.name for each in reversed(observation.network.graph.layers) if each.module_path}
    loose = observation.network.loose
    changes = tuple(
        ChangedLayer(
            change.layer,
            change.relative_change,
            of_path.get(change.layer, change.layer if change.layer in loose else None),
        )
        for change in work.known.changes
    )
    first, second = work.sides
    return CompareResult(
        first.name,
        second.name,
        verdict=work.known.verdict,
        changes=changes,
        left=work.known.left,
        notes=tuple(_notes(observation, work, blind)),
        answers=(_answer(observation), "" if seen is None else _answer(seen)),
        layer=layer,
        weights_of=weights_of,
        pictures=pictures,
        channel=scene.selection.channel,
        input_channels=channels,
        input_channel=input_channel,
        selects_loose=bool(loose),
    )


def _seen_by_other(
    scene: Scene, observation: Observation, other: OtherNetwork, cancelled: Cancelled
) -> tuple[Observation | None, str]:
    """What the other network makes of the input; None, with the reason, where it cannot be run."""
    from cnnviz.engine.failures import plain_words

    network, host = other.network, observation.other
    if network is None or host is None:
        return None, other.why_not
    name = observation.layer.name
    wanted = [name] if name in network.graph else []
    try:
        return host.look(network, observation, scene, wanted, cancelled), ""
    except ComputeCancelled:
        raise
    except Exception as error:  # noqa: BLE001 - a person's own module may raise anything
        return None, f"{other.name} could not run on this input: {plain_words(error)}"


def _activations(observation: Observation, seen: Observation | None, blind: str) -> SideBySide:
    name = observation.layer.name
    first = feature_maps(observation.values[name])
    if seen is None:
        return side_by_side(first, None, blind)
    if name not in seen.values:
        return side_by_side(first, None, f"{seen.network.name} has no layer called {name}")
    return side_by_side(first, feature_maps(seen.values[name]), "")


def _filters(
    scene: Scene, observation: Observation, work: _Work, params: CompareParams
) -> tuple[str, str, SideBySide, int, int | None]:
    """Layer, its weights' name, pictures, input channels to page through and the shown one."""
    import torch

    from cnnviz.core.filters import kernel_bank

    network = observation.network
    if network.loose:
        path, weight, kind = loose_layer(network, getattr(scene.panel("filters"), "loose", None))
        layer = path
    else:
        owner = owner_of_kernels(network, observation.layer)
        weight, kind = as_kernels(network, owner)
        layer, path = owner.name, owner.module_path or owner.name
    channels = weight.shape[1] if weight.dim() == 4 and kind == "Conv2d" else 0
    second, note = _same_weight(work.sides[1], path, weight)
    in_colour = channels == 3 and params.input_channel is None and min(weight.shape[2:]) > 1
    if in_colour and second is not None and second.shape == weight.shape:
        return layer, path, colours_side_by_side(weight, second), channels, None
    shown = min(params.input_channel or 0, channels - 1) if channels else None
    banks: list[Tensor | None] = []
    for each in (weight, second):
        if each is None:
            banks.append(None)
            continue
        of_each = None if shown is None else min(shown, each.shape[1] - 1)
        banks.append(torch.from_numpy(kernel_bank(each, kind, of_each).images))
    return layer, path, side_by_side(banks[0], banks[1], note, signed=True), channels, shown


def _same_weight(side: Side, path: str, ours: Tensor) -> tuple[Tensor | None, str]:
    """The other's weight of that name, as a picture like ours; None, with the reason, where it has none."""
    found = side.weights.get(f"{path}.weight")
    values = None if found is None else found.read()
    if values is None:
        return None, f"{side.name} has no weights called {path}"
    values = values.detach().float()
    if values.shape != ours.shape and values.numel() == ours.numel() and values.shape[:1] == ours.shape[:1]:
        values = values.reshape(ours.shape)  # a linear layer on flattened maps, shown as kernels over whole maps
    if values.dim() != ours.dim():
        return None, f"{path} of {side.name} has the shape {_times(values.shape)}, not {_times(ours.shape)}"
    return values, ""


def _notes(observation: Observation, work: _Work, blind: str) -> Iterator[str]:
    known = work.known
    (first, second), other = work.sides, work.other
    if blind:
        yield f"No activations of {second.name}: {blind}"
    elif other.network is not None and other.network.lacks:
        yield other.network.lacks
    if other.network is not None and not blind:
        ours, theirs = observation.network.card.input_size, other.network.card.input_size
        if ours != theirs:
            yield (
                f"{first.name} takes {_times(ours)}, {second.name} {_times(theirs)}: each gets the input "
                "fitted to its own size."
            )
    if known.only_first:
        yield f"Only in {first.name}: {_listed(known.only_first)}."
    if known.only_second:
        yield f"Only in {second.name}: {_listed(known.only_second)}."
    if known.other_shapes:
        ours_by, theirs_by = first.weights, second.weights
        shapes = [
            f"{name} {_times(ours_by[name].shape)} | {_times(theirs_by[name].shape)}" for name in known.other_shapes
        ]
        yield f"Other shapes: {_listed(shapes)}."


def _answer(seen: Observation) -> str:
    """The likeliest class with its probability; empty for networks that answer with anything but classes."""
    output = seen.output
    if output is None or output.dim() != 2 or output.shape[1] < 2 or seen.network.lacks:
        return ""
    (best,) = class_scores(seen, 1)
    return f"{best.label} ({best.probability * 100:.1f} %)"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "one number"


SPEC = PanelSpec(
    id="compare",
    title="Compare two",
    area="centre",
    params=CompareParams,
    depends=("network", "input", "unit"),
    compute=compute,
    layers=only_selected,
    reads=("filters",),
    view="cnnviz.panels.compare_view:CompareView",
    tip="Another network or checkpoint beside this one: which layers changed, and what both make of the input.",
)
