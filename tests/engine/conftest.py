"""Small networks, panels that count, and an engine whose deliveries are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine import computation
from cnnviz.engine.delivery import Delivery
from cnnviz.engine.engine import Engine
from cnnviz.engine.failures import Failure, FailuresHub
from cnnviz.engine.panel import PanelSpec
from cnnviz.scene.document import Document
from cnnviz.scene.params import PanelParams

TIMEOUT_S = 30.0


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def no_pass_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, panels that need no pass come with the others; a test of slow passes sets it."""
    monkeypatch.setattr(computation, "EARLY_DELIVERY_MS", float("inf"))


@dataclass
class Stand:
    """An engine, a document, and what came of them."""

    document: Document
    engine: Engine
    failures: list[Failure]
    deliveries: list[Delivery] = field(default_factory=list)
    visible: frozenset[str] = frozenset()

    def ask(self) -> None:
        self.engine.request(self.document.scene, self.document.version, self.visible)

    def edit(self, path: str, value: Any) -> None:
        self.document.edit(path, value)
        self.ask()

    def settled(self) -> list[Delivery]:
        """All deliveries since the last call, once nothing is under way."""
        assert self.engine.wait_until_idle(TIMEOUT_S)
        taken, self.deliveries[:] = list(self.deliveries), []
        return taken

    def result(self, panel_id: str) -> Any:
        """What the one delivery that is due brings to a panel."""
        (delivery,) = self.settled()
        assert not delivery.errors
        return delivery.results[panel_id]


class _NoParams(PanelParams):
    level: int = 0


@pytest.fixture
def panel() -> Callable[..., PanelSpec]:
    """A panel for the test alone; its result is the scene's version of the input, unless ``compute`` is given."""

    def make(panel_id: str, compute: Callable[..., Any], **declared: Any) -> PanelSpec:
        declared.setdefault("depends", ("network", "input"))
        declared.setdefault("layers", lambda scene, graph: ())
        return PanelSpec(
            id=f"test-{panel_id}",
            title=panel_id.title(),
            area="left",
            params=_NoParams,
            compute=compute,
            view="",
            **declared,
        )

    return make


@pytest.fixture
def stand(tmp_path) -> Iterator[Callable[..., Stand]]:
    """An engine with panels, on a network; closed after the test."""
    made: list[Stand] = []

    def make(source: str, *specs: PanelSpec, synchronous: bool = False) -> Stand:
        hub = FailuresHub()
        failures: list[Failure] = []
        hub.listen(failures.append)
        document = Document()
        document.edit("network.source", source)
        deliveries: list[Delivery] = []
        engine = Engine(
            specs,
            InputPipeline(ImageStore(tmp_path / "images")),
            lambda call: call(),
            lambda delivery: deliveries.append(delivery),
            hub,
            synchronous=synchronous,
        )
        new = Stand(document, engine, failures, deliveries, frozenset(spec.id for spec in specs))
        made.append(new)
        return new

    yield make
    for each in made:
        each.engine.close(TIMEOUT_S)


@pytest.fixture
def brightness() -> Callable[..., tuple[float, torch.Tensor]]:
    """A panel's computation: the input's brightness edit, and the network's answer to it."""

    def compute(scene: Any, observation: Any, cancelled: Any) -> tuple[float, torch.Tensor]:
        return scene.input.edits.brightness, observation.output.clone()

    return compute


@pytest.fixture
def expected() -> Callable[[Any, float], torch.Tensor]:
    """What a module says to an even image."""

    def answer(module: Any, value: float) -> torch.Tensor:
        with torch.no_grad():
            return module(torch.full((1, 1, 8, 8), value))

    return answer
