"""The effective field as a picture with its colour bar, and the shares that it holds as numbers."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.panels.receptive_field import HeatResult
from cnnviz.ui.numbers import format_count, format_number, format_percent
from cnnviz.ui.pixels import words_image
from cnnviz.ui.theme import theme

if TYPE_CHECKING:
    from cnnviz.core.effective_field import FieldShare

_HEADS = ("holds", "area", "width", "of theory")


class SharesView(QWidget):
    """One line for each share of Σ|g|: the fewest pixels that hold it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[tuple[str, ...], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "The fewest pixels that hold so much of the sum of all gradients' sizes; the side of a square of that "
            "area; and that area as a part of the field by theory, as far as it lies in the input"
        )
        theme().changed.connect(self._restyle)

    def set_shares(self, shares: tuple[FieldShare, ...]) -> None:
        self._lines = tuple(share_texts(share) for share in shares)
        self.setAccessibleName("; ".join(" ".join(line) for line in self._lines))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(210), theme().px(19) * 4 + theme().px(2))

    def minimumSizeHint(self) -> QSize:
        metrics = QFontMetrics(theme().font("small"))
        wide = sum(metrics.horizontalAdvance(word) for word in ("99 %", "99,999 px", "999.9 px", "of theory"))
        return QSize(wide + theme().px(40), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        paint_shares(painter, QRectF(self.rect()), self._lines)
        painter.end()

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()


def share_texts(share: FieldShare) -> tuple[str, ...]:
    """Share, area, equivalent width and ratio to theory, with their units."""
    ratio = "–" if share.ratio is None else format_percent(share.ratio, _digits(share.ratio))
    return (
        format_percent(share.share, 0),
        f"{format_count(share.area)} px",
        f"{format_number(share.width, 1)} px",
        ratio,
    )


def _digits(ratio: float) -> int:
    return 0 if ratio >= 0.1 else 1 if ratio >= 0.01 else 2


def paint_shares(painter: QPainter, box: QRectF, lines: tuple[tuple[str, ...], ...]) -> None:
    hub = theme()
    height = hub.px(19)
    ends = (0.15, 0.46, 0.73, 1.0)
    for number, line in enumerate((_HEADS, *lines)):
        painter.setFont(hub.font("tiny" if number == 0 else "small"))
        left = 0.0
        for index, (text, end) in enumerate(zip(line, ends, strict=True)):
            cell = QRectF(box.left() + left * box.width(), box.top() + number * height, 0, height)
            cell.setWidth((end - left) * box.width())
            side = Qt.AlignmentFlag.AlignLeft if index == 0 else Qt.AlignmentFlag.AlignRight
            painter.setPen(hub.colour("muted" if number == 0 or index == 0 else "text"))
            painter.drawText(cell, int(side | Qt.AlignmentFlag.AlignVCenter), text)
            left = end


@dataclass(frozen=True)
class HeatFigure:
    """The picture with its scale and numbers, and every pixel's value as a table."""

    heat: HeatResult

    @property
    def title(self) -> str:
        return "Effective receptive field"

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        inside = box.adjusted(*(hub.px(12) * side for side in (1, 1, -1, -1)))
        painter.setPen(hub.colour("text"))
        painter.setFont(hub.font("title"))
        painter.drawText(inside, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), self.title)
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour("muted"))
        below = inside.adjusted(0, hub.px(20), 0, 0)
        words = f"{self.heat.unit} · {images_words(self.heat)} · {box_words(self.heat)}"
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), words)
        top, numbers = inside.top() + hub.px(46), hub.px(230)
        mosaic = self.heat.mosaic
        rows, columns = mosaic.tile_shape
        scale = min((inside.width() - numbers - hub.px(16)) / columns, (inside.bottom() - top) / rows)
        picture = QRectF(inside.left(), top, columns * scale, rows * scale)
        pixels = theme().table("unsigned")[mosaic.indices]
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        painter.drawImage(picture, words_image(pixels))
        beside = QRectF(picture.right() + hub.px(16), top, numbers, hub.px(80))
        paint_shares(painter, beside, tuple(share_texts(share) for share in self.heat.shares))
        strip = QRectF(beside.left(), beside.bottom() + hub.px(16), numbers, hub.px(10))
        ramp = theme().table("unsigned")[None, :253].copy()
        painter.drawImage(strip, words_image(ramp))
        painter.setPen(hub.colour("muted"))
        painter.setFont(hub.font("tiny"))
        scale_words = strip.translated(0, hub.px(14)).adjusted(0, 0, 0, hub.px(8))
        painter.drawText(scale_words, int(Qt.AlignmentFlag.AlignLeft), "0")
        high = format_number(mosaic.range_of(0)[1])
        painter.drawText(scale_words, int(Qt.AlignmentFlag.AlignRight), f"{high} per unit of the network's input")

    def csv(self) -> str | None:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        rows, columns = self.heat.heat.shape
        writer.writerow(["row", *(f"column {column}" for column in range(columns))])
        writer.writerows([row, *map(repr, self.heat.heat[row].tolist())] for row in range(rows))
        return out.getvalue()


def images_words(heat: HeatResult) -> str:
    return "on this input" if heat.images == 1 else f"mean over {heat.images} images"


def share_words(heat: HeatResult) -> str:
    """How much of all gradients the picture shows; empty where it shows all, or nearly."""
    top, left, rows, columns = heat.box
    whole = float(heat.heat.sum())
    share = float(heat.heat[top : top + rows, left : left + columns].sum()) / whole if whole else 1.0
    return "" if share > 0.995 else f"They hold {format_percent(share, 0)} of Σ|g|, all others the rest."


def box_words(heat: HeatResult) -> str:
    """Which pixels of the input the picture shows."""
    top, left, rows, columns = heat.box
    if (rows, columns) == heat.heat.shape:
        return f"the whole input, {rows}×{columns} px"
    whole = "×".join(map(str, heat.heat.shape))
    return f"rows {top} … {top + rows - 1}, columns {left} … {left + columns - 1} of {whole} px"
