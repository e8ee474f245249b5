"""The controls of the slice through a network's own loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.panels.landscape import AUTOMATIC, LandscapeParams
from cnnviz.scene.document import Document
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.class_folder import ask_for_class_folder
from cnnviz.ui.controls import ComboBox, IconButton, Segmented, text_button
from cnnviz.ui.theme import theme

PATH = "panels.landscape"
_SETS = (
    (AUTOMATIC, "fitting"),
    ("digits", "digits"),
    ("shapes", "shapes"),
    ("dots", "dots"),
    ("mnist", "MNIST"),
    ("fashion-mnist", "Fashion-MNIST"),
    ("cifar10", "CIFAR-10"),
)
_ASK = ("folder:", "a folder …")


class SliceControls(QWidget):
    """Which plane, how far, how fine, over which images; and the button that begins and cancels."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._directions = Segmented(
            [("random", "random"), ("path", "run's")],
            tips=[
                "Two random directions, each filter as long as the network's own",
                "The two directions in which the checkpoints of the network's run differ most, with its path",
            ],
        )
        self._directions.chosen.connect(
            lambda kind: document.edit_many({f"{PATH}.directions": kind, f"{PATH}.start": None})
        )
        self._detail = Segmented(
            ["11", "21", "41"],
            tips=["11 × 11 places: quick", "21 × 21 places: enough to see the shape", "41 × 41 places: fine, and slow"],
        )
        self._detail.chosen.connect(lambda size: document.edit(f"{PATH}.detail", int(size)))
        self._data = ComboBox([*_SETS, _ASK])
        self._data.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._data.setMinimumContentsLength(4)
        self._data.setToolTip("The images that the loss is the mean over")
        self._data.chosen.connect(self._choose)
        self._run = text_button("Compute", "Cut through the loss of the network as it is now")
        self._run.clicked.connect(self._toggle)
        look: dict[str, Any] = {"label_width": 34, "value_width": 30}
        self._images = BoundSlider(document, f"{PATH}.images", "images", high=512, step=16, digits=0, **look)
        self._reach = BoundSlider(document, f"{PATH}.reach", "reach", step=0.05, **look)
        self._draw = IconButton("shuffle", "Draw other random directions")
        self._draw.clicked.connect(self._draw_others)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.setSpacing(theme().px(6))
        second.setSpacing(theme().px(4))
        rows: tuple[tuple[QHBoxLayout, tuple[tuple[QWidget, int], ...]], ...] = (
            (first, ((self._directions, 0), (self._draw, 0), (self._data, 1), (self._run, 0))),
            (second, ((self._detail, 0), (self._images, 1), (self._reach, 1))),
        )
        for row, widgets in rows:
            for widget, stretch in widgets:
                row.addWidget(widget, stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addLayout(first)
        layout.addLayout(second)

    def refresh(self, params: LandscapeParams) -> None:
        """Show what the document says."""
        path = params.data.partition(":")[2]
        self._data.set_options([*_SETS, *([(params.data, Path(path).name)] if path else []), _ASK])
        self._data.set_value(params.data)
        self._directions.set_value(params.directions)
        self._detail.set_value(str(params.detail))
        self._images.refresh()
        self._reach.refresh()
        for control in (self._reach, self._draw):
            control.setEnabled(params.directions == "random")

    def show_working(self, working: bool) -> None:
        """Offer what can be done: to begin, or to cancel."""
        self._run.setText("Cancel" if working else "Compute")

    def _toggle(self) -> None:
        params = cast(LandscapeParams, self._document.scene.panel("landscape"))
        if self._run.text() == "Cancel":
            self._document.edit(f"{PATH}.running", False)
        else:
            self._document.edit_many({f"{PATH}.asked": params.asked + 1, f"{PATH}.running": True})

    def _draw_others(self) -> None:
        params = cast(LandscapeParams, self._document.scene.panel("landscape"))
        self._document.edit(f"{PATH}.draw", (params.draw + 1) % 1000)

    def _choose(self, key: str) -> None:
        if key == _ASK[0]:
            key = ask_for_class_folder(self)
            if not key:
                self.refresh(cast(LandscapeParams, self._document.scene.panel("landscape")))
                return
        self._document.edit(f"{PATH}.data", key)
