"""The controls of the slice through a network's own loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from PyQt6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QWidget

from cnnviz.panels.landscape import AUTOMATIC, LandscapeParams
from cnnviz.scene.document import Document
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ComboBox, Segmented, text_button
from cnnviz.ui.theme import theme

PATH = "panels.landscape"
_SETS = (
    (AUTOMATIC, "images that fit"),
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
            [("random", "random"), ("path", "the run's")],
            tips=[
                "Two random directions, each filter as long as the network's own",
                "The two directions in which the checkpoints of the network's run differ most, with its path",
            ],
        )
        self._directions.chosen.connect(
            lambda kind: document.edit_many({f"{PATH}.directions": kind, f"{PATH}.start": None})
        )
        self._detail = Segmented(
            [("11", "11²"), ("21", "21²"), ("41", "41²")],
            tips=["Few places: quick", "Enough to see the shape", "Fine, and four times as slow"],
        )
        self._detail.chosen.connect(lambda size: document.edit(f"{PATH}.detail", int(size)))
        self._data = ComboBox([*_SETS, _ASK])
        self._data.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._data.setMinimumContentsLength(8)
        self._data.setToolTip("The images that the loss is the mean over")
        self._data.chosen.connect(self._choose)
        self._run = text_button("Compute", "Cut through the loss of the network as it is now")
        self._run.clicked.connect(self._toggle)
        look: dict[str, Any] = {"label_width": 44, "value_width": 36}
        self._images = BoundSlider(document, f"{PATH}.images", "images", step=16, digits=0, **look)
        self._reach = BoundSlider(document, f"{PATH}.reach", "reach", step=0.05, **look)
        self._draw = BoundSlider(document, f"{PATH}.draw", "draw", high=20, step=1, digits=0, **look)
        first, second = QHBoxLayout(), QGridLayout()
        first.setSpacing(theme().px(8))
        second.setHorizontalSpacing(theme().px(8))
        for widget, stretch in ((self._directions, 0), (self._data, 1), (self._run, 0)):
            first.addWidget(widget, stretch)
        second.addWidget(self._detail, 0, 0)
        second.addWidget(self._images, 0, 1)
        second.addWidget(self._reach, 1, 0)
        second.addWidget(self._draw, 1, 1)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(theme().px(4))
        layout.addLayout(first, 0, 0)
        layout.addLayout(second, 1, 0)
        second.setColumnStretch(0, 1)
        second.setColumnStretch(1, 1)
        second.setVerticalSpacing(theme().px(2))

    def refresh(self, params: LandscapeParams) -> None:
        """Show what the document says."""
        path = params.data.partition(":")[2]
        self._data.set_options([*_SETS, *([(params.data, Path(path).name)] if path else []), _ASK])
        self._data.set_value(params.data)
        self._directions.set_value(params.directions)
        self._detail.set_value(str(params.detail))
        self._images.refresh()
        self._reach.refresh()
        self._draw.refresh()
        for slider in (self._reach, self._draw):
            slider.setEnabled(params.directions == "random")

    def show_working(self, working: bool) -> None:
        """Offer what can be done: to begin, or to cancel."""
        self._run.setText("Cancel" if working else "Compute")

    def _toggle(self) -> None:
        params = cast(LandscapeParams, self._document.scene.panel("landscape"))
        if self._run.text() == "Cancel":
            self._document.edit(f"{PATH}.running", False)
        else:
            self._document.edit_many({f"{PATH}.asked": params.asked + 1, f"{PATH}.running": True})

    def _choose(self, key: str) -> None:
        if key == _ASK[0]:
            folder = QFileDialog.getExistingDirectory(self, "A folder with one folder of images per class")
            if not folder:
                self.refresh(cast(LandscapeParams, self._document.scene.panel("landscape")))
                return
            key = f"folder:{folder}"
        self._document.edit(f"{PATH}.data", key)
