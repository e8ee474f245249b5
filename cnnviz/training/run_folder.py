"""The folder in which a run keeps what it has made, known without torch.

``run.json`` says what it is and how it stands; ``step-00000100.safetensors`` are its networks, each of which opens as
any other; ``resume-00000100.safetensors`` is what going on from there takes, and ``curve.jsonl`` holds its figures.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, ValidationError

from cnnviz.data.atomic import write_atomically
from cnnviz.data.frozen import Frozen
from cnnviz.training.metrics import Divergence, EpochMetrics, LayerMetrics, StepMetrics, fields_of
from cnnviz.training.run_lock import is_locked
from cnnviz.training.settings import TrainingSettings

RUN_FILE = "run.json"
CURVE_FILE = "curve.jsonl"
LOCK_FILE = "run.lock"
_NETWORK = re.compile(r"step-(\d{8})\.safetensors")
_RESUME = re.compile(r"resume-(\d{8})\.safetensors")

Status = Literal["running", "stopped", "finished", "diverged"]


class RunRecord(Frozen):
    """What a run is, and how it stood when it was last written down."""

    version: Literal[1] = 1
    settings: TrainingSettings
    """As they are now."""
    began_with: TrainingSettings | None = None
    """Those of its first step, where they were changed since."""
    status: Status = "running"
    """Stopped is what a person did; one that is still running, but by no process, was killed."""
    step: int = Field(0, ge=0)
    total_steps: int = Field(0, ge=0)
    started: float = 0.0
    """Seconds since 1970."""
    command: str = ""

    @property
    def first_settings(self) -> TrainingSettings:
        """Those of its first step: with these it can be trained once more from the start."""
        return self.began_with or self.settings


@dataclass(frozen=True)
class PendingRun:
    """A run that ended before it was done."""

    folder: Path
    record: RunRecord
    step: int
    """Of its last checkpoint; 0 where there is none."""


def runs_folder() -> Path:
    """Where runs that were started in the window are kept."""
    return platformdirs.user_data_path("cnnviz", appauthor=False) / "runs"


def new_run_folder(parent: Path, dataset: str, network: str) -> Path:
    """A folder of its own for a run; not made yet."""
    words = re.sub(r"[^\w.-]+", "-", f"{Path(network).stem}-{dataset.rpartition('/')[2]}")[:48].strip("-")
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{words}"
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next(parent / each for each in names if not (parent / each).exists())


def write_record(folder: Path, record: RunRecord) -> None:
    """Raises OSError where it cannot be written; what was there stays."""
    write_atomically(folder / RUN_FILE, record.model_dump_json(indent=1).encode())


def read_record(folder: Path) -> RunRecord | None:
    """What the run in ``folder`` is; None where there is none that this program wrote."""
    try:
        return RunRecord.model_validate_json((folder / RUN_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def pending_runs(parent: Path | None = None) -> tuple[PendingRun, ...]:
    """Runs in the folders of ``parent`` that were killed and can go on, the newest first."""
    parent = parent or runs_folder()
    found = []
    for folder in parent.iterdir() if parent.is_dir() else ():
        record = read_record(folder)
        if record is None or record.status != "running" or is_locked(folder / LOCK_FILE):
            continue
        resumable = resumable_steps(folder)
        if resumable:
            found.append(PendingRun(folder, record, resumable[-1]))
    return tuple(sorted(found, key=lambda run: run.record.started, reverse=True))


def dismiss(folder: Path) -> None:
    """Offer the run in ``folder`` no more; its networks and curve stay."""
    record = read_record(folder)
    if record is not None:
        write_record(folder, record.model_copy(update={"status": "stopped"}))


def step_of(path: Path) -> int | None:
    """After how many steps a run has kept the network in ``path``; None where it is not of a run."""
    named = _NETWORK.fullmatch(path.name)
    return int(named[1]) if named is not None and (path.parent / RUN_FILE).is_file() else None


def network_path(folder: Path, step: int) -> Path:
    """The network after so many steps."""
    return folder / f"step-{step:08d}.safetensors"


def resume_path(folder: Path, step: int) -> Path:
    """What going on after so many steps takes beside the network."""
    return folder / f"resume-{step:08d}.safetensors"


def saved_steps(folder: Path) -> tuple[int, ...]:
    """Steps after which a network was saved, in ascending order."""
    return _steps(_names(folder), _NETWORK)


def resumable_steps(folder: Path) -> tuple[int, ...]:
    """Those of them from which the run can go on."""
    names = _names(folder)
    resumable = set(_steps(names, _RESUME))
    return tuple(step for step in _steps(names, _NETWORK) if step in resumable)


def _names(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(os.listdir(folder))
    except OSError:
        return ()


def _steps(names: Iterable[str], pattern: re.Pattern[str]) -> tuple[int, ...]:
    return tuple(sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name))))


def delete_run(folder: Path) -> None:
    """Delete a run's folder with all that is in it; raises OSError."""
    shutil.rmtree(folder)


class Curve:
    """Appends the figures of a run to its file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CURVE_FILE

    def append(self, events: Sequence[StepMetrics | EpochMetrics | Divergence]) -> None:
        """Raises OSError where they cannot be written."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_lines(events))

    def cut(self, step: int, tested: bool) -> None:
        """Forget what lies after ``step``, and the test at that step where it is not ``tested``.

        A run that goes on from there makes it again.
        """
        kept = [
            event
            for event in read_curve(self._path.parent)
            if event.step < step or (event.step == step and (tested or not isinstance(event, EpochMetrics)))
        ]
        write_atomically(self._path, _lines(kept).encode())


def _lines(events: Sequence[StepMetrics | EpochMetrics | Divergence]) -> str:
    return "".join(f"{json.dumps(fields_of(event))}\n" for event in events)


def read_curve(folder: Path) -> tuple[StepMetrics | EpochMetrics | Divergence, ...]:
    """The figures of a run, in order; a line that was cut short when the run was killed is left out."""
    return tuple(_events(folder / CURVE_FILE))


def event_from(kind: str, fields: dict[str, Any]) -> StepMetrics | EpochMetrics | Divergence:
    """The event that `fields_of` made these fields of, the kind aside.

    Raises
    ------
    ValueError, TypeError
        They are not those of an event.
    """
    if kind == "StepMetrics":
        layers = tuple(LayerMetrics(**layer) for layer in fields.pop("layers", ()))
        return StepMetrics(**fields, layers=layers)
    if kind == "EpochMetrics":
        return EpochMetrics(**fields)
    if kind == "Divergence":
        return Divergence(**fields)
    raise ValueError(f"there is no event {kind!r}")


def _events(path: Path) -> Iterator[StepMetrics | EpochMetrics | Divergence]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            fields = json.loads(line)
            event = event_from(fields.pop("kind"), fields)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        yield event
