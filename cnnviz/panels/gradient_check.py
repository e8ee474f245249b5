"""Gradient check: autograd beside central differences, layer by layer, on the open network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.core.choices import LossName
from cnnviz.engine.panel import Cancelled, ComputeCancelled, PanelSpec, Rest
from cnnviz.panels.shared.sample_batch import sample_batch
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.core.gradient_check import GradientCheck
    from cnnviz.engine.observation import LoadedNetwork, Observation

AT_ONCE_S = 0.12
"""How long entries are compared before what was found is shown."""
MOST_SAMPLES = 4


class GradientCheckParams(PanelParams):
    entries: int = Field(10, ge=1, le=200, multiple_of=1, description="Weights that are compared of each layer")
    complete: bool = Field(False, description="compare every weight of every layer")
    batch: bool = Field(False, description="check on the program's samples as a small batch, not on the input alone")
    batch_statistics: bool = Field(
        False, description="batch normalisation by the moments of the batch, as it is in training"
    )
    loss: LossName = Field("cross-entropy", description="what is differentiated")
    fault: str | None = Field(
        None, max_length=4096, description="path of a module whose backward is made 0.1 % too large in this check"
    )
    started: int = Field(0, ge=0, description="how often a check was begun", json_schema_extra={"undo": "none"})
    running: bool = Field(False, description="the check goes on", json_schema_extra={"undo": "none"})


@dataclass(frozen=True)
class CheckRow:
    """One layer: see :class:`cnnviz.core.gradient_check.LayerCheck`."""

    layer: str
    weights: int
    tried: int
    left_out: int
    error: float
    norm: float
    floor: float
    verdict: str


@dataclass(frozen=True, eq=False)
class GradientCheckResult:
    """
    Attributes
    ----------
    layers : tuple of str
        Paths of the modules that have weights, of the network that is shown.
    done, total : int
        Entries compared or left out, and all that are to be.
    images : int
    loss : float
    fault : str
        Where a wrong backward was planted; empty where none was.
    old : str
        Why what is shown is not of the network and input as they are now; empty where it is.
    normalised : bool
        Whether the network has batch normalisation.
    """

    network: str
    layers: tuple[str, ...]
    rows: tuple[CheckRow, ...] = ()
    done: int = 0
    total: int = 0
    images: int = 0
    loss: float = 0.0
    fault: str = ""
    old: str = ""
    normalised: bool = False

    @property
    def finished(self) -> bool:
        return self.total > 0 and self.done == self.total


@dataclass(eq=False)
class _Job:
    """A check with the settings that it was begun with."""

    settings: GradientCheckParams
    network: LoadedNetwork
    image: object
    check: GradientCheck
    images: int


_job: list[_Job] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[GradientCheckResult | Rest]:
    """What was found so far; then, while it runs, more and more of it, on weights and input as they were at its start.

    A check that runs goes on while weights change, as in training: it has its own copy of them.
    """
    from cnnviz.core.execution import Cancelled as PassCancelled

    network = observation.network
    if network.lacks:
        raise ValueError("There is nothing to check: the file is no whole network.")
    params = cast(GradientCheckParams, scene.panel("gradient-check"))
    held = _job[0] if _job else None
    if params.running and (held is None or held.settings.started != params.started):
        yield _result(None, observation, params)
        held = _begin(scene, observation, params)
        _job[:] = [held]
    job = held if held is not None and _same_structure(held.network, network) else None
    yield _result(job, observation, params)
    more = job is not None and params.running
    while more and job is not None:
        until = time.perf_counter() + AT_ONCE_S
        try:
            while more := job.check.step(cancelled):
                if time.perf_counter() >= until:
                    break
        except PassCancelled:
            raise ComputeCancelled from None
        yield _result(job, observation, params)


def _same_structure(one: LoadedNetwork, other: LoadedNetwork) -> bool:
    """Whether both are the same module, perhaps with other weights in it."""
    return one.traced is other.traced or (one.source, one.changes) == (other.source, other.changes)


def _is_old(job: _Job, observation: Observation, params: GradientCheckParams) -> str:
    if job.network.generation != observation.network.generation:
        return "The weights have changed since"
    if not job.settings.batch and job.image is not observation.rendered.edited:
        return "The input has changed since"
    if job.settings != params.model_copy(update={"running": job.settings.running}):
        return "The settings have changed since"
    return ""


def _begin(scene: Scene, observation: Observation, settings: GradientCheckParams) -> _Job:
    from cnnviz.core.gradient_check import GradientCheck
    from cnnviz.core.objective import Objective, form_of, targets

    network = observation.network
    images = _images(scene, observation, settings)
    objective = Objective(settings.loss, form_of(network.graph))
    chosen: list[Tensor] = []

    def loss(output: Tensor) -> Tensor:
        if not chosen:  # the same for every pass
            chosen.append(targets(output, objective.form, "least likely"))
        return objective(output, chosen[0])

    fault = settings.fault if settings.fault in _layers(network) else None
    check = GradientCheck(
        network.module,
        images,
        loss,
        entries=None if settings.complete else settings.entries,
        batch_statistics=settings.batch_statistics,
        fault=fault,
    )
    return _Job(settings, network, observation.rendered.edited, check, len(images))


def _images(scene: Scene, observation: Observation, settings: GradientCheckParams) -> Tensor:
    from cnnviz.engine.input_tensor import input_tensor

    if settings.batch:
        return sample_batch(scene.input.fit, observation)[:MOST_SAMPLES]
    return input_tensor(observation)


def _layers(network: LoadedNetwork) -> tuple[str, ...]:
    return tuple(path for path, each in network.module.named_modules() if path and _has_weights(each))


def _has_weights(module: object) -> bool:
    return bool(getattr(module, "_parameters", None)) and any(
        each is not None
        for each in module._parameters.values()  # type: ignore[attr-defined]
    )


def _result(job: _Job | None, observation: Observation, params: GradientCheckParams) -> GradientCheckResult:
    network = observation.network
    layers = _layers(network)
    normalised = any("BatchNorm" in layer.kind for layer in network.graph)
    if job is None:
        return GradientCheckResult(network.name, layers, normalised=normalised)
    check = job.check
    rows = tuple(
        CheckRow(
            each.layer or "(the network's own)",
            each.weights,
            each.tried,
            each.left_out,
            each.error,
            each.autograd,
            each.floor,
            each.verdict,
        )
        for each in check.layers
    )
    return GradientCheckResult(
        network.name,
        layers,
        rows,
        check.done,
        check.total,
        job.images,
        check.loss,
        job.settings.fault or "",
        _is_old(job, observation, params),
        normalised,
    )


SPEC = PanelSpec(
    id="gradient-check",
    title="Gradient check",
    area="right",
    params=GradientCheckParams,
    depends=("network", "input"),
    compute=compute,
    view="cnnviz.panels.gradient_check_view:GradientCheckView",
    tip="Autograd beside central differences: are the gradients of the open network right?",
)
