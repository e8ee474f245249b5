"""Bars of many layers in an area that scrolls and keeps the marked one in view."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QObject
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QWidget

from cnnviz.ui.bar_list import BarList
from cnnviz.ui.vertical_scroll import VerticalScroll


class ScrolledBars(VerticalScroll):
    """A :class:`BarList` as high as its rows; a row that becomes the marked one is brought into view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[tuple[str, ...], int | None] = ((), None)
        self._due = False
        self.bars = BarList()
        self.bars.setProperty("role", "page")
        self.setWidget(self.bars)

    def set_rows(
        self,
        names: Sequence[str],
        shares: Sequence[float],
        *,
        full: float = 1.0,
        marked: int | None = 0,
        texts: Sequence[str] | None = None,
    ) -> None:
        """As of :meth:`BarList.set_rows`."""
        self.bars.set_rows(names, shares, full=full, marked=marked, texts=texts)
        height = len(names) * self.bars.row_height()
        if self.bars.minimumHeight() != height:
            self.bars.setMinimumHeight(height)
        shown = (tuple(names), marked)
        if shown != self._shown:
            self._shown, self._due = shown, True
            self._reveal()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._due = True
        self._reveal()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The rows get their height only after they are set."""
        taken = super().eventFilter(watched, event)
        if self._due and event is not None and event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._reveal()
        return taken

    def _reveal(self) -> None:
        marked, row = self._shown[1], self.bars.row_height()
        if marked is None or self.bars.height() < self.bars.minimumHeight():
            return
        self._due = False
        scroll, viewport = self.verticalScrollBar(), self.viewport()
        if scroll is None or viewport is None:
            return
        seen = viewport.height()
        if not scroll.value() <= marked * row <= scroll.value() + seen - row:
            # in the middle, and whole rows from the top on
            scroll.setValue(max(marked - seen // row // 2, 0) * row)
