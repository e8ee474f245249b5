"""The ready comparisons: as a page while there are no runs yet, and in a menu."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.training.comparisons import Comparison, comparisons
from cnnviz.ui.controls import text_button
from cnnviz.ui.theme import theme


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


class ComparisonsPage(QScrollArea):
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
        column.addWidget(_words("No run has been trained yet. Press Start in the panel Training, or compare:"))
        for comparison in comparisons():
            column.addWidget(self._card(comparison))
        column.addStretch(1)
        self.setWidget(page)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

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
        layout.addWidget(_words(comparison.about))
        return card


def _words(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setProperty("role", "muted")
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label
