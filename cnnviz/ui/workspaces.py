"""The workspaces: which panels stand where while a person is busy with one subject."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Slot:
    """One place in a column: its panels as tabs, the first in front, and its share of the height."""

    panels: tuple[str, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Column:
    """Slots one above the other; ``width`` in pixels at the window's first size and font scale 1.

    The widest column of a workspace takes what the others leave.
    """

    width: float
    slots: tuple[Slot, ...]


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
            slots = [Slot(tuple(name for name in slot.panels if name in known), slot.share) for slot in column.slots]
            slots = [slot for slot in slots if slot.panels]
            whole = sum(slot.share for slot in slots)
            if slots:
                columns.append(Column(column.width, tuple(replace(slot, share=slot.share / whole) for slot in slots)))
        return replace(self, columns=tuple(columns))

    @property
    def panels(self) -> tuple[str, ...]:
        """All of them, column by column."""
        return tuple(name for column in self.columns for slot in column.slots for name in slot.panels)


def _input_and_answer(width: float = 304) -> Column:
    return Column(width, (Slot(("input",), 0.60), Slot(("samples",), 0.18), Slot(("prediction",), 0.22)))


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
            _input_and_answer(),
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
            _input_and_answer(),
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
            _input_and_answer(),
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
            _input_and_answer(),
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
            _input_and_answer(),
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
            _input_and_answer(),
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
            _input_and_answer(),
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
            _input_and_answer(),
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
