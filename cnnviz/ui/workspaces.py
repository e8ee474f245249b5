"""The workspaces: which panels stand where while a person is busy with one subject."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

NARROW = 1100
"""Width of a window, in pixels at font scale 1, below which there is no room for more than two columns."""

MOST_TABS = 5
"""In one place, so that their names can be read."""


@dataclass(frozen=True)
class Slot:
    """One place in a column: its panels as tabs, the first in front, and its share of the height.

    Where it would be lower than ``least``, in pixels at font scale 1, its panels are tabs of the slot above.
    """

    panels: tuple[str, ...]
    share: float = 1.0
    least: float = 0.0


@dataclass(frozen=True)
class Column:
    """Slots one above the other; ``width`` in pixels at the window's first size and font scale 1.

    The widest column of a workspace takes what the others leave, which shrink with the window down to ``least``.
    """

    width: float
    slots: tuple[Slot, ...]
    least: float = 0.0

    @property
    def panels(self) -> tuple[str, ...]:
        """All of them, slot by slot."""
        return tuple(name for slot in self.slots for name in slot.panels)


@dataclass(frozen=True)
class Workspace:
    """Columns from left to right.

    Attributes
    ----------
    about : tuple of str
        The panels that it is there for; without any of them it is not offered.
    tip : str
        What one does in it.
    """

    id: str
    title: str
    tip: str
    about: tuple[str, ...]
    columns: tuple[Column, ...]

    def of(self, known: Collection[str]) -> Workspace:
        """The same with those panels alone that there are; what is left of a column shares its height."""
        columns = []
        for column in self.columns:
            slots = [replace(slot, panels=tuple(n for n in slot.panels if n in known)) for slot in column.slots]
            slots = [slot for slot in slots if slot.panels]
            whole = sum(slot.share for slot in slots)
            if slots:
                columns.append(replace(column, slots=tuple(replace(slot, share=slot.share / whole) for slot in slots)))
        return replace(self, columns=tuple(columns))

    def fitted(self, width: float, height: float) -> Workspace:
        """The same for a window of this size, in pixels at font scale 1: in a small one more panels are tabs."""
        columns = [replace(column, slots=_with_room(column.slots, height)) for column in self.columns]
        while width < NARROW and len(columns) > 2:
            columns = self._with_one_less(columns)
        return replace(self, columns=tuple(columns))

    def _with_one_less(self, columns: list[Column]) -> list[Column]:
        """The narrowest column but the first becomes tabs in the widest; what the workspace is about comes first."""
        narrowest = min(columns[1:], key=lambda column: column.width)
        widest = max((column for column in columns[1:] if column is not narrowest), key=lambda column: column.width)
        moved = narrowest.panels
        legible = [slot for slot in widest.slots if len(slot.panels) + len(moved) <= MOST_TABS]
        host = max(legible or widest.slots, key=lambda slot: slot.share)
        first = {name: place for place, name in enumerate(self.about)}
        panels = sorted(host.panels + moved, key=lambda name: first.get(name, len(first)))
        together = replace(host, panels=tuple(panels))
        slots = tuple(together if slot is host else slot for slot in widest.slots)
        wider = replace(widest, slots=slots)
        return [wider if column is widest else column for column in columns if column is not narrowest]

    @property
    def panels(self) -> tuple[str, ...]:
        """All of them, column by column."""
        return tuple(name for column in self.columns for name in column.panels)


def _with_room(slots: tuple[Slot, ...], height: float) -> tuple[Slot, ...]:
    """Those of a column of this height, without any that would be lower than it can be; the others share its room."""
    kept: list[Slot] = []
    for slot in slots:
        if kept and slot.share * height < slot.least:
            kept[-1] = replace(kept[-1], panels=kept[-1].panels + slot.panels)
        else:
            kept.append(slot)
    whole = sum(slot.share for slot in kept)
    return tuple(kept) if len(kept) == len(slots) else tuple(replace(slot, share=slot.share / whole) for slot in kept)


_INPUT_AND_ANSWER = Column(
    304, (Slot(("input",), 0.60), Slot(("samples",), 0.18, 140), Slot(("prediction",), 0.22)), least=282
)


def _below_the_network(*panels: str) -> tuple[Slot, ...]:
    """At 1600×1000 the lower panel is 540 pixels high, at 1280×720 360."""
    return Slot(("network",), 0.36), Slot(panels, 0.64)


WORKSPACES: tuple[Workspace, ...] = (
    Workspace(
        "explore",
        "Explore",
        "Follow an input through the network",
        ("network",),
        (
            _INPUT_AND_ANSWER,
            Column(900, (Slot(("network",), 0.46), Slot(("activations",), 0.54))),
            Column(372, (Slot(("filters",), 0.46), Slot(("unit",), 0.54))),
        ),
    ),
    Workspace(
        "checkpoint",
        "Checkpoint",
        "See what a file of weights holds",
        ("checkpoint", "guess"),
        (
            _INPUT_AND_ANSWER,
            Column(900, (Slot(("checkpoint", "guess")),)),
            Column(372, (Slot(("filters",), 0.46), Slot(("unit",), 0.54))),
        ),
    ),
    Workspace(
        "receptive-field",
        "Receptive field",
        "See how much of the input a unit sees, and why",
        ("receptive-field", "chain-builder"),
        (
            _INPUT_AND_ANSWER,
            Column(760, _below_the_network("receptive-field")),
            Column(520, (Slot(("chain-builder",)),)),
        ),
    ),
    Workspace(
        "pooling",
        "Pooling",
        "Swap the pooling of a network, and see what it makes invariant",
        ("pooling", "invariance"),
        (
            _INPUT_AND_ANSWER,
            Column(720, _below_the_network("pooling")),
            Column(560, (Slot(("invariance",)),)),
        ),
    ),
    Workspace(
        "equivariance",
        "Equivariance",
        "Move the input, and see whether the maps move with it",
        ("equivariance", "padding", "consistency", "symmetry"),
        (
            _INPUT_AND_ANSWER,
            Column(760, (Slot(("equivariance",)),)),
            Column(520, (Slot(("padding", "consistency", "symmetry")),)),
        ),
    ),
    Workspace(
        "training",
        "Training",
        "Train a network, and watch its filters come about",
        ("training", "architecture", "runs", "compare", "epochs"),
        (
            _INPUT_AND_ANSWER,
            Column(460, (Slot(("training", "architecture", "runs")),)),
            Column(
                820,
                (
                    Slot(("filters", "network"), 0.42),
                    Slot(("activations", "units-over-samples", "epochs", "compare"), 0.58),
                ),
            ),
        ),
    ),
    Workspace(
        "loss",
        "Loss and optimisers",
        "Work a loss out by hand, and see how optimisers make it small",
        ("landscape", "loss-calculator"),
        (
            _INPUT_AND_ANSWER,
            Column(740, (Slot(("landscape",)),)),
            Column(540, (Slot(("loss-calculator",)),)),
        ),
    ),
    Workspace(
        "gradients",
        "Gradients",
        "Follow the error back through the network, and check its gradients",
        ("backpropagation", "gradient-check", "residual"),
        (
            _INPUT_AND_ANSWER,
            Column(830, (Slot(("network",), 0.36), Slot(("backpropagation", "residual"), 0.64))),
            Column(450, (Slot(("gradient-check", "unit"), 0.60), Slot(("filters",), 0.40))),
        ),
    ),
)


def offered(known: Collection[str]) -> tuple[Workspace, ...]:
    """Those that have something of what they are about, with the panels that there are."""
    return tuple(workspace.of(known) for workspace in WORKSPACES if any(name in known for name in workspace.about)) or (
        WORKSPACES[0].of(known),
    )
