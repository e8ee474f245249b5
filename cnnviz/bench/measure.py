"""What ``cnnviz bench measure`` measures: fields, curves over shifts, and the frame while a shift is dragged."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.app import Program, qt_application
from cnnviz.bench.live import first_answer, never
from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import PanelEntry
from cnnviz.ui.slider import SliderTrack
from cnnviz.ui.stroke_driver import SliderDriver

if TYPE_CHECKING:
    from cnnviz.scene.models import Scene

REPEATS = 15
STEPS = 60
RUNS = 3
SETTLING = 5
PANEL = "equivariance"


def measure(network: str) -> dict[str, Any]:
    """Milliseconds, medians: ResNet-50's fields; 33 shifts of all layers beside the bare passes; a dragged shift."""
    keep_freed_memory(FOR_PASSES)
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
    """The errors at 33 shifts of one image, of the last layer with maps and of every layer, beside the module alone
    on the same batches, in turns."""
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
    maps = [layer.name for layer in traced.graph if len(layer.output_shape) == 3 and min(layer.output_shape[1:]) > 1]
    one = EquivariancePlan(traced, transforms, maps[-1:], floor=False, nearest=False, chance=False)
    every = EquivariancePlan(traced, transforms, floor=False, nearest=False, chance=False)
    batches = torch.split(image.expand(len(transforms), *opened.card.input_size).contiguous(), every.batch)

    def bare() -> None:
        with torch.inference_mode():
            for batch in batches:
                opened.module(batch)

    work: dict[str, Callable[[], object]] = {
        "bare_passes_ms": bare,
        "curve_ms": lambda: equivariance(traced, image, transforms, plan=one),
        "curves_ms": lambda: equivariance(traced, image, transforms, plan=every),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(REPEATS):
        for name, does in work.items():
            times[name].append(_milliseconds(does))
    found = {name: statistics.median(values) for name, values in times.items()}
    return {
        **{name: round(value, 2) for name, value in found.items()},
        "curve_ratio": round(found["curve_ms"] / found["bare_passes_ms"], 3),
        "curves_ratio": round(found["curves_ms"] / found["bare_passes_ms"], 3),
    }


def _dragged(network: str) -> dict[str, float]:
    """From a mouse event on the shift's slider to the end of the paint that shows it, beside a bare loop."""
    bare, frame = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            with _equivariance(network, Path(folder), synchronous=True) as program:
                bare.append(statistics.median(bare_drag(program, STEPS)[SETTLING:]))
            with _equivariance(network, Path(folder)) as program:
                frame.append(statistics.median(drag(program, STEPS)[SETTLING:]))
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


@contextmanager
def _equivariance(network: str, folder: Path, *, synchronous: bool = False) -> Iterator[Program]:
    """The window with the panels of the workspace Equivariance, curves and all, as it is when the hand rests."""
    qt_application()
    program = Program(_scene(network), folder, keep_session=False, synchronous=synchronous)
    program.leave_start_behind()
    program.window.use_workspace("equivariance")
    program.show_computed() if synchronous else program.show()
    end = time.monotonic() + 120
    while program.stage.shown_version < 0 and time.monotonic() < end:
        program.stage.wait_until_idle(1.0)
    program.stage.wait_until_idle()
    yield program
    program.window.close()
    qt_application().processEvents()


def _strengths(steps: int) -> Iterator[float]:
    """To and fro, in the slider's own steps of half a pixel."""
    for step in range(steps):
        yield 8.0 - abs(step % 64 - 32) * 0.5


def drag(program: Program, steps: int) -> list[float]:
    """Drag the slider of the shift by the mouse; milliseconds of each step."""
    tracks = program.window.docks[PANEL].view.findChildren(SliderTrack)
    track = next(each for each in tracks if each.accessibleName() == "shift")
    driver = SliderDriver(track, program.clock, lambda: program.document.version)
    return driver.drag([round((strength + 16) / 0.5) for strength in _strengths(steps)])


def bare_drag(program: Program, steps: int) -> list[float]:
    """The same computations and widgets as :func:`drag`, called one after the other on one thread: no engine, no
    document, no signals; milliseconds of each step.

    What a step does not change, such as the forward pass of the input that is not moved, is computed once before.
    """
    from cnnviz.engine.input_tensor import input_tensor

    loaded = program.stage.network
    assert loaded is not None
    computation = Computation(PANELS, program.stage.pipeline, FailuresHub())
    spec = next(spec for spec in PANELS if spec.id == PANEL)
    view: Any = program.window.docks[PANEL].view
    scene = program.document.scene
    params: Any = scene.panel(PANEL)
    others = tuple(entry for entry in scene.panels if entry.id != PANEL)
    trace = loaded.traced.run(input_tensor(computation.observe(scene, loaded)), loaded.graph.names)
    times = []
    for strength in _strengths(steps):
        begun = time.perf_counter()
        moved = params.model_copy(update={"shift": strength})
        shown = scene.model_copy(update={"panels": (*others, PanelEntry(id=PANEL, params=moved))})
        observation = replace(computation.observe(shown, loaded), values=trace.values, output=trace.output)
        view.show_params(moved)
        view.show_result(first_answer(spec.compute(shown, observation, never)))
        qt_application().processEvents()
        times.append((time.perf_counter() - begun) * 1e3)
    return times


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def _median(work: Callable[[], object]) -> float:
    return statistics.median(_milliseconds(work) for _ in range(REPEATS))
