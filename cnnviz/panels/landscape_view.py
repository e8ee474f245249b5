"""The widget of the loss landscape: the map with its paths above, the loss step by step below."""

from __future__ import annotations

from typing import Any, cast

from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.core.surfaces import SURFACES
from cnnviz.panels.landscape import LandscapeParams, LandscapeResult
from cnnviz.panels.landscape_looks import LOOKS, TITLES
from cnnviz.panels.landscape_slice_view import SliceControls
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.training.choices import OPTIMIZERS
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ComboBox, IconButton, LabelledSlider, Toggle
from cnnviz.ui.curve_painter import hue_colour
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.icons import icon
from cnnviz.ui.log_slider import LogSlider
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.plot_legend import LegendEntry, PlotLegend
from cnnviz.ui.sentences import sentences
from cnnviz.ui.step_player import StepPlayer
from cnnviz.ui.surface_plot import SurfacePlot
from cnnviz.ui.theme import theme

PATH = "panels.landscape"
NETWORK = "network"
SLICE_RATE = 0.01
"""With which one begins on the slice through a network's loss."""


class LandscapeView(PanelView):
    """Whatever is moved shows at once in all paths; the step is that of map and plot alike."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._has_curves = False
        self._result: LandscapeResult | None = None
        titles = [(name, surface.title) for name, surface in SURFACES.items()]
        self._surface = ComboBox([*titles, (NETWORK, "This network's own loss")])
        self._surface.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._surface.setMinimumContentsLength(12)
        self._surface.setToolTip("The function whose least value is looked for")
        self._surface.chosen.connect(self._choose_surface)
        left: dict[str, Any] = {"label_width": 38, "value_width": 36}
        right: dict[str, Any] = {"label_width": 66, "value_width": 36}
        self._rate = LogSlider(
            "rate",
            1e-5,
            10.0,
            0.05,
            tip="Learning rate of all optimisers: from crawling to diverging. Double-click resets.",
            **left,
        )
        self._rate.number_edited.connect(lambda rate: document.edit(f"{PATH}.learning_rate", rate))
        self._rate.pressed.connect(document.begin_gesture)
        self._rate.released.connect(document.end_gesture)
        self._momentum = BoundSlider(document, f"{PATH}.momentum", "momentum", **right)
        self._steps = BoundSlider(document, f"{PATH}.steps", "steps", step=10, digits=0, **left)
        self._batch = BoundSlider(document, f"{PATH}.batch", "batch", step=1, digits=0, **right)
        self._halve = Toggle("halve on divergence")
        self._halve.setToolTip("Go back to the last good place and on with half the rate, as training can be told to")
        self._halve.edited.connect(lambda on: document.edit(f"{PATH}.halve", on))
        self._slice = SliceControls(document)
        self._names = PlotLegend()
        self._names.setToolTip("Click a name to let its optimiser walk, or to leave it out")
        self._names.toggled.connect(self._toggle_optimizer)
        self._note = sentences(shrinks=True)
        self._note.setProperty("role", "muted")
        self._map = SurfacePlot()
        self._map.start_moved.connect(lambda x, y: document.edit(f"{PATH}.start", (x, y)))
        self._map.start_grabbed.connect(document.begin_gesture)
        self._map.start_dropped.connect(document.end_gesture)
        self._play = IconButton("play", "Play through the steps")
        self._play.clicked.connect(self._toggle_play)
        self._player = StepPlayer(document, f"{PATH}.shown", self)
        self._player.playing_changed.connect(lambda playing: self._play.setIcon(icon("pause" if playing else "play")))
        self._shown = LabelledSlider(
            "step", 0, 150, 150, step=1, digits=0, label_width=30, value_width=40, tip="How far the paths are drawn"
        )
        self._shown.edited.connect(self._show_step)
        self._plot = CurvePlot(self, movable_cursor=True)
        self._plot.cursor_moved.connect(lambda x: self._show_step(round(max(x, 0))))
        self._words = sentences(shrinks=True)
        self._lay_out()
        document.changed.connect(self._follow)
        theme().changed.connect(self._restyle)
        self._follow(document.scene, document.scene)

    def figures(self) -> list[Figure]:
        found = [self._map.figure(), self._plot.figure()]
        return [figure for figure in found if figure is not None]

    def show_result(self, result: LandscapeResult) -> None:
        super().show_result(result)
        if result is self._result:
            return
        self._result = result
        params = self._params()
        self._has_curves = result.curves is not None
        if result.surface is None:
            self._map.clear(result.words)
        else:
            self._map.set_surface(result.surface, result.paths, result.start, params.shown)
        if result.curves is not None:
            self._plot.set_curves(result.curves)
            self._plot.legend.hide()  # the names above the map are that of both
        self._plot.set_cursor(params.shown)
        self._show_plot()
        self._slice.show_working(result.working)
        self._words.setText("" if result.surface is None else result.words)
        self._note.setText(result.note)
        self._map.setToolTip(result.note)
        self.set_subtitle(self._surface.currentText() if result.surface is None else result.surface.title)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        rows = (
            ((self._surface, 2), (self._halve, 0)),
            ((self._rate, 1), (self._momentum, 1)),
            ((self._steps, 1), (self._batch, 1)),
        )
        for row in rows:
            layout.addLayout(_row(*row))
        layout.addWidget(self._slice)
        layout.addWidget(self._note)
        layout.addWidget(self._names)
        layout.addWidget(self._map, 5)
        layout.addLayout(_row((self._play, 0), (self._shown, 1)))
        layout.addWidget(self._words)
        layout.addWidget(self._plot, 3)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_plot()

    def _show_plot(self) -> None:
        has_room = self.height() > theme().px(560)  # the map goes first
        self._plot.setVisible(self._has_curves and has_room)
        self._note.setVisible(has_room or self._slice.isHidden())

    # the person's hand

    def _params(self) -> LandscapeParams:
        return cast(LandscapeParams, self.document.scene.panel("landscape"))

    def _choose_surface(self, name: str) -> None:
        """Another function begins at its own place and with its own rate."""
        rate = next((surface.learning_rate for key, surface in SURFACES.items() if key == name), SLICE_RATE)
        changes = {"surface": name, "start": None, "learning_rate": rate}
        self.document.edit_many({f"{PATH}.{field}": value for field, value in changes.items()})

    def _toggle_optimizer(self, title: str) -> None:
        name = next(key for key, each in TITLES.items() if each == title)
        chosen = set(self._params().optimizers) ^ {name}
        self.document.edit(f"{PATH}.optimizers", tuple(each for each in OPTIMIZERS if each in chosen))

    def _show_step(self, step: float) -> None:
        self._player.pause()
        steps = self._params().steps
        self.document.edit(f"{PATH}.shown", None if step >= steps else round(step))

    def _toggle_play(self) -> None:
        if self._player.playing:
            self._player.pause()
            return
        params = self._params()
        self._player.play(params.steps if params.shown is None else params.shown, params.steps)

    # what is shown

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        self._surface.set_value(params.surface)
        self._rate.set_number(params.learning_rate)
        self._momentum.refresh()
        self._momentum.setEnabled(not {"momentum", "nesterov"}.isdisjoint(params.optimizers))
        self._steps.refresh()
        self._batch.refresh()
        self._batch.setEnabled(params.surface in ("least-squares", NETWORK))
        self._slice.setVisible(params.surface == NETWORK)
        self._slice.refresh(params)
        self._halve.set_value(params.halve)
        self._shown.set_high(params.steps)
        self._shown.set_value(params.steps if params.shown is None else params.shown)
        self._map.set_shown(params.shown)
        self._plot.set_cursor(params.shown)
        self._restyle()

    def _restyle(self) -> None:
        chosen = self._params().optimizers
        self._names.set_entries(
            [
                LegendEntry(TITLES[name], hue_colour(hue), stroke, name not in chosen)
                for name, (hue, stroke) in LOOKS.items()
            ]
        )


def _row(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(theme().px(8))
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row
