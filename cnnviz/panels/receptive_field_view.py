"""The widget of the receptive field panel: theory as a table or a curve, and the effective field of one unit."""

from __future__ import annotations

from typing import cast

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from cnnviz.panels.receptive_field import ReceptiveFieldParams, ReceptiveFieldResult
from cnnviz.panels.receptive_field_heat_view import HeatFigure, SharesView, box_words, images_words, share_words
from cnnviz.panels.receptive_field_lines import APART
from cnnviz.panels.receptive_field_table_view import FieldTable
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel, Segmented, Toggle
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.numbers import format_number
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme

WIDE_FROM = 620
"""Width, at font scale 1, from which theory and measurement stand side by side."""
_ONE_LINE_FROM = 520
"""Width from which the name of the unit stands beside its choices."""
_WORDY_FROM = 400
"""Height from which the selected line is told in words, too."""
_WIDER = "The measured width may be larger: it holds what comes through such layers, too."
NO_GRADIENT = (
    "On this input no pixel changes the unit: a ReLU before it passes nothing on. Choose another unit, the centre unit "
    "(the mean over channels), or the mean over samples."
)


class ReceptiveFieldView(PanelView):
    """A click in the table or the curve selects the layer everywhere."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._show = Segmented(
            [("table", "table"), ("curve", "over depth")],
            tips=["All layers with the numbers of their fields", "Size over depth, by theory and measured"],
        )
        super().__init__(document, parent)
        self._result: ReceptiveFieldResult | None = None
        self._show.chosen.connect(lambda key: document.edit("panels.receptive-field.show", key))
        self._table = FieldTable(self)
        self._table.layer_clicked.connect(self._select)
        self._curve = CurvePlot(self, movable_cursor=True)
        self._curve.cursor_moved.connect(self._select_place)
        self._theory = QStackedWidget()
        self._theory.addWidget(self._table)
        self._theory.addWidget(self._curve)
        self._note = sentences("muted")
        theory = QVBoxLayout()
        theory.setSpacing(theme().px(4))
        theory.addWidget(self._theory, 1)
        theory.addWidget(self._note)
        self._halves = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._halves.setContentsMargins(0, 0, 0, 0)
        # side by side the halves need more width than below each other, and may not keep the panel from being narrowed
        self._halves.setSizeConstraint(QBoxLayout.SizeConstraint.SetNoConstraint)
        self._halves.setSpacing(theme().px(10))
        self._halves.addLayout(theory, 1)
        self._halves.addLayout(self._measured_half(), 1)
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def _measured_half(self) -> QVBoxLayout:
        edit = self.document.edit
        self._unit = Segmented(
            [("selected", "selected unit"), ("centre", "centre unit")],
            tips=["Of the selected unit", "Of the unit in the middle of the map: the mean over channels"],
        )
        self._unit.chosen.connect(lambda key: edit("panels.receptive-field.unit", key))
        self._over = Segmented(
            [("input", "this input"), ("samples", "samples")],
            tips=["On the input that is shown", "The mean over the program's own digits or photos"],
        )
        self._over.chosen.connect(lambda key: edit("panels.receptive-field.over", key))
        self._whole = Toggle("whole input")
        self._whole.setToolTip("Show the heat on the whole input, not on the field alone")
        self._whole.edited.connect(lambda on: edit("panels.receptive-field.whole", on))
        self._caption = ElidedLabel("", token="text")
        self._heat = MosaicView(self)
        self._heat.set_labels([])
        self._heat.setAccessibleName("Effective field")
        self._heat.setToolTip("Size of the unit's gradient at each pixel: how much the pixel acts on it")
        self._heat.hovered.connect(self._say_heat)
        self._bar = ColourBar(Qt.Orientation.Horizontal)
        self._shares = SharesView()
        self._words = sentences("muted")
        settings = self._settings = QHBoxLayout()
        settings.setSpacing(theme().px(8))
        settings.addWidget(self._unit)
        settings.addWidget(self._over)
        settings.addStretch(1)
        beside = QVBoxLayout()
        beside.setSpacing(theme().px(6))
        beside.addWidget(self._shares)
        beside.addWidget(self._bar)
        beside.addWidget(self._words)
        beside.addWidget(self._whole)
        beside.addStretch(1)
        self._picture = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._picture.setSpacing(theme().px(10))
        self._picture.addWidget(self._heat, 1)
        self._picture.addLayout(beside, 1)
        half = self._half = QVBoxLayout()
        half.setSpacing(theme().px(4))
        half.addLayout(settings)
        half.addWidget(self._caption)
        half.addLayout(self._picture, 1)
        return half

    def header_controls(self) -> list[QWidget]:
        return [self._show]

    def figures(self) -> list[Figure]:
        curve = self._curve.figure()
        found: list[Figure] = [] if curve is None else [curve]
        if self._result is not None and self._result.heat is not None:
            found.append(HeatFigure(self._result.heat))
        return found

    def show_result(self, result: ReceptiveFieldResult) -> None:
        super().show_result(result)
        self._result = result
        self._table.set_lines(result.lines, result.selected)
        self._curve.set_curves(result.curves)
        self._curve.set_cursor(result.place)
        line = result.lines[result.selected]
        self._show_heat(result)
        size = f"{line.size} px" if line.size[0].isdigit() else line.size
        stride = f", stride {line.stride}" if line.stride else ""
        self.set_subtitle(f"{line.layer} · {size}{stride}")

    def _show_heat(self, result: ReceptiveFieldResult) -> None:
        heat = result.heat
        for widget in (self._heat, self._bar, self._shares):
            widget.setVisible(self._has_gradient())
        self._arrange()
        if heat is None:
            self._caption.set_text("effective field")
            self._words.setText(result.problem or "It is being measured.")
            return
        self._name_unit()
        self._heat.set_mosaic(heat.mosaic, "unsigned")
        self._bar.set_scale("unsigned", 0.0, heat.mosaic.range_of(0)[1])
        self._shares.set_shares(heat.shares)
        self._say_heat(None)

    def _name_unit(self) -> None:
        """Beside the choices without its layer, which is in the title."""
        heat = None if self._result is None else self._result.heat
        if heat is None:
            return
        unit = heat.unit.partition(", ")[2] if self._settings.indexOf(self._caption) >= 0 else heat.unit
        self._caption.set_text(unit if heat.of_now else f"{unit} · of the input before")
        self._caption.setToolTip(f"The effective field of {heat.unit}")

    def _has_gradient(self) -> bool:
        """Whether there is a heat, and any of it: nothing but zeros are words, no picture."""
        heat = None if self._result is None else self._result.heat
        return heat is not None and bool(heat.heat.any())

    def _say_heat(self, place: tuple[int, int, int] | None) -> None:
        """What the picture shows; with the pointer on it, one pixel's gradient."""
        result = self._result
        if result is None or result.heat is None:
            return
        heat = result.heat
        if place is not None:
            row, column = heat.box[0] + place[1], heat.box[1] + place[2]
            value = format_number(float(heat.heat[row, column]))
            self._words.setText(f"row {row}, column {column}: |g| = {value}")
            return
        words = [f"|g| {images_words(heat)}; {box_words(heat)}."]
        words += filter(None, [share_words(heat)])
        if heat.before_non_linearity:
            words.append("Before its non-linearity.")
        if not self._has_gradient():
            words = [NO_GRADIENT]
        if not heat.of_now:
            words.append("Of the input before: measured anew when your hand rests.")
        elif result.measuring:
            words.append(f"Measuring: {result.measuring}." if " of " in result.measuring else "Measuring.")
        self._words.setText(" ".join(words))

    def _select(self, layer: str) -> None:
        self.document.edit_many({"selection.layer": layer, "selection.row": None, "selection.column": None})

    def _select_place(self, x: float) -> None:
        result = self._result
        if result is None or not result.curve_layers:
            return
        place = min(max(round(x), 0), len(result.curve_layers) - 1)
        if place != result.place:
            self._select(result.curve_layers[place])

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        params = cast(ReceptiveFieldParams, new.panel("receptive-field"))
        self._show.set_value(params.show)
        self._theory.setCurrentWidget(self._table if params.show == "table" else self._curve)
        self._unit.set_value(params.unit)
        self._over.set_value(params.over)
        self._whole.set_value(params.whole)
        self._arrange()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(340), theme().px(320))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()
        super().resizeEvent(event)

    def _show_note(self) -> None:
        """What the selected line means where there is room for it, and what is to be said besides in any case."""
        result = self._result
        if result is None:
            return
        line = result.lines[result.selected]
        sentence = line.sentence if self.height() >= theme().px(_WORDY_FROM) else ""
        apart = result.curves.series and APART in result.curves.series[0].name
        wider = _WIDER if apart and self._theory.currentWidget() is self._curve else ""
        note = " ".join(each for each in (sentence, line.note, wider, result.told) if each)
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _place_caption(self, beside: bool) -> None:
        """On the line of the choices, or on one of its own."""
        is_beside = self._settings.indexOf(self._caption) >= 0
        if beside == is_beside:
            return
        (self._settings if is_beside else self._half).removeWidget(self._caption)
        if beside:
            self._settings.insertWidget(2, self._caption, 1)
            self._settings.setStretch(3, 0)
        else:
            self._half.insertWidget(1, self._caption)
            self._settings.setStretch(2, 1)
        self._name_unit()

    def _arrange(self) -> None:
        """The halves side by side where there is width for it; where there is little height, numbers before words."""
        hub, direction = theme(), QBoxLayout.Direction
        wide = self.width() >= hub.px(WIDE_FROM)
        self._halves.setDirection(direction.LeftToRight if wide else direction.TopToBottom)
        self._show_note()
        self._place_caption(not wide and self.width() >= hub.px(_ONE_LINE_FROM))
        curve = not wide and self._theory.currentWidget() is self._curve
        self._halves.setStretch(0, 2 if curve else 1)  # a table scrolls, a curve does not
        tall = wide and self.height() >= hub.px(340)
        self._picture.setDirection(direction.TopToBottom if tall else direction.LeftToRight)
        has_heat = self._has_gradient()
        note = 0 if self._note.isHidden() else self._note.heightForWidth(self.width())
        roomy = wide or self.height() - note >= hub.px(480)
        self._words.setVisible(roomy or not has_heat)
        self._whole.setVisible(roomy and has_heat)
