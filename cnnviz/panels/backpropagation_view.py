"""The widget of the backpropagation panel."""

from __future__ import annotations

from typing import cast

from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from cnnviz.core.choices import LOSS_WORDS
from cnnviz.panels.backpropagation import BackpropagationParams, BackpropagationResult
from cnnviz.panels.backpropagation_depth_view import GradientDepth
from cnnviz.panels.backpropagation_maps_view import GradientMaps
from cnnviz.panels.backpropagation_strip_view import SignalStrip
from cnnviz.panels.backpropagation_weight_view import WeightChain
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, Segmented
from cnnviz.ui.figure import Figure
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.searchable_choice import SearchableComboBox
from cnnviz.ui.slider import SliderTrack
from cnnviz.ui.theme import theme

PATH = "panels.backpropagation"
PREDICTED = "predicted"
WIDE = 700
"""From this width on all controls stand in one row."""
SURE = 1e-3
"""A smaller loss leaves next to nothing to go back."""


class BackpropagationView(PanelView):
    """What the signal begins with above; the strip of layers; below it maps, or norms over depth."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._page = Segmented(
            [("maps", "maps"), ("depth", "by depth"), ("weight", "one weight")],
            tips=[
                "The selected layer's maps beside the gradient of the loss with respect to them",
                "How large the gradient is at each layer: where it vanishes, where it explodes",
                "The chain rule for one weight, with every number",
            ],
        )
        super().__init__(document, parent)
        self._result: BackpropagationResult | None = None
        self._page.chosen.connect(lambda key: document.edit(f"{PATH}.page", key))
        self._loss = ComboBox(list(LOSS_WORDS.items()))
        self._loss.setToolTip("What the signal begins with: its gradient with respect to the answer")
        self._loss.setAccessibleName("Loss")
        self._loss.chosen.connect(lambda key: document.edit(f"{PATH}.loss", key))
        self._target = SearchableComboBox([(PREDICTED, "predicted class")])
        self._target.setToolTip(
            "The class that is taken for right: another one than the predicted makes a large error; type to search"
        )
        self._target.setAccessibleName("Right class")
        self._target.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._target.setMinimumContentsLength(11)
        self._target.chosen.connect(lambda key: document.edit(f"{PATH}.target", None if key == PREDICTED else int(key)))
        self._options: tuple[str, ...] | None = None
        self._track = SliderTrack(0, self)
        self._track.setAccessibleName("Layers that the signal has come back")
        self._track.setToolTip("How far the signal has come back; double-click: all the way")
        self._track.gesture_began.connect(document.begin_gesture)
        self._track.gesture_ended.connect(document.end_gesture)
        self._track.valueChanged.connect(self._slid)
        self._track.reset_asked.connect(lambda: document.edit(f"{PATH}.reached", None))
        self._begin = IconButton("reset", "Begin at the loss: no layer has the signal yet")
        self._begin.clicked.connect(lambda: document.edit(f"{PATH}.reached", 0))
        self._back = IconButton("previous", "One layer back: towards the input")
        self._back.clicked.connect(lambda: self._step(1))
        self._forth = IconButton("next", "One layer forward: towards the loss")
        self._forth.clicked.connect(lambda: self._step(-1))
        self._place = ElidedLabel("")
        self._strip = SignalStrip(self)
        self._strip.layer_clicked.connect(self._select)
        self._maps = GradientMaps(self)
        self._maps.unit_clicked.connect(self._select_unit)
        self._depth = GradientDepth(document, self)
        self._depth.plot.cursor_moved.connect(self._select_place)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._maps)
        self._pages.addWidget(self._depth)
        self._weight = WeightChain(document, self)
        self._pages.addWidget(self._weight)
        self._lay_out()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self._loss)
        first.addWidget(self._target, 1)
        second.addWidget(self._back)
        second.addWidget(self._track, 2)
        second.addWidget(self._forth)
        second.addWidget(self._begin)
        second.addWidget(self._place, 3)
        for row in (first, second):
            row.setSpacing(theme().px(6))
        self._controls = QWidget()
        self._controls.setProperty("role", "page")
        self._rows = QBoxLayout(QBoxLayout.Direction.TopToBottom, self._controls)
        # in one row they need more width than in two, and may not keep the panel from being narrowed
        self._controls.setMinimumWidth(theme().px(280))
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(theme().px(4))
        self._rows.addLayout(first, 1)
        self._rows.addLayout(second, 2)
        self._pages.setMinimumHeight(theme().px(64))
        self._pages.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addWidget(self._controls)
        layout.addWidget(self._strip)
        layout.addWidget(self._pages, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = self.width() >= theme().px(WIDE)
        self._rows.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self._controls.setFixedHeight(self._rows.sizeHint().height())
        super().resizeEvent(event)

    def header_controls(self) -> list[QWidget]:
        return [self._page]

    def figures(self) -> list[Figure]:
        figure = self._depth.plot.figure()
        return [] if figure is None else [figure]

    def show_result(self, result: BackpropagationResult) -> None:
        super().show_result(result)
        if result.stale:
            self.show_stale()
        self._result = result
        self._show_classes(result)
        self._maps.show_maps(result.maps, self.document.scene.selection.channel)
        self._weight.show_words(result.weight)
        self._depth.show_result(result)
        self.set_subtitle(f"{result.signals[result.selected].layer} · {result.loss_words}")
        self._show_reached()

    def _show_classes(self, result: BackpropagationResult) -> None:
        if result.labels != self._options:
            self._options = result.labels
            self._target.set_options(
                [(PREDICTED, "predicted class"), *((str(index), label) for index, label in enumerate(result.labels))]
            )
        chosen = self._params().target
        key = PREDICTED if chosen is None else str(min(chosen, len(result.labels) - 1))
        self._target.set_value(key)

    def _show_reached(self) -> None:
        result = self._result
        if result is None:
            return
        count, reached = len(result.signals), self._reached()
        blocked = self._track.blockSignals(True)
        self._track.setRange(0, count)
        self._track.origin = count  # filled from the loss, at the right, to where the signal is
        self._track.setValue(count - reached)
        self._track.blockSignals(blocked)
        self._track.update()
        self._back.setEnabled(reached < count)
        self._forth.setEnabled(reached > 0)
        self._strip.show_signals(result, None if reached == count else reached)
        if reached == 0:
            words = "At the loss: press ◂ to go back layer by layer."
        elif reached == count:
            words = f"Back through all {count} layers to the {result.signals[0].layer}."
            if self._params().loss != "logit" and result.classes and result.loss < SURE:
                words = "The answer is almost sure: choose another class for a large error."
        else:
            words = f"Has come to {result.signals[count - reached].layer}, {reached} of {count} layers back."
        self._place.set_text(words)

    def _reached(self) -> int:
        assert self._result is not None
        count, chosen = len(self._result.signals), self._params().reached
        return count if chosen is None else min(chosen, count)

    def _step(self, by: int) -> None:
        if self._result is None:
            return
        count = len(self._result.signals)
        self._reach(min(max(self._reached() + by, 0), count))

    def _slid(self, value: int) -> None:
        if self._result is not None:
            self._reach(len(self._result.signals) - value)

    def _reach(self, layers: int) -> None:
        """The signal has come ``layers`` back; the one that it came to last is looked at."""
        assert self._result is not None
        count = len(self._result.signals)
        changes: dict[str, object] = {f"{PATH}.reached": None if layers == count else layers}
        if layers:
            changes["selection.layer"] = self._result.signals[count - layers].layer
        self.document.edit_many(changes)

    def _select(self, layer: str, channel: int) -> None:
        place = {"selection.layer": layer, "selection.row": None, "selection.column": None}
        self.document.edit_many(place if channel < 0 else {**place, "selection.channel": channel})

    def _select_unit(self, channel: int, row: int, column: int) -> None:
        if self._result is None or self._result.maps is None:
            return
        place = {"selection.channel": channel, "selection.row": row, "selection.column": column}
        self.document.edit_many({"selection.layer": self._result.maps.layer, **place})

    def _select_place(self, x: float) -> None:
        if self._result is not None:
            self._select(self._result.signals[min(max(round(x), 0), len(self._result.signals) - 1)].layer, -1)

    def _params(self) -> BackpropagationParams:
        return cast(BackpropagationParams, self.document.scene.panel("backpropagation"))

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        self._page.set_value(params.page)
        self._pages.setCurrentIndex(("maps", "depth", "weight").index(params.page))
        self._loss.set_value(params.loss)
        self._show_reached()
