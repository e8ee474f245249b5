"""The pen: from the mouse on the canvas to strokes, fills and shifts in the document."""

from __future__ import annotations

from typing import cast

from PyQt6.QtCore import QElapsedTimer, QObject, Qt

from cnnviz.data.edits import is_identity, source_position
from cnnviz.data.strokes import Drawing, Rasteriser, Stroke
from cnnviz.panels.input import InputParams, InputResult
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.ui.input_canvas import InputCanvas

# beyond this many ms between a stroke and its result the canvas shows the stroke before the network's answer is there
LAG_MS = 25


class Pen(QObject):
    """Turns gestures on the canvas into edits of the document; a gesture is one undo entry."""

    def __init__(self, document: Document, canvas: InputCanvas, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._canvas = canvas
        self._surface: InputResult | None = None
        self._tool: str | None = None
        self._last: tuple[float, float] | None = None
        self._nudging = False
        self._begun = 0  # strokes of the drawing, with the one that is being drawn
        self._rasteriser = Rasteriser()
        self._since_edit = QElapsedTimer()
        self._is_slow = False
        canvas.pen_pressed.connect(self._press)
        canvas.pen_moved.connect(self._move)
        canvas.pen_released.connect(self._release)
        canvas.nudged.connect(self._nudge)
        canvas.nudge_ended.connect(self._end_nudge)

    def set_surface(self, result: InputResult) -> None:
        """What is drawn on: its size, and the picture below the strokes."""
        self._surface = result
        is_drawing = self._tool in ("brush", "eraser")
        if self._since_edit.isValid():
            # A quick answer while the pen is down may be that to an edit before its last.
            self._is_slow = self._since_edit.elapsed() > LAG_MS or (self._is_slow and is_drawing)
            self._since_edit.invalidate()
        if is_drawing and self._is_slow:
            self._preview()  # the stroke has gone on since what came in now was asked for

    def _params(self) -> InputParams:
        return cast(InputParams, self._document.scene.panel("input"))

    def _press(self, row: float, column: float, button: Qt.MouseButton) -> None:
        if self._surface is None:
            return
        self._document.begin_gesture()
        params = self._params()
        self._tool = "eraser" if button == Qt.MouseButton.RightButton and params.tool == "brush" else params.tool
        self._last = (row, column)
        if self._tool == "move":
            self._canvas.setCursor(Qt.CursorShape.ClosedHandCursor)
            return
        if self._document.scene.example and self._tool == "brush":
            actions.use_blank(self._document)
        drawing = self._drawing()
        stroke = Stroke(
            tool=self._tool,
            colour=params.colour,
            diameter=params.diameter * drawing.height / self._surface.height,
            points=(self._on_drawing(row, column, drawing),),
        )
        if self._document.scene.example:
            self._document.edit("example", False)
        if drawing is not self._document.scene.input.drawing:
            self._document.edit("input.drawing", drawing)
        self._document.append("input.drawing.strokes", stroke)
        self._begun = len(self._document.scene.input.drawing.strokes)
        self._preview()

    def _move(self, row: float, column: float) -> None:
        if self._tool is None or self._last is None:
            return
        if self._tool == "move":
            self._shift(row - self._last[0], column - self._last[1])
            self._last = (row, column)
        elif self._tool != "fill":
            drawing = self._document.scene.input.drawing
            if len(drawing.strokes) == self._begun:  # else the stroke was undone or cleared under the pen
                self._document.append("input.drawing.strokes.-1.points", self._on_drawing(row, column, drawing))
                self._preview()

    def _release(self) -> None:
        if self._tool is None:
            return
        if self._tool == "move":
            self._canvas.setCursor(Qt.CursorShape.OpenHandCursor)
        self._tool = self._last = None
        self._document.end_gesture()

    def _nudge(self, rows: float, columns: float) -> None:
        """As long as the key is held, all that it moves is one undo entry."""
        if not self._nudging:
            self._nudging = True
            self._document.begin_gesture()
        self._shift(rows, columns)

    def _end_nudge(self) -> None:
        if self._nudging:
            self._nudging = False
            self._document.end_gesture()

    def _drawing(self) -> Drawing:
        """The drawing to add to; an empty one takes the size of the network's input."""
        assert self._surface is not None
        drawing = self._document.scene.input.drawing
        if drawing.strokes:
            return drawing
        size = (self._surface.height, self._surface.width)
        return drawing if (drawing.height, drawing.width) == size else Drawing(height=size[0], width=size[1])

    def _on_drawing(self, row: float, column: float, drawing: Drawing) -> tuple[float, float]:
        """A position on the canvas as one on the drawing: back through the edits, then to the drawing's own size."""
        surface = self._surface
        assert surface is not None
        row, column = source_position(self._document.scene.input.edits, surface.height, surface.width, row, column)
        return row * drawing.height / surface.height, column * drawing.width / surface.width

    def _shift(self, rows: float, columns: float) -> None:
        edits = self._document.scene.input.edits
        self._document.edit_many(
            {
                "input.edits.shift_rows": min(max(edits.shift_rows + rows, -32.0), 32.0),
                "input.edits.shift_columns": min(max(edits.shift_columns + columns, -32.0), 32.0),
            }
        )

    def _preview(self) -> None:
        """With a slow network, show the stroke at once: the same rasteriser makes the same pixels as the engine's."""
        if not self._since_edit.isValid():
            self._since_edit.start()
        scene, surface = self._document.scene, self._surface
        if not self._is_slow or surface is None or not is_identity(scene.input.edits):
            return
        if surface.rendered.ordered is surface.rendered.edited:  # else the canvas may show permuted pixels
            fitted = surface.rendered.fitted
            drawn = self._rasteriser.render(fitted, scene.input.drawing)
            self._canvas.set_image(drawn, paper=surface.paper)
