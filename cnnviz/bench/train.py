"""What ``cnnviz bench train`` measures: training beside the open window, and drawing beside the training."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cnnviz.app import qt_application
from cnnviz.bench.live import opened, quantile
from cnnviz.panels.training import TRAINED, chosen_settings
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.training.settings import TrainingSettings, checked_settings
from cnnviz.ui.stroke_driver import StrokeDriver, wait_until

if TYPE_CHECKING:
    from cnnviz.scene.models import Scene

ROUNDS = 9
"""In each of which both loops and the window train in turn, since the pace of a shared machine drifts."""
SECONDS = 2.0
SETTLING_SECONDS = 0.5
"""After a pause, in which caches fill and the processor comes to its pace; measured by nobody."""
DRAWINGS = 3
STROKES = 300
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
    paces: dict[str, list[float]] = {"bare": [], "tuned": [], "window": []}
    with tempfile.TemporaryDirectory() as folder, _Loop(training, "bare") as bare, _Loop(training, "tuned") as tuned:
        window = _Window(training, Path(folder))
        try:
            idle = window.drawings()
            window.start()
            weights = []
            for _ in range(ROUNDS):
                paces["bare"].append(bare.pace())
                paces["tuned"].append(tuned.pace())
                pace, weights_pace = window.pace()
                paces["window"].append(pace)
                weights.append(weights_pace)
            before, begun = window.examples, time.perf_counter()
            busy = window.drawings()
            drawing = (window.examples - before) / (time.perf_counter() - begun)
        finally:
            window.close()
        device = bare.device
    ratio, tuned_ratio = (
        statistics.median(own / other for own, other in zip(paces["window"], paces[name], strict=True))
        for name in ("bare", "tuned")
    )
    return {
        "network": training.network,
        "dataset": training.dataset,
        "device": device,
        "throughput_ratio": round(ratio, 3),
        "tuned_throughput_ratio": round(tuned_ratio, 3),
        "bare_examples_per_second": round(statistics.median(paces["bare"])),
        "tuned_examples_per_second": round(statistics.median(paces["tuned"])),
        "examples_per_second": round(statistics.median(paces["window"])),
        "weights_per_second": round(statistics.median(weights), 1),
        "idle_frame_ms": round(statistics.median(map(statistics.median, idle)), 2),
        "idle_frame_p99_ms": round(statistics.median(quantile(each, 0.99) for each in idle), 2),
        "frame_ms": round(statistics.median(map(statistics.median, busy)), 2),
        "frame_p99_ms": round(statistics.median(quantile(each, 0.99) for each in busy), 2),
        "drawing_examples_per_second": round(drawing),
        "platform": application.platformName(),
    }


def loop(training: Training, *, tuned: bool) -> None:
    """The loop that anyone would write, over the same batches: a while for each line that comes in.

    It goes on where it was, and prints how many examples a second it got through. Layout and optimiser are torch's
    defaults, or if ``tuned`` those that the trainer has found to be faster: channels innermost, the step of the
    optimiser fused, and memory kept from step to step.
    """
    import torch
    import torch.nn.functional as F

    from cnnviz.core.devices import resolve_device
    from cnnviz.core.kept_memory import FOR_TRAINING, keep_freed_memory
    from cnnviz.training.augmentation import Draws
    from cnnviz.training.device_data import augmentation_generator, epoch_order
    from cnnviz.training.optimizers import make_optimizer
    from cnnviz.training.start import prepare

    if tuned:
        keep_freed_memory(FOR_TRAINING)
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

    def steps() -> Iterator[None]:
        step = epoch = 0
        while True:
            order = epoch_order(settings.seed, epoch, count).to(device)
            for offset in range(0, count - size + 1, size):
                inputs, labels = data.training_batch(
                    order[offset : offset + size],
                    settings.augmentations,
                    Draws(augmentation_generator(settings.seed, step)),
                    device,
                )
                loss = F.cross_entropy(module(inputs.contiguous(memory_format=layout)), labels)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                step += 1
                yield
            epoch += 1

    def go_on(seconds: float) -> float:
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            next(going)
            done += size
        if device.type == "cuda":
            torch.cuda.synchronize()
        return done / (time.perf_counter() - begun)

    going = steps()
    print(device, flush=True)
    for _ in sys.stdin:
        go_on(SETTLING_SECONDS)
        print(go_on(SECONDS), flush=True)


class _Loop:
    """A loop in a process of its own, which waits between two of its turns."""

    def __init__(self, training: Training, kind: str) -> None:
        command = [sys.executable, "-m", "cnnviz", "bench", "train", "--alone", kind]
        command += ["--network", training.network, "--dataset", training.dataset]
        command += ["--data-dir", training.data_dir] if training.data_dir else []
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.device = self._said()

    def pace(self) -> float:
        """Examples a second, of one turn."""
        self._in.write("\n")
        self._in.flush()
        return float(self._said())

    def _said(self) -> str:
        line = self._out.readline().strip()
        if not line:
            raise RuntimeError(f"the loop ended with status {self._process.wait()}")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._in.close()
        self._process.wait(PATIENCE_SECONDS)
        self._out.close()


class _Window:
    """The window with its default panels, and the process that trains for it."""

    def __init__(self, training: Training, folder: Path) -> None:
        self._program = opened(_scene(training), folder)
        self._weights = 0
        self._folder = folder / "run"
        self._program.stage.delivered.connect(self._count_weights)

    @property
    def examples(self) -> int:
        """Trained on, as far as the window has heard."""
        last = self._program.training.curve.last_step
        return last.examples if last is not None else 0

    def start(self) -> None:
        """Begin the run, and let it rest."""
        self._program.training.start(folder=self._folder)
        self._wait(lambda: self._program.training.curve.last_step is not None)
        self._program.training.pause()
        self._wait(lambda: self._program.training.phase == "paused")

    def pace(self) -> tuple[float, float]:
        """Examples, and weights that all panels showed, a second, of one turn."""
        self._program.training.resume()
        self._pass(SETTLING_SECONDS)
        begun, examples = self._news()
        weights = self._weights
        self._pass(SECONDS)
        ended, last = self._news()
        pace = (last - examples) / (ended - begun), (self._weights - weights) / (ended - begun)
        self._program.training.pause()
        self._wait(lambda: self._program.training.phase == "paused")
        return pace

    def drawings(self) -> list[list[float]]:
        """Milliseconds from each brush step to the end of its paint, of some drawings; a run goes on meanwhile."""
        training = self._program.training
        self._draw(20)  # the first frames fill caches
        if training.phase == "paused":
            training.resume()
            self._wait(lambda: training.phase == "training")
        return [self._draw(STROKES) for _ in range(DRAWINGS)]

    def close(self) -> None:
        if self._program.training.goes_on:
            self._program.training.stop()
            self._wait(lambda: self._program.training.phase == "idle")
        self._program.window.close()
        qt_application().processEvents()

    def _draw(self, strokes: int) -> list[float]:
        program = self._program
        actions.use_blank(program.document)
        self._pass(0.1)
        canvas = program.window.docks["input"].view.canvas  # type: ignore[attr-defined]
        return StrokeDriver(canvas, program.clock, lambda: program.document.version).draw(strokes)[0]

    def _news(self) -> tuple[float, int]:
        """When the next figures come in, and the examples until then."""
        before = self.examples
        self._wait(lambda: self.examples != before)
        return time.perf_counter(), self.examples

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
