"""From a request to results: the engine's work, without its thread."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from cnnviz.engine.changed_network import ChangesRefused
from cnnviz.engine.delivery import Delivery, Request
from cnnviz.engine.devices import accelerator_memory
from cnnviz.engine.failures import FailuresHub, plain_words
from cnnviz.engine.input_tensor import moments
from cnnviz.engine.network_host import NetworkHost, NetworkUnavailable
from cnnviz.engine.observation import LoadedNetwork, Observation, selected_layer
from cnnviz.engine.other_network import OtherNetworkHost
from cnnviz.engine.panel import Cancelled, ComputeCancelled, Dependency, PanelSpec, Rest
from cnnviz.engine.same import input_key, network_key
from cnnviz.engine.shared_pass import SharedPass, pass_key
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    from cnnviz.data.pipeline import InputPipeline

# a pass slower than this many ms lets the panels that need no pass go ahead of it
EARLY_DELIVERY_MS = 20.0
# how long the first filters of a large file have to get on the screen before the rest of it is read
TIME_TO_PAINT_S = 0.04
# how often it is looked whether a newer scene is there while all finer answers rest
REST_STEP_S = 0.002


# panels that have given a coarse answer, and where their finer ones come from
Refinements = list[tuple[PanelSpec, Iterator[Any]]]
_FINISHED = object()


class Computation:
    """Runs requests one after the other; what did not change since the last one is not computed again."""

    def __init__(self, specs: tuple[PanelSpec, ...], pipeline: InputPipeline, failures: FailuresHub) -> None:
        self._specs = specs
        self._pipeline = pipeline
        self._failures = failures
        self._host = NetworkHost()
        self._other = OtherNetworkHost(pipeline.another())
        self._last_choice: object = None
        self._pass = SharedPass()
        self._failed: tuple[tuple[Any, ...], str] | None = None  # the key of a pass, and why there is none
        self._shown: dict[str, tuple[Any, ...]] = {}
        self._forward_ms = 0.0

    def run(self, request: Request, cancelled: Cancelled, superseded: Callable[[], bool]) -> Iterator[Delivery]:
        """Deliveries for ``request``: all visible panels in one, then refinements until ``superseded`` says stop.

        Where the network is slow, panels that need no forward pass come in a delivery of their own before it.
        """
        start = time.perf_counter()
        scene = request.scene
        yield from self._first_filters(request, cancelled)
        network, network_error = self.network(scene, cancelled)
        deliver = partial(
            Delivery,
            request.version,
            network=network,
            network_error=network_error,
            refused=None if network_error is None else scene.network,
            refused_changes=None if network_error is None else scene.changes,
        )
        if network is None:
            self.forget()
            yield deliver({}, dict.fromkeys(request.visible, network_error or "There is no network."))
            return
        try:
            observation = self.observe(scene, network)
        except ValueError as error:  # the picture is gone or damaged: said in the panels, which go on with the next one
            self.forget()
            yield deliver({}, dict.fromkeys(request.visible, str(error)))
            return
        stale = [
            spec for spec in self._specs if spec.id in request.visible and self._is_stale(spec, scene, observation)
        ]
        without_pass = [spec for spec in stale if spec.layers is None]
        with_pass = [spec for spec in stale if spec.layers is not None]

        results: dict[str, Any] = {}
        errors: dict[str, str] = {}
        refinements: Refinements = []

        def compute(specs: list[PanelSpec]) -> None:
            for spec in specs:
                self._compute(spec, scene, observation, cancelled, results, errors, refinements)

        compute(without_pass)
        forward_ms = None
        if with_pass:
            if results and self._forward_ms > EARLY_DELIVERY_MS:
                yield Delivery(request.version, dict(results), dict(errors), complete=False, network=network)
                results.clear()
                errors.clear()
            wanted = self._wanted(with_pass, scene, observation, errors)
            with_pass = [spec for spec in with_pass if spec.id not in errors]
            observation, refusal = self._look(observation, wanted, scene, cancelled)
            if refusal is None:
                forward_ms = self._pass.milliseconds
                self._forward_ms = self._forward_ms if forward_ms is None else forward_ms
                compute(with_pass)
            else:
                errors.update(dict.fromkeys((spec.id for spec in with_pass), refusal))
        for spec in stale:
            self._shown[spec.id] = self._key(spec, scene, observation)
        total_ms = (time.perf_counter() - start) * 1e3
        has_moved = network_error is None and observation.network.choice != scene.network
        yield deliver(
            results,
            errors,
            network=observation.network,
            moved=scene.network if has_moved else None,
            forward_ms=forward_ms,
            total_ms=total_ms if stale else None,
            device_memory=accelerator_memory(observation.network.device),
        )
        yield from self._refine(request, refinements, cancelled, superseded)

    def forget(self) -> None:
        """Compute every panel anew with the next request: the views do not show what was computed last."""
        self._shown.clear()

    def _first_filters(self, request: Request, cancelled: Cancelled) -> Iterator[Delivery]:
        """What can be shown of a large file before it has been opened."""
        specs = [spec for spec in self._specs if spec.early and spec.id in request.visible]
        network = self._host.first_layer(request.scene.network, cancelled) if specs else None
        if network is None:
            return
        observation = self.observe(request.scene, network)
        results: dict[str, Any] = {}
        for spec in specs:
            self._compute(spec, request.scene, observation, cancelled, results, {}, [])
            self._shown.pop(spec.id, None)
        yield Delivery(request.version, results, {}, complete=False)
        # else the rest of the file takes the interpreter away from the window while that paints them
        time.sleep(TIME_TO_PAINT_S)

    def network(self, scene: Scene, cancelled: Cancelled = lambda: False) -> tuple[LoadedNetwork | None, str | None]:
        """The network to be shown; where it is none, or not the one that the scene names, also why, in words.

        Raises
        ------
        ComputeCancelled
            ``cancelled`` said so.
        """
        asked = scene.network, scene.changes
        choice_changed, self._last_choice = asked != self._last_choice, asked
        if not choice_changed and self._host.loaded is not None and not self._host.is_behind(scene.network):
            return self._host.loaded, None
        before = self._host.loaded
        try:
            loaded = self._host.load(scene.network, scene.changes, cancelled)
            if loaded.asks and (before is None or loaded.base is not before.base):
                self._failures.tell(loaded.asks)
            if loaded.lacks and (before is None or loaded.base is not before.base):
                self._failures.tell(loaded.lacks)
            only_trained = not choice_changed and before is not None and loaded.changes == before.changes
            for sentence in loaded.left if loaded is not before and not only_trained else ():
                self._failures.tell(sentence, "info")
            return loaded, None
        except ComputeCancelled:
            self._last_choice = None  # it was not loaded, and is to be when it is asked for again
            raise
        except (NetworkUnavailable, ChangesRefused) as error:
            return self._host.loaded, str(error)

    def observe(self, scene: Scene, network: LoadedNetwork) -> Observation:
        """``network`` on the scene's input, before any forward pass.

        Raises
        ------
        ValueError
            The input's picture cannot be read.
        """
        card = network.card
        channels, height, width = card.input_size
        rendered = self._pipeline.render(scene.input, channels, height, width, card.permuted_at)
        mean, std = moments(scene, network)
        return Observation(network, rendered, mean, std, selected_layer(scene, network.graph), other=self._other)

    def _key(self, spec: PanelSpec, scene: Scene, observation: Observation) -> tuple[Any, ...]:
        facts: dict[Dependency, Callable[[], Any]] = {
            "network": lambda: network_key(observation.network, with_weights=spec.weights(scene)),
            "input": lambda: input_key(observation),
            "layer": lambda: observation.layer.name,
            "unit": lambda: (observation.layer.name, scene.selection),
            "pointer": lambda: scene.pointer,
        }
        read = (scene.panel(panel_id) for panel_id in spec.reads)
        return scene.panel(spec.id), *read, *(facts[name]() for name in spec.depends)

    def _is_stale(self, spec: PanelSpec, scene: Scene, observation: Observation) -> bool:
        return self._shown.get(spec.id) != self._key(spec, scene, observation)

    def _wanted(
        self, specs: list[PanelSpec], scene: Scene, observation: Observation, errors: dict[str, str]
    ) -> frozenset[str]:
        """The layers that all ``specs`` together ask for."""
        graph = observation.network.graph
        wanted: set[str] = set()
        for spec in specs:
            if spec.layers is not None:
                with self._said_of(spec, errors):
                    wanted.update(name for name in spec.layers(scene, graph) if name in graph)
        return frozenset(wanted)

    def _look(
        self, observation: Observation, wanted: frozenset[str], scene: Scene, cancelled: Cancelled
    ) -> tuple[Observation, str | None]:
        """``observation`` with the values of ``wanted``; or as it is, and in words why there are none."""
        import torch

        network, key = observation.network, pass_key(observation)
        if self._failed is not None and self._failed[0] == key:
            return observation, self._failed[1]
        try:
            return self._pass.look(observation, wanted, cancelled), None
        except ComputeCancelled:
            raise
        except torch.OutOfMemoryError as error:
            if network.device.type != "cpu":
                self._failures.tell(
                    f"{network.device.type.upper()} ran out of memory; {network.name} goes on on the CPU.",
                    details=str(error),
                )
                return self._look(self.observe(scene, self._host.move_to_cpu()), wanted, scene, cancelled)
            words = f"There is not enough memory for {network.name}; choose a smaller network."
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a person's own module may raise anything
            self._failures.report(error, f"Running {network.name} on this input")
            words = f"{network.name} could not run on this input: {plain_words(error)}"
        self._failed = key, words
        return observation, words

    def _compute(
        self,
        spec: PanelSpec,
        scene: Scene,
        observation: Observation,
        cancelled: Cancelled,
        results: dict[str, Any],
        errors: dict[str, str],
        refinements: Refinements,
    ) -> None:
        with self._said_of(spec, errors):
            result = spec.compute(scene, observation, cancelled)
            if inspect.isgenerator(result):
                first = next(result)
                refinements.append((spec, result))
                result = first
            results[spec.id] = result

    @contextmanager
    def _said_of(self, spec: PanelSpec, errors: dict[str, str]) -> Iterator[None]:
        """Turn whatever a panel's own code raises into that panel's error: it must not take the others down."""
        try:
            yield
        except ComputeCancelled:
            raise
        except ValueError as error:  # what a panel cannot show, in its own words
            errors[spec.id] = plain_words(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - anything may go wrong in it
            self._failures.report(error, f"Computing {spec.title}")
            errors[spec.id] = f"{spec.title} could not be computed: {plain_words(error)}"

    def _refine(
        self,
        request: Request,
        refinements: Refinements,
        cancelled: Cancelled,
        superseded: Callable[[], bool],
    ) -> Iterator[Delivery]:
        due: dict[str, float] = {}
        while refinements:
            ready = [each for each in refinements if due.get(each[0].id, 0.0) <= time.monotonic()]
            if not ready:
                time.sleep(REST_STEP_S)
                if superseded() or cancelled():
                    self._drop(refinements)
                    return
            for refinement in ready:
                if superseded() or cancelled():
                    self._drop(refinements)
                    return
                spec, finer = refinement
                results: dict[str, Any] = {}
                errors: dict[str, str] = {}
                try:
                    with self._said_of(spec, errors):
                        results[spec.id] = next(finer, _FINISHED)
                except ComputeCancelled:
                    self._drop(refinements)
                    return
                found = results.get(spec.id)
                if isinstance(found, Rest):
                    due[spec.id] = time.monotonic() + found.seconds
                    continue
                if errors or found is _FINISHED:
                    refinements.remove(refinement)
                if errors or found is not _FINISHED:
                    yield Delivery(request.version, {} if errors else results, errors)

    def _drop(self, refinements: Refinements) -> None:
        """Have panels computed anew with the next request whose fine answer never came."""
        for spec, _ in refinements:
            self._shown.pop(spec.id, None)
