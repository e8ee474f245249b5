"""In what one run differs from another, in words; and the runs that differ from one in one thing alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast, get_args

from cnnviz.core.choices import POOLING_WORDS, PoolingKind
from cnnviz.data.facts import DATA
from cnnviz.nets.layer_table import (
    LAYER_TABLE,
    LayerTable,
    Normalisation,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
    Row,
    architecture_title,
)
from cnnviz.nets.table_variants import (
    with_normalisation,
    with_pooling,
    with_residual,
    without_normalisation,
    without_residual,
)
from cnnviz.training.choices import LOSSES, OPTIMIZER_TITLES, SCHEDULES
from cnnviz.training.settings import NetworkStart, SettingsError, TrainingSettings
from cnnviz.training.written_tables import written

AS_TABLE = "written as a table of layers"
"""The same layers from another random start."""

OTHER_LAYERS = "other layers"
"""Of tables that have less than half of their rows in common."""

_MEASURED = frozenset(("data_dir", "threads", "device", "save_every", "test_every", "measure_every", "channels_last"))
"""What decides where and how a run is made and watched, not what comes of it."""


@dataclass(frozen=True)
class OneChange:
    """A run that differs from another in one thing."""

    words: str
    settings: TrainingSettings


@dataclass(frozen=True)
class ChangeGroup:
    """Runs that differ in the same thing.

    Attributes
    ----------
    about
        What the thing does, for one who has to choose.
    why
        Why not all of it can be changed; empty where it can.
    """

    title: str
    about: str
    changes: tuple[OneChange, ...]
    why: str = ""


def table_of(start: NetworkStart) -> LayerTable | None:
    """The layers of a network that is a table of layers, or is the same from the same start when written as one."""
    found = written(start)
    return None if found.why else found.table


def network_of(table: LayerTable) -> NetworkStart:
    """A network with these layers, whose channels and classes are those of the data."""
    return NetworkStart(name=LAYER_TABLE, config=table.model_dump(mode="json"))


def differences(before: TrainingSettings, after: TrainingSettings) -> tuple[str, ...]:
    """What of ``after`` is other than of ``before``, a few words each; where one runs is left out."""
    key = before.model_dump_json(), after.model_dump_json()
    if key not in _differences:
        if len(_differences) >= _MOST_KEPT:
            _differences.clear()
        _differences[key] = _found_differences(before, after)
    return _differences[key]


_MOST_KEPT = 4096
_differences: dict[tuple[str, str], tuple[str, ...]] = {}
"""Those that were found, since a table of runs asks for the same ones again and again."""


def _found_differences(before: TrainingSettings, after: TrainingSettings) -> tuple[str, ...]:
    names = [
        name
        for name in TrainingSettings.model_fields
        if name not in _MEASURED and getattr(before, name) != getattr(after, name)
    ]
    if "network" in names or "dataset" in names:
        table, other = table_of(before.network), table_of(after.network)
        changed = table_words(table, other) if table is not None and other is not None else ""
        if before.network.name != LAYER_TABLE and written(before.network).table == other and other is not None:
            changed = changed or AS_TABLE
        if "dataset" in names or not changed:
            return (run_words(after),)
        return (changed, *(_words(name, after) for name in names if name != "network"))
    return tuple(_words(name, after) for name in names)


def run_words(settings: TrainingSettings) -> str:
    """Network and data."""
    start = settings.network
    name = architecture_title(Path(start.name).stem)
    kept = ", trained further" if start.keep_weights else ""
    kind, _, path = settings.dataset.partition(":")
    data = Path(path).name if kind == "folder" else settings.dataset
    return f"{name}{kept} on {data}{', pixels permuted' if settings.permute_pixels else ''}"


LOSS_AXES: Mapping[str, str] = {
    "cross-entropy": "cross-entropy (nats/image)",
    "binary-cross-entropy": "binary cross-entropy (nats/class)",
    "square-error-mean": "square error (mean of classes)",
    "square-error-sum": "square error (sum of classes)",
}
"""What an axis says of a loss, with its unit, in so few words that a low plot has room for them: of a mean image."""


def loss_axis(losses: Iterable[str]) -> str:
    """What the axis of these losses together says: of several kinds, that no height is beside another's."""
    kinds = set(losses)
    return LOSS_AXES[kinds.pop()] if len(kinds) == 1 else "loss (each run's own kind)"


def table_words(before: LayerTable, after: LayerTable) -> str:
    """The one change that makes the second table of the first; of others, by how many rows they differ."""
    if before == after:
        return ""
    for _, _, variants in _table_groups(before):
        for words, table in variants:
            if table == after:
                return words
    ours, theirs = {row.name: row for row in before.layers}, {row.name: row for row in after.layers}
    others = [name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)]
    if 2 * len(others) > len({*ours, *theirs}):
        return OTHER_LAYERS
    if len(others) == 1:
        return _row_words(ours.get(others[0]), theirs.get(others[0]))
    if all(name not in ours for name in others):
        return f"{len(others)} more layers" if others else "layers in another order"
    return f"{len(others)} {'layers less' if all(name not in theirs for name in others) else 'other layers'}"


def _row_words(before: Row | None, after: Row | None) -> str:
    """What became of one layer."""
    if after is None:
        return f"without {cast(Row, before).name}"
    if before is None or before.kind != after.kind:
        return f"{after.name}: {after.kind.replace('-', ' ')}"
    fields = [name for name in type(after).model_fields if getattr(before, name) != getattr(after, name)]
    changed = [f"{name.replace('_', ' ')} {_value_words(getattr(after, name))}" for name in fields if name != "stride"]
    return f"{after.name}: {', '.join(changed or [f'stride {_value_words(getattr(after, name))}' for name in fields])}"


def _value_words(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)


def one_change(settings: TrainingSettings) -> tuple[ChangeGroup, ...]:
    """All runs that are offered as duplicates of this one, by what is changed."""
    return (*_network_groups(settings), *_number_groups(settings), *_choice_groups(settings))


def as_it_ended(first: TrainingSettings, last: TrainingSettings) -> tuple[ChangeGroup, ...]:
    """The run whose first step has what another was changed to on its way; none where nothing was changed."""
    changed = differences(first, last)
    if not changed:
        return ()
    about = "All other duplicates begin as the run began: what was changed on its way is not in them"
    return (
        ChangeGroup("What was changed on the way", about, (OneChange(f"{', '.join(changed)}, from the start", last),)),
    )


def _network_groups(settings: TrainingSettings) -> Iterator[ChangeGroup]:
    found = written(settings.network)
    if found.table is None or found.why:
        same = (
            [] if found.table is None else [OneChange(AS_TABLE, settings.changed({"network": network_of(found.table)}))]
        )
        yield ChangeGroup("Layers", "Normalisation, residual connections, pooling", tuple(same), found.why)
        return
    table = found.table
    for title, about, variants in _table_groups(table):
        different = dict.fromkeys(other for _, other in variants if other != table and _is_possible(other, settings))
        first = {other: next(words for words, each in variants if each == other) for other in different}
        changes = [OneChange(words, settings.changed({"network": network_of(other)})) for other, words in first.items()]
        if changes:
            yield ChangeGroup(title, about, tuple(changes))


def _is_possible(table: LayerTable, settings: TrainingSettings) -> bool:
    """Whether these layers fit the images; of those of a folder that is not known before they are read."""
    facts = DATA.get(settings.dataset)
    return facts is None or _fits(table, facts.shape, facts.classes)


@lru_cache(maxsize=1024)
def _fits(table: LayerTable, images: tuple[int, int, int], classes: int) -> bool:
    from cnnviz.nets.table_plan import plan_table  # takes torch, which nobody who names runs waits for

    return plan_table(table, images, classes).is_possible


def _table_groups(table: LayerTable) -> Iterator[tuple[str, str, list[tuple[str, LayerTable]]]]:
    """What is changed, what that does, and the tables with their words."""
    rows = table.layers
    normalised = [("no normalisation", without_normalisation(table))]
    for kind in get_args(Normalisation):
        for place in ("before", "after"):
            words = f"{kind} normalisation {place} the activation"
            normalised.append((words, with_normalisation(table, kind, place)))
    has = any(isinstance(row, NormalisationRow | ResidualRow) for row in rows)
    about = "Brings the values that a layer gives to one mean and spread: higher learning rates become possible"
    yield "Normalisation", about, normalised if has else normalised[1:]
    if any(isinstance(row, ResidualRow) for row in rows):
        residual = [
            ("no residual connections", without_residual(table)),
            ("residual connections", with_residual(table)),
        ]
        yield "Residual connections", "f(x) + x in place of f(x): deep networks can be trained", residual
    if any(isinstance(row, PoolingRow) for row in rows):
        pooled = [(_pooling_words(kind), with_pooling(table, kind)) for kind in (*get_args(PoolingKind), "none")]
        yield "Pooling", "How a window becomes one number, and what of the place is lost", pooled


def _pooling_words(kind: str) -> str:
    return "no pooling" if kind == "none" else f"pooling: {POOLING_WORDS[cast(PoolingKind, kind)]}"


def _number_groups(settings: TrainingSettings) -> Iterator[ChangeGroup]:
    rate, batch = settings.learning_rate, settings.batch_size
    yield _group(
        settings,
        "Learning rate",
        "The size of a step: too small crawls, too large diverges",
        "learning_rate",
        [float(f"{rate * factor:.3g}") for factor in (10, 3, 1 / 3, 0.1)],
    )
    sizes = [size for size in (batch * 4, batch * 2, batch // 2, batch // 4) if 2 <= size <= 4096]
    yield _group(settings, "Batch size", "Images in a step: small batches are noisy, and many", "batch_size", sizes)
    decays = [0.0, 1e-4, 1e-3, 0.01, 0.1]
    yield _group(settings, "Weight decay", "Pulls the weights towards 0 at each step", "weight_decay", decays)
    leaves = [0.0, 0.2, 0.5] if settings.dropout else [0.2, 0.5]
    yield _group(settings, "Dropout", "Values left out at random while it trains", "dropout", leaves)
    epochs = [settings.epochs * 2, max(settings.epochs // 2, 1)]
    yield _group(settings, "Epochs", "Passes over the training images", "epochs", epochs)
    seeds = [settings.seed + more for more in (1, 2)]
    yield _group(settings, "Seed", "Other random numbers: how much of a difference is chance", "seed", seeds)


def _choice_groups(settings: TrainingSettings) -> Iterator[ChangeGroup]:
    yield _group(settings, "Optimiser", "How a gradient becomes a step", "optimizer", list(OPTIMIZER_TITLES))
    yield _group(settings, "Schedule", "How the learning rate changes", "schedule", list(SCHEDULES))
    yield _group(settings, "Loss", "What is made small", "loss", list(LOSSES))
    yield _group(
        settings,
        "Pixels",
        "One other order of the pixels: a convolution rests on what is near, a dense layer does not",
        "permute_pixels",
        [not settings.permute_pixels],
    )


def _group(settings: TrainingSettings, title: str, about: str, field: str, values: list[Any]) -> ChangeGroup:
    others = [value for value in dict.fromkeys(values) if value != getattr(settings, field)]
    changed = []
    for value in others:
        with contextlib.suppress(SettingsError):  # twice as many epochs may be more than there can be
            changed.append(settings.changed({field: value}))
    return ChangeGroup(title, about, tuple(OneChange(_words(field, each), each) for each in changed))


def _words(field: str, settings: TrainingSettings) -> str:
    value = getattr(settings, field)
    make = _WORDS.get(field)
    return make(value) if make is not None else f"{field.replace('_', ' ')} {value}"


def _counted(one: str, many: str, value: int) -> str:
    return f"{value:,} {one if value == 1 else many}"


def _dropout_words(value: float | None) -> str:
    if value is None:
        return "the network's own dropout"
    return f"dropout {value:g}" if value else "no dropout"


_WORDS: Mapping[str, Any] = {
    "permute_pixels": lambda value: "pixels permuted" if value else "pixels in their order",
    "epochs": partial(_counted, "epoch", "epochs"),
    "steps": lambda value: "all steps" if value is None else _counted("step", "steps", value),
    "batch_size": lambda value: f"batches of {value:,}",
    "loss": lambda value: value.replace("-", " "),
    "label_smoothing": lambda value: f"label smoothing {value:g}" if value else "no label smoothing",
    "optimizer": lambda value: OPTIMIZER_TITLES[value],
    "learning_rate": lambda value: f"learning rate {value:g}",
    "momentum": lambda value: f"momentum {value:g}",
    "weight_decay": lambda value: f"weight decay {value:g}" if value else "no weight decay",
    "dropout": _dropout_words,
    "schedule": lambda value: f"{value.replace('-', ' ')} schedule",
    "schedule_factor": lambda value: f"factor {value:g} of the schedule",
    "schedule_epochs": lambda value: f"{_counted('epoch', 'epochs', value)} of the schedule",
    "augmentations": lambda value: f"images changed by {', '.join(value)}" if value else "images as they are",
    "seed": lambda value: f"seed {value}",
}
