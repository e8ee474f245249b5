"""What ``cnnviz bench train`` measures: training beside the open window, and drawing beside the training."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cnnviz.app import qt_application
from cnnviz.bench import opened, quantile
from cnnviz.panels.training import TRAINED, chosen_settings
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.training.settings import TrainingSettings, checked_settings
from cnnviz.ui.stroke_driver import StrokeDriver, wait_until

if TYPE_CHECKING:
    from cnnviz.scene.models import Scene

RUNS = 3
STROKES = 300
SECONDS = 8.0
WARM_UP_SECONDS = 2.0
"""In which caches fill and the processor comes to its pace; measured by neither side."""
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Training:
    """What is trained."""

    network: str
    dataset: str
    data_dir: str

    @property
    def settings(self) -> TrainingSettings:
        """As the panel has them, but without an end and without tests, which are no training."""
        start = checked_settings({"data_dir": self.data_dir})
        chosen = chosen_settings(start, TRAINED.get(self.network, self.network), False, self.dataset)
        return chosen.changed({"epochs": 100_000, "steps": None, "test_every": 0, "schedule": "constant"})


def train(training: Training) -> dict[str, Any]:
    """Train in a bare loop, in a tuned one and beside the window in turn; draw without and with training."""
    application = qt_application()
    found: dict[str, list[float]] = {}
    device = "cpu"
    for _ in range(RUNS):
        bare, tuned = (_loop_in_a_process(training, kind) for kind in ("bare", "tuned"))
        found.setdefault("bare_examples_per_second", []).append(bare["examples_per_second"])
        found.setdefault("tuned_examples_per_second", []).append(tuned["examples_per_second"])
        with tempfile.TemporaryDirectory() as folder:
            measured = _Window(training, Path(folder)).measure()
        for name, value in measured.items():
            found.setdefault(name, []).append(value)
        device = bare["device"]
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratio, tuned_ratio = (
        statistics.median(
            window / loop for window, loop in zip(found["examples_per_second"], found[other], strict=True)
        )
        for other in ("bare_examples_per_second", "tuned_examples_per_second")
    )
    return {
        "network": training.network,
        "dataset": training.dataset,
        "device": device,
        "throughput_ratio": round(ratio, 3),
        "tuned_throughput_ratio": round(tuned_ratio, 3),
        "bare_examples_per_second": round(medians["bare_examples_per_second"]),
        "tuned_examples_per_second": round(medians["tuned_examples_per_second"]),
        "examples_per_second": round(medians["examples_per_second"]),
        "weights_per_second": round(medians["weights_per_second"], 1),
        "idle_frame_ms": round(medians["idle_frame_ms"], 2),
        "idle_frame_p99_ms": round(medians["idle_frame_p99_ms"], 2),
        "frame_ms": round(medians["frame_ms"], 2),
        "frame_p99_ms": round(medians["frame_p99_ms"], 2),
        "drawing_examples_per_second": round(medians["drawing_examples_per_second"]),
        "platform": application.platformName(),
    }


def loop(training: Training, *, tuned: bool) -> dict[str, Any]:
    """In a process of its own: the loop that anyone would write, over the same batches.

    Layout and optimiser are torch's defaults, or if ``tuned`` those that the trainer has found to be faster: channels
    innermost, and the step of the optimiser fused.
    """
    import torch
    import torch.nn.functional as F

    from cnnviz.core.devices import resolve_device
    from cnnviz.training.device_data import augmentation_generator, epoch_order
    from cnnviz.training.optimizers import make_optimizer
    from cnnviz.training.start import prepare

    settings = training.settings
    prepared = prepare(settings)
    device = resolve_device(settings.device)
    layout = torch.channels_last if tuned else torch.contiguous_format
    module = prepared.module.to(device).to(memory_format=layout).train()  # type: ignore[call-overload]
    data = prepared.data.to(device)
    optimizer = make_optimizer(module, settings)
    if not tuned:
        group = optimizer.param_groups[0]
        named: dict[str, Any] = {name: group[name] for name in ("momentum", "nesterov") if name in group}
        named |= {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
        optimizer = type(optimizer)(module.parameters(), **named)
    size, count = settings.batch_size, len(data.train)
    step = epoch = examples = 0
    begun: float | None = None
    start = time.perf_counter()
    while begun is None or time.perf_counter() - begun < SECONDS:
        order = epoch_order(settings.seed, epoch, count).to(device)
        for offset in range(0, count - size + 1, size):
            if begun is None and time.perf_counter() - start > WARM_UP_SECONDS:
                begun, examples = time.perf_counter(), 0
            inputs, labels = data.training_batch(
                order[offset : offset + size],
                settings.augmentations,
                augmentation_generator(settings.seed, step, 0),
                device,
            )
            loss = F.cross_entropy(module(inputs.contiguous(memory_format=layout)), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step += 1
            examples += size
            if begun is not None and time.perf_counter() - begun >= SECONDS:
                break
        epoch += 1
    if device.type == "cuda":
        torch.cuda.synchronize()
    return {"examples_per_second": examples / (time.perf_counter() - begun), "device": str(device)}


def _loop_in_a_process(training: Training, kind: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "cnnviz", "bench", f"{kind}-train", "--json"]
    command += ["--network", training.network, "--dataset", training.dataset]
    command += ["--data-dir", training.data_dir] if training.data_dir else []
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return cast(dict[str, Any], json.loads(output.strip().splitlines()[-1]))


class _Window:
    """The window with its default panels, and the process that trains for it."""

    def __init__(self, training: Training, folder: Path) -> None:
        self._program = opened(_scene(training), folder)
        self._weights = 0
        self._folder = folder / "run"
        self._program.stage.delivered.connect(self._count_weights)

    def measure(self) -> dict[str, float]:
        """Draw, train, draw while it trains; then close."""
        program = self._program
        try:
            self._draw(20)  # the first frames fill caches
            idle = self._draw(STROKES)
            program.training.start(folder=self._folder)
            self._wait(lambda: program.training.curve.last_step is not None)
            self._pass(WARM_UP_SECONDS)
            begun, before, weights = time.perf_counter(), self._examples(), self._weights
            self._pass(SECONDS)
            taken = time.perf_counter() - begun
            pace, weights_pace = (self._examples() - before) / taken, (self._weights - weights) / taken
            begun, before = time.perf_counter(), self._examples()
            busy = self._draw(STROKES)
            drawing = (self._examples() - before) / (time.perf_counter() - begun)
            program.training.stop()
            self._wait(lambda: program.training.phase == "idle")
        finally:
            program.window.close()
            qt_application().processEvents()
        return {
            "examples_per_second": pace,
            "weights_per_second": weights_pace,
            "idle_frame_ms": statistics.median(idle),
            "idle_frame_p99_ms": quantile(idle, 0.99),
            "frame_ms": statistics.median(busy),
            "frame_p99_ms": quantile(busy, 0.99),
            "drawing_examples_per_second": drawing,
        }

    def _draw(self, strokes: int) -> list[float]:
        """Milliseconds from each brush step to the end of its paint."""
        program = self._program
        actions.use_blank(program.document)
        self._pass(0.1)
        canvas = program.window.docks["input"].view.canvas  # type: ignore[attr-defined]
        return StrokeDriver(canvas, program.clock, lambda: program.document.version).draw(strokes)[0]

    def _examples(self) -> int:
        last = self._program.training.curve.last_step
        return last.examples if last is not None else 0

    def _count_weights(self, delivery: Any) -> None:
        if delivery.complete and delivery.network is not None and delivery.network.base.offer:
            self._weights += 1

    def _pass(self, seconds: float) -> None:
        """Let so much time pass, with the hand at rest."""
        end = time.monotonic() + seconds
        self._wait(lambda: time.monotonic() >= end)

    def _wait(self, is_so: Callable[[], bool]) -> None:
        if not wait_until(is_so, PATIENCE_SECONDS):
            raise TimeoutError(self._program.training.trouble or "training did not come so far in time")


def _scene(training: Training) -> Scene:
    document = Document(actions.first_scene())
    document.edit("panels.training.settings", training.settings)
    actions.use_blank(document)
    return document.scene
