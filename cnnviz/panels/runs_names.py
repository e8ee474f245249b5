"""What runs are called: by the person, by what they are duplicates of, or by what sets them apart from a neighbour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnnviz.training.run_changes import OTHER_LAYERS, differences, run_words
from cnnviz.training.run_label import RunLabel
from cnnviz.training.settings import TrainingSettings


@dataclass(frozen=True)
class NamedRun:
    """What a name is made from."""

    id: str
    settings: TrainingSettings
    label: RunLabel


@dataclass(frozen=True)
class RunName:
    """A run in the table and in the legend.

    Attributes
    ----------
    name : str
        What the person, or the comparison it was trained for, calls it; of a duplicate that of the run it is one of;
        else network and data.
    change : str
        In what it differs from ``beside``; empty where the name says so, or where nothing can be said in few words.
    beside : str
        The run that was duplicated, by its name; empty where it is the row above.
    """

    name: str
    change: str
    beside: str = ""

    @property
    def whole(self) -> str:
        return f"{self.name}, {self.change}" if self.beside else self.name


def names_of(runs: Iterable[NamedRun]) -> dict[str, RunName]:
    """Names by id of all runs of the table, in its order."""
    names: dict[str, RunName] = {}
    settings: dict[str, TrainingSettings] = {}
    above: TrainingSettings | None = None
    for run in runs:
        base = settings.get(run.label.base)
        if base is not None and not run.label.name:
            names[run.id] = _duplicate(names[run.label.base], base, run.settings)
        else:
            names[run.id] = _beside_the_row_above(run, above)
        settings[run.id] = above = run.settings
    return names


def curve_names(runs: Sequence[NamedRun], names: dict[str, RunName]) -> dict[str, str]:
    """What sets runs apart whose curves lie over one another, by id.

    The person's own name; of duplicates of one run the change alone; else what differs from the first of them.
    """
    found: dict[str, str] = {}
    of_one = len({names[run.id].name for run in runs}) == 1
    for run in runs:
        name = names[run.id]
        if run.label.name or run is runs[0]:
            found[run.id] = name.whole
        elif name.beside:
            found[run.id] = name.change if of_one or name.beside == names[runs[0].id].whole else name.whole
        else:
            changed = differences(runs[0].settings, run.settings)
            known = bool(changed) and changed[0] != OTHER_LAYERS
            found[run.id] = ", ".join(changed) if known else ", ".join((run_words(run.settings), *changed[1:]))
    return found


def _duplicate(base: RunName, before: TrainingSettings, after: TrainingSettings) -> RunName:
    """Changes of changes are told one after the other, so that all of them are."""
    changed = ", ".join(differences(before, after)) or "once more"
    return RunName(base.name, f"{base.change}, {changed}" if base.beside else changed, base.beside or base.name)


def _beside_the_row_above(run: NamedRun, above: TrainingSettings | None) -> RunName:
    whole = run_words(run.settings)
    changed = ", ".join(differences(above, run.settings)) if above is not None else whole
    if run.label.name:
        return RunName(run.label.name, changed if changed != run.label.name else "")
    if not changed:
        return RunName(whole, "as the one above")
    return RunName(whole, "" if changed == whole or changed.startswith(OTHER_LAYERS) else changed)
