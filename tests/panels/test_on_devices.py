"""What panels show of a network on another device, and what has to come back from there for it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from cnnviz.core.mosaic import Mosaic
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine import network_host
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene import actions
from cnnviz.scene.document import Document

AT_EACH_STROKE = ("network", "activations", "filters", "unit", "prediction")
"""The panels of the first workspace that ask the network."""


@pytest.fixture
def document() -> Document:
    return Document(actions.first_scene())


@pytest.fixture
def compute(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, device: Any) -> Any:
    """Computes panels as the engine does; ``mps`` is the device of the test."""
    resolve = network_host.resolve_device
    monkeypatch.setattr(network_host, "resolve_device", lambda name: device if name == "mps" else resolve(name))
    hub = FailuresHub()
    hub.listen(lambda failure: pytest.fail(f"{failure.message}\n{failure.details}"))
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path)), hub)

    def run(document: Document, *panels: str) -> dict[str, Any]:
        request = Request(document.scene, document.version, frozenset(panels))
        results: dict[str, Any] = {}
        for delivery in computation.run(request, lambda: False, lambda: False):
            assert not delivery.errors
            results |= delivery.results
        computation.forget()
        return results

    return run


def numbers(value: Any) -> list[np.ndarray]:
    """All mosaics and arrays of a result, in order."""
    if isinstance(value, Mosaic):
        return [value.indices]
    if isinstance(value, np.ndarray):
        return [value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [each for field in dataclasses.fields(value) for each in numbers(getattr(value, field.name))]
    if isinstance(value, tuple | list):
        return [each for part in value for each in numbers(part)]
    return []


@pytest.mark.parametrize("panel", [*AT_EACH_STROKE, "receptive-field", "equivariance", "padding"])
def test_a_panel_shows_what_it_shows_on_the_cpu_when_the_network_moves(
    compute: Any, document: Document, panel: str
) -> None:
    here = numbers(compute(document, panel)[panel])
    document.edit("network.device", "mps")
    there = numbers(compute(document, panel)[panel])
    document.edit("network.device", "cpu")
    again = numbers(compute(document, panel)[panel])
    assert len(here) == len(there) == len(again)
    for one, other, back in zip(here, there, again, strict=True):
        if one.dtype == np.uint8:
            assert np.abs(one.astype(int) - other).max(initial=0) <= 1
        else:
            np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(back, one)


def test_what_comes_back_at_each_stroke_are_pictures_of_bytes_and_single_figures(
    compute: Any, document: Document, far: Any
) -> None:
    document.edit("network.device", "mps")
    compute(document, *AT_EACH_STROKE)
    actions.use_blank(document)
    far.back.clear()
    results = compute(document, *AT_EACH_STROKE)
    floats = [each for each in far.back if each.dtype.is_floating_point and each.bytes > 64]
    shown = [results["activations"].values.shape, results["unit"].values.shape]
    kernels = [(16, 1, 5, 5)]
    # The numbers under the pointer, of the selected layer and unit, and the kernels are all that is no picture yet.
    assert sorted(each.shape for each in floats) == sorted([*shown, *kernels])
    assert sum(each.bytes for each in far.back if not each.dtype.is_floating_point) < 64 * 1024


def test_a_device_that_runs_out_of_memory_hands_the_network_to_the_cpu(
    compute: Any, document: Document, device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnviz.core.trace import TracedNetwork

    document.edit("network.device", "mps")
    expected = compute(document, "prediction")["prediction"]
    run, told = TracedNetwork.run, []

    def run_out(self: TracedNetwork, images: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        if images.device.type == device.type:
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        return run(self, images, *arguments, **named)

    monkeypatch.setattr(TracedNetwork, "run", run_out)
    monkeypatch.setattr(FailuresHub, "tell", lambda hub, message, *rest, **named: told.append(message))
    actions.use_blank(document)
    compute(document, "prediction")
    actions.use_sample(document, actions.FIRST_SAMPLE)
    found = compute(document, "prediction")["prediction"]
    assert [score.probability for score in found.scores] == pytest.approx(
        [score.probability for score in expected.scores], abs=1e-4
    )
    assert len(told) == 1
    assert "ran out of memory" in told[0]
