"""Units over samples as a figure that is saved, and as a table."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QPainter

from cnnviz.panels.units_over_samples_matrix_view import MatrixContent, frame_of, paint_matrix
from cnnviz.panels.units_over_samples_pictures import UnitPicture
from cnnviz.panels.units_over_samples_words import verdict
from cnnviz.ui.numbers import format_number
from cnnviz.ui.pixels import words_image
from cnnviz.ui.theme import LEVELS, theme

_LEFT_TOP = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)


@dataclass(frozen=True, eq=False)
class MatrixFigure:
    """The picture with its scale and what strikes one about it; the table has a line for each sample, or each unit."""

    title: str
    picture: UnitPicture
    content: MatrixContent
    words: str = ""

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub, picture = theme(), self.picture
        inside = box.adjusted(*(hub.px(12) * side for side in (1, 1, -1, -1)))
        painter.setPen(hub.colour("text"))
        painter.setFont(hub.font("title"))
        painter.drawText(inside, _LEFT_TOP, self.title)
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour("muted"))
        about = self.words or f"{picture.layer} of {picture.network}"
        words = f"{about} · {len(picture.values)} samples · {verdict(picture.statistics)}"
        painter.drawText(inside.adjusted(0, hub.px(20), 0, 0), _LEFT_TOP, words)
        below = inside.adjusted(0, hub.px(44), 0, -hub.px(34))
        frame = frame_of(self.content, below)
        paint_matrix(painter, self.content, frame)
        self._paint_scale(painter, QRectF(frame.body.left(), inside.bottom() - hub.px(28), hub.px(220), hub.px(10)))

    def _paint_scale(self, painter: QPainter, strip: QRectF) -> None:
        hub = theme()
        painter.drawImage(strip, words_image(hub.table(self.content.kind)[None, :LEVELS].copy()))
        painter.setPen(hub.colour("muted"))
        painter.setFont(hub.font("tiny"))
        low, high = (-1.0, 1.0) if self.content.square else (self.picture.low, self.picture.high)
        row = strip.translated(0, hub.px(12)).adjusted(0, 0, 0, hub.px(6))
        painter.drawText(row, int(Qt.AlignmentFlag.AlignLeft), format_number(low, 2))
        painter.drawText(row, int(Qt.AlignmentFlag.AlignRight), format_number(high, 2))
        if self.content.kind == "signed":
            painter.drawText(row, int(Qt.AlignmentFlag.AlignHCenter), "0")

    def csv(self) -> str | None:
        """Activations, a line for each sample; or correlations, a line for each unit."""
        picture = self.picture
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        units = [picture.unit_name(column) for column in range(len(picture.channels))]
        if self.content.square:
            writer.writerow(["r", *units])
            for name, line in zip(units, picture.statistics.correlation.tolist(), strict=True):
                writer.writerow([name, *("" if value != value else repr(value) for value in line)])
            return out.getvalue()
        writer.writerow(["test image", "class", *units])
        for row, line in enumerate(picture.values.tolist()):
            number = int(picture.images.numbers[picture.samples[row]])
            writer.writerow([number, picture.class_name(row), *map(repr, line)])
        return out.getvalue()
