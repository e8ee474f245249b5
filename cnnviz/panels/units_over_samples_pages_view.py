"""The pages that show one network's units: over samples, and how they are correlated."""

from __future__ import annotations

from typing import Any

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QCursor, QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from cnnviz.panels.units_over_samples_matrix_view import UnitMatrix
from cnnviz.panels.units_over_samples_picture_view import PictureView, correlation_content
from cnnviz.panels.units_over_samples_pictures import UnitPicture
from cnnviz.panels.units_over_samples_words import TIPS, listed, number_texts, verdict
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.histogram_view import HistogramView
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.number_table import NumberTable
from cnnviz.ui.numbers import format_number
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll


class SamplesPage(QWidget):
    """The picture, and the statistics in words and numbers beside it, or below where it is narrow."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = PictureView("Units over samples")
        self._verdict = sentences("body", shrinks=True)
        self._lists = sentences("muted", shrinks=True)
        self._numbers = NumberTable(TIPS)
        self._spread = HistogramView()
        self._spread.setToolTip("How many activations of all samples have each value")
        self._spread.setMinimumHeight(theme().px(64))
        self._beside = _Beside([self._verdict, self._numbers, self._lists, self._spread])
        self._box = _box(self, self.picture, self._beside)

    def show_picture(self, picture: UnitPicture | None, order: str) -> None:
        """Show another one; None shows nothing."""
        if picture is self.picture.picture:
            return
        self.picture.set_picture(picture, order)
        if picture is None:
            return
        found = picture.statistics
        words = verdict(found)
        self._verdict.setText(f"{words[:1].upper()}{words[1:]}.")
        self._numbers.set_table([("", number_texts(found))])
        lists = []
        rest = found.ignoring & ~found.silent
        for name, flags in (("Silent", found.silent), ("Always on", found.always_on), ("Ignoring the input", rest)):
            if flags.any() and not flags.all():
                lists.append(f"{name}: {listed(sorted(set(picture.channels[flags].tolist())))}")
        self._lists.setText("\n".join(lists))
        self._lists.setVisible(bool(lists))
        counts, edges = spread_of(picture)
        self._spread.set_histogram(counts, edges, signed=picture.signed)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        _place(self, self._box, self._beside)


class CorrelationPage(QWidget):
    """r of every two units, how |r| is spread, and the numbers that come of it."""

    unit_wanted = pyqtSignal(object, int)
    """The picture, and a column of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: UnitPicture | None = None
        self._card: HoverCard | None = None
        self.matrix = UnitMatrix("Correlation of units")
        self.matrix.hovered.connect(self._point)
        self.matrix.clicked.connect(self._click)
        self._bar = ColourBar(Qt.Orientation.Horizontal)
        self._bar.set_scale("signed", -1.0, 1.0, digits=0)
        self._words = sentences("body", shrinks=True)
        self._numbers = NumberTable({name: TIPS[name] for name in _OF_CORRELATION})
        self._spread = HistogramView()
        self._spread.setToolTip("How many pairs of units have each |r|")
        self._caption = sentences("muted", shrinks=True)
        self._caption.setText("|r| of all pairs:")
        picture = QWidget()
        column = QVBoxLayout(picture)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().px(4))
        column.addWidget(self.matrix, 1)
        column.addWidget(self._bar)
        self._beside = _Beside([self._words, self._numbers, self._caption, self._spread])
        self._box = _box(self, picture, self._beside)

    def show_picture(self, picture: UnitPicture | None, order: str) -> None:
        """Show another one; None shows nothing."""
        if picture is self._picture:
            return
        self._picture = picture
        self.matrix.set_content(None if picture is None else correlation_content(picture, order))
        if picture is None:
            return
        found = picture.statistics
        left_out = int(found.constant.sum())
        less = f" {left_out} constant units have no correlation: they are left out, and empty." if left_out else ""
        pairs = found.pairs
        if len(pairs):
            self._words.setText(f"Over all pairs |r| is {found.mean_correlation:.2f} on the mean.{less}")
        else:
            self._words.setText(f"There are no two units that vary.{less}")
        texts = number_texts(found)
        self._numbers.set_table([("", {name: texts[name] for name in _OF_CORRELATION})])
        counts, edges = np.histogram(pairs, 40, (0.0, 1.0))
        self._spread.set_histogram(counts, edges, signed=False)

    def mark(self, layer: str | None, channel: int) -> None:
        """Frame the selected unit."""
        picture = self._picture
        here = picture is not None and picture.layer == layer
        self.matrix.set_marked(picture.columns_of(channel).tolist() if here and picture is not None else ())

    def hideEvent(self, event: Any) -> None:
        if self._card is not None:
            self._card.hide()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        _place(self, self._box, self._beside)

    def _point(self, cell: tuple[int, int] | None) -> None:
        picture = self._picture
        if cell is None or picture is None or max(cell) >= len(picture.channels):
            if self._card is not None:
                self._card.hide()
            return
        window = self.window() or self
        if self._card is None:
            self._card = HoverCard(window)
        one, other = cell
        r = float(picture.statistics.correlation[one, other])
        constant = [picture.unit_name(each) for each in dict.fromkeys(cell) if picture.statistics.constant[each]]
        says = f"r = {format_number(r, 2)}" if not constant else f"{' and '.join(constant)} constant: no correlation"
        names = f"{picture.unit_name(one)} and {picture.unit_name(other)}"
        self._card.show_at(window.mapFromGlobal(QCursor.pos()), names, [says])

    def _click(self, row: int, column: int) -> None:
        if self._picture is not None and column < len(self._picture.channels):
            self.unit_wanted.emit(self._picture, column)


_OF_CORRELATION = ("mean |r|", "pairs of |r| ≥ 0.8", "effective dimension", "constant")


def spread_of(picture: UnitPicture) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the finite activations, and the edges between them; symmetric about zero where some are negative."""
    values = picture.values[np.isfinite(picture.values)]
    low = -picture.high if picture.signed else 0.0
    return np.histogram(values, 48, (low, picture.high if picture.high > 0 else 1.0))


class _Beside(VerticalScroll):
    """Numbers and words in a column that scrolls where there is no room."""

    def __init__(self, parts: list[QWidget]) -> None:
        super().__init__()
        page = QWidget()
        page.setProperty("role", "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, theme().px(4), 0)
        column.setSpacing(theme().px(6))
        for part in parts:
            column.addWidget(part)
        column.addStretch(1)
        self.setWidget(page)


def _box(page: QWidget, picture: QWidget, beside: QWidget) -> QBoxLayout:
    box = QBoxLayout(QBoxLayout.Direction.LeftToRight, page)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(theme().px(10))
    box.addWidget(picture, 1)
    box.addWidget(beside)
    return box


def _place(page: QWidget, box: QBoxLayout, beside: QWidget) -> None:
    """The numbers stand beside the picture where there is room, else below it."""
    hub = theme()
    wide = page.width() >= hub.px(520)
    box.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
    if wide:
        beside.setFixedWidth(hub.px(250))
        beside.setMaximumHeight(16_777_215)
    else:
        beside.setMinimumWidth(0)
        beside.setMaximumWidth(16_777_215)
        beside.setMaximumHeight(max(int(0.32 * page.height()), hub.px(60)))
