"""A folder with the checkpoints of one training run, in order, and what in it is none of them."""

from __future__ import annotations

import math
import os
import re
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.natural_order import natural
from cnnviz.data.kinds import NETWORK_SUFFIXES

MOST_FILES = 5_000
UNITS = {
    "epoch": "epoch",
    "step": "step",
    "global_step": "step",
    "iteration": "iteration",
    "iter": "iteration",
}
"""Keys under which training programs write how far they were, and what they count."""
_IN_NAME = re.compile(r"(?i)(?<![a-z])(epoch|step|iteration|iter)[-_=. ]?(\d{1,15})(?!\d)")
_NO_NETWORK = re.compile(r"-\d{2,}-of-\d{2,}\.|^resume-\d{8}\.safetensors$")
"""Parts of a network, and what a run keeps beside each of its networks in order to go on."""

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class RunFile:
    """One file of weights in the folder.

    Attributes
    ----------
    looked : bool
        Its content was looked at; before that nothing is known but its name.
    number : float or None
        How far training was, in ``unit``, as the file itself records it.
    notes : tuple of (str, float)
        Other numbers that the file records, such as its loss.
    problem : str
        Why it is none of this run's checkpoints; empty where it is, as far as is known.
    """

    path: Path
    looked: bool = False
    number: float | None = None
    unit: str = ""
    notes: tuple[tuple[str, float], ...] = ()
    problem: str = ""

    @property
    def title(self) -> str:
        """What it is called on a slider: ``epoch 12``, as the file records or its name says; else its name."""
        if self.number is None:
            named = _IN_NAME.search(self.path.stem)
            return self.path.stem if named is None else f"{named[1].lower()} {int(named[2]):,}"
        return f"{self.unit} {self.number:,.0f}" if self.number == int(self.number) else f"{self.unit} {self.number:g}"


class RunFolder:
    """The files of a folder; looked at one by one, those that changed anew. For one thread.

    Parameters
    ----------
    folder : Path
    like : Path or None
        The checkpoint that the others are to be like; by default the last of those that are named alike.
    """

    def __init__(self, folder: Path, like: Path | None = None) -> None:
        self.folder = folder
        self._like = like
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._files: dict[Path, RunFile] = {}
        self._shapes: dict[Path, Shapes] = {}
        self.rescan()

    def rescan(self) -> None:
        """See what came, went or changed; what did not is not looked at again.

        Raises
        ------
        CheckpointError
            The folder cannot be read.
        """
        found = files_of(self.folder)
        self._files = {
            path: self._files[path] if self._stamps.get(path) == stamp else RunFile(path)
            for path, stamp in found.items()
        }
        self._shapes = {
            path: shapes for path, shapes in self._shapes.items() if self._stamps.get(path) == found.get(path)
        }
        self._stamps = found
        if self._like not in found:
            ordered = main_files(found)
            self._like = ordered[-1] if ordered else None

    def look_at_next(self) -> bool:
        """Look at one more file; False when all were looked at."""
        waiting = [path for path, file in self._files.items() if not file.looked]
        if not waiting:
            return False
        path = self._like if self._like in waiting else min(waiting, key=lambda each: natural(each.name))
        assert path is not None
        self._files[path] = self._looked_at(path)
        if path == self._like and self._files[path].problem:
            whole = [each for each in main_files(self._stamps) if not self._files[each].problem]
            self._like = whole[-1] if whole else None
        return True

    @property
    def files(self) -> tuple[RunFile, ...]:
        """The run's checkpoints: by what they record of training where all do, else by the numbers in their names."""
        files = sorted(self._files.values(), key=lambda file: natural(file.path.name))
        fitting = [self._told(file) for file in files]
        fitting = [file for file in fitting if not file.problem]
        if len({file.unit for file in fitting}) == 1 and all(file.number is not None for file in fitting):
            fitting.sort(key=lambda file: file.number or 0.0)
        return tuple(fitting)

    @property
    def others(self) -> tuple[RunFile, ...]:
        """Files of weights that are none of the run's, with the problem of each."""
        files = sorted(self._files.values(), key=lambda file: natural(file.path.name))
        return tuple(file for file in map(self._told, files) if file.problem)

    @property
    def left(self) -> int:
        """How many files were not looked at yet."""
        return sum(not file.looked for file in self._files.values())

    def _looked_at(self, path: Path) -> RunFile:
        from cnnviz.checkpoints.known_plans import KNOWN
        from cnnviz.checkpoints.reader import read_checkpoint
        from cnnviz.checkpoints.refilling import shapes_in

        try:
            contents = read_checkpoint(path, KNOWN)
        except CheckpointError as error:
            words = str(error).removeprefix(f"{path} ")
            return RunFile(path, looked=True, problem=words)
        shapes = shapes_in(contents)
        if not shapes:
            return RunFile(path, looked=True, problem="holds no network's weights.")
        self._shapes[path] = shapes
        return told_by(RunFile(path, looked=True), contents.metadata)

    def _told(self, file: RunFile) -> RunFile:
        """With why it is of another network, where it is."""
        ours, theirs = self._shapes.get(self._like or file.path), self._shapes.get(file.path)
        if file.problem or ours is None or theirs is None:
            return file
        return replace(file, problem=difference(ours, theirs))


def files_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """Files of weights in a folder with what tells one state of each from another.

    Raises
    ------
    CheckpointError
        The folder cannot be read.
    """
    found: dict[Path, tuple[int, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                suits = entry.name.lower().endswith(NETWORK_SUFFIXES) and not entry.name.startswith(".")
                if not suits or _NO_NETWORK.search(entry.name):
                    continue
                try:
                    status = entry.stat()
                except OSError:  # a link to nothing, or to itself
                    continue
                if not stat.S_ISREG(status.st_mode):
                    continue
                found[folder / entry.name] = (status.st_mtime_ns, status.st_size)
                if len(found) >= MOST_FILES:
                    break
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read ({error.strerror or error}); choose another folder.") from error
    return found


def main_files(paths: Mapping[Path, object]) -> list[Path]:
    """Those that are named alike but for their numbers, in the order of these: the largest such group."""
    pattern = {path: re.sub(r"\d+(\.\d+)*", "#", path.name) for path in paths}
    groups = Counter(pattern.values())
    if not groups:
        return []
    largest = max(groups, key=lambda name: (groups[name], "#" in name))
    return sorted((path for path in paths if pattern[path] == largest), key=lambda path: natural(path.name))


def run_start(folder: Path) -> Path:
    """The checkpoint of a folder that is shown first: the last of its run.

    Raises
    ------
    CheckpointError
        The folder cannot be read, or holds no file of weights.
    """
    files = main_files(files_of(folder))
    if not files:
        endings = ", ".join(NETWORK_SUFFIXES[:4])
        raise CheckpointError(f"{folder} holds no checkpoints ({endings} …); choose the folder of a training run.")
    return files[-1]


def told_by(file: RunFile, metadata: Mapping[str, Any]) -> RunFile:
    """With how far training was, and its other numbers, as the file records them."""
    numbers = {
        key: number
        for key, value in metadata.items()
        if not key.startswith("cnnviz_") and (number := _number(value)) is not None
    }
    key = next((key for key in UNITS if key in numbers), None)
    notes = tuple((name, value) for name, value in numbers.items() if name != key)[:6]
    if key is None:
        return replace(file, notes=notes)
    return replace(file, number=numbers[key], unit=UNITS[key], notes=notes)


def difference(ours: Shapes, theirs: Shapes) -> str:
    """In what the second is another network than the first; empty where it is the same."""
    for name, shape in ours.items():
        if name not in theirs:
            return f"is of another network: it lacks '{name}'."
        if theirs[name] != shape:
            return f"is of another network: '{name}' is {_times(theirs[name])}, not {_times(shape)}."
    for name in theirs:
        if name not in ours:
            return f"is of another network: it also holds '{name}'."
    return ""


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
