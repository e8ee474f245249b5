"""The order in which Tab goes through widgets: as one reads them, whatever order they were made in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PyQt6.QtCore import QRect, Qt
from PyQt6.QtWidgets import QAbstractButton, QScrollArea, QWidget


def reading_order(places: Sequence[QRect], *, by_columns: bool = False) -> list[int]:
    """Indices of ``places`` as one reads them: row by row, and within a row from left to right.

    Parameters
    ----------
    by_columns
        Read each column from top to bottom before the next, wherever a line from top to bottom parts the places.

    Notes
    -----
    The recursive X-Y cut: Nagy, Seth and Viswanathan, "A Prototype Document Image Analysis System for Technical
    Journals", 1992. Places that no straight line parts are taken by their corners.
    """
    return _cut(list(range(len(places))), places, (True, False) if by_columns else (False, True))


def tab_stops(widget: QWidget, also: QWidget | None = None) -> Iterator[QWidget]:
    """``widget`` and what is in it, as far as Tab may stop there now; ``also`` in its place, if it is in there."""
    children = [child for child in widget.children() if isinstance(child, QWidget) and _is_there(child)]
    order = reading_order([child.geometry() for child in children])
    inside = [stop for index in order for stop in tab_stops(children[index], also)]
    if widget is also or (_stops_at(widget) and not (inside and isinstance(widget, QScrollArea))):
        yield widget  # what scrolls needs no stop of its own where those in it do: it follows them
    yield from inside


def move_focus(stops: Sequence[QWidget], present: QWidget | None, *, forward: bool) -> bool:
    """Give the focus to the stop after or before the ``present`` one, round and round; False where there is none."""
    others = [stop for stop in stops if stop is not present]
    if not others:
        return False
    if present in stops:
        target = stops[(stops.index(present) + (1 if forward else -1)) % len(stops)]
    else:
        target = stops[0 if forward else -1]
    target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
    _bring_into_view(target)
    return True


def _stops_at(widget: QWidget) -> bool:
    """Whether Tab may stop there: of buttons of which one is chosen at that one, from which arrow keys go on."""
    takes_tab = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    if group is not None and group.exclusive() and group.checkedButton() is not None:
        takes_tab = group.checkedButton() is widget  # Qt asks for the one that had the focus last
    return takes_tab and widget.focusProxy() is None and widget.isEnabled() and not widget.size().isEmpty()


def _is_there(widget: QWidget) -> bool:
    return widget.isVisible() and not widget.isWindow()


def _bring_into_view(widget: QWidget) -> None:
    around = widget.parentWidget()
    while around is not None:
        if isinstance(around, QScrollArea):
            around.ensureWidgetVisible(widget, 4, 4)
        around = around.parentWidget()


def _cut(indices: list[int], places: Sequence[QRect], ways: tuple[bool, bool]) -> list[int]:
    if len(indices) < 2:
        return indices
    for across in ways:
        groups = _groups(indices, places, across=across)
        if len(groups) > 1:
            return [index for group in groups for index in _cut(group, places, ways)]
    return sorted(indices, key=lambda index: (places[index].top(), places[index].left()))


def _groups(indices: list[int], places: Sequence[QRect], *, across: bool) -> list[list[int]]:
    """Those whose extents, from left to right where ``across``, else from top to bottom, run into each other."""

    def extent(index: int) -> tuple[int, int]:
        place = places[index]
        return (place.x(), place.x() + place.width()) if across else (place.y(), place.y() + place.height())

    groups: list[list[int]] = []
    end = 0
    for index in sorted(indices, key=extent):
        start, stop = extent(index)
        if not groups or start >= end:
            groups.append([])
            end = stop
        groups[-1].append(index)
        end = max(end, stop)
    return groups
