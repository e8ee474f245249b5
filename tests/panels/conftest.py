"""What a panel computes, without a window."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import torch
from PyQt6.QtCore import QEvent, QObject
from PyQt6.QtWidgets import QWidget
from torch import nn

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Delivery, Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene.document import Document

LIVE = ("input", "samples", "prediction", "network", "activations", "filters", "unit")
"""The panels that show a network at work on an input."""
MEASURING = (
    "receptive-field",
    "chain-builder",
    "pooling",
    "invariance",
    "equivariance",
    "padding",
    "consistency",
    "symmetry",
)
"""The panels of receptive fields, pooling and equivariance."""


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def delivered(tmp_path, handed) -> Callable[..., Delivery]:
    """What panels are given for a module and edits of the scene; a failure that the hub hears fails the test."""

    def compute(
        module: nn.Module,
        size: tuple[int, int, int],
        edits: dict[str, Any] | None = None,
        panels: tuple[str, ...] = LIVE,
        **known: Any,
    ) -> Delivery:
        with torch.no_grad():
            answer = module.eval()(torch.zeros(1, *size))
        outputs = answer.shape[1] if answer.dim() > 1 else 1
        document = Document()
        document.edit("network.source", handed(module, size, outputs, **known))
        if edits:
            document.edit_many(edits)
        hub = FailuresHub()
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), hub)
        request = Request(document.scene, document.version, frozenset(panels))
        delivery, *finer = computation.run(request, lambda: False, lambda: False)
        results = [dict(each.results) for each in (delivery, *finer)]
        failures: list[Any] = []
        hub.listen(failures.append)
        assert failures == []
        return replace(delivery, results=dict(ChainMap(*reversed(results))))

    return compute


@pytest.fixture
def computed(delivered) -> Callable[..., Any]:
    """The result of one panel; its error fails the test."""

    def compute(panel: str, module: nn.Module, size: tuple[int, int, int], edits: Any = None, **known: Any) -> Any:
        delivery = delivered(module, size, edits, (panel,), **known)
        assert dict(delivery.errors) == {}
        return delivery.results[panel]

    return compute


@pytest.fixture
def refused(delivered) -> Callable[..., str]:
    """The words with which one panel refuses."""

    def compute(panel: str, module: nn.Module, size: tuple[int, int, int], edits: Any = None, **known: Any) -> str:
        delivery = delivered(module, size, edits, (panel,), **known)
        assert dict(delivery.results) == {}
        return delivery.errors[panel]

    return compute


@pytest.fixture
def seen(tmp_path) -> Callable[..., torch.Tensor]:
    """The pixels ``(1, C, H, W)`` that the network gets for a scene's edits, before mean and deviation."""

    def render(size: tuple[int, int, int], edits: dict[str, Any]) -> torch.Tensor:
        document = Document()
        document.edit_many(edits)
        pipeline = InputPipeline(ImageStore(tmp_path / "images"))
        return torch.from_numpy(pipeline.render(document.scene.input, *size).edited)[None]

    return render


@pytest.fixture
def heard(qapp) -> Callable[[Any, QEvent.Type], list[QEvent.Type]]:
    """The events of one kind that a widget is sent from now on, in a list that grows."""

    def watch(widget: Any, kind: QEvent.Type) -> list[QEvent.Type]:
        class Watch(QObject):
            def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
                if event is not None and event.type() == kind:
                    seen.append(event.type())
                return False

        seen: list[QEvent.Type] = []
        widget.installEventFilter(Watch(widget))
        return seen

    return watch


@pytest.fixture
def on_screen(qtbot) -> Iterator[Callable[[Any, int, int], Any]]:
    """Shows a panel's widget at a size that its layout does not bound, as in a dock.

    It is held until the test has ended: one that is collected while it is painted ends the process.
    """
    held: list[Any] = []

    def show(view: Any, width: int, height: int) -> Any:
        port = QWidget()
        qtbot.addWidget(port)
        held.append(port)
        port.resize(width, height)
        view.setParent(port)
        for control in view.header_controls():
            control.setParent(view)  # as the title bar would
        view.resize(width, height)
        view.show()
        port.show()
        return view

    yield show
    held.clear()


@pytest.fixture
def noisy() -> dict[str, Any]:
    """Edits that make an input in which no two pixels are alike."""
    return {"input.base": {"kind": "blank", "value": 0.5}, "input.edits.noise": 0.2}


@pytest.fixture
def measuring_views(qapp, tmp_path, handed) -> Iterator[Callable[..., dict[str, Any]]]:
    """The measuring panels' widgets by id, each with what it is given for a network in the end."""
    made: dict[str, Any] = {}

    def show(module: nn.Module, size: tuple[int, int, int], edits: dict[str, Any]) -> dict[str, Any]:
        document = Document()
        document.edit_many(
            {
                "network.source": handed(module.eval(), size, 2),
                "input.base": {"kind": "blank", "value": 0.5},
                "input.edits.noise": 0.2,
                "panels.pooling.view": "network",
                "panels.consistency.shift": 1,
                **edits,
            }
        )
        failures: list[Any] = []
        hub = FailuresHub()
        hub.listen(failures.append)
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), hub)
        request = Request(document.scene, document.version, frozenset(MEASURING))
        results: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for delivery in computation.run(request, lambda: False, lambda: False):
            results.update(delivery.results)
            errors.update(delivery.errors)
        assert failures == []
        assert {*results, *errors} == {*MEASURING}
        for spec in PANELS:
            if spec.id in MEASURING:
                module_name, _, name = spec.view.partition(":")
                view = made[spec.id] = getattr(import_module(module_name), name)(document)
                view.resize(420, 500)
                for control in view.header_controls():
                    control.setParent(view)  # as the title bar would
                if spec.id in errors:
                    view.show_error(errors[spec.id])
                else:
                    view.show_result(results[spec.id])
        return made

    yield show
    for view in made.values():
        view.deleteLater()
