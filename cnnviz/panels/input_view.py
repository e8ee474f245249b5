"""The widget of the input panel: the canvas, its tools, and the chain of edits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from PyQt6.QtCore import QSize
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.core.graph import INPUT
from cnnviz.panels.input import InputParams, InputResult
from cnnviz.panels.input_edits_view import EditsEditor
from cnnviz.panels.input_pen_view import Pen
from cnnviz.scene.document import Document
from cnnviz.scene.models import Pointer, Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.colour_swatch import ColourSwatch
from cnnviz.ui.controls import IconButton, Segmented, Toggle
from cnnviz.ui.input_canvas import InputCanvas, Outline
from cnnviz.ui.numbers import format_number
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

if TYPE_CHECKING:
    import numpy as np

WIDE = 1.3
"""Width over height from which tools and sliders stand beside the canvas instead of below it."""
_UNBOUNDED = 16_777_215  # pixels, of a widget for Qt
HEAT_TIP = "Heat: how strongly each pixel acts on the unit, by its gradient"


class InputView(PanelView):
    """The canvas with its tools below, or in a wide panel beside it; what does not fit scrolls."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: InputResult | None = None
        self._pointed: tuple[int, int] | None = None
        self.canvas = InputCanvas(self)
        self._pen = Pen(document, self.canvas, self)
        self._tools = Segmented(
            [("brush", ""), ("eraser", ""), ("fill", ""), ("move", "")],
            icons=["brush", "erase", "fill", "move"],
            tips=[
                "Brush: draw (B); the right button erases",
                "Eraser: bring back what lies below (E)",
                "Fill: colour a connected region (F)",
                "Move: shift the picture by dragging it (M)",
            ],
        )
        self._tools.chosen.connect(lambda tool: document.edit("panels.input.tool", tool))
        self._swatch = ColourSwatch()
        self._swatch.setToolTip("Colour of the brush; grey for networks that see one channel")
        self._swatch.edited.connect(lambda colour: document.edit("panels.input.colour", colour))
        clear = IconButton("clear", "Clear what was drawn (Del)")
        clear.clicked.connect(self.clear)
        self._field = IconButton("fit", "Outline the pixels that reach the unit under the pointer", checkable=True)
        self._field.clicked.connect(lambda on: document.edit("panels.input.show_field", on))
        self._heat = IconButton("heat", HEAT_TIP, checkable=True)
        self._heat.clicked.connect(lambda on: document.edit("panels.input.show_heat", on))
        others = QHBoxLayout()
        others.setSpacing(theme().px(4))
        others.addStretch(1)
        for button in (self._field, self._heat, self._swatch, clear):
            others.addWidget(button)
        self._rows = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._rows.setSpacing(theme().px(4))
        self._rows.addWidget(self._tools)
        self._rows.addLayout(others, 1)
        self._diameter = BoundSlider(
            document, "panels.input.diameter", "brush", label_width=66, low=0.5, high=16, unit="px", digits=1, step=0.1
        )
        self._edits = EditsEditor(document, self)
        self._order = Toggle("show pixels in order")
        self._order.setToolTip(
            "This network learned from images whose pixels were permuted, and gets this one permuted alike"
        )
        self._order.edited.connect(lambda on: document.edit("panels.input.in_order", on))
        self._order.hide()
        below = QWidget()
        below.setProperty("role", "page")
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 4, 0)
        column.setSpacing(0)
        column.addWidget(self._diameter)
        column.addWidget(self._edits)
        column.addStretch(1)
        scroll = VerticalScroll(below, self)
        scroll.setMinimumHeight(28)
        # the canvas and the sliders share the height three to two, however many sliders there are
        scroll.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self._controls = QVBoxLayout()
        self._controls.setSpacing(6)
        self._controls.addWidget(self._order)
        self._controls.addLayout(self._rows)
        self._controls.addWidget(scroll, 1)
        self._parts = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._parts.setContentsMargins(0, 0, 0, 0)
        self._parts.setSpacing(6)
        self._parts.addWidget(self.canvas, 3)
        self._parts.addLayout(self._controls, 2)
        self.canvas.pointed.connect(self._point)
        self.canvas.pen_pressed.connect(lambda *_: self._aim(None))
        self.canvas.pen_moved.connect(self._follow_pen)
        self.canvas.wheel_turned.connect(self._resize_brush)
        document.changed.connect(self._follow)
        self._show_params(document.scene)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ways, parts, wide = QBoxLayout.Direction, self._parts_of_tools(), self.width() > WIDE * self.height()
        self._parts.setDirection(ways.LeftToRight if wide else ways.TopToBottom)
        # what is more than a square belongs to the sliders
        self.canvas.setMaximumSize(*((self.height(), _UNBOUNDED) if wide else (_UNBOUNDED, self.width())))
        room = self.width() - (self.height() if wide else 0)
        fits = sum(part.width() for part in parts) + self._rows.spacing() <= room
        self._rows.setDirection(ways.LeftToRight if fits else ways.TopToBottom)

    def minimumSizeHint(self) -> QSize:
        """With the tools in two rows: whatever stands in one now."""
        widths = [part.width() for part in (self.canvas.minimumSizeHint(), *self._parts_of_tools())]
        heights = self.canvas.minimumSizeHint().height(), self._parts.spacing(), self._controls.minimumSize().height()
        return QSize(max(widths), sum(heights))

    def _parts_of_tools(self) -> list[QSize]:
        return [part.minimumSize() for part in (self._rows.itemAt(place) for place in range(2)) if part is not None]

    def show_result(self, result: InputResult) -> None:
        super().show_result(result)
        self._result = result
        self._order.setVisible(result.rendered.ordered is not result.rendered.edited)
        self.canvas.set_image(self._shown(result), paper=result.paper)
        self._pen.set_surface(result)
        # what acts on the network's pixels lies elsewhere where they are in order
        field = result.field if self._is_as_the_network_gets_it(result) else None
        self.canvas.set_outline(
            None if field is None else Outline(field.row, field.column, field.height, field.width, field.text)
        )
        heat = result.heat if self._is_as_the_network_gets_it(result) else None
        self.canvas.set_heat(None if heat is None else heat.shares)
        self._heat.setToolTip(heat.words if heat is not None and heat.words else HEAT_TIP)
        self._swatch.set_grey(result.channels == 1, paper=result.paper)
        self._edits.show_fit(result)
        self._say_value()

    def _shown(self, result: InputResult) -> np.ndarray:
        in_order = cast(InputParams, self.document.scene.panel("input")).in_order
        return result.rendered.ordered if in_order else result.rendered.edited

    def _is_as_the_network_gets_it(self, result: InputResult) -> bool:
        return self._shown(result) is result.rendered.edited

    def clear(self) -> None:
        """Take away every stroke; undo brings them back."""
        self.document.edit("input.drawing.strokes", ())

    def _follow(self, old: Scene, new: Scene) -> None:
        if old.input.edits is not new.input.edits or old.input.fit is not new.input.fit:
            self._edits.refresh()
        if old.panels is not new.panels and old.panel("input") != new.panel("input"):
            self._show_params(new)

    def _show_params(self, scene: Scene) -> None:
        params = cast(InputParams, scene.panel("input"))
        self._tools.set_value(params.tool)
        self._swatch.set_colour(params.colour)
        self._field.setChecked(params.show_field)
        self._heat.setChecked(params.show_heat)
        self._order.set_value(params.in_order)
        self._diameter.refresh()
        self.canvas.set_brush(params.diameter if params.tool in ("brush", "eraser") else 0)

    def _resize_brush(self, delta: int) -> None:
        params = cast(InputParams, self.document.scene.panel("input"))
        diameter = min(max(params.diameter * 1.1 ** (delta / 120), 0.5), 64)
        self.document.edit("panels.input.diameter", round(diameter, 1))

    def _point(self, at: tuple[int, int] | None) -> None:
        self._pointed = at
        self._aim(at)
        self._say_value()

    def _follow_pen(self, row: float, column: float) -> None:
        """Have the title speak of the pixel under the pen; the answer to the stroke writes it."""
        result = self._result
        inside = result is not None and 0 <= row < result.height and 0 <= column < result.width
        self._pointed = (int(row), int(column)) if inside else None

    def _aim(self, at: tuple[int, int] | None) -> None:
        """Point at a pixel, so that the other panels light the units that see it."""
        known = self.document.scene.pointer
        if at is not None and (self._result is None or self._is_as_the_network_gets_it(self._result)):
            pointer = Pointer(layer=INPUT, channel=0, row=at[0], column=at[1])
        elif known is not None and known.layer != INPUT:
            return
        else:
            pointer = None
        if pointer != known:
            self.document.edit("pointer", pointer)

    def _say_value(self) -> None:
        """What lies under the pointer, else what the network gets."""
        result = self._result
        if result is None:
            return
        if self._pointed is None:
            permuted = ", pixels permuted" if result.rendered.ordered is not self._shown(result) else ""
            fitted = f", {result.fitted}" if result.fitted else ""
            self.set_subtitle(f"{result.channels}×{result.height}×{result.width}{fitted}{permuted}")
            return
        row, column = self._pointed
        if row < result.height and column < result.width:
            pixel: Any = self._shown(result)[:, row, column]
            values = " ".join(format_number(float(value), 2) for value in pixel)
            self.set_subtitle(f"row {row}, column {column}: {values}")
