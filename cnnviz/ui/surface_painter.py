"""Draws a map of heights with paths over it, with any painter: on the screen, and into files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPen, QPolygonF

from cnnviz.core.surface_map import LARGEST, SurfaceMap, SurfacePath
from cnnviz.ui.curve_painter import hue_colour
from cnnviz.ui.numbers import format_number
from cnnviz.ui.pixels import words_image
from cnnviz.ui.plot_axes import Axes, linear_ticks
from cnnviz.ui.plot_legend import LegendEntry, entry_boxes, paint_entries, pen_style
from cnnviz.ui.theme import theme

Pair = tuple[float, float]

FAR = 1e5
"""In pixels: the painter's own arithmetic would overflow further out."""


def legend_of(paths: Sequence[SurfacePath]) -> list[LegendEntry]:
    """A legend's entry for each path that is no mere comparison."""
    return [LegendEntry(each.name, hue_colour(each.hue), each.stroke) for each in paths if not each.faint]


@dataclass(frozen=True, eq=False)
class SurfacePainter:
    """A map, the paths on it as far as step ``shown`` (None: to their ends), and the place where they begin."""

    surface: SurfaceMap
    paths: tuple[SurfacePath, ...] = ()
    shown: int | None = None
    start: Pair | None = None

    def axes(self, box: QRectF) -> Axes:
        """Where the map lies in ``box``: between the words of the axes and the colour bar."""
        hub, metrics = theme(), QFontMetrics(theme().font("tiny"))
        words = QFontMetrics(hub.font("small")).height()
        left = words + metrics.horizontalAdvance("−0.00") + hub.px(8)
        below = metrics.height() + words + hub.px(8)
        right = hub.px(22) + self._widest_level(metrics) + hub.px(6)
        frame = box.adjusted(left, hub.px(6), -right, -below)
        return Axes(frame.normalized(), self.surface.x, self.surface.y)

    def paint_ground(self, painter: QPainter, box: QRectF) -> None:
        """The heights, their contour lines, axes and colour bar: all that stays while paths change."""
        axes = self.axes(box)
        frame, hub = axes.frame, theme()
        indices = self.surface.indices
        rows, columns = indices.shape
        # the outermost values stand on the frame's edges, so that half of their cells lies beyond
        wide, high = frame.width() / max(columns - 1, 1), frame.height() / max(rows - 1, 1)
        painter.save()
        painter.setClipRect(frame)
        whole = frame.adjusted(-wide / 2, -high / 2, wide / 2, high / 2)
        painter.drawImage(whole, words_image(np.ascontiguousarray(hub.table("unsigned")[indices])))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QColor(hub.colour("text" if hub.current.is_dark else "panel"))
        line.setAlphaF(0.35)
        painter.setPen(QPen(line, 1))
        for contour in self.surface.contours:
            for points in contour.lines:
                painter.drawPolyline(QPolygonF(_in_pixels(axes, points)))
        self._paint_minima(painter, axes)
        painter.restore()
        painter.setPen(hub.colour("line"))
        painter.drawRect(frame)
        self._paint_axes(painter, axes, box)
        self._paint_bar(painter, frame)

    def paint_paths(self, painter: QPainter, box: QRectF) -> None:
        """The paths and where they begin."""
        axes, hub = self.axes(box), theme()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(axes.frame)
        for path in sorted(self.paths, key=lambda path: not path.faint):
            self._paint_path(painter, axes, path)
        painter.restore()
        if self.start is not None:
            place = QPointF(float(axes.across(self.start[0])), float(axes.down(self.start[1])))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(hub.colour("panel"), hub.px(5)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(place, hub.px(7), hub.px(7))
            painter.setPen(QPen(hub.colour("mark"), hub.px(2.5)))
            painter.drawEllipse(place, hub.px(7), hub.px(7))

    def _paint_path(self, painter: QPainter, axes: Axes, path: SurfacePath) -> None:
        hub = theme()
        points = path.points if self.shown is None else path.points[: self.shown + 1]
        colour = hue_colour(path.hue)
        runs = _runs(axes, points)
        wide = hub.px(1) if path.faint else hub.px(2)
        for ground in (True, False):
            # a line of the panel's colour below each, so that it is seen on every height
            pen = QPen(hub.colour("panel") if ground else colour, wide + (hub.px(2) if ground else 0))
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            if not ground:
                pen.setStyle(pen_style(path.stroke))
            painter.setPen(pen)
            for run in runs:
                painter.drawPolyline(QPolygonF(run))
        if path.faint:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        dots = [point for run in runs for point in run] if len(points) <= 60 else []
        for point in dots:
            painter.drawEllipse(point, hub.px(2), hub.px(2))
        if runs and runs[-1]:
            painter.setPen(QPen(hub.colour("panel"), hub.px(1.5)))
            painter.drawEllipse(runs[-1][-1], hub.px(5), hub.px(5))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_minima(self, painter: QPainter, axes: Axes) -> None:
        hub, arm = theme(), theme().px(5)
        for x, y in self.surface.minima:
            at = QPointF(float(axes.across(x)), float(axes.down(y)))
            for token, width in (("panel", 4), ("text", 1.5)):
                painter.setPen(QPen(hub.colour(token), width))
                painter.drawLine(at - QPointF(arm, arm), at + QPointF(arm, arm))
                painter.drawLine(at - QPointF(arm, -arm), at + QPointF(arm, -arm))

    def _paint_axes(self, painter: QPainter, axes: Axes, box: QRectF) -> None:
        hub, frame = theme(), axes.frame
        painter.setFont(hub.font("tiny"))
        metrics = painter.fontMetrics()
        painter.setPen(hub.colour("muted"))
        across = linear_ticks(*axes.x, max(2, int(frame.width() / hub.px(64))))
        for place, word in zip(across.places, across.texts, strict=True):
            column = float(axes.across(place))
            painter.drawLine(QPointF(column, frame.bottom()), QPointF(column, frame.bottom() + hub.px(3)))
            wide = metrics.horizontalAdvance(word)
            left = min(max(column - wide / 2, box.left()), box.right() - wide)
            painter.drawText(QPointF(left, frame.bottom() + hub.px(4) + metrics.ascent()), word)
        up = linear_ticks(*axes.y, max(2, int(frame.height() / hub.px(44))))
        for place, word in zip(up.places, up.texts, strict=True):
            row = float(axes.down(place))
            painter.drawLine(QPointF(frame.left() - hub.px(3), row), QPointF(frame.left(), row))
            cell = QRectF(
                box.left(), row - metrics.height() / 2, frame.left() - hub.px(6) - box.left(), metrics.height()
            )
            painter.drawText(cell, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), word)
        painter.setFont(hub.font("small"))
        high = painter.fontMetrics().height()
        below = QRectF(frame.left(), box.bottom() - high - hub.px(1), frame.width(), high)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), self.surface.x_label)
        painter.save()
        painter.translate(box.left() + high / 2, frame.center().y())
        painter.rotate(-90)
        aside = QRectF(-frame.height() / 2, -high / 2, frame.height(), high)
        painter.drawText(aside, int(Qt.AlignmentFlag.AlignCenter), self.surface.y_label)
        painter.restore()

    def _paint_bar(self, painter: QPainter, frame: QRectF) -> None:
        """The colours with the numbers of the contour lines, and those of both ends."""
        hub, scale = theme(), self.surface.scale
        bar = QRectF(frame.right() + hub.px(8), frame.top(), hub.px(12), frame.height())
        colours = hub.table("unsigned")[: LARGEST + 1]
        painter.drawImage(bar, words_image(np.ascontiguousarray(colours[::-1, None])))
        painter.setPen(hub.colour("line"))
        painter.drawRect(bar)
        painter.setFont(hub.font("tiny"))
        metrics = painter.fontMetrics()
        painter.setPen(hub.colour("muted"))
        free: list[float] = []
        for value in (scale.high, scale.low, *self._levels()):
            row = bar.bottom() - float(scale.share(value)) * bar.height()
            row = min(max(row, bar.top() + metrics.height() / 2 - 2), bar.bottom() - metrics.height() / 2 + 2)
            if any(abs(row - other) < metrics.height() for other in free):
                continue
            free.append(row)
            painter.drawLine(QPointF(bar.right(), row), QPointF(bar.right() + hub.px(2), row))
            left = bar.right() + hub.px(4)
            painter.drawText(QPointF(left, row + metrics.ascent() / 2 - 1), _level_text(value))

    def _levels(self) -> tuple[float, ...]:
        return tuple(contour.level for contour in self.surface.contours)

    def _widest_level(self, metrics: QFontMetrics) -> int:
        texts = [_level_text(value) for value in (self.surface.scale.low, self.surface.scale.high, *self._levels())]
        return max(metrics.horizontalAdvance(text) for text in texts)


def _level_text(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}".replace("-", "−") if abs(value) < 1e3 else f"{value:.0f}".replace("-", "−")
    return format_number(value, 1)


def _in_pixels(axes: Axes, points: np.ndarray) -> list[QPointF]:
    across, down = axes.across(points[:, 0]), axes.down(points[:, 1])
    across, down = np.clip(across, -FAR, FAR), np.clip(down, -FAR, FAR)
    return [QPointF(x, y) for x, y in zip(across.tolist(), down.tolist(), strict=True)]


def _runs(axes: Axes, points: np.ndarray) -> list[list[QPointF]]:
    """Points in pixels, in stretches without a gap."""
    known = np.isfinite(points).all(axis=1)
    breaks = np.flatnonzero(~known)
    pieces = np.split(np.arange(len(points)), breaks)
    runs = [_in_pixels(axes, points[piece[known[piece]]]) for piece in pieces]
    return [run for run in runs if run]


@dataclass(frozen=True, eq=False)
class SurfaceFigure:
    """The map with its paths and their legend, to be saved."""

    painter: SurfacePainter

    @property
    def title(self) -> str:
        return self.painter.surface.title

    def paint(self, painter: QPainter, box: QRectF) -> None:
        hub = theme()
        inside = box.adjusted(hub.px(12), hub.px(12), -hub.px(12), -hub.px(12))
        painter.setFont(hub.font("title"))
        painter.setPen(hub.colour("text"))
        line = QRectF(inside.left(), inside.top(), inside.width(), hub.px(22))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), self.title)
        entries = legend_of(self.painter.paths)
        boxes = [each.translated(inside.left(), line.bottom()) for each in entry_boxes(entries, inside.width())]
        paint_entries(painter, entries, boxes)
        top = boxes[-1].bottom() + hub.px(4) if boxes else line.bottom()
        below = QRectF(inside.left(), top, inside.width(), inside.bottom() - top)
        self.painter.paint_ground(painter, below)
        self.painter.paint_paths(painter, below)

    def csv(self) -> str:
        """The heights, and below them each path, step by step."""
        parts = [self.painter.surface.to_csv()]
        for path in self.painter.paths:
            lines = [f"{step},{x!r},{y!r}" for step, (x, y) in enumerate(path.points.tolist())]
            parts.append(
                "\n".join(
                    [f"step of {path.name},{self.painter.surface.x_label},{self.painter.surface.y_label}", *lines]
                )
            )
        return "\n".join(parts) + "\n"
