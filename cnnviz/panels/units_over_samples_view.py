"""The widget of the panel units over samples."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from cnnviz.data.facts import DATA, plain_title
from cnnviz.panels.units_over_samples import UnitsOverSamplesParams, UnitsOverSamplesResult
from cnnviz.panels.units_over_samples_figure_view import MatrixFigure
from cnnviz.panels.units_over_samples_pages_view import CorrelationPage, SamplesPage
from cnnviz.panels.units_over_samples_pair_view import PairView
from cnnviz.panels.units_over_samples_picture_view import content_of, correlation_content
from cnnviz.panels.units_over_samples_pictures import UnitPicture
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.training.good_and_bad import PAIRS
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.class_folder import ask_for_class_folder
from cnnviz.ui.controls import ComboBox, IconButton, Segmented, text_button
from cnnviz.ui.figure import Figure
from cnnviz.ui.numbers import format_count
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme

PATH = "panels.units-over-samples"
_SETS = (("auto", "images: trained on"), *((name, plain_title(name)) for name in DATA))
_ASK = ("folder:", "a folder …")
_ORDERS = (
    ("as-is", "in their order"),
    ("variance", "by variance"),
    ("class", "by class they like"),
    ("correlation", "by correlation"),
)
_MAPS = (("mean", "mean of a map"), ("max", "largest of a map"), ("every", "every unit"))
_PAIRS = (
    *((name, pair.title) for name, pair in PAIRS.items()),
    ("compared", "This network, and that of Compare two"),
    ("earlier", "This network, and its first checkpoint"),
)
_PAGES = (
    ("samples", "samples", "What each unit does for each sample"),
    ("correlation", "correlation", "How much units say the same"),
    ("pair", "good and bad", "A good training beside a bad one, made here in seconds; or this network beside another"),
)


class UnitsOverSamplesView(PanelView):
    """Controls above, one of three pages below."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result = UnitsOverSamplesResult()
        self._page = Segmented([(key, text) for key, text, _ in _PAGES], tips=[tip for *_, tip in _PAGES])
        self._page.chosen.connect(lambda page: document.edit(f"{PATH}.page", page))
        self._button = text_button("Cancel", "Pass no more samples; what is there stays")
        self._button.clicked.connect(self._press)
        self._again = IconButton("shuffle", "Train both again, with other random numbers")
        self._again.clicked.connect(self._train_again)
        self._scale = Segmented(
            [("shared", "one scale"), ("own", "each its own")],
            tips=["Equal colours are equal values in both pictures", "Each picture in its own scale: faint ones show"],
        )
        self._scale.chosen.connect(lambda scale: document.edit(f"{PATH}.scale", scale))
        self._data = self._combo("Images", "The test images that are passed through the network", (*_SETS, _ASK))
        self._data.chosen.connect(self._choose_data)
        self._order = self._combo("Order of the units", "In which order the units stand beside each other", _ORDERS)
        self._order.chosen.connect(lambda order: document.edit(f"{PATH}.order", order))
        self._maps = self._combo("Columns", "What of a feature map is a column of the picture", _MAPS)
        self._maps.chosen.connect(lambda maps: document.edit(f"{PATH}.maps", maps))
        self._pair = self._combo("Pair", "Which two trainings stand side by side", _PAIRS)
        self._pair.chosen.connect(lambda pair: document.edit(f"{PATH}.pair", pair))
        self._samples = BoundSlider(document, f"{PATH}.samples", "samples", high=1000, step=20, digits=0)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(theme().px(4))
        self._words = sentences("muted", shrinks=True)
        self._of_samples = SamplesPage()
        self._of_correlation = CorrelationPage()
        self._of_pair = PairView()
        self._of_pair.open_wanted.connect(lambda source: actions.use_network(document, source, 1))
        for picture in (self._of_samples.picture, *self._of_pair.pictures):
            picture.sample_wanted.connect(self.image_wanted)
        self._of_samples.picture.unit_wanted.connect(self._select)
        self._of_correlation.unit_wanted.connect(self._select)
        for picture in self._of_pair.pictures:
            picture.unit_wanted.connect(self._select_in_pair)
        self._lay_out()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def figures(self) -> list[Figure]:
        result, order = self._result, self._params().order
        found: list[Figure] = []
        if result.picture is not None:
            found.append(MatrixFigure("Units over samples", result.picture, content_of(result.picture, order)))
            correlation = correlation_content(result.picture, order)
            found.append(MatrixFigure("Correlation of units", result.picture, correlation))
        for side in result.sides:
            if side.picture is not None:
                title = f"Units over samples, {side.title}"
                found.append(MatrixFigure(title, side.picture, content_of(side.picture, order), side.words))
        return found

    def show_result(self, result: UnitsOverSamplesResult) -> None:
        super().show_result(result)
        self._result = result
        params = self._params()
        self._of_samples.show_picture(result.picture, params.order)
        self._of_correlation.show_picture(result.picture, params.order)
        self._of_pair.show_result(result, params.order)
        self._bar.setRange(0, max(result.total, 1))
        self._bar.setValue(result.done)
        self._bar.setVisible(result.total > 0 and not result.finished)
        self._words.setText(self._sentence(result))
        self.set_subtitle(self._about(result))
        self._say_button()
        self._show_page()
        self._mark(self.document.scene)
        if result.stale:
            self.show_stale()

    def _sentence(self, result: UnitsOverSamplesResult) -> str:
        params = self._params()
        if params.page == "pair":
            return "" if result.sides else result.message
        if result.picture is None:
            return result.message or "Nothing has been passed through the network yet."
        choice = result.choice
        words = [result.message] if result.message else []
        if choice is not None and params.data == "auto":
            words.append(f"Test images of {choice.title}{f' ({choice.why})' if choice.why else ''}.")
        if result.stale:
            words.append("The picture is that of earlier weights; it is made anew when they rest.")
        elif not result.finished:
            more = "Stopped." if params.stopped else "The others follow when the weights rest."
            words.append(f"{format_count(result.done)} of {format_count(result.total)} samples. {more}")
        return " ".join(words)

    def _about(self, result: UnitsOverSamplesResult) -> str:
        picture = result.picture
        if self._params().page == "pair":
            return "hidden units of two trainings" if result.sides else ""
        return "" if picture is None else f"{picture.layer} · {len(picture.values)} samples × {len(picture.channels)}"

    # what is pressed

    def _press(self) -> None:
        params = self._params()
        field = "training" if params.page == "pair" and params.pair in PAIRS else "stopped"
        self.document.edit(f"{PATH}.{field}", not getattr(params, field))

    def _train_again(self) -> None:
        seed = (self._params().seed + 1) % 1000
        self.document.edit_many({f"{PATH}.seed": seed, f"{PATH}.training": True})

    def _choose_data(self, key: str) -> None:
        if key == _ASK[0]:
            key = ask_for_class_folder(self)
            if not key:
                self._follow(self.document.scene, self.document.scene)
                return
        self.document.edit_many({f"{PATH}.data": key, f"{PATH}.stopped": False})

    def _select(self, picture: UnitPicture, column: int) -> None:
        place: dict[str, object] = {}
        if picture.cells is not None:
            row, cell = picture.cells[column].tolist()
            place = {"selection.row": row, "selection.column": cell}
        channel = int(picture.channels[column])
        self.document.edit_many({"selection.layer": picture.layer, "selection.channel": channel, **place})

    def _select_in_pair(self, picture: UnitPicture, column: int) -> None:
        """Units of networks that were trained here are not of the one that is shown."""
        if self._params().pair not in PAIRS:
            self._select(picture, column)

    # what is shown

    def _params(self) -> UnitsOverSamplesParams:
        return cast(UnitsOverSamplesParams, self.document.scene.panel("units-over-samples"))

    def _say_button(self) -> None:
        params, result = self._params(), self._result
        trains = params.page == "pair" and params.pair in PAIRS
        if trains:
            self._button.setText("Cancel" if params.training and not result.finished else "Train both")
            self._button.setToolTip("Train a good and a bad network on the digits, some seconds")
            self._button.setVisible(not result.finished)
        else:
            self._button.setText("Go on" if params.stopped else "Cancel")
            self._button.setToolTip("Pass no more samples; what is there stays")
            self._button.setVisible(params.stopped or (result.total > 0 and not result.finished))
        self._again.setVisible(trains and result.finished)

    def _show_page(self) -> None:
        params, result = self._params(), self._result
        pair = params.page == "pair"
        self._arrange_choices()
        self._of_samples.setVisible(params.page == "samples" and result.picture is not None)
        self._of_correlation.setVisible(params.page == "correlation" and result.picture is not None)
        self._of_pair.setVisible(pair and bool(result.sides))
        self._filler.setVisible(not any(each.isVisibleTo(self) for each in self._pages))
        trains = pair and params.pair in PAIRS
        self._pair.setVisible(pair)
        self._scale.setVisible(pair)
        self._data.setVisible(not trains)
        self._samples.setVisible(not trains)
        many = result.picture is None or result.picture.units > len(result.picture.channels) or self._has_maps()
        self._maps.setVisible(not pair and many)
        self._words.setVisible(bool(self._words.text()))

    def _has_maps(self) -> bool:
        picture = self._result.picture
        return picture is not None and (bool(picture.of_maps) or picture.cells is not None)

    def _mark(self, scene: Scene) -> None:
        picture = self._result.picture
        layer = scene.selection.layer or (None if picture is None else picture.layer)
        self._of_samples.picture.mark(layer, scene.selection.channel)
        self._of_correlation.mark(layer, scene.selection.channel)
        for each in self._of_pair.pictures:
            each.mark(layer if self._params().pair not in PAIRS else None, scene.selection.channel)

    def _follow(self, old: Scene, new: Scene) -> None:
        if old.selection is not new.selection:
            self._mark(new)
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        path = params.data.partition(":")[2]
        self._data.set_options([*_SETS, *([(params.data, Path(path).name)] if path else []), _ASK])
        self._page.set_value(params.page)
        for control, value in (
            (self._data, params.data), (self._order, params.order), (self._maps, params.maps),
            (self._pair, params.pair), (self._scale, params.scale),
        ):  # fmt: skip
            control.set_value(value)
        self._samples.refresh()
        self._say_button()
        self._show_page()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange_choices()

    def _arrange_choices(self) -> None:
        narrow = self._params().page == "pair" and self.width() < theme().px(500)
        self._choices.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)

    def _combo(self, name: str, tip: str, options: tuple[tuple[str, str], ...]) -> ComboBox:
        combo = ComboBox(options)
        combo.setAccessibleName(name)
        combo.setToolTip(tip)
        combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        combo.setMinimumWidth(theme().px(92))
        return combo

    def _lay_out(self) -> None:
        self._pages: tuple[QWidget, ...] = (self._of_samples, self._of_correlation, self._of_pair)
        self._filler = QWidget()
        first = QHBoxLayout()
        first.addWidget(self._page)
        first.addStretch(1)
        first.addWidget(self._again)
        first.addWidget(self._button)
        what, how = QHBoxLayout(), QHBoxLayout()
        for row, widget, stretch in (
            (what, self._pair, 3), (what, self._data, 2),
            (how, self._order, 1), (how, self._maps, 1), (how, self._scale, 0),
        ):  # fmt: skip
            row.addWidget(widget, stretch)
        self._choices = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._choices.addLayout(what, 4)
        self._choices.addLayout(how, 5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(4))
        layout.addLayout(first)
        layout.addLayout(self._choices)
        layout.addWidget(self._samples)
        layout.addWidget(self._bar)
        layout.addWidget(self._words)
        for page in (*self._pages, self._filler):
            page.setMinimumWidth(theme().px(260))  # narrower than side by side: what lacks room goes below
            layout.addWidget(page, 1)
