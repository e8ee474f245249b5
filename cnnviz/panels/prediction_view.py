"""The widget of the prediction panel."""

from __future__ import annotations

from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cnnviz.panels.prediction import PredictionResult
from cnnviz.scene.document import Document
from cnnviz.ui.bar_list import BarList
from cnnviz.ui.panel_view import PanelView


class PredictionView(PanelView):
    """The likeliest classes as bars; a bar that is not a number says so."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: PredictionResult | None = None
        self._bars = BarList(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._bars)

    def show_result(self, result: PredictionResult) -> None:
        super().show_result(result)
        self._result = result
        shown = self._show_rows()
        self.set_subtitle(result.note if shown == result.classes else f"{shown} of {result.classes} · {result.note}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._result is not None:
            self._show_rows()

    def _show_rows(self) -> int:
        """As many classes as there is room for whole rows."""
        assert self._result is not None
        room = max(1, self._bars.height() // self._bars.row_height())
        scores = self._result.scores[:room]
        self._bars.set_rows([score.label for score in scores], [score.probability for score in scores])
        return len(scores)
