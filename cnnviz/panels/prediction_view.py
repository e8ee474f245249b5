"""The widget of the prediction panel."""

from __future__ import annotations

from PyQt6.QtCore import QSize
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
        self._show()

    def _show(self) -> None:
        result, shown = self._result, self._show_rows()
        assert result is not None
        parts = [] if shown == result.classes else [f"{shown} of {result.classes}"]
        if result.truth is None:
            parts.append(result.note)
        else:
            parts.insert(0, "right" if result.is_right else f"wrong, it is “{result.truth.label}”")
        self.set_subtitle(" · ".join(parts))

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), self._bars.row_height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._result is not None:
            self._show()

    def _show_rows(self) -> int:
        """As many classes as there is room for whole rows; the last is the true one where it comes later."""
        assert self._result is not None
        room = max(1, self._bars.height() // self._bars.row_height())
        scores, truth = list(self._result.scores[:room]), self._result.truth
        if truth is not None and truth not in scores and len(scores) > 1:
            scores[-1] = truth
        self._bars.set_rows(
            [score.label for score in scores],
            [score.probability for score in scores],
            outlined=scores.index(truth) if truth in scores else None,
        )
        return len(scores)
