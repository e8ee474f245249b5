"""The chain of edits as sliders and switches, and how the picture is fitted to the network."""

from __future__ import annotations

from typing import Any

from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.data.edits import Edits
from cnnviz.data.fit import Fit
from cnnviz.panels.input import InputResult
from cnnviz.panels.input_moments_view import MomentsEditor
from cnnviz.scene.document import Document
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, Toggle

_SLIDERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("shift_columns", "shift x", {"unit": "px", "digits": 1, "step": 0.1, "sign": True, "low": -16, "high": 16}),
    ("shift_rows", "shift y", {"unit": "px", "digits": 1, "step": 0.1, "sign": True, "low": -16, "high": 16}),
    ("rotation", "rotate", {"unit": "°", "digits": 0, "step": 1}),
    ("zoom", "zoom", {"unit": "×", "digits": 2, "step": 0.01}),
    ("brightness", "brightness", {"digits": 2, "sign": True}),
    ("contrast", "contrast", {"unit": "×", "digits": 2}),
    ("noise", "noise", {"digits": 2}),
    ("blur", "blur", {"unit": "px", "digits": 1, "step": 0.1}),
)
_SWITCHES = (
    ("flip_horizontal", "mirror ↔"),
    ("flip_vertical", "mirror ↕"),
    ("invert", "invert"),
    ("occlude", "cover"),
)
_OCCLUDER = (
    ("occluder_column", "cover x", {"unit": "px", "digits": 1, "step": 0.5}),
    ("occluder_row", "cover y", {"unit": "px", "digits": 1, "step": 0.5}),
    ("occluder_size", "cover size", {"unit": "px", "digits": 1, "step": 0.5}),
    ("occluder_value", "cover grey", {"digits": 2}),
)
_LABEL_WIDTH = 66


class EditsEditor(QWidget):
    """Each edit is one slider or switch; the words at the end say what happens to the picture before the network."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._sliders = [self._slider(*row) for row in _SLIDERS]
        self._switches = {name: self._switch(name, text) for name, text in _SWITCHES}
        self._occluder: list[BoundSlider] = []
        self._occluder_size = (0, 0)
        self._occluder_box = QWidget()
        self._occluder_layout = QVBoxLayout(self._occluder_box)
        self._occluder_layout.setContentsMargins(0, 0, 0, 0)
        self._occluder_layout.setSpacing(0)
        self._size = self._choice("input.fit.size", "fit", [("crop", "crop"), ("resize", "stretch"), ("pad", "pad")])
        self._colour = self._choice(
            "input.fit.colour", "channels", [("auto", "as the network"), ("grey", "grey"), ("colour", "colour")]
        )
        self._normalise = self._choice(
            "input.fit.normalise", "mean, std", [("network", "the network's"), ("none", "none"), ("custom", "custom")]
        )
        self._moments = MomentsEditor(document)
        self._border = self._choice(
            "input.edits.border", "outside", [("background", "background"), ("edge", "edge"), ("wrap", "wrapped")]
        )
        self._fit_words = ElidedLabel()
        reset = IconButton("reset", "Reset all edits")
        reset.clicked.connect(lambda: document.edit("input.edits", Edits()))
        switches = QGridLayout()
        switches.setContentsMargins(0, 2, 0, 2)
        for index, switch in enumerate(self._switches.values()):
            switches.addWidget(switch, index // 2, index % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for slider in self._sliders:
            layout.addWidget(slider)
        layout.addLayout(switches)
        layout.addWidget(self._occluder_box)
        for choice in (self._border, self._size, self._colour, self._normalise):
            layout.addLayout(_row(choice))
        layout.addWidget(self._moments)
        words = QHBoxLayout()
        words.addWidget(self._fit_words, 1)
        words.addWidget(reset)
        layout.addLayout(words)
        self.refresh()

    def refresh(self) -> None:
        """Show what the document says."""
        scene = self._document.scene
        edits, fit = scene.input.edits, scene.input.fit
        for slider in (*self._sliders, *self._occluder):
            slider.refresh()
        for name, switch in self._switches.items():
            switch.set_value(getattr(edits, name))
        self._occluder_box.setVisible(edits.occlude)
        self._size.set_value(fit.size)
        self._colour.set_value(fit.colour)
        self._normalise.set_value(fit.normalise)
        self._border.set_value(edits.border)
        self._moments.setVisible(fit.normalise == "custom")
        self._moments.refresh()

    def show_fit(self, result: InputResult) -> None:
        """Say what happened to the picture, and bound the cover to the present input."""
        self._fit_words.set_text(result.description)
        if self._occluder_size != (result.height, result.width):
            self._occluder_size = (result.height, result.width)
            self._make_occluder(result.height, result.width)

    def _make_occluder(self, height: int, width: int) -> None:
        for slider in self._occluder:
            self._occluder_layout.removeWidget(slider)
            slider.deleteLater()
        self._occluder.clear()
        longest = {"occluder_row": height, "occluder_column": width}
        for name, text, look in _OCCLUDER:
            bounded = dict(look)
            if name != "occluder_value":
                bounded["high"] = max(longest.get(name, max(height, width)), 28)
            slider = self._slider(name, text, bounded)
            self._occluder.append(slider)
            self._occluder_layout.addWidget(slider)

    def _slider(self, name: str, text: str, look: dict[str, Any]) -> BoundSlider:
        return BoundSlider(self._document, f"input.edits.{name}", text, label_width=_LABEL_WIDTH, **look)

    def _switch(self, name: str, text: str) -> Toggle:
        switch = Toggle(text)
        switch.setToolTip(Edits.model_fields[name].description or "")
        switch.edited.connect(lambda on: self._document.edit(f"input.edits.{name}", on))
        return switch

    def _choice(self, path: str, name: str, options: list[tuple[str, str]]) -> ComboBox:
        box = ComboBox(options)
        model = Edits if path.startswith("input.edits.") else Fit
        box.setToolTip(model.model_fields[path.rpartition(".")[2]].description or "")
        box.setAccessibleName(name)
        # as narrow as the column is: the longest word must not widen the panel
        box.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(6)
        box.chosen.connect(lambda key: self._document.edit(path, key))
        return box


def _row(control: QWidget) -> QHBoxLayout:
    label = ElidedLabel(control.accessibleName())
    label.setFixedWidth(_LABEL_WIDTH)
    row = QHBoxLayout()
    row.setContentsMargins(0, 1, 0, 1)
    row.addWidget(label)
    row.addWidget(control, 1)
    return row
