"""What ``cnnviz bench measure`` measures: fields, curves over shifts, and the frame while a shift is dragged."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.app import Program, qt_application
from cnnviz.bench import first_answer, never
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.ui.stroke_driver import EditDriver

if TYPE_CHECKING:
    from cnnviz.scene.models import Scene

REPEATS = 15
STEPS = 60
RUNS = 3
SHIFT = "panels.equivariance.shift"


def measure(network: str) -> dict[str, Any]:
    """Milliseconds, medians: ResNet-50's fields; 33 shifts of all layers beside the bare passes; a dragged shift."""
    return {"network": network, "theory_ms": _theory(), **_curves(network), **_dragged(network)}


def _theory() -> float:
    """The table of fields of ResNet-50, its graph being there."""
    import torch

    from cnnviz.core.field_table import field_table
    from cnnviz.core.trace import prepare
    from cnnviz.nets.registry import build

    graph = prepare(build("resnet50", {}).eval(), torch.zeros(1, 3, 224, 224)).graph
    return round(_median(lambda: field_table(graph)), 2)


def _curves(network: str) -> dict[str, float]:
    """The error of every layer at 33 shifts of one image, beside the module alone on the same batches, in turns."""
    import torch

    from cnnviz.checkpoints.open import open_network
    from cnnviz.core.equivariance import equivariance
    from cnnviz.core.equivariance_plan import EquivariancePlan
    from cnnviz.core.equivariance_result import Sweep
    from cnnviz.core.trace import prepare

    opened = open_network(network)
    transforms = Sweep("shift", tuple(float(shift) for shift in range(-16, 17))).transforms
    image = torch.rand(1, *opened.card.input_size, generator=torch.Generator().manual_seed(0))
    traced = prepare(opened.module, image)
    plan = EquivariancePlan(traced, transforms, floor=False, nearest=False)
    batches = torch.split(image.expand(len(transforms), *opened.card.input_size).contiguous(), plan.batch)

    def bare() -> None:
        with torch.inference_mode():
            for batch in batches:
                opened.module(batch)

    def curves() -> None:
        equivariance(traced, image, transforms, plan=plan)

    times: dict[str, list[float]] = {"bare": [], "curves": []}
    for _ in range(REPEATS):
        times["bare"].append(_milliseconds(bare))
        times["curves"].append(_milliseconds(curves))
    alone, measured = statistics.median(times["bare"]), statistics.median(times["curves"])
    return {
        "bare_passes_ms": round(alone, 2),
        "curves_ms": round(measured, 2),
        "curves_ratio": round(measured / alone, 3),
    }


def _dragged(network: str) -> dict[str, float]:
    """From an edit of the shift to the end of its paint, with the equivariance panels in sight, beside a bare loop."""
    bare, frame = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            bare.append(statistics.median(_bare_drag(_scene(network), Path(folder))))
            frame.append(statistics.median(_drag(_scene(network), Path(folder))))
    alone, dragged = statistics.median(bare), statistics.median(frame)
    return {
        "bare_drag_ms": round(alone, 2),
        "drag_frame_ms": round(dragged, 2),
        "drag_ratio": round(dragged / alone, 3),
    }


def _scene(network: str) -> Scene:
    document = Document(actions.first_scene())
    source = f"file:{Path(network).resolve()}" if Path(network).is_file() else f"shipped:{network}"
    document.edit("network.source", source)
    return document.scene


def _strengths() -> Iterator[float]:
    """To and fro, in steps that a slider makes."""
    for step in range(STEPS):
        yield 8.0 - abs(step % 64 - 32) * 0.5


def _opened(scene: Scene, folder: Path, *, synchronous: bool) -> Program:
    qt_application()
    program = Program(scene, folder, keep_session=False, synchronous=synchronous)
    program.leave_start_behind()
    program.window.use_workspace("equivariance")
    program.show_computed() if synchronous else program.show()
    end = time.monotonic() + 120
    while program.stage.shown_version < 0 and time.monotonic() < end:
        program.stage.wait_until_idle(1.0)
    program.stage.wait_until_idle()
    return program


def _drag(scene: Scene, folder: Path) -> list[float]:
    program = _opened(scene, folder, synchronous=False)
    driver = EditDriver(program.clock, lambda: program.document.version)
    edits = [partial(program.document.edit, SHIFT, strength) for strength in _strengths()]
    program.document.begin_gesture()
    times = driver.edit(edits)
    program.document.end_gesture()
    program.window.close()
    qt_application().processEvents()
    return times[5:]


def _bare_drag(scene: Scene, folder: Path) -> list[float]:
    """The same computations and widgets, called one after the other on one thread."""
    program = _opened(scene, folder, synchronous=True)
    computation = Computation(PANELS, program.stage.pipeline, FailuresHub())
    scene = program.document.scene
    loaded, _ = computation.network(scene)
    assert loaded is not None
    spec = next(spec for spec in PANELS if spec.id == "equivariance")
    view = program.window.docks["equivariance"].view
    observation = computation.observe(scene, loaded)
    times = []
    document = Document(scene)
    for strength in _strengths():
        begun = time.perf_counter()
        document.edit(SHIFT, strength)
        view.show_result(first_answer(spec.compute(document.scene, observation, never)))
        qt_application().processEvents()
        times.append((time.perf_counter() - begun) * 1e3)
    program.window.close()
    qt_application().processEvents()
    return times[5:]


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def _median(work: Callable[[], object]) -> float:
    return statistics.median(_milliseconds(work) for _ in range(REPEATS))
