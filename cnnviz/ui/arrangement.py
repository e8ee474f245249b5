"""Puts docks where a workspace wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from PyQt6.QtCore import Qt

from cnnviz.ui.dock import Dock, DockWindow, visible_to_person
from cnnviz.ui.theme import theme
from cnnviz.ui.workspaces import Column, Slot, Workspace

FIRST_WIDTH = 1600
"""Of the window for which the columns' widths are given."""
LEAST_SQUEEZE = 0.82
"""In a narrow window the fixed columns shrink with it, down to this; one of two does not."""
WIDEST_SHARE = 0.4
"""Of the window, which larger type leaves to the widest of the columns as they stand."""


def arrange(window: DockWindow, docks: Mapping[str, Dock], areas: Mapping[str, str], workspace: Workspace) -> None:
    """Show the workspace's panels where it says, and hide the others, each ready to come as a tab of its area."""
    for dock in docks.values():
        window.removeDockWidget(dock)
    heads = [docks[column.slots[0].panels[0]] for column in workspace.columns]
    if not heads:
        return
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, heads[0])
    for before, head in pairwise(heads):
        window.splitDockWidget(before, head, Qt.Orientation.Horizontal)
    for column in workspace.columns:
        for above, below in pairwise(docks[slot.panels[0]] for slot in column.slots):
            window.splitDockWidget(above, below, Qt.Orientation.Vertical)
    for slot in (slot for column in workspace.columns for slot in column.slots):
        _stack(window, docks, slot)
    for panel_id, dock in docks.items():
        if panel_id not in workspace.panels:
            put_aside(window, docks, dock, areas[panel_id], workspace)
    share_space(window, docks, workspace)


def _stack(window: DockWindow, docks: Mapping[str, Dock], slot: Slot) -> None:
    first = docks[slot.panels[0]]
    for name in slot.panels[1:]:
        window.tabifyDockWidget(first, docks[name])
        docks[name].show()
    first.show()
    first.raise_()


def put_aside(
    window: DockWindow, docks: Mapping[str, Dock], dock: Dock, area: str, workspace: Workspace, *, show: bool = False
) -> None:
    """Give a dock that stands nowhere a tab in its area, behind what is there."""
    host = docks[_host(workspace, area)]
    window.tabifyDockWidget(host, dock)
    dock.setVisible(show)
    if not host.isHidden():
        host.raise_()


def _host(workspace: Workspace, area: str) -> str:
    """The panel beside which one of ``area`` comes: below on the left, in the tallest place elsewhere."""
    columns = workspace.columns
    if area == "left":
        return columns[0].slots[-1].panels[0]
    column = columns[-1] if area == "right" else _widest(columns)
    return max(column.slots, key=lambda slot: slot.share).panels[0]


def _widest(columns: tuple[Column, ...]) -> Column:
    return max(columns, key=lambda column: column.width)


def share_space(window: DockWindow, docks: Mapping[str, Dock], workspace: Workspace) -> None:
    """The workspace's proportions, at the present size of the window."""
    scale = theme().scale
    columns = workspace.columns
    least = LEAST_SQUEEZE if len(columns) > 2 else 1.0
    squeeze = min(1.0, max(window.width() / (FIRST_WIDTH * scale), least))
    widths = [max(column.width * squeeze, column.least) * scale for column in columns]
    widest = columns.index(_widest(columns))
    widths[widest] = max(window.width() - sum(widths) + widths[widest], widths[widest] * 0.4)
    heads = [docks[column.slots[0].panels[0]] for column in columns]
    window.resizeDocks(heads, [round(width) for width in widths], Qt.Orientation.Horizontal)
    for column in columns:
        fronts = [docks[slot.panels[0]] for slot in column.slots]
        heights = [round(slot.share * window.height()) for slot in column.slots]
        window.resizeDocks(fronts, heights, Qt.Orientation.Vertical)


@dataclass(frozen=True)
class Standing:
    """A column of docks as it stands, from the top down, and its width in pixels."""

    docks: tuple[Dock, ...]
    width: int


def columns_as_they_stand(docks: Iterable[Dock]) -> list[Standing]:
    """The columns from left to right, whoever put them there; docks that reach over several make one of them."""
    seen = [dock for dock in docks if visible_to_person(dock) and not dock.isFloating()]
    columns: list[list[Dock]] = []
    right = -1
    for dock in sorted(seen, key=lambda dock: dock.geometry().left()):
        if dock.geometry().left() > right:
            columns.append([])
        columns[-1].append(dock)
        right = max(right, dock.geometry().right())
    return [
        Standing(
            tuple(sorted(column, key=lambda dock: dock.geometry().top())),
            max(dock.geometry().right() for dock in column) - min(dock.geometry().left() for dock in column) + 1,
        )
        for column in columns
    ]


def follow_type(window: DockWindow, before: list[Standing], ratio: float, workspace: Workspace) -> None:
    """Make columns that a person has arranged wider or narrower with their type, as far as there is room.

    Parameters
    ----------
    before
        The columns as they stood with the type of before; the widest takes what the others leave.
    ratio
        Of the present font scale to that of before.
    workspace
        Tells the least width of its columns, which its panels keep wherever they stand.
    """
    if len(before) < 2:
        return
    widest = max(before, key=lambda column: column.width)
    scale = theme().scale
    least_of = {name: column.least * scale for column in workspace.columns for name in column.panels}
    whole = sum(column.width for column in before)
    others = [column for column in before if column is not widest]
    least = [max(least_of.get(dock.objectName(), 0.0) for dock in column.docks) for column in others]
    wanted = [max(column.width * ratio, floor) for column, floor in zip(others, least, strict=True)]
    squeeze = min(1.0, whole * (1 - WIDEST_SHARE) / sum(wanted))
    widths = [round(max(width * squeeze, floor)) for width, floor in zip(wanted, least, strict=True)]
    heads = [column.docks[0] for column in (*others, widest)]
    window.resizeDocks(heads, [*widths, max(whole - sum(widths), 1)], Qt.Orientation.Horizontal)
