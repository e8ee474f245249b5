"""What a person calls a run, kept in its folder beside what the process that trains writes there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from cnnviz.data.atomic import write_atomically
from cnnviz.data.frozen import Frozen

LABEL_FILE = "label.json"
LONGEST_NAME = 80


class RunLabel(Frozen):
    """What a person calls a run, and what it was trained for."""

    version: Literal[1] = 1
    name: str = Field("", max_length=LONGEST_NAME, description="in place of what differs from the run before")
    base: str = Field("", max_length=200, description="id of the run that this one is a duplicate of, with a change")
    comparison: str = Field("", max_length=LONGEST_NAME, description="for which it was trained, with others")


def read_label(folder: Path) -> RunLabel:
    """That of the run in ``folder``; an empty one where it has none that can be read."""
    try:
        return RunLabel.model_validate_json((folder / LABEL_FILE).read_bytes())
    except (OSError, ValidationError):
        return RunLabel()


def write_label(folder: Path, label: RunLabel) -> None:
    """Raises OSError where it cannot be written; what was there stays."""
    write_atomically(folder / LABEL_FILE, label.model_dump_json(indent=1).encode())
