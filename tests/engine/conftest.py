"""Small networks, panels that count, and an engine whose deliveries are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Delivery
from cnnviz.engine.engine import Engine
from cnnviz.engine.failures import Failure, FailuresHub
from cnnviz.engine.live import hand_over
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


class Small(nn.Module):
    """One convolution, one ReLU, one pooling, one linear layer; counts its passes and can be made to wait or raise."""

    def __init__(self, channels: int = 1, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(channels, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(4 * 4 * 4, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.relu(self.conv(x))).flatten(1))


class Gate(nn.Module):
    """Passes its input on; inside it a test can count passes, hold them up, or let them fail."""

    __module__ = "torch.nn"  # else the tracer would look into it, and leave out what is no operation on tensors

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        self.entered.release()
        assert self.open.wait(TIMEOUT_S)
        if self.error is not None:
            raise self.error
        return x

    def hold(self) -> None:
        """From now on passes wait in here until `open` is set."""
        while self.entered.acquire(blocking=False):
            pass
        self.open.clear()

    def wait_for_pass(self) -> None:
        assert self.entered.acquire(timeout=TIMEOUT_S), "no pass has begun"


def card(module: nn.Module, size: tuple[int, int, int] = (1, 8, 8), classes: int = 3) -> NetworkCard:
    return NetworkCard(
        architecture=type(module).__name__,
        config={},
        labels=tuple(f"class {index}" for index in range(classes)),
        input_size=size,
        mean=(0.25,) * size[0],
        std=(0.5,) * size[0],
        dataset="",
    )


@pytest.fixture
def small() -> Small:
    return Small().eval()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def gated(small, gate) -> nn.Module:
    """The small network behind the gate."""
    return nn.Sequential(gate, small)


@pytest.fixture
def handed() -> Callable[..., str]:
    """Hands a module over and gives the source by which scenes name it."""
    return lambda module, *rest: hand_over(module, card(module, *rest))


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
