"""The grids of numbers as a figure that is saved."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from cnnviz.panels.pooling import GridResult, NumbersResult
from cnnviz.ui.number_editor import digits_of
from cnnviz.ui.numbers import format_number
from cnnviz.ui.theme import TableKind, text_is_black_on, theme


@dataclass(frozen=True, eq=False)
class GridsFigure:
    """Four grids in two rows, each under its caption; those that changed have a frame."""

    title: str
    result: NumbersResult
    captions: tuple[str, ...]

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        nothing = np.zeros((0, 0), bool)
        result = self.result
        grids = (
            (result.detector, nothing),
            (result.pooled, nothing),
            (result.shifted, result.detector_changed),
            (result.shifted_pooled, result.pooled_changed),
        )
        for index, ((grid, changed), caption) in enumerate(zip(grids, self.captions, strict=True)):
            row, column = divmod(index, 2)
            room = QRectF(
                box.left() + column * box.width() / 2,
                box.top() + row * box.height() / 2,
                box.width() / 2,
                box.height() / 2,
            ).adjusted(hub.px(16), hub.px(12), -hub.px(16), -hub.px(12))
            painter.setFont(hub.font("title"))
            painter.setPen(hub.colour("text"))
            painter.drawText(room, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, caption)
            _paint_grid(painter, room.adjusted(0, hub.px(26), 0, 0), grid, changed)

    def csv(self) -> str:
        """Each grid under its caption."""
        result = self.result
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        grids = (result.detector, result.pooled, result.shifted, result.shifted_pooled)
        for caption, grid in zip(self.captions, grids, strict=True):
            writer.writerow([caption])
            writer.writerows([repr(float(value)) for value in row] for row in grid.values)
        return out.getvalue()


def _paint_grid(painter: QPainter, room: QRectF, grid: GridResult, changed: np.ndarray) -> None:
    hub = theme()
    kind: TableKind = "signed" if grid.signed else "unsigned"
    rows, columns = grid.values.shape
    wide = min(room.width() / columns, 2 * room.height() / rows)
    high = min(room.height() / rows, wide)
    table, black = hub.table(kind), text_is_black_on(kind, hub.current)
    digits = digits_of(grid.values)
    painter.setFont(hub.font("body"))
    for row in range(rows):
        for column in range(columns):
            cell = QRectF(room.left() + column * wide, room.top() + row * high, wide, high).adjusted(0, 0, -2, -2)
            index = int(grid.indices[row, column])
            painter.fillRect(cell, QColor(int(table[index])))
            painter.setPen(Qt.GlobalColor.black if black[index] else Qt.GlobalColor.white)
            value = float(grid.values[row, column])
            text = format_number(value, 1 if digits is None else digits)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, text)
            if changed.size and changed[row, column]:
                painter.setPen(QPen(hub.colour("mark"), 3))
                painter.drawRect(cell.adjusted(1, 1, -1, -1))
