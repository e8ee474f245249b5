"""Paints the network diagram: what stands still into a picture, the feature maps over it at each frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from PyQt6.QtCore import QPointF, QRect, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QImage, QLinearGradient, QPainter, QPainterPath, QPen, QPixmap

from cnnviz.panels.network import Column, NetworkResult, keeps_channels
from cnnviz.panels.network_layout import SKIP_LANE, Box, ColumnLayout, DiagramLayout
from cnnviz.panels.shared.field_box import lit_units
from cnnviz.scene.models import Pointer
from cnnviz.ui.icons import paint_icon
from cnnviz.ui.numbers import format_count
from cnnviz.ui.pixels import words_image
from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.theme import FontRole, theme

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Mark:
    """The selected unit: its layer, its channel, and which column shows it."""

    column: int | None
    channel: int


def rectangle(box: Box) -> QRectF:
    return QRectF(box.x, box.y, box.width, box.height)


def shape_text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def paint_backdrop(
    pixmap: QPixmap, layout: DiagramLayout, result: NetworkResult, mark: Mark, selected: int | None
) -> None:
    """Everything that a new frame does not change: texts, edges, the selected column's frame."""
    hub = theme()
    pixmap.fill(hub.colour("panel"))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    bounds = QRectF(0, 0, pixmap.width(), pixmap.height())
    if selected is not None:
        # as wide as the words ask, and with the count of maps that are left out
        frame = rectangle(layout.columns[selected].frame).adjusted(1, 2, -1, SKIP_LANE - 3)
        fill = QColor(hub.colour("accent"))
        fill.setAlpha(22)
        painter.setPen(QPen(hub.colour("accent"), 1.2))
        painter.setBrush(fill)
        painter.drawRoundedRect(frame, 6, 6)
    _paint_edges(painter, layout, result, mark, bounds)
    for column, place in zip(result.columns, layout.columns, strict=True):
        if rectangle(place.frame).intersects(bounds):
            _paint_heading(painter, column, place)
            if column.left_out:
                _paint_left_out(painter, column, place)
    painter.end()


def heading(column: Column) -> list[tuple[str, FontRole, str]]:
    """The lines above a column: text, role of its font, colour token."""
    node = column.node
    title = node.layer.name if node.block is None else f"▸ {node.block}"
    if node.block is not None:
        second = f"{node.layers} layers"
    elif node.layer.kind == "Input":
        second = "image"
    else:
        second = node.layer.summary or node.layer.kind
    lines: list[tuple[str, FontRole, str]] = [
        (title, "title", "text"),
        (second, "tiny", "muted"),
        (shape_text(node.layer.output_shape) if column.reached else "not reached", "tiny", "muted"),
    ]
    if node.layer.kind == "Input":
        lines.append(("weights:", "tiny", "faint"))
    elif node.parameters:
        lines.append((format_count(node.parameters), "tiny", "muted"))
    return lines


def heading_width(column: Column) -> float:
    """Pixels that the widest of a column's lines takes."""
    return max(QFontMetricsF(theme().font(role)).horizontalAdvance(text) for text, role, _ in heading(column))


def _paint_heading(painter: QPainter, column: Column, place: ColumnLayout) -> None:
    hub = theme()
    y = place.frame.y + hub.px(6)
    for text, role, token in heading(column):
        font = hub.font(role)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        painter.setPen(hub.colour(token))
        elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.frame.width - 6)
        line = QRectF(place.frame.x, y, place.frame.width, metrics.height())
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, elided)
        y += metrics.height() + 0.5


def _paint_left_out(painter: QPainter, column: Column, place: ColumnLayout) -> None:
    """How many maps the column does not show, below the last one that it does."""
    last = place.tiles[-1]
    painter.setFont(theme().font("tiny"))
    painter.setPen(theme().colour("muted"))
    line = QRectF(place.frame.x, last.y + last.height + 2, place.frame.width, theme().px(14))
    painter.drawText(line, Qt.AlignmentFlag.AlignCenter, f"+{column.left_out}")


def _paint_edges(painter: QPainter, layout: DiagramLayout, result: NetworkResult, mark: Mark, bounds: QRectF) -> None:
    quiet, loud = QPen(theme().colour("line"), 1.0), QPen(theme().colour("mark"), 1.6)
    for index, column in enumerate(result.columns):
        for source in column.node.inputs:
            span = rectangle(layout.columns[source].frame).united(rectangle(layout.columns[index].frame))
            if not span.intersects(bounds):
                continue
            if source != index - 1:
                painter.setPen(quiet)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawPath(_passing_by(layout, source, index))
                continue
            _paint_bundle(painter, layout, result, source, index, mark, quiet, loud)


def _paint_bundle(
    painter: QPainter,
    layout: DiagramLayout,
    result: NetworkResult,
    source: int,
    target: int,
    mark: Mark,
    quiet: QPen,
    loud: QPen,
) -> None:
    """The lines between the maps of two neighbouring columns; those into the marked map are drawn last."""
    starts, ends = layout.columns[source].tiles, layout.columns[target].tiles
    column = result.columns[target]
    before = result.columns[source]
    one_to_one = keeps_channels(column.node)
    marked_paths = QPainterPath()
    paths = QPainterPath()
    for end_index, end in enumerate(ends):
        is_marked = (
            mark.column == target and end_index < len(column.channels) and column.channels[end_index] == mark.channel
        )
        for start_index, start in enumerate(starts):
            if one_to_one and len(ends) > 1 and len(starts) > 1:
                same = before.channels[start_index : start_index + 1] == column.channels[end_index : end_index + 1]
                if not same:
                    continue
            path = marked_paths if is_marked else paths
            _add_curve(path, QPointF(start.right + 3, start.middle), QPointF(end.x - 3, end.middle))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    # all to all makes many lines: each one fainter, so that the bundle as a whole stays quiet
    faint = QPen(quiet)
    if len(starts) * len(ends) > 24 and not one_to_one:
        colour = QColor(quiet.color())
        colour.setAlpha(110)
        faint.setColor(colour)
    painter.setPen(faint)
    painter.drawPath(paths)
    painter.setPen(loud)
    painter.drawPath(marked_paths)


def _add_curve(path: QPainterPath, start: QPointF, end: QPointF) -> None:
    bend = (end.x() - start.x()) * 0.5
    path.moveTo(start)
    path.cubicTo(QPointF(start.x() + bend, start.y()), QPointF(end.x() - bend, end.y()), end)


def _passing_by(layout: DiagramLayout, source: int, target: int) -> QPainterPath:
    """An edge that skips columns: down from the source, along below the maps, and up into the target."""
    start, end = layout.columns[source].frame, layout.columns[target].frame
    low = max(column.frame.y + column.frame.height for column in layout.columns) + 5
    x1, x2 = start.x + start.width * 0.78, end.x + end.width * 0.22
    bottom = start.y + start.height - 10
    path = QPainterPath(QPointF(x1, bottom))
    path.cubicTo(QPointF(x1, low), QPointF(x1, low), QPointF(x1 + 12, low))
    path.lineTo(QPointF(x2 - 12, low))
    path.cubicTo(QPointF(x2, low), QPointF(x2, low), QPointF(x2, bottom))
    return path


def paint_column(
    painter: QPainter,
    column: Column,
    place: ColumnLayout,
    words: np.ndarray,
    mark: Mark | None,
    texts: ShapedTexts,
) -> None:
    """The tensors of one column: its maps, cells, bars, or the input's image."""
    if place.kind == "image":
        _paint_image(painter, place.tiles[0], words)
    elif place.kind == "bars":
        _paint_bars(painter, column, place, texts)
    elif column.mosaic is not None:
        _paint_maps(painter, column, place)
    if mark is not None and place.kind == "maps" and mark.channel in column.channels:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().colour("mark"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        tile = rectangle(place.tiles[column.channels.index(mark.channel)])
        painter.drawRoundedRect(tile.adjusted(-2, -2, 2, 2), 3, 3)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def lit_rects(column: Column, place: ColumnLayout, pointer: Pointer | None) -> list[QRectF]:
    """Where the units lie that see the pixel of the input under the pointer, in every map of the column."""
    units = lit_units(column.reach, pointer) if place.kind == "maps" else None
    if units is None:
        return []
    top, left, bottom, right = units
    rows, columns = column.node.layer.output_shape[1:]
    found = []
    for tile in place.tiles:
        target = QRectF(rectangle(tile).toRect())
        down, across = target.height() / rows, target.width() / columns
        box = QRectF(left * across, top * down, (right - left + 1) * across, (bottom - top + 1) * down)
        found.append(box.translated(target.topLeft()))
    return found


def paint_lit(painter: QPainter, boxes: list[QRectF]) -> None:
    """Frames that can be seen however small the units are."""
    if not boxes:
        return
    mark = theme().colour("mark")
    soft = QColor(mark)
    soft.setAlphaF(0.28)
    painter.setPen(QPen(mark, 1))
    painter.setBrush(soft)
    for box in boxes:
        spare = max(0.0, 3 - box.width()) / 2, max(0.0, 3 - box.height()) / 2
        painter.drawRect(box.adjusted(-spare[0], -spare[1], spare[0] - 1, spare[1] - 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_maps(painter: QPainter, column: Column, place: ColumnLayout) -> None:
    mosaic = column.mosaic
    assert mosaic is not None
    pixels = theme().table("signed" if mosaic.signed else "unsigned").take(mosaic.indices)
    picture = words_image(pixels)
    if place.kind == "strip":
        painter.drawImage(rectangle(place.tiles[0]).toRect(), picture)
        return
    painter.drawPixmapFragments(_fragments(place.tiles, mosaic.tile_shape, mosaic.gap), QPixmap.fromImage(picture))


@lru_cache(maxsize=256)
def _fragments(tiles: tuple[Box, ...], shape: tuple[int, int], gap: int) -> Any:
    """Where each tile of a mosaic of one column goes: one call paints them all."""
    height, width = shape
    fragments = []
    for index, tile in enumerate(tiles):
        target = QRectF(rectangle(tile).toRect())
        source = QRectF(0, index * (height + gap), width, height)
        scale = target.width() / width, target.height() / height
        fragments.append(QPainter.PixmapFragment.create(target.center(), source, *scale))
    return fragments


def _paint_image(painter: QPainter, tile: Box, pixels: np.ndarray) -> None:
    height, width = pixels.shape
    picture = words_image(pixels)
    target = rectangle(tile)
    longest = max(height, width)
    size = QRectF(0, 0, target.width() * width / longest, target.height() * height / longest)
    size.moveCenter(target.center())
    painter.drawImage(size.toRect(), picture)
    painter.setPen(QPen(theme().colour("line"), 1))
    painter.drawRect(size.toRect())


def more_rect(area: QRect, side: Side) -> QRect:
    """Where the sign lies that the diagram goes on beyond ``side``; a click on it moves there."""
    wide = theme().px(26)
    return QRect(area.left() if side == "left" else area.right() - wide + 1, area.top(), wide, area.height())


def paint_more(painter: QPainter, area: QRect, side: Side) -> None:
    """Fade the edge out, with an arrow on it."""
    strip = more_rect(area, side)
    hub = theme()
    painter.drawImage(strip.topLeft(), _more_sign(side, strip.width(), strip.height(), hub.current.name, hub.scale))


@lru_cache(maxsize=8)
def _more_sign(side: Side, width: int, height: int, theme_name: str, scale: float) -> QImage:
    # an image, not a pixmap: a cache outlives the application, and a pixmap must not
    picture = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    solid, clear = theme().colour("panel"), QColor(theme().colour("panel"))
    clear.setAlpha(0)
    fade = QLinearGradient(QPointF(0, 0), QPointF(width, 0))
    fade.setColorAt(0, solid if side == "left" else clear)
    fade.setColorAt(0.5, solid)
    fade.setColorAt(1, clear if side == "left" else solid)
    painter.fillRect(picture.rect(), fade)
    sign = theme().px(16)
    place = QRectF((width - sign) / 2, (height - sign) / 2, sign, sign)
    paint_icon(painter, place, "previous" if side == "left" else "next", theme().colour("text"))
    painter.end()
    return picture


@lru_cache(maxsize=64)
def _label_widths(labels: tuple[str, ...], most: float, scale: float) -> tuple[float, tuple[str, ...]]:
    """Room for the longest of ``labels``, at most ``most``, and each as it is shown there."""
    metrics = QFontMetricsF(theme().font("tiny"))
    room = min(max((metrics.horizontalAdvance(label) for label in labels), default=0) + 4, most)
    return room, tuple(metrics.elidedText(label, Qt.TextElideMode.ElideRight, room) for label in labels)


def _paint_bars(painter: QPainter, column: Column, place: ColumnLayout, texts: ShapedTexts) -> None:
    hub = theme()
    texts.use(painter, hub.font("tiny"))
    best = max(column.scores, key=lambda score: score.probability, default=None)
    labels = tuple(score.label for score in column.scores)
    label_width, shown = _label_widths(labels, place.frame.width * 0.6, hub.scale)
    line = QFontMetricsF(hub.font("tiny")).height()
    for score, text, tile in zip(column.scores, shown, place.tiles, strict=True):
        strong = score is best
        painter.setPen(hub.colour("text" if strong else "muted"))
        if strong or tile.height >= line * 0.8:  # where labels would lie over one another, the answer alone has its own
            label = QRectF(tile.x, tile.y, label_width, tile.height)
            texts.draw(painter, label, text, Qt.AlignmentFlag.AlignRight)
        room = tile.width - label_width - 6
        thick = min(tile.height * 0.5, 8)
        bar = QRectF(tile.x + label_width + 6, tile.middle - thick / 2, 1 + score.probability * (room - 1), thick)
        painter.fillRect(bar, hub.colour("accent" if strong else "faint"))
