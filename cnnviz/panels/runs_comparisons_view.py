"""The ready comparisons: as a page while there are no runs yet, and in a menu."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from cnnviz.training.comparisons import Comparison, comparisons
from cnnviz.ui.controls import text_button
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll


def duration_words(comparison: Comparison) -> str:
    """How many runs it has, and how long they take."""
    return f"{len(comparison.variants)} runs, about {comparison.seconds} s"


def fill_comparisons(menu: QMenu, begin: Callable[[Comparison], None]) -> None:
    """An entry for each comparison."""
    menu.setToolTipsVisible(True)
    for comparison in comparisons():
        action = menu.addAction(f"{comparison.title}  ({duration_words(comparison)})")
        action.setToolTip(textwrap.fill(comparison.about, 64))
        action.triggered.connect(lambda _=False, comparison=comparison: begin(comparison))


class ComparisonsPage(VerticalScroll):
    """A card for each comparison, with a button that trains its runs."""

    chosen = pyqtSignal(object)
    """The :class:`Comparison` that is to be trained."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        page = QWidget()
        page.setProperty("role", "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, theme().px(6), 0)
        column.setSpacing(theme().px(12))
        column.addWidget(
            sentences(
                "muted", "No run has been trained yet. Press Start in the panel Training, or compare:", shrinks=True
            )
        )
        for comparison in comparisons():
            column.addWidget(self._card(comparison))
        column.addStretch(1)
        self.setWidget(page)

    def _card(self, comparison: Comparison) -> QWidget:
        card = QWidget()
        layout, head = QVBoxLayout(card), QHBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(2))
        title = QLabel(comparison.title)
        title.setProperty("role", "title")
        length = QLabel(duration_words(comparison))
        length.setProperty("role", "faint")
        button = text_button("Train", f"{comparison.title}: train its runs, one after the other", role="play")
        button.setAccessibleName(f"Train {comparison.title}")
        button.clicked.connect(lambda: self.chosen.emit(comparison))
        head.addWidget(title)
        head.addWidget(length)
        head.addStretch(1)
        head.addWidget(button)
        layout.addLayout(head)
        layout.addWidget(sentences("muted", comparison.about, shrinks=True))
        return card
