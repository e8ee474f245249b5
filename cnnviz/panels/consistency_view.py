"""The widget of the consistency panel."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.data.facts import plain_title
from cnnviz.panels.consistency import SAMPLES, ConsistencyParams, ConsistencyResult
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.bar_list import BarList
from cnnviz.ui.bars_figure import Bar, BarsFigure
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.class_folder import ask_for_class_folder
from cnnviz.ui.controls import ComboBox, Segmented, text_button
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.numbers import format_count, format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme

PATH = "panels.consistency"
_SETS = (
    (SAMPLES, "the samples"),
    ("digits", "digits"),
    ("shapes", "shapes"),
    ("dots", "dots"),
    ("mnist", "MNIST"),
    ("fashion-mnist", "Fashion-MNIST"),
    ("cifar10", "CIFAR-10"),
)
_ASK = ("folder:", "a folder …")


class ConsistencyView(PanelView):
    """Which images above; the share of agreeing pairs with its interval; and image by image below."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: ConsistencyResult | None = None
        self._data = ComboBox([*_SETS, _ASK])
        self._data.setToolTip("The images whose shifted copies are compared")
        self._data.setAccessibleName("Images")
        self._data.chosen.connect(self._choose)
        self._border = Segmented(
            [("wrap", "wrapped"), ("zeros", "filled")],
            tips=["What leaves at one side comes in at the other", "Black comes in at the borders"],
        )
        self._border.chosen.connect(lambda border: document.edit(f"{PATH}.border", border))
        self._shift = BoundSlider(document, f"{PATH}.shift", "shift up to", step=1, digits=0, unit="px")
        self._most = BoundSlider(document, f"{PATH}.images", "images", high=2000, step=10, digits=0)
        self._run = text_button("Measure", "Measure on the images that are chosen")
        self._run.clicked.connect(self._toggle)
        self._words = sentences()
        self._bars = BarList()
        self._bars.setAccessibleName("Share of pairs with the same top class")
        self._plot = CurvePlot(self)
        first = QHBoxLayout()
        first.addWidget(self._data, 1)
        first.addWidget(self._border)
        first.addWidget(self._run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addLayout(first)
        layout.addWidget(self._shift)
        layout.addWidget(self._most)
        layout.addWidget(self._words)
        layout.addWidget(self._bars)
        layout.addWidget(self._plot, 1)
        layout.addStretch(0)
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def figures(self) -> list[Figure]:
        figure, result = self._plot.figure(), self._result
        found: list[Figure] = [] if figure is None or self._plot.isHidden() else [figure]
        if result is not None and result.rows:
            bars = tuple(Bar(row.name, row.share, text) for row, text in zip(result.rows, _texts(result), strict=True))
            ends = (("low", tuple(row.low for row in result.rows)), ("high", tuple(row.high for row in result.rows)))
            images = ("images", tuple(float(row.images) for row in result.rows))
            found.append(
                BarsFigure(
                    "Consistency under shift",
                    "network",
                    "share of pairs of shifted copies with the same top class",
                    bars,
                    marked=0,
                    beside=(*ends, images),
                )
            )
        return found

    def show_result(self, result: ConsistencyResult) -> None:
        super().show_result(result)
        self._result = result
        self._words.setText(result.message or self._sentence(result))
        self._bars.setVisible(bool(result.rows))
        shares = [row.share for row in result.rows]
        self._bars.set_rows([row.name for row in result.rows], shares, texts=_texts(result))
        self._bars.setMinimumHeight(len(shares) * self._bars.row_height())
        self._plot.setVisible(result.curves is not None)
        if result.curves is not None:
            self._plot.set_curves(result.curves)
        self.set_subtitle(f"{format_percent(shares[0], 1)} agree" if shares else "")
        ran = result.finished or bool(result.message)
        self._run.setText("Cancel" if self._params().running and not ran else "Measure")

    def _sentence(self, result: ConsistencyResult) -> str:
        if not result.rows:
            return self._offer() if result.waiting else "Reading the images."
        images = result.rows[0].images
        pairs = format_count(result.pairs)
        what = "Pixels of two shifted copies" if result.of_pixels else "Two shifted copies"
        words = (
            f"{what} of an image get the same top class in {format_percent(result.rows[0].share, 1)} of "
            f"the pairs: {format_count(images)} images, {pairs} pairs each. In brackets the 95 % bootstrap interval "
            "over images."
        )
        if result.unanswered:
            broken = format_count(result.unanswered)
            words = f"{words} For {broken} of the images an answer is not finite: it agrees with none."
        if result.told:
            words = f"{words} {result.told}"
        if result.finished:
            return words
        if result.waiting:
            return f"{words} Stopped at {format_percent(result.done / result.total, 0)}."
        return f"{words} Measured {format_percent(result.done / result.total, 0)} so far." if result.total else words

    def _offer(self) -> str:
        """What would be measured."""
        params = self._params()
        of = plain_title(params.data) if not params.data.startswith("folder:") else "the folder"
        return (
            "How often does an image get the same top class wherever it lies? Press Measure to compare copies, shifted "
            f"by up to {params.shift} px in all directions, of at most {params.images} images of {of}."
        )

    def _toggle(self) -> None:
        asks = self._run.text() == "Measure"
        if asks and self._params().running:
            self.document.edit(f"{PATH}.running", False)  # begins anew what had failed
        self.document.edit(f"{PATH}.running", asks)

    def _choose(self, key: str) -> None:
        if key == _ASK[0]:
            key = ask_for_class_folder(self)
            if not key:
                self._follow(self.document.scene, self.document.scene)
                return
        self.document.edit_many({f"{PATH}.data": key, f"{PATH}.running": False})

    def _params(self) -> ConsistencyParams:
        return cast(ConsistencyParams, self.document.scene.panel("consistency"))

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        params = self._params()
        path = params.data.partition(":")[2]
        self._data.set_options([*_SETS, *([(params.data, Path(path).name)] if path else []), _ASK])
        self._data.set_value(params.data)
        self._border.set_value(params.border)
        self._shift.refresh()
        self._most.refresh()
        self._most.setVisible(params.data != SAMPLES)
        self._run.setVisible(params.data != SAMPLES)
        if not params.running:
            self._run.setText("Measure")  # at once, also where a pass has to end before the work does


def _texts(result: ConsistencyResult) -> list[str]:
    """Each network's share, with its interval where there is one."""
    return [
        format_percent(row.share, 1)
        if math.isnan(row.low)
        else f"{format_percent(row.share, 1)} ({100 * row.low:.1f} … {100 * row.high:.1f})"
        for row in result.rows
    ]
