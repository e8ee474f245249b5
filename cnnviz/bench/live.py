"""What ``cnnviz bench live`` measures: the live frame against a bare loop, and how long the UI thread is held."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.app import Program, qt_application
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.input_tensor import input_tensor
from cnnviz.panels import PANELS
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.stroke_driver import Heartbeat, StrokeDriver, real_pointer_points, spiral

if TYPE_CHECKING:
    from torch import nn

STEPS = 300
RUNS = 5
SLOW_STEPS = 40
SLOW_MS = 100.0


def live(network: str) -> dict[str, Any]:
    """Draw :data:`STEPS` brush steps through the window and through a bare loop, :data:`RUNS` times in turn."""
    application = qt_application()
    forward, bare, frame, p99 = [], [], [], []
    sent = shown = 0
    pointer = None
    with tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS):
            bare_run, forward_run = _bare_loop(network, Path(folder))
            bare.append(statistics.median(bare_run))
            forward.append(statistics.median(forward_run))
            program = opened(_scene(network), Path(folder))
            times, seen = _drawn(program)
            frame.append(statistics.median(times))
            p99.append(quantile(times, 0.99))
            sent += STEPS
            shown += seen
            if run == RUNS - 1:
                pointer = real_pointer_points(_canvas(program), STEPS, partial(_points, program))
            program.window.close()
            application.processEvents()
        hold = _slow_hold(Path(folder))
    if pointer is not None:
        sent, shown = pointer
    return {
        "network": network,
        "forward_ms": round(statistics.median(forward), 3),
        "bare_loop_ms": round(statistics.median(bare), 3),
        "frame_ms": round(statistics.median(frame), 3),
        "frame_p99_ms": round(statistics.median(p99), 3),
        "ui_hold_p99_ms": round(hold, 3),
        "strokes_sent": sent,
        "strokes_shown": shown,
        "strokes_by": "mouse events" if pointer is None else "X pointer",
        "platform": application.platformName(),
    }


def _drawn(program: Program) -> tuple[list[float], int]:
    """Milliseconds of each brush step, and how many were painted."""
    driver = StrokeDriver(_canvas(program), program.clock, lambda: program.document.version)
    driver.draw(20)  # the first frames fill caches
    actions.use_blank(program.document)
    program.stage.wait_until_idle()
    return driver.draw(STEPS)


def _scene(network: str) -> Scene:
    document = Document(actions.first_scene())
    source = f"file:{os.path.abspath(network)}" if Path(network).is_file() else f"shipped:{network}"
    document.edit("network.source", source)
    actions.use_blank(document)
    return document.scene


def opened(scene: Scene, folder: Path) -> Program:
    """The program's window on ``scene``, with its first result painted."""
    program = Program(scene, folder, keep_session=False)
    program.leave_start_behind()
    program.show()
    _wait_for_first_result(program)
    return program


def _wait_for_first_result(program: Program) -> None:
    end = time.monotonic() + 60
    while program.stage.shown_version < 0 and time.monotonic() < end:
        program.stage.wait_until_idle(1.0)
    program.stage.wait_until_idle()


def _canvas(program: Program) -> Any:
    return program.window.docks["input"].view.canvas  # type: ignore[attr-defined]


def _points(program: Program) -> int:
    return sum(len(stroke.points) for stroke in program.document.scene.input.drawing.strokes)


def _bare_loop(network: str, folder: Path) -> tuple[list[float], list[float]]:
    """The same strokes, network, computations and widgets, called one after the other on one thread: no engine,
    no document, no signals; and the forward pass by itself."""
    import torch

    application = qt_application()
    program = Program(_scene(network), folder, synchronous=True, keep_session=False)
    program.show_computed()
    program.stage.wait_until_idle()
    computation = Computation(PANELS, program.stage.pipeline, FailuresHub())
    scene = program.document.scene
    loaded, _ = computation.network(scene)
    assert loaded is not None
    visible = [spec for spec in PANELS if spec.id in program.window.visible_panels() and "input" in spec.depends]
    layers = {name for spec in visible if spec.layers for name in spec.layers(scene, loaded.graph)}
    views = {spec.id: program.window.docks[spec.id].view for spec in visible}
    drawing = scene.input.drawing
    stroke_begun = False
    times, forwards = [], []
    height, width = loaded.card.input_size[1:]
    for down, across in spiral(STEPS + 20):
        begun = time.perf_counter()
        if stroke_begun:
            drawing = drawing.extended(down * height, across * width)
        else:
            drawing = _first_point(height, width, down, across)
            stroke_begun = True
        image = scene.input.model_copy(update={"drawing": drawing})
        shown = scene.model_copy(update={"input": image})
        observation = computation.observe(shown, loaded)
        tensor = input_tensor(observation)
        trace = loaded.traced.run(tensor, layers)
        observation = replace(observation, values=trace.values, output=trace.output)
        for spec in visible:
            views[spec.id].show_result(first_answer(spec.compute(shown, observation, never)))
        application.processEvents()
        times.append((time.perf_counter() - begun) * 1e3)
        with torch.no_grad():
            begun = time.perf_counter()
            loaded.module(tensor)
            forwards.append((time.perf_counter() - begun) * 1e3)
    program.window.close()
    application.processEvents()
    return times[20:], forwards[20:]


def _first_point(height: int, width: int, down: float, across: float) -> Any:
    from cnnviz.data.strokes import Drawing, Stroke

    stroke = Stroke(diameter=2.5, points=((down * height, across * width),))
    return Drawing(height=height, width=width, strokes=(stroke,))


def first_answer(computed: Any) -> Any:
    """What a panel shows at once: the first of several answers, where finer ones follow."""
    return next(computed) if isinstance(computed, Iterator) else computed


def never() -> bool:
    """Nothing is cancelled in a bare loop."""
    return False


def _slow_hold(folder: Path) -> float:
    """How long the UI thread keeps a sign of life waiting, p99 in ms, while a network of 100 ms a pass runs."""
    import torch

    from cnnviz.api import describe
    from cnnviz.engine.live import hand_over

    module = _slow_network()
    document = Document(actions.first_scene())
    document.edit("network.source", hand_over(module, describe(module, torch.zeros(1, 28, 28))))
    actions.use_blank(document)
    program = opened(document.scene, folder)
    driver = StrokeDriver(_canvas(program), program.clock, lambda: program.document.version)
    driver.draw(3)
    with Heartbeat() as heartbeat:
        driver.draw(SLOW_STEPS)
    program.window.close()
    qt_application().processEvents()
    return quantile(heartbeat.delays_ms, 0.99)


def _slow_network() -> nn.Module:
    """A classifier of 1×28×28 whose forward pass takes some 100 ms on this machine, in torch's own convolutions."""
    import torch
    from torch import nn

    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 32, 5, padding=2)
            self.relu1 = nn.ReLU()
            self.conv2 = nn.Conv2d(32, 32, 5, padding=2)
            self.head = nn.Linear(32, 10)
            self.repeats = 1

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps = self.relu1(self.conv1(images))
            for _ in range(self.repeats):
                maps = self.conv2(maps)
            answer: torch.Tensor = self.head(maps.mean((2, 3)))
            return answer

    torch.manual_seed(0)
    module = Slow().eval()
    with torch.no_grad():
        module.conv2.weight.mul_(0.5)
        times = []
        for _ in range(20):
            begun = time.perf_counter()
            module(torch.zeros(1, 1, 28, 28))
            times.append((time.perf_counter() - begun) * 1e3)
    module.repeats = max(1, round(SLOW_MS / max(statistics.median(times), 0.05)))
    return module


def quantile(values: list[float], share: float) -> float:
    """The value that this share of ``values`` lies below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
