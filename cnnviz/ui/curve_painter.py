"""Draws curves between axes with any painter: on the screen, and into pictures and drawings that are saved."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PyQt6.QtCore import QLineF, QPointF, QRectF, QSizeF, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPen, QPolygonF

from cnnviz.core.curves import Curves, Series, Stroke
from cnnviz.ui.plot_axes import Axes, Range, Ticks, linear_ticks, logarithm, logarithmic_ticks
from cnnviz.ui.plot_legend import LegendEntry, pen_style
from cnnviz.ui.short_names import short_name
from cnnviz.ui.theme import theme

# Okabe and Ito's colours, which all kinds of colour vision tell apart, moved away from the ground that they lie on
ON_DARK = ("#56b4e9", "#e69f00", "#21c197", "#f0e442", "#e58fc0", "#f07838", "#7f9cf5")
ON_LIGHT = ("#0072b2", "#d55e00", "#00805d", "#b0508a", "#603810", "#2f8fc6", "#4a4a4a")


def curve_colours(count: int) -> list[QColor]:
    """Colours of ``count`` curves in the present theme: distinct ones, or steps of one ramp where they are many."""
    dark = theme().current.is_dark
    distinct = ON_DARK if dark else ON_LIGHT
    if count <= len(distinct):
        return [QColor(name) for name in distinct[:count]]
    return [QColor(name) for name in _ramp(count, dark)]


@lru_cache(maxsize=32)
def _ramp(count: int, dark: bool) -> tuple[str, ...]:
    from cmap import Colormap

    low, high = (0.3, 1.0) if dark else (0.0, 0.82)  # the end of the ramp that would be lost on the ground is left out
    ramp = Colormap("bids:viridis")
    return tuple(ramp(float(place)).hex[:7] for place in np.linspace(low, high, count))


def looks(curves: Curves) -> dict[str, QColor]:
    """The colour of each curve by its name; what is there to compare with has none of its own."""
    own = [each.name for each in curves.series if not each.reference and not each.beside]
    found = dict(zip(own, curve_colours(len(own)), strict=True))
    found |= {each.name: hue_colour(each.hue) for each in curves.series if each.hue is not None}
    return {each.name: found.get(each.beside or each.name, theme().colour("muted")) for each in curves.series}


def shown_series(curves: Curves, hidden: Collection[str]) -> list[Series]:
    """Those that are not hidden, by their own name or with the curve that they go with."""
    return [each for each in curves.series if each.name not in hidden and each.beside not in hidden]


def hue_colour(hue: int) -> QColor:
    """One of the distinct colours in the present theme; they begin anew after the last."""
    distinct = ON_DARK if theme().current.is_dark else ON_LIGHT
    return QColor(distinct[hue % len(distinct)])


def _stroke(each: Series) -> Stroke:
    return "dashed" if each.reference and each.stroke == "solid" else each.stroke


def legend_of(curves: Curves, hidden: Collection[str]) -> list[LegendEntry]:
    """A legend's entry for each curve that stands for itself."""
    colours = looks(curves)
    return [
        LegendEntry(each.name, colours[each.name], _stroke(each), each.name in hidden)
        for each in curves.series
        if not each.beside
    ]


def whole_range(curves: Curves, hidden: Collection[str]) -> tuple[Range, Range] | None:
    """What shows all of the curves that are not hidden; None where there is nothing."""
    shown = [each for each in shown_series(curves, hidden) if each.x.size]
    if not shown:
        return None
    left, right = min(float(each.x.min()) for each in shown), max(float(each.x.max()) for each in shown)
    edges = [edge for each in shown for edge in (each.y, each.low, each.high) if edge is not None]
    seen = np.concatenate(edges)
    highest = float(seen[np.isfinite(seen)].max(initial=0.0))
    levels = [mark for mark in curves.marks if mark.axis == "y"]
    near = [each for each in levels if not each.may_lie_above or each.value <= 2 * highest]
    edges.append(np.array([each.value for each in near], float))
    values = np.concatenate(edges)
    values = logarithm(values) if curves.logarithmic else values
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if not curves.logarithmic and low >= 0:
        low = 0.0  # sizes and shares are seen from nothing on
    room = (high - low) * 0.06 or max(abs(high), 1.0) * 0.06
    above = room if len(near) == len(levels) else 3 * room  # for what is written of the levels above
    beside = (right - left) * 0.02 or 0.5
    return (left - beside, right + beside), (low if low == 0 else low - room, high + above)


@dataclass(frozen=True)
class CurvePainter:
    """One plot with the part of it that is seen."""

    curves: Curves
    x: Range
    y: Range
    hidden: frozenset[str] = frozenset()

    def axes(self, box: QRectF) -> Axes:
        """Where the curves lie in ``box``: beside the numbers and words of the axes."""
        hub, metrics = theme(), QFontMetrics(theme().font("tiny"))
        words = QFontMetrics(hub.font("small")).height()
        height = box.height() - metrics.height() - words - hub.px(10)
        wide = max((metrics.horizontalAdvance(text) for text in self._y_ticks(height).texts), default=0)
        left = words + wide + hub.px(10)
        frame = box.adjusted(left, hub.px(6), -hub.px(8), -(metrics.height() + words + hub.px(10)))
        return Axes(frame.normalized(), self.x, self.y)

    def paint_ground(self, painter: QPainter, box: QRectF) -> None:
        """The grid, the numbers and words of both axes, and the lines of the marks: all that the curves lie on."""
        hub, axes = theme(), self.axes(box)
        frame = axes.frame
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        grid, text = hub.colour("line"), hub.colour("muted")
        painter.setFont(hub.font("tiny"))
        metrics = painter.fontMetrics()
        y_ticks = self._y_ticks(frame.height())
        for place, word in zip(y_ticks.places, y_ticks.texts, strict=True):
            row = float(axes.down(place))
            painter.setPen(grid)
            painter.drawLine(QPointF(frame.left(), row), QPointF(frame.right(), row))
            painter.setPen(text)
            cell = QRectF(
                box.left(), row - metrics.height() / 2, frame.left() - hub.px(6) - box.left(), metrics.height()
            )
            painter.drawText(cell, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), word)
        self._paint_x_ticks(painter, axes, box)
        painter.setPen(hub.colour("faint"))
        painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        self._paint_labels(painter, axes, box)
        painter.setPen(QPen(hub.colour("faint"), 1, Qt.PenStyle.DashLine))
        for line, _, _ in self._marks(axes):
            if line is not None:
                painter.drawLine(line)

    def paint_curves(self, painter: QPainter, box: QRectF) -> None:
        """The curves with their bands and points, and the words of the marks, which no curve may cross out."""
        axes, colours = self.axes(box), looks(self.curves)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(axes.frame.adjusted(-1, -1, 1, 1))
        shown = shown_series(self.curves, self.hidden)
        for each in shown:
            self._paint_band(painter, axes, each, colours[each.name])
        for each in sorted(shown, key=lambda each: not (each.reference or each.beside)):
            self._paint_curve(painter, axes, each, colours[each.name])
        painter.restore()
        self._paint_words(painter, axes)

    def _paint_curve(self, painter: QPainter, axes: Axes, each: Series, colour: QColor) -> None:
        hub = theme()
        pen = QPen(colour, hub.px(1) if each.reference or each.beside else hub.px(2))
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setStyle(pen_style(_stroke(each)))
        for run in self._runs(axes, each.x, each.y):
            painter.setPen(pen)
            if len(run) > 1:
                painter.drawPolyline(QPolygonF(run))
            if each.points or len(run) == 1:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                radius = hub.px(3)
                for point in run:
                    painter.drawEllipse(point, radius, radius)
                painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_band(self, painter: QPainter, axes: Axes, each: Series, colour: QColor) -> None:
        if each.low is None or each.high is None:
            return
        known = np.isfinite(each.low) & np.isfinite(each.high)
        if not known.any():
            return
        across = axes.across(each.x[known])
        # where a logarithmic axis has no place for the lower edge, the band goes down to the floor
        low = np.nan_to_num(axes.down(self._scaled(each.low[known])), nan=axes.frame.bottom())
        high = np.nan_to_num(axes.down(self._scaled(each.high[known])), nan=axes.frame.bottom())
        outline = [QPointF(x, y) for x, y in zip(across.tolist(), high.tolist(), strict=True)]
        outline += [QPointF(x, y) for x, y in zip(across[::-1].tolist(), low[::-1].tolist(), strict=True)]
        soft = QColor(colour)
        soft.setAlphaF(0.16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(soft)
        # smooth edges of something so faint are not seen, and cost four times as much
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.drawPolygon(QPolygonF(outline))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _runs(self, axes: Axes, x: np.ndarray, y: np.ndarray) -> list[list[QPointF]]:
        """Points in pixels, in stretches without a gap."""
        across, down = axes.across(x), axes.down(self._scaled(y))
        # far outside, the painter's own arithmetic would overflow
        down = np.clip(down, -1e5, 1e5)
        runs: list[list[QPointF]] = [[]]
        for column, row in zip(across.tolist(), down.tolist(), strict=True):
            if math.isfinite(row) and math.isfinite(column):
                runs[-1].append(QPointF(column, row))
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if run]

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return logarithm(values) if self.curves.logarithmic else values

    def _y_ticks(self, height: float) -> Ticks:
        count = min(max(2, int(height / theme().px(44))), 8)
        return (logarithmic_ticks if self.curves.logarithmic else linear_ticks)(*self.y, count)

    def _paint_x_ticks(self, painter: QPainter, axes: Axes, box: QRectF) -> None:
        hub, frame = theme(), axes.frame
        metrics = painter.fontMetrics()
        names = self.curves.x_names
        if names:
            ticks = Ticks(tuple(map(float, range(len(names)))), names)
        else:
            count = max(2, int(frame.width() / hub.px(56)))
            ticks = linear_ticks(*self.x, count, whole=self.curves.whole_x, degrees=self.curves.in_degrees)
        free = frame.left() - hub.px(24)
        for place, word in zip(ticks.places, ticks.texts, strict=True):
            column = float(axes.across(place))
            if not frame.left() - 1 <= column <= frame.right() + 1:
                continue
            painter.setPen(hub.colour("line"))
            painter.drawLine(QPointF(column, frame.top()), QPointF(column, frame.bottom() + hub.px(3)))
            room = frame.width() / max(len(names), 1) if names else frame.width()
            shown = short_name(word, metrics, max(room, hub.px(64)))
            wide = metrics.horizontalAdvance(shown)
            left = min(max(column - wide / 2, box.left()), box.right() - wide)
            if left < free:
                continue  # the names of many layers would lie on each other
            free = left + wide + hub.px(8)
            painter.setPen(hub.colour("muted"))
            painter.drawText(QPointF(left, frame.bottom() + hub.px(5) + metrics.ascent()), shown)

    def _paint_labels(self, painter: QPainter, axes: Axes, box: QRectF) -> None:
        hub, frame = theme(), axes.frame
        painter.setFont(hub.font("small"))
        painter.setPen(hub.colour("muted"))
        height = painter.fontMetrics().height()
        below = QRectF(frame.left(), box.bottom() - height - hub.px(1), frame.width(), height)
        centred = int(Qt.AlignmentFlag.AlignCenter)
        painter.drawText(below, centred, self._elided(painter, self.curves.x_label, below.width()))
        painter.save()
        painter.translate(box.left() + height / 2, frame.center().y())
        painter.rotate(-90)
        aside = QRectF(-frame.height() / 2, -height / 2, frame.height(), height)
        painter.drawText(aside, centred, self._elided(painter, self.curves.y_label, aside.width()))
        painter.restore()

    def _elided(self, painter: QPainter, text: str, width: float) -> str:
        return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, round(width))

    def _marks(self, axes: Axes) -> Iterator[tuple[QLineF | None, str, list[QPointF]]]:
        """Line and words of each mark that is seen, with the places where the words may stand, the best first."""
        hub, frame = theme(), axes.frame
        metrics = QFontMetrics(hub.font("tiny"))
        for mark in self.curves.marks:
            wide, side = metrics.horizontalAdvance(mark.text), hub.px(3)
            if mark.axis == "x":
                column = float(axes.across(mark.value))
                if not frame.left() <= column <= frame.right():
                    continue
                left = column + side if column + side + wide <= frame.right() else column - side - wide
                places = [QPointF(left, frame.top() + line * metrics.height()) for line in range(3)]
                yield QLineF(column, frame.top(), column, frame.bottom()), mark.text, places
                continue
            row = float(axes.down(float(self._scaled(np.array([mark.value]))[0])))
            if mark.may_lie_above and row < frame.top() and mark.text:
                text = f"{mark.text}: {mark.value:.3g} ↑"
                yield None, text, [QPointF(frame.right() - metrics.horizontalAdvance(text) - side, frame.top())]
            if frame.top() <= row <= frame.bottom():
                above, below = row - side - metrics.height(), row + side
                lines = (above, below) if above >= frame.top() else (below, below + metrics.height())
                ends = frame.right() - wide - side, frame.left() + side
                places = [QPointF(end, line) for end in ends for line in lines]
                yield QLineF(frame.left(), row, frame.right(), row), mark.text, places

    def _paint_words(self, painter: QPainter, axes: Axes) -> None:
        """Each on ground of its own and on no other's; what it covers shines through."""
        hub, ground = theme(), QColor(theme().colour("panel"))
        ground.setAlphaF(0.8)
        painter.setFont(hub.font("tiny"))
        metrics = painter.fontMetrics()
        taken: list[QRectF] = []
        painter.setPen(hub.colour("muted"))
        for _, text, places in self._marks(axes):
            if not text:
                continue
            size = QSizeF(metrics.horizontalAdvance(text), metrics.height())
            boxes = [QRectF(place, size).adjusted(-hub.px(2), 0, hub.px(2), 0) for place in places]
            box = next((each for each in boxes if not any(each.intersects(other) for other in taken)), boxes[-1])
            taken.append(box)
            painter.fillRect(box, ground)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)
