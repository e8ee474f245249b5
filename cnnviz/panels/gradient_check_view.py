"""The widget of the gradient check."""

from __future__ import annotations

import math
from typing import cast

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.core.choices import LOSS_WORDS
from cnnviz.panels.gradient_check import CheckRow, GradientCheckParams, GradientCheckResult
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ComboBox, Toggle, text_button
from cnnviz.ui.numbers import format_count, format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.searchable_choice import SearchableComboBox
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

PATH = "panels.gradient-check"
NO_FAULT = "none"
VERDICTS = {
    "passes": ("passes", "ok"),
    "zero": ("zero", "ok"),
    "unclear": ("unclear", "warning"),
    "fails": ("FAILS", "error"),
    "untried": ("left out", "muted"),
}
_HEADS = ("layer", "rel. error", "tried", "left out", "verdict")
_EDGES = (0.0, 0.34, 0.55, 0.67, 0.82, 1.0)
EXPLANATION = (
    "The relative error is ‖n − a‖ / (‖n‖ + ‖a‖) over the weights tried.\n"
    "n is the central difference (L(w + h) − L(w − h)) / 2h with h = 10⁻⁶, a is autograd's gradient, both in double "
    "precision. Below 10⁻⁶ passes, above 10⁻⁴ fails.\n"
    "Left out: weights whose step takes a ReLU, a maximum or another kink to its other side, where there is no "
    "derivative.\n"
    "zero — passes: both are zero but for rounding (the absolute floor), as a bias before batch normalisation is. "
    "A difference no larger than that floor is unclear at most.\n"
    "The class that the network holds for least likely is taken for right, since a sure answer leaves gradients too "
    "small to be told from rounding."
)


class GradientCheckView(PanelView):
    """What is compared above; a row for each layer with its error and verdict below."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: GradientCheckResult | None = None
        self._run = text_button("Check", "Compare autograd with central differences, layer by layer")
        self._run.clicked.connect(self._toggle)
        self._loss = ComboBox(list(LOSS_WORDS.items()))
        self._loss.setToolTip("What is differentiated")
        self._loss.setAccessibleName("Loss of the check")
        self._loss.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._loss.setMinimumContentsLength(7)
        self._loss.chosen.connect(lambda key: document.edit(f"{PATH}.loss", key))
        self._entries = BoundSlider(document, f"{PATH}.entries", "weights a layer", high=100, step=1, digits=0)
        self._complete = Toggle("all weights")
        self._complete.setToolTip("Compare every weight: two passes for each, so for small networks")
        self._complete.edited.connect(lambda on: document.edit(f"{PATH}.complete", on))
        self._batch = Toggle("batch of samples")
        self._batch.setToolTip("On four of the program's samples at once, not on the input alone")
        self._batch.edited.connect(lambda on: document.edit(f"{PATH}.batch", on))
        self._statistics = Toggle("normalise as in training")
        self._statistics.setToolTip("Batch normalisation by the moments of the batch; gradients go through them too")
        self._statistics.edited.connect(lambda on: document.edit(f"{PATH}.batch_statistics", on))
        self._fault = SearchableComboBox([(NO_FAULT, "no fault")])
        self._fault.setToolTip(
            "Make the backward of one layer 0.1 % too large, in this check only: it and all layers before it must fail"
        )
        self._fault.setAccessibleName("Layer with a wrong backward")
        self._fault.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._fault.setMinimumContentsLength(7)
        self._fault.chosen.connect(lambda key: document.edit(f"{PATH}.fault", None if key == NO_FAULT else key))
        self._layers: tuple[str, ...] = ()
        self._words = sentences()
        self._heads = _Heads(self)
        self._table = _Rows()
        self._lay_out()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def _lay_out(self) -> None:
        scroll = VerticalScroll(self._table)
        first, second, third = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        first.addWidget(self._loss, 1)
        first.addWidget(self._fault, 1)
        first.addWidget(self._run)
        second.addWidget(self._entries, 1)
        second.addWidget(self._complete)
        third.addWidget(self._batch)
        third.addWidget(self._statistics)
        third.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        for row in (first, second, third):
            row.setSpacing(theme().px(8))
            layout.addLayout(row)
        layout.addWidget(self._words)
        layout.addWidget(self._heads)
        layout.addWidget(scroll, 1)

    def show_result(self, result: GradientCheckResult) -> None:
        super().show_result(result)
        self._result = result
        if result.layers != self._layers:
            self._layers = result.layers
            self._fault.set_options([(NO_FAULT, "no fault"), *((path, path) for path in result.layers)])
        self._show_fault()
        self._statistics.setVisible(result.normalised)
        self._words.setText(_sentence(result, running=self._params().running))
        self._heads.setVisible(bool(result.rows))
        self._table.set_rows(result.rows)
        self._run.setText("Cancel" if self._params().running and not result.finished else "Check")
        failed = sum(row.verdict == "fails" for row in result.rows)
        self.set_subtitle("" if not result.rows else f"{failed} of {len(result.rows)} layers fail")
        if result.old:
            self.show_stale()

    def _toggle(self) -> None:
        params = self._params()
        if self._run.text() == "Check":
            self.document.edit_many({f"{PATH}.running": True, f"{PATH}.started": params.started + 1})
        else:
            self.document.edit(f"{PATH}.running", False)

    def _params(self) -> GradientCheckParams:
        return cast(GradientCheckParams, self.document.scene.panel("gradient-check"))

    def _show_fault(self) -> None:
        fault = self._params().fault
        self._fault.set_value(fault if fault is not None and fault in self._layers else NO_FAULT)

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        self._loss.set_value(params.loss)
        self._complete.set_value(params.complete)
        self._batch.set_value(params.batch)
        self._statistics.set_value(params.batch_statistics)
        self._entries.refresh()
        self._entries.setEnabled(not params.complete)
        self._show_fault()


def _sentence(result: GradientCheckResult, *, running: bool) -> str:
    """How far it is, and what was found."""
    if not result.rows and running:
        return "The check begins: the weights are copied in double precision."
    if not result.rows:
        return "Press Check: each layer's gradients are compared with differences of the loss itself."
    counts = {verdict: sum(row.verdict == verdict for row in result.rows) for verdict in VERDICTS}
    parts = [f"{counts['passes'] + counts['zero']} pass"]
    parts += [f"{counts[each]} {each.replace('fails', 'fail')}" for each in ("unclear", "fails") if counts[each]]
    parts += [f"{counts['untried']} had nothing to compare"] if counts["untried"] else []
    left_out = sum(row.left_out for row in result.rows)
    words = f"{', '.join(parts)}; {format_count(left_out)} weights left out because a step crosses a kink."
    if result.fault:
        wrong = [row.layer for row in result.rows if row.verdict == "fails"]
        found = f"found: {wrong[-1]} is the last that fails" if wrong else "not found yet"
        words = f"Planted in {result.fault}, {found}. {words}"
    share = format_percent(result.done / max(result.total, 1), 0)
    if not result.finished:
        words = f"{share} compared{'' if running else ', stopped'}. {words}"
    return f"{result.old}: check again. {words}" if result.old else words


class _Heads(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(EXPLANATION)

    def sizeHint(self) -> QSize:
        return QSize(theme().px(200), theme().px(18))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), hub.colour("panel"))
        painter.setFont(hub.font("tiny"))
        painter.setPen(hub.colour("muted"))
        for index, head in enumerate(_HEADS):
            _write(painter, QRectF(self.rect()), index, head)


class _Rows(QWidget):
    """The layers, painted in one go."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[CheckRow, ...] = ()
        self.setToolTip(EXPLANATION)
        self.setAccessibleName("Layers")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme().changed.connect(self._restyle)

    def set_rows(self, rows: tuple[CheckRow, ...]) -> None:
        self._rows = rows
        self._restyle()

    def row_height(self) -> int:
        return theme().px(21)

    def _restyle(self) -> None:
        self.setMinimumHeight(len(self._rows) * self.row_height())
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), hub.colour("panel"))
        for index, row in enumerate(self._rows):
            line = QRectF(0, index * self.row_height(), self.width(), self.row_height())
            words, token = VERDICTS[row.verdict]
            error = "—" if math.isnan(row.error) else f"{row.error:.1e}".replace("e-0", "e−").replace("e-", "e−")
            cells = (row.layer, error, f"{format_count(row.tried)}", format_count(row.left_out), words)
            for column, text in enumerate(cells):
                last = column == len(cells) - 1
                painter.setFont(hub.font("title" if last else "small"))
                painter.setPen(hub.colour(token if last else "text" if column < 2 else "muted"))
                _write(painter, line, column, text)


def _write(painter: QPainter, line: QRectF, column: int, text: str) -> None:
    left, right = (line.left() + edge * line.width() for edge in _EDGES[column : column + 2])
    box = QRectF(left, line.top(), right - left - 6, line.height())
    across = Qt.AlignmentFlag.AlignLeft if column in (0, 4) else Qt.AlignmentFlag.AlignRight
    shown = QFontMetricsF(painter.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, box.width())
    painter.drawText(box.adjusted(6 if column == 4 else 0, 0, 0, 0), across | Qt.AlignmentFlag.AlignVCenter, shown)
