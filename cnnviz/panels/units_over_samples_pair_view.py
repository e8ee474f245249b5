"""Two trainings side by side: their pictures in one scale, and their numbers in one table."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from cnnviz.panels.units_over_samples import PairSide, UnitsOverSamplesResult
from cnnviz.panels.units_over_samples_picture_view import PictureView
from cnnviz.panels.units_over_samples_pictures import UnitPicture
from cnnviz.panels.units_over_samples_words import BAD, GOOD, TIPS, number_texts, verdict
from cnnviz.ui.controls import ElidedLabel, text_button
from cnnviz.ui.number_table import NumberTable
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

HEADS = {
    "good": ("Good training", "Good"),
    "bad": ("Bad training", "Bad"),
    "this network": ("This network", "This"),
    "the other": ("The other", "Other"),
}
"""Of a picture, and of its column of numbers."""


class PairView(QWidget):
    """What was computed of a pair."""

    open_wanted = pyqtSignal(str)
    """The source of a network that all panels are to show."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sources = ["", ""]
        self.pictures = (
            PictureView("Units of the first network"),
            PictureView("Units of the second network"),
        )
        self._heads = (ElidedLabel("", role="title", token="text"), ElidedLabel("", role="title", token="text"))
        self._abouts = (ElidedLabel(), ElidedLabel())
        self._verdicts = (sentences("body", shrinks=True), sentences("body", shrinks=True))
        self._opens = tuple(
            text_button("Open", "Let every panel show this network, with its weights as they are now", role="eye")
            for _ in range(2)
        )
        self._table = NumberTable(TIPS)
        self._words = sentences("body", shrinks=True)
        self._lecture = sentences("muted", shrinks=True)
        self._lecture.setText(f"As lectures put it: a good training is {GOOD}; in a bad one {BAD}.")
        scroll = VerticalScroll(self._page_of_numbers())
        scroll.setMinimumHeight(theme().px(40))
        self._scroll = scroll
        both = QGridLayout()
        both.setContentsMargins(0, 0, 0, 0)
        both.setHorizontalSpacing(theme().px(10))
        both.setVerticalSpacing(theme().px(3))
        for side in range(2):
            row = QHBoxLayout()
            row.addWidget(self._heads[side], 1)
            row.addWidget(self._opens[side])
            both.addLayout(row, 0, side)
            self._abouts[side].setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            both.addWidget(self._abouts[side], 1, side)
            both.addWidget(self.pictures[side], 2, side)
            both.addWidget(self._verdicts[side], 3, side)
            both.setColumnStretch(side, 1)
            self._opens[side].clicked.connect(lambda _=False, side=side: self.open_wanted.emit(self._sources[side]))
        both.setRowStretch(2, 1)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(theme().px(10))
        self._box.addLayout(both, 3)
        self._box.addWidget(scroll, 0)

    def show_result(self, result: UnitsOverSamplesResult, order: str) -> None:
        """Both sides; nothing where there are none."""
        for index, side in enumerate(result.sides):
            beside = [each.picture for each in result.sides if each.picture not in (None, side.picture)]
            self._show_side(index, side, order, [each for each in beside if each is not None])
        columns = [
            (HEADS[side.title][1], number_texts(side.picture.statistics))
            for side in result.sides
            if side.picture is not None
        ]
        self._table.set_table(columns)
        self._words.setText(result.message)
        self._words.setVisible(bool(result.message))
        self._lecture.setVisible(any(side.title == "good" for side in result.sides))
        self._fit()

    def _show_side(self, index: int, side: PairSide, order: str, beside: list[UnitPicture]) -> None:
        self._heads[index].set_text(HEADS[side.title][0])
        self._abouts[index].set_text(side.words)
        self._sources[index] = side.source
        self._opens[index].setVisible(bool(side.source))
        self.pictures[index].set_picture(side.picture, order, beside)
        found = "" if side.picture is None else verdict(side.picture.statistics)
        self._verdicts[index].setText(f"{found[:1].upper()}{found[1:]}." if found else "")

    def _page_of_numbers(self) -> QWidget:
        page = QWidget()
        page.setProperty("role", "page")
        column = QBoxLayout(QBoxLayout.Direction.TopToBottom, page)
        column.setContentsMargins(0, 0, theme().px(4), 0)
        column.addWidget(self._table)
        column.addWidget(self._words)
        column.addWidget(self._lecture)
        column.addStretch(1)
        return page

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The numbers stand beside the pictures where there is room, else below them."""
        need = self._table.sizeHint().width() + theme().px(16)
        wide = self.width() >= need + theme().px(420)
        self._box.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        for each in self._verdicts:  # the numbers say it, too
            each.setVisible(wide or self.height() >= theme().px(300))
        if wide:
            self._scroll.setFixedWidth(need)
            self._scroll.setMaximumHeight(16_777_215)
        else:
            self._scroll.setMinimumWidth(0)
            self._scroll.setMaximumWidth(16_777_215)
            self._scroll.setMaximumHeight(max(self.height() // 4, theme().px(44)))
