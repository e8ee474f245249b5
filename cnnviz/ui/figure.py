"""Figures that are saved: as a picture, as a drawing of lines and letters, or as a table of their numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize, Qt
from PyQt6.QtGui import QImage, QPainter

from cnnviz.core.curves import Curves, to_csv
from cnnviz.ui.curve_painter import CurvePainter, legend_of, whole_range
from cnnviz.ui.plot_legend import entry_boxes, paint_entries
from cnnviz.ui.theme import theme

FIGURE_SIZE = QSize(900, 560)
PIXELS_PER_UNIT = 2
"""A picture has this many pixels for each of the drawing's, so that it is sharp in print."""


class Figure(Protocol):
    """Something that can be painted at any size, and perhaps told in numbers."""

    @property
    def title(self) -> str: ...

    def paint(self, painter: QPainter, box: QRectF) -> None: ...

    def csv(self) -> str | None: ...


@dataclass(frozen=True)
class CurveFigure:
    """Curves under their title, with the legend of those that are shown."""

    curves: Curves
    hidden: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        return self.curves.title

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        margin = hub.px(12)
        inside = box.adjusted(margin, margin, -margin, -margin)
        painter.setFont(hub.font("title"))
        painter.setPen(hub.colour("text"))
        line = QRectF(inside.left(), inside.top(), inside.width(), hub.px(22))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), self.title)
        entries = [entry for entry in legend_of(self.curves, self.hidden) if not entry.hidden]
        boxes = [each.translated(inside.left(), line.bottom()) for each in entry_boxes(entries, inside.width())]
        paint_entries(painter, entries, boxes)
        top = boxes[-1].bottom() + hub.px(4) if boxes else line.bottom()
        seen = whole_range(self.curves, self.hidden)
        if seen is None:
            return
        plot = CurvePainter(self.curves, *seen, self.hidden)
        below = QRectF(inside.left(), top, inside.width(), inside.bottom() - top)
        plot.paint_ground(painter, below)
        plot.paint_curves(painter, below)

    def csv(self) -> str | None:
        return to_csv(self.curves)


def rendered(figure: Figure, suffix: str, size: QSize = FIGURE_SIZE) -> bytes:
    """The bytes of a file of the kind that ``suffix`` names: ``.png``, ``.svg`` or ``.csv``.

    Raises
    ------
    ValueError
        Figures are not saved as such a file, or this one has no numbers for a table.
    """
    ways: dict[str, Callable[[Figure, QSize], bytes]] = {".png": _png, ".svg": _svg, ".csv": _csv}
    way = ways.get(suffix.lower())
    if way is None:
        raise ValueError(f"Figures are saved as .png, .svg or .csv, not as {suffix or 'a file without an ending'}.")
    return way(figure, size)


def _png(figure: Figure, size: QSize) -> bytes:
    image = QImage(size * PIXELS_PER_UNIT, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(PIXELS_PER_UNIT)
    image.fill(theme().colour("panel"))
    painter = QPainter(image)
    figure.paint(painter, QRectF(0, 0, size.width(), size.height()))
    painter.end()
    return png(image)


def png(image: QImage) -> bytes:
    """The bytes of a file with this picture."""
    buffer = _buffer()
    image.save(buffer, "PNG")
    return buffer.data().data()


def _svg(figure: Figure, size: QSize) -> bytes:
    from PyQt6.QtSvg import QSvgGenerator

    buffer = _buffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(size)
    generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
    generator.setTitle(figure.title)
    painter = QPainter(generator)
    box = QRectF(0, 0, size.width(), size.height())
    painter.fillRect(box, theme().colour("panel"))
    figure.paint(painter, box)
    painter.end()
    return buffer.data().data()


def _csv(figure: Figure, size: QSize) -> bytes:
    table = figure.csv()
    if table is None:
        raise ValueError(f"{figure.title} is a picture without a table of numbers; save it as .png or .svg.")
    return table.encode()


def _buffer() -> QBuffer:
    buffer = QBuffer()
    buffer.setData(QByteArray())
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return buffer


def scene_beside(path: Path) -> Path:
    """Where the scene that made a figure is kept: ``curve.png`` has ``curve.scene.json`` beside it."""
    return path.with_name(f"{path.stem}.scene.json")
