"""The table of layers as a figure, and in numbers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO

from PyQt6.QtCore import QRect, QRectF, Qt
from PyQt6.QtGui import QPainter

from cnnviz.nets.layer_table import LayerTable
from cnnviz.panels.architecture import ArchitectureResult
from cnnviz.panels.architecture_words import count_words, field_words, row_words, times
from cnnviz.ui.theme import theme


@dataclass(frozen=True, eq=False)
class TableFigure:
    """Each layer in a line: what it is, what it gives, its weights, and what a unit of it sees."""

    table: LayerTable
    result: ArchitectureResult

    @property
    def title(self) -> str:
        return "Layers"

    def lines(self) -> list[tuple[str, ...]]:
        """Name, settings, output, weights, multiply-adds, field, step; as they are written."""
        found: list[tuple[str, ...]] = []
        for planned in self.result.plan.rows:
            field = self.result.fields.get(planned.layers[-1].name) if planned.layers else None
            output = planned.output
            known = output is not None
            found.append(
                (
                    planned.row.name,
                    row_words(planned.row),
                    times(output) if output is not None else "impossible" if planned.problem else "waits",
                    count_words(planned.weights) if known else "",
                    count_words(planned.macs) if known else "",
                    *(field_words(field) if known else ("", "")),
                )
            )
        return found

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        heads = ("layer", "", "output", "weights", "mult-adds", "field", "stride")
        lines = [heads, *self.lines()]
        margin = hub.px(12)
        inside = box.adjusted(margin, margin, -margin, -margin)
        line = min(inside.height() / len(lines), hub.px(28))
        edges = (0.0, 0.16, 0.56, 0.72, 0.81, 0.91, 0.96, 1.0)
        font = hub.font("small")
        font.setPixelSize(max(min(font.pixelSize(), int(line * 0.62)), 4))
        painter.setFont(font)
        for number, texts in enumerate(lines):
            top = inside.top() + number * line
            painter.setPen(hub.colour("muted" if number == 0 else "text"))
            for column, text in enumerate(texts):
                left, right = (inside.left() + inside.width() * edge for edge in edges[column : column + 2])
                side = Qt.AlignmentFlag.AlignLeft if column < 2 else Qt.AlignmentFlag.AlignRight
                place = QRect(int(left), int(top), int(right - left) - hub.px(4), int(line))
                shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
                painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, shown)
            painter.fillRect(QRectF(inside.left(), top + line - 1, inside.width(), 1), hub.colour("line"))

    def csv(self) -> str | None:
        out = StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("layer", "kind", "settings", "output", "weights", "multiply-adds", "field", "stride"))
        for planned in self.result.plan.rows:
            field = self.result.fields.get(planned.layers[-1].name) if planned.layers else None
            output = "" if planned.output is None else "x".join(map(str, planned.output))
            said = field_words(field) if planned.layers else ("", "")
            row = planned.row
            writer.writerow((row.name, row.kind, row_words(row), output, planned.weights, planned.macs, *said))
        return out.getvalue()
