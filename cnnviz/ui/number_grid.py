"""A piece of a map as coloured cells with their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from PyQt6.QtCore import QEvent, QLine, QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cnnviz.ui.focus_frame import paint_focus
from cnnviz.ui.numbers import format_fixed, format_number, shared_digits
from cnnviz.ui.pixels import words_image
from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.theme import TableKind, text_is_black_on, theme

Cell = tuple[int, int]

_LINE = 1.25
"""Height of a line of numbers over the size of their font."""
_FEWEST = 3


@dataclass(frozen=True)
class _Cells:
    """Where the cells are drawn: left and top of the first, width and height of each, and all their edges.

    The edges, one more than there are columns and rows, are rounded once, so that neighbours touch whatever the size.
    """

    left: float
    top: float
    width: float
    height: float
    xs: tuple[int, ...]
    ys: tuple[int, ...]

    @property
    def whole(self) -> QRect:
        """All cells."""
        return QRect(self.xs[0], self.ys[0], self.xs[-1] - self.xs[0], self.ys[-1] - self.ys[0])

    @cached_property
    def hairs(self) -> tuple[QLine, ...]:
        """Lines between the cells."""
        whole = self.whole
        across = (QLine(whole.left(), y - 1, whole.right(), y - 1) for y in self.ys[1:])
        return (*across, *(QLine(x - 1, whole.top(), x - 1, whole.bottom()) for x in self.xs[1:]))

    def rect(self, row: int, column: int) -> QRect:
        x, y = self.xs[column], self.ys[row]
        return QRect(x, y, self.xs[column + 1] - x, self.ys[row + 1] - y)


SMALLEST_FONT = 8
"""In pixels at scale 1; below it cells show colours alone."""
_ALL_FIGURES_ALIKE = str.maketrans("123456789", "0" * 9)


@lru_cache(maxsize=64)
def _largest_font(text: str, width: float, height: float, scale: float) -> QFont | None:
    """The largest font with which ``text`` fits a cell at the theme's ``scale``."""
    hub = theme()
    font = hub.font("small")
    widest = QFontMetrics(font).horizontalAdvance(text) or 1
    size = min(font.pixelSize(), font.pixelSize() * (width - hub.px(5)) / widest, (height - hub.px(2)) / _LINE)
    if size < hub.px(SMALLEST_FONT):
        return None
    font.setPixelSize(int(size))
    return font


@lru_cache(maxsize=64)
def _readable(width: int, height: int, scale: float) -> tuple[int, int]:
    """Rows and columns of numbers for which there is room in the smallest font; a few where it is too little."""
    hub = theme()
    metrics, small = QFontMetrics(hub.font("tiny")), hub.font("small")
    small.setPixelSize(hub.px(SMALLEST_FONT))
    line = math.ceil(hub.px(SMALLEST_FONT) * _LINE) + hub.px(2)
    number = QFontMetrics(small).horizontalAdvance("−8.88") + hub.px(5)
    rows = (height - metrics.height() - hub.px(2)) // line
    columns = (width - metrics.horizontalAdvance("888") - hub.px(8)) // number
    return max(rows, _FEWEST), max(columns, _FEWEST)


class NumberGrid(QWidget):
    """Cells of a matrix in a map's colours, each with its value where there is room for it.

    Of a large map only a window around a centre is shown, held inside the map; the rows and columns are numbered at
    the edges. Text is black or white, whichever has more contrast on its cell (always at least 4.5).
    """

    cell_clicked = pyqtSignal(int, int)
    """Row and column in the whole map: clicked, or reached with the arrow keys."""
    hovered = pyqtSignal(object)
    """(row, column) under the pointer, ``None`` when it leaves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._indices = np.zeros((0, 0), np.uint8)
        self._values = np.zeros((0, 0))
        self._kind: TableKind = "unsigned"
        self._size: tuple[int, int] = (7, 7)
        self._is_window = True
        self._centre: Cell = (0, 0)
        self._marked: Cell | None = None
        self._hover: Cell | None = None
        self._digits: int | None = None
        self._numbers, self._edges = ShapedTexts(), ShapedTexts()
        self._placed: tuple[tuple[object, ...], _Cells] | None = None
        theme().changed.connect(self.update)

    def set_values(
        self,
        indices: np.ndarray,
        values: np.ndarray,
        kind: TableKind,
        *,
        window: tuple[int, int] | None = (7, 7),
        centre: Cell | None = None,
        digits: int | None = None,
    ) -> None:
        """Show a map.

        Parameters
        ----------
        indices
            uint8 (H, W): entries of the colour table of ``kind``.
        values
            Floats of the same shape.
        window
            Rows and columns shown at once, fewer where their numbers could not be read; ``None`` shows all.
        centre
            (row, column) around which to look; by default where the window last stood.
        digits
            Decimals of the numbers; by default as many as give the largest in sight three figures.
        """
        if indices.shape != values.shape or indices.ndim != 2:
            raise ValueError(f"indices {indices.shape} and values {values.shape} must be one matrix")
        rows, columns = indices.shape
        size = (rows, columns) if window is None else (min(window[0], rows), min(window[1], columns))
        is_window = window is not None
        same_size = (indices.shape, size, is_window) == (self._indices.shape, self._size, self._is_window)
        same_cells = same_size and centre in (None, self._centre)
        if indices.shape != self._indices.shape or size != self._size:
            self.updateGeometry()
        self._indices, self._values, self._kind, self._digits = indices, values, kind, digits
        self._size, self._is_window = size, is_window
        if centre is not None:
            self._centre = centre
        if same_cells and self._indices.size:
            self.update(self._cells().whole)  # the numbers at the edges stay
        else:
            self.update()

    def set_marked(self, cell: Cell | None) -> None:
        """Put the mark's ring around a cell of the map."""
        if cell != self._marked:
            self._marked = cell
            self.update()

    def window_rect(self) -> tuple[int, int, int, int]:
        """Row, column, height and width of what is shown, in the map."""
        (rows, columns), (height, width) = self._indices.shape, self._size
        if self._is_window:
            fits = _readable(self.width(), self.height(), theme().scale)
            height, width = min(height, fits[0]), min(width, fits[1])
        top = min(max(self._centre[0] - height // 2, 0), max(rows - height, 0))
        left = min(max(self._centre[1] - width // 2, 0), max(columns - width, 0))
        return top, left, height, width

    def cell_rect(self, row: int, column: int) -> QRect:
        """Where a cell of the map is drawn; empty if outside the window."""
        return self._rect_among(self._cells(), (row, column))

    def _rect_among(self, cells: _Cells, cell: Cell) -> QRect:
        top, left, height, width = self.window_rect()
        row, column = cell[0] - top, cell[1] - left
        return cells.rect(row, column) if 0 <= row < height and 0 <= column < width else QRect()

    def cell_at(self, point: QPointF) -> Cell | None:
        """Row and column in the map under a point."""
        if self._indices.size == 0:
            return None
        top, left, height, width = self.window_rect()
        cells = self._cells()
        column = math.floor((point.x() - cells.left) / cells.width)
        row = math.floor((point.y() - cells.top) / cells.height)
        return (top + row, left + column) if 0 <= row < height and 0 <= column < width else None

    def _cells(self) -> _Cells:
        key = (self.size(), self._indices.shape, self._size, self._is_window, theme().scale)
        if self._placed is None or self._placed[0] != key:
            self._placed = (key, self._place_cells())
        return self._placed[1]

    def _place_cells(self) -> _Cells:
        hub = theme()
        metrics = QFontMetrics(hub.font("tiny"))
        left = metrics.horizontalAdvance(str(max(len(self._indices) - 1, 0))) + hub.px(6)
        top = metrics.height()
        _, _, rows, columns = self.window_rect()
        across = max(1.0, (self.width() - left - hub.px(2)) / max(columns, 1))
        down = max(1.0, min((self.height() - top - hub.px(2)) / max(rows, 1), across))
        wide = min(across, 2.8 * down)
        xs = tuple(round(left + column * wide) for column in range(columns + 1))
        ys = tuple(round(top + row * down) for row in range(rows + 1))
        return _Cells(left, top, wide, down, xs, ys)

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        cells = self._cells()
        only_cells = self._indices.size > 0 and cells.whole.contains(event.rect())
        if not only_cells:
            painter.fillRect(event.rect(), hub.colour("panel"))
        if self._indices.size == 0:
            return
        top, left, height, width = self.window_rect()
        window = np.s_[top : top + height, left : left + width]
        indices, values = self._indices[window], self._values[window]
        colours, black = hub.table(self._kind)[indices], text_is_black_on(self._kind, hub.current)[indices]
        texts = self._texts(values)
        font = self._font_for(texts, cells)
        if font is not None:
            self._numbers.use(painter, font)
        metrics = painter.fontMetrics()
        drop = metrics.capHeight()
        colours = np.ascontiguousarray(colours)
        xs, ys, whole = cells.xs, cells.ys, cells.whole
        painter.drawImage(whole, words_image(colours))
        if cells.width >= hub.px(10):
            painter.setPen(hub.colour("panel"))
            painter.drawLines(*cells.hairs)
        rise = metrics.ascent() - (drop + 1) // 2
        shaped, draw = self._numbers.shaped, painter.drawStaticText
        for is_black in (True, False) if font is not None else ():
            # one pen after the other: changing it for each cell costs more than the text
            painter.setPen(Qt.GlobalColor.black if is_black else Qt.GlobalColor.white)
            for row, column in np.argwhere(black == is_black).tolist():
                text, wide = shaped(texts[row][column])
                draw((xs[column] + xs[column + 1] - 1 - wide) // 2, (ys[row] + ys[row + 1] - 1) // 2 - rise, text)
        if not only_cells:
            self._paint_edges(painter, cells)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._hover is not None and self._hover != self._marked:
            self._ring(painter, cells, self._hover, QColor(hub.current.text), hub.px(1))
        if self._marked is not None:
            self._ring(painter, cells, self._marked, hub.colour("mark"), hub.px(2))
        if self.hasFocus():
            paint_focus(painter, self.rect())

    def _texts(self, values: np.ndarray) -> list[list[str]]:
        finite = np.abs(values[np.isfinite(values)])
        digits = shared_digits(float(finite.max(initial=0))) if self._digits is None else self._digits
        if digits is None:
            return [[format_number(value, 1) for value in row] for row in values.tolist()]
        return [[format_fixed(value, digits) for value in row] for row in values.tolist()]

    def _font_for(self, texts: list[list[str]], cells: _Cells) -> QFont | None:
        """The largest font with which every number fits its cell; ``None`` if that is too small to read."""
        longest = max((text for row in texts for text in row), key=len, default="")
        return _largest_font(longest.translate(_ALL_FIGURES_ALIKE), cells.width, cells.height, theme().scale)

    def _paint_edges(self, painter: QPainter, cells: _Cells) -> None:
        hub = theme()
        top, left, height, width = self.window_rect()
        edges = self._edges
        edges.use(painter, hub.font("tiny"))
        metrics = painter.fontMetrics()
        painter.setPen(hub.colour("faint"))
        every_row = max(1, math.ceil(metrics.height() / cells.height))
        every_column = max(1, math.ceil(edges.width("000") / cells.width))
        for row in range(0, height, every_row):
            text = str(top + row)
            middle = (cells.ys[row] + cells.ys[row + 1]) / 2
            x = cells.left - hub.px(4) - edges.width(text)
            edges.draw_on(painter, x, middle + metrics.ascent() / 2 - 1, text)
        for column in range(0, width, every_column):
            text = str(left + column)
            middle = (cells.xs[column] + cells.xs[column + 1] - edges.width(text)) / 2
            edges.draw_on(painter, middle, metrics.ascent(), text)

    def _ring(self, painter: QPainter, cells: _Cells, cell: Cell, colour: QColor, width: int) -> None:
        rect = self._rect_among(cells, cell)
        if rect.isEmpty():
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, width))
        painter.drawRoundedRect(QRectF(rect).adjusted(-0.5, -0.5, -0.5, -0.5), theme().px(2), theme().px(2))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is None or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self.cell_clicked.emit(*cell)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def _set_hover(self, cell: Cell | None) -> None:
        if cell != self._hover:
            self._hover = cell
            self.hovered.emit(cell)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        step = steps.get(Qt.Key(event.key()))
        if step is None or self._indices.size == 0:
            event.ignore()
            return
        rows, columns = self._indices.shape
        row, column = self._marked or self._centre
        row, column = min(max(row + step[0], 0), rows - 1), min(max(column + step[1], 0), columns - 1)
        self.cell_clicked.emit(row, column)

    def heightForWidth(self, width: int) -> int:
        hub = theme()
        rows, columns = self._size
        cell = min((width - hub.px(20)) / max(columns, 1), hub.px(48))
        return round(QFontMetrics(hub.font("tiny")).height() + rows * cell * 0.62 + hub.px(4))

    def sizeHint(self) -> QSize:
        width = theme().px(320)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(120), theme().px(90))
