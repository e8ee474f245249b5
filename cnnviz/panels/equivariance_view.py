"""The widget of the equivariance panel."""

from __future__ import annotations

import math
from typing import cast

from PyQt6.QtCore import QEvent
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.panels.equivariance import STRENGTH_FIELD, EquivarianceParams, EquivarianceResult
from cnnviz.panels.equivariance_figures_view import NO_NUMBER, errors_figure, maps_figure, strength_words
from cnnviz.panels.equivariance_maps_view import PairView
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ElidedLabel, Segmented, Toggle
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.measure_switch import MeasureSwitch, measuring_words
from cnnviz.ui.numbers import format_number, format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.scrolled_bars import ScrolledBars
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme

PATH = "panels.equivariance"
_WORDY_FROM = 520
"""Height at scale 1."""
_WHAT = (
    "f(T(x)) is first T, then the network; T(f(x)) the other way round. Where a layer moves along with its input, they "
    "are equal, and their difference is zero."
)


class EquivarianceView(PanelView):
    """What T does above; both ways round and their difference; the error of every layer, and of one at any strength."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: EquivarianceResult | None = None
        self._kind = Segmented(
            [("shift", "shift"), ("rotate", "rotate"), ("zoom", "zoom"), ("flip", "flip")],
            tips=["Move the image", "Turn it about its centre", "Magnify it about its centre", "Mirror it"],
        )
        self._kind.chosen.connect(lambda kind: document.edit(f"{PATH}.transform", kind))
        self._border = Segmented(
            [("wrap", "wrapped"), ("zeros", "filled")],
            tips=["What leaves at one side comes in at the other", "Black comes in at the borders"],
        )
        self._border.chosen.connect(lambda border: document.edit(f"{PATH}.border", border))
        self._sliders = {
            "shift": BoundSlider(document, f"{PATH}.shift", "shift", step=0.5, digits=1, unit="px", sign=True),
            "rotate": BoundSlider(document, f"{PATH}.angle", "rotation", step=1, digits=0, unit="°", sign=True),
            "zoom": BoundSlider(document, f"{PATH}.zoom", "zoom", step=0.01, digits=2, unit="×"),
        }
        self._direction = Segmented(
            [("columns", "→"), ("rows", "↓"), ("both", "↘")], tips=["To the right", "Down", "Down and to the right"]
        )
        self._direction.chosen.connect(lambda direction: document.edit(f"{PATH}.direction", direction))
        self._flip = Segmented(
            [("horizontal", "left and right"), ("vertical", "top and bottom")],
            tips=["Mirror left and right", "Mirror top and bottom"],
        )
        self._flip.chosen.connect(lambda flip: document.edit(f"{PATH}.flip", flip))
        self._inside = Toggle("leave out cells that padding reaches")
        self._inside.setToolTip("Compare only the cells that neither padding nor what came in from outside reaches")
        self._inside.edited.connect(lambda on: document.edit(f"{PATH}.inside", on))
        self._error = ElidedLabel("", role="title", token="text")
        # its number runs while T is dragged: were its width asked for, the whole window would be laid out each time
        self._error.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._error.setAccessibleName("Relative error of the selected layer")
        self._why = sentences("muted")
        self._pair = PairView(self)
        self._bars = ScrolledBars()
        self._bars.bars.setAccessibleName("Relative error of each layer")
        self._bars.bars.row_clicked.connect(self._select_layer)
        self._plot = CurvePlot(self, movable_cursor=True)
        self._plot.cursor_grabbed.connect(document.begin_gesture)
        self._plot.cursor_moved.connect(self._take_strength)
        self._plot.cursor_dropped.connect(document.end_gesture)
        self._progress = ElidedLabel("", token="muted")
        self._measuring = MeasureSwitch(document, f"{PATH}.curves")
        self._lay_out()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self._kind)
        first.addStretch(1)
        first.addWidget(self._border)
        for slider in self._sliders.values():
            second.addWidget(slider, 1)
        second.addWidget(self._direction)
        second.addWidget(self._flip)
        second.addStretch(0)
        words = QHBoxLayout()
        words.addWidget(self._error, 1)
        curves = QVBoxLayout()
        curves.setSpacing(theme().px(2))
        curves.addWidget(self._plot, 1)
        progress = QHBoxLayout()
        progress.addWidget(self._progress, 1)
        progress.addWidget(self._measuring)
        curves.addLayout(progress)
        self._below = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._below.setSpacing(theme().px(8))
        self._below.addWidget(self._bars, 2)
        self._below.addLayout(curves, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self._inside)
        layout.addWidget(self._pair, 4)
        layout.addLayout(words)
        layout.addWidget(self._why)
        # over the whole width the names take a line or two; beside the bars they would take the room of the curves
        layout.addWidget(self._plot.legend)
        layout.addLayout(self._below, 6)

    def figures(self) -> list[Figure]:
        figure, result = self._plot.figure(), self._result
        found: list[Figure] = [] if figure is None or self._plot.isHidden() else [figure]
        if result is None:
            return found
        now = strength_words(self._params())
        found.append(errors_figure(result, f"Equivariance error of every layer, {now}"))
        if result.maps is not None:
            found.append(maps_figure(result, f"Both sides of {result.layer}, {now}"))
        return found

    def show_result(self, result: EquivarianceResult) -> None:
        super().show_result(result)
        before, self._result = self._result, result
        if before is None or before.layers is not result.layers:
            self._pair.show_pair(result, paper=actions.is_paper(self.document.scene))
            self._show_bars(result)
        one = result.selected
        if math.isnan(one.error):
            self._error.set_text(f"{one.layer}: no error to be told", "warning")
        else:
            self._error.set_text(f"{one.layer}: ‖f(Tx) − T f(x)‖ / ‖f(x)‖ = {format_number(one.error)}", "text")
        self._show_why(result)
        self._show_curves(result)
        channel = f", channel {result.channel}" if result.maps is not None else ""
        self.set_subtitle(f"{result.layer}{channel}")

    def _show_why(self, result: EquivarianceResult) -> None:
        """What is to be seen, where there is room for it; and what is to be said besides."""
        one = result.selected
        why = [_WHAT] if result.maps is not None and self.height() >= theme().px(_WORDY_FROM) else []
        why += [f"{result.why[:1].upper()}{result.why[1:]}"] if result.why else []
        if 0 < one.share < 1 and not one.reason:
            why.append(f"{format_percent(one.share, 0)} of the cells are compared; the others are left empty.")
        if result.told:
            why.append(result.told)
        self._why.setText(" ".join(each if each.endswith(".") else f"{each}." for each in why))
        self._why.setVisible(bool(why))

    def _show_bars(self, result: EquivarianceResult) -> None:
        errors = [each.error for each in result.layers]
        largest = max((error for error in errors if math.isfinite(error)), default=1.0)
        marked = next(index for index, each in enumerate(result.layers) if each.layer == result.layer)
        texts = [NO_NUMBER if math.isnan(error) else format_number(error) for error in errors]
        names = [each.layer for each in result.layers]
        self._bars.set_rows(names, errors, full=max(largest, 1.0), marked=marked, texts=texts)
        unmeasured = [f"{each.layer}: {each.reason}" for each in result.layers if each.reason]
        self._bars.bars.setToolTip(
            "\n".join(["The relative error of each layer at this strength; a click selects the layer.", *unmeasured])
        )

    def _show_curves(self, result: EquivarianceResult) -> None:
        if result.curves is not None:
            self._plot.set_curves(result.curves)
        self._plot.setVisible(result.curves is not None)
        self._plot.legend.setVisible(result.curves is not None and len(result.curves.series) > 1)
        if result.done >= 1:
            told = "" if result.curves is not None else "No curve: no error at any strength."
        else:
            told = measuring_words(result.done, on=self._params().curves)
        self._progress.set_text(told)
        self._measuring.show_share(result.done, on=self._params().curves)

    def _select_layer(self, row: int) -> None:
        if self._result is not None:
            self.document.edit("selection.layer", self._result.layers[row].layer)

    def _take_strength(self, x: float) -> None:
        params = self._params()
        if params.transform == "flip":
            self.document.edit(f"{PATH}.flip", "vertical" if x > 0.5 else "horizontal")
            return
        step = {"shift": 1.0, "rotate": 1.0, "zoom": 0.01}[params.transform]
        self.document.edit(f"{PATH}.{STRENGTH_FIELD[params.transform]}", round(round(x / step) * step, 2))

    def _params(self) -> EquivarianceParams:
        return cast(EquivarianceParams, self.document.scene.panel("equivariance"))

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        self.show_params(self._params())

    def show_params(self, params: EquivarianceParams) -> None:
        """Put all controls, and the line in the plot, where ``params`` say."""
        self._kind.set_value(params.transform)
        self._border.set_value(params.border)
        self._direction.set_value(params.direction)
        self._flip.set_value(params.flip)
        self._inside.set_value(params.inside)
        for kind, slider in self._sliders.items():
            slider.show_value(getattr(params, STRENGTH_FIELD[kind]))
            slider.setVisible(kind == params.transform)
        self._direction.setVisible(params.transform == "shift")
        self._flip.setVisible(params.transform == "flip")
        self._plot.set_cursor(params.strength)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()
        if self._result is not None:
            self._show_why(self._result)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._turn()

    def _turn(self) -> None:
        """Bars beside the curve where there is room, else above it."""
        # four squares and their names, and more height for the curves
        squares = round(0.27 * self.width()) + theme().px(24)
        self._pair.setMaximumHeight(min(squares, max(round(0.24 * self.height()), theme().px(96))))
        wide = self.width() >= theme().px(400)
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._below.direction() != direction:
            self._below.setDirection(direction)
