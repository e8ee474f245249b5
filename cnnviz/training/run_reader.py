"""Runs as they stand in their folders, read bit by bit: of a curve that grows only what is new; without torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cnnviz.training.metrics import EpochMetrics, StepMetrics
from cnnviz.training.run_curve import RunCurve, ThinnedSeries
from cnnviz.training.run_folder import (
    CURVE_FILE,
    LOCK_FILE,
    RUN_FILE,
    RunRecord,
    event_from,
    network_path,
    read_record,
    saved_steps,
)
from cnnviz.training.run_label import LABEL_FILE, RunLabel, read_label
from cnnviz.training.run_lock import is_locked

Along = Literal["steps", "epochs", "seconds"]
Standing = Literal["training", "interrupted", "stopped", "finished", "diverged"]

CHUNK_BYTES = 1 << 20
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


Series = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class RunCurves:
    """The figures of a run, at most a thousand places of each.

    Attributes
    ----------
    train_loss, train_accuracy
        Of batches: steps and values, (n,) each.
    test_loss, test_accuracy
        After epochs, likewise.
    clock
        Steps, epochs and seconds at the same moments, (n,) each; seconds of training, in which neither tests nor pauses
        count.
    """

    train_loss: tuple[NDArray[np.float64], NDArray[np.float64]]
    train_accuracy: tuple[NDArray[np.float64], NDArray[np.float64]]
    test_loss: tuple[NDArray[np.float64], NDArray[np.float64]]
    test_accuracy: tuple[NDArray[np.float64], NDArray[np.float64]]
    clock: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

    def places(self, steps: NDArray[np.float64], along: Along) -> NDArray[np.float64]:
        """Where these steps lie along the axis that is asked for."""
        at, epochs, seconds = self.clock
        if along == "steps" or not at.size:
            return steps
        moments = epochs if along == "epochs" else seconds
        found: NDArray[np.float64] = np.interp(steps, np.append(0.0, at), np.append(0.0, moments))
        return found


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run as it stood when it was last looked at.

    Attributes
    ----------
    id
        Name of its folder.
    weights
        Numbers that are learned; None before a network was saved.
    channels
        Of its input; None likewise.
    last_step, last_epoch, last_test
        The last figures; None before there are any. Of the last epoch, and of the last one that was tested.
    """

    folder: Path
    record: RunRecord
    label: RunLabel
    standing: Standing
    weights: int | None
    channels: int | None
    last_step: StepMetrics | None
    last_epoch: EpochMetrics | None
    last_test: EpochMetrics | None
    seconds: float
    curves: RunCurves

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def steps(self) -> int:
        """Done so far."""
        return max(self.record.step, self.last_step.step if self.last_step is not None else 0)


class RunsReader:
    """The runs in the folders of one folder; for one thread."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        self._readings: dict[str, RunReading] = {}

    def rescan(self) -> None:
        """See which runs came and went, and how each stands now; their curves are read by `read_more`."""
        found: dict[str, RunReading] = {}
        try:
            entries = [Path(entry.path) for entry in os.scandir(self.parent) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            entries = []
        for folder in entries:
            reading = self._readings.get(folder.name) or RunReading(folder)
            if reading.look():
                found[folder.name] = reading
        self._readings = found

    def read_more(self, first: tuple[str, ...] = ()) -> bool:
        """Read one more piece of a curve, those of ``first`` before others; False when all is read."""
        order = [*(name for name in first if name in self._readings), *self._readings]
        return any(self._readings[name].read() for name in order)

    @property
    def runs(self) -> tuple[StoredRun, ...]:
        """In the order in which they were started."""
        runs = [reading.stored() for reading in self._readings.values()]
        return tuple(sorted(runs, key=lambda run: (run.record.started, run.id)))


class RunReading:
    """What is known of one folder so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record: RunRecord | None = None
        self._label = RunLabel()
        self._stamps: dict[str, tuple[int, int]] = {}
        self._is_trained = False
        self._network: tuple[int, int] | None = None
        self._stored: StoredRun | None = None
        self._inode, self._offset = -1, 0
        self._begin_curve()

    def look(self) -> bool:
        """How it stands; False where there is no run in the folder."""
        if self._changed(RUN_FILE):
            self._record, self._stored = read_record(self._folder), None
        if self._record is None:
            return False
        if self._changed(LABEL_FILE):
            self._label, self._stored = read_label(self._folder), None
        is_trained = self._record.status == "running" and is_locked(self._folder / LOCK_FILE)
        if is_trained != self._is_trained:
            self._is_trained, self._stored = is_trained, None
        if self._network is None:
            self._network = _network_size(self._folder)
            self._stored = None if self._network is not None else self._stored
        return True

    def read(self) -> bool:
        """Take in one more piece of the curve; False where nothing is new."""
        path = self._folder / CURVE_FILE
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._begin_curve()  # a run that goes on from a checkpoint writes its curve anew up to there
                    self._inode = status.st_ino
                if status.st_size <= self._offset:
                    return False
                file.seek(self._offset)
                data = file.read(CHUNK_BYTES)
        except OSError:
            return False
        whole = data.rfind(b"\n") + 1
        if not whole:
            return False  # the last line is still being written
        self._offset += whole
        for line in data[:whole].splitlines():
            self._take(line)
        self._stored = None
        return True

    def losses(self) -> tuple[Series, Series]:
        """Of batches and of the test images, as far as they are read: steps and values."""
        return self._curve.train_loss.arrays(), self._curve.test_loss.arrays()

    def stored(self) -> StoredRun:
        if self._stored is None:
            self._stored = self._summary()
        return self._stored

    def _begin_curve(self) -> None:
        self._inode, self._offset = -1, 0
        self._curve = RunCurve()
        self._epoch_at, self._second_at = ThinnedSeries(), ThinnedSeries()
        self._examples, self._seconds = 0, 0.0
        self._last_epoch: EpochMetrics | None = None
        self._stored = None

    def _changed(self, name: str) -> bool:
        try:
            status = (self._folder / name).stat()
            stamp = (status.st_mtime_ns, status.st_ino)
        except OSError:
            stamp = (0, 0)
        is_other = stamp != self._stamps.get(name, (0, 0))
        self._stamps[name] = stamp
        return is_other

    def _take(self, line: bytes) -> None:
        try:
            fields: dict[str, Any] = json.loads(line)
            fields.pop("layers", None)  # nothing here is told layer by layer
            event = event_from(fields.pop("kind"), fields)
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        self._curve.add(event)
        if isinstance(event, StepMetrics):
            if event.examples_per_second > 0:
                self._seconds += max(event.examples - self._examples, 0) / event.examples_per_second
            self._examples = event.examples
            self._epoch_at.add(event.step, event.epoch - 1 + event.step_in_epoch / max(event.steps_per_epoch, 1))
            self._second_at.add(event.step, self._seconds)
        elif isinstance(event, EpochMetrics):
            self._last_epoch = event
        elif event.goes_on:
            self._epoch_at.cut(event.restored_step)
            self._second_at.cut(event.restored_step)

    def _summary(self) -> StoredRun:
        assert self._record is not None
        ends: dict[str, Standing] = {"finished": "finished", "diverged": "diverged", "stopped": "stopped"}
        standing = ends.get(self._record.status, "training" if self._is_trained else "interrupted")
        curve = self._curve
        steps, epochs = self._epoch_at.arrays()
        weights, channels = self._network or (None, None)
        return StoredRun(
            folder=self._folder,
            record=self._record,
            label=self._label,
            standing=standing,
            weights=weights,
            channels=channels,
            last_step=curve.last_step,
            last_epoch=self._last_epoch,
            last_test=curve.last_test,
            seconds=self._seconds,
            curves=RunCurves(
                curve.train_loss.arrays(),
                curve.train_accuracy.arrays(),
                curve.test_loss.arrays(),
                curve.test_accuracy.arrays(),
                (steps, epochs, self._second_at.arrays()[1]),
            ),
        )


def _network_size(folder: Path) -> tuple[int, int] | None:
    """Learned numbers and input channels of the run's first network, from the head of its file."""
    from safetensors import SafetensorError, safe_open

    from cnnviz.checkpoints.card import CheckpointError
    from cnnviz.checkpoints.identify import read_card

    steps = saved_steps(folder)
    if not steps:
        return None
    path = network_path(folder, steps[0])
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            shapes = [file.get_slice(name).get_shape() for name in names if not name.endswith(_BUFFERS)]
        return sum(int(np.prod(shape)) for shape in shapes), read_card(path).input_size[0]
    except (SafetensorError, OSError, CheckpointError):
        return None
