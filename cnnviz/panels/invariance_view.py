"""The widget of the invariance panel: what is pooled over, pictures, curves and what they say."""

from __future__ import annotations

from typing import Any, cast

from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.panels.invariance import InvarianceParams, InvarianceResult, Picture
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ComboBox, Segmented
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.measure_switch import MeasureSwitch, measuring_words
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.tile_strip import LEAST, TileStrip
from cnnviz.ui.tiles_figure import TileRow, TilesFigure

PATH = "panels.invariance"
MOST_PICTURES = 3
_WORDY_FROM = 520
"""Height at scale 1 …"""
_ALONE = 56
"""… and that of tiles with no others beside them."""
_SUBJECTS = (
    ("shift", "shift", "The input is shifted: how far do the maps lie from where they were?"),
    ("warp", "warp", "The input is deformed a little, as rubber is: feature distance beside pixel distance"),
    ("channels", "channels", "The maximum over rotated versions of one filter does not care which of them answers"),
    ("pyramids", "pyramids", "The input at many scales, and pooling beside strided convolution"),
    ("size", "size", "Global pooling makes one number of each channel, whatever the size of the input"),
)


class InvarianceView(PanelView):
    """One subject at a time; the line in the plot is the input's shift, or the warp's strength, and can be dragged."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: InvarianceResult | None = None
        self._subject = Segmented([(key, text) for key, text, _ in _SUBJECTS], tips=[tip for _, _, tip in _SUBJECTS])
        self._subject.chosen.connect(lambda key: document.edit(f"{PATH}.subject", key))
        self._compare = Segmented(
            [("kinds", "kinds"), ("layers", "layers")],
            tips=["The selected layer with every kind of pooling", "Layers of the network, the first to the last"],
        )
        self._compare.chosen.connect(lambda key: document.edit(f"{PATH}.compare", key))
        self._measure = Segmented(
            [("distance", "distance"), ("cosine", "cosine")],
            tips=["Length of the difference over that of the map", "Cosine of the angle between the maps"],
        )
        self._measure.chosen.connect(lambda key: document.edit(f"{PATH}.measure", key))
        self._border = ComboBox([("circular", "wrap"), ("zeros", "black"), ("replicate", "edge")])
        self._border.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._border.setMinimumContentsLength(3)
        self._border.setToolTip("What a shift brings in at the border")
        self._border.chosen.connect(lambda key: document.edit(f"{PATH}.border", key))
        look: dict[str, Any] = {"label_width": 66, "value_width": 52}
        self._shift = BoundSlider(
            document, "input.edits.shift_columns", "shift x", low=-16, high=16, step=0.5, digits=1, sign=True,
            unit="px", **look,
        )  # fmt: skip
        self._strength = BoundSlider(document, f"{PATH}.strength", "strength", step=0.1, digits=1, unit="px", **look)
        self._smoothness = BoundSlider(
            document, f"{PATH}.smoothness", "smoothness", step=0.5, digits=1, unit="px", **look
        )
        self._filters = BoundSlider(document, f"{PATH}.filters", "filters", step=1, digits=0, **look)
        self._words = sentences(shrinks=True)
        self._pictures = [TileStrip(self) for _ in range(MOST_PICTURES)]
        self._measuring = MeasureSwitch(document, f"{PATH}.curves")
        self._plot = CurvePlot(self, movable_cursor=True)
        self._plot.cursor_grabbed.connect(document.begin_gesture)
        self._plot.cursor_moved.connect(self._move)
        self._plot.cursor_dropped.connect(document.end_gesture)
        self._lay_out()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def figures(self) -> list[Figure]:
        result = self._result
        if result is None:
            return []
        figure = self._plot.figure() if result.curves is not None else None
        found: list[Figure] = [] if figure is None else [figure]
        if result.pictures:
            rows = tuple(map(_tile_row, result.pictures))
            titles = {"warp": "The input, warped", "pyramids": "Pyramids of the input"}
            found.append(TilesFigure(titles.get(result.subject, f"Rotated detectors: {result.title}"), rows))
        return found

    def show_result(self, result: InvarianceResult) -> None:
        super().show_result(result)
        self._result = result
        self._say()
        for number, view in enumerate(self._pictures):
            view.setVisible(number < len(result.pictures))
            if number < len(result.pictures):
                view.set_row(_tile_row(result.pictures[number]), LEAST if len(result.pictures) > 1 else _ALONE)
        self._plot.setVisible(result.curves is not None)
        if result.curves is not None:
            self._plot.set_curves(result.curves)
            self._plot.set_cursor(result.cursor)
            self._plot.setToolTip(result.reading)
        on = self._params().curves
        measured = f" · {measuring_words(result.done, on=on).rstrip('.').lower()}" if result.done < 1 else ""
        self.set_subtitle(result.title + measured)
        self._measuring.show_share(result.done, on=on)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._say()

    def _say(self) -> None:
        """What the ends of the scale mean is said where there is room for it, and by the plot in any case."""
        if self._result is not None:
            tall = self.height() >= theme().px(_WORDY_FROM)
            self._words.setText(" ".join(filter(None, (self._result.words, self._result.reading if tall else ""))))

    def _lay_out(self) -> None:
        subject = QHBoxLayout()
        subject.addWidget(self._subject)
        subject.addStretch(1)
        self._choices = QWidget()
        choices = QHBoxLayout(self._choices)
        choices.setContentsMargins(0, 0, 0, 0)
        for widget in (self._compare, self._measure):
            choices.addWidget(widget)
        choices.addStretch(1)
        choices.addWidget(self._measuring)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(5))
        layout.addLayout(subject)
        layout.addWidget(self._choices)
        shift = QHBoxLayout()
        shift.addWidget(self._shift, 1)
        shift.addWidget(self._border)
        layout.addLayout(shift)
        warp = QHBoxLayout()
        warp.addWidget(self._strength)
        warp.addWidget(self._smoothness)
        layout.addLayout(warp)
        layout.addWidget(self._filters)
        layout.addWidget(self._words)
        for picture in self._pictures:
            layout.addWidget(picture, 3)
        layout.addWidget(self._plot, 4)
        layout.addStretch(0)

    def _params(self) -> InvarianceParams:
        return cast(InvarianceParams, self.document.scene.panel("invariance"))

    def _move(self, x: float) -> None:
        """Shifts go in half pixels, as the slider's do."""
        subject = self._params().subject
        if subject == "shift":
            self.document.edit("input.edits.shift_columns", min(max(round(2 * x) / 2, -16.0), 16.0))
        elif subject == "warp":
            self.document.edit(f"{PATH}.strength", min(max(round(10 * x) / 10, 0.0), 8.0))

    def _follow(self, old: Scene, new: Scene) -> None:
        params = self._params()
        changes = params.subject in ("shift", "warp")
        self._subject.set_value(params.subject)
        self._compare.set_value(params.compare)
        self._measure.set_value(params.measure)
        self._border.set_value(params.border)
        self._choices.setVisible(changes or params.subject == "size")
        self._compare.setVisible(changes)
        self._border.setVisible(params.subject == "shift")
        self._shift.setVisible(params.subject == "shift")
        self._strength.setVisible(params.subject == "warp")
        self._smoothness.setVisible(params.subject == "warp")
        self._filters.setVisible(params.subject == "channels")
        for slider in (self._shift, self._strength, self._smoothness, self._filters):
            slider.refresh()


def _tile_row(picture: Picture) -> TileRow:
    return TileRow(picture.caption, picture.mosaic, picture.kind, picture.labels, sizes=picture.sizes)
