"""The widget of the pooling panel: numbers to type, or the network's own maps."""

from __future__ import annotations

from typing import cast

from PyQt6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from cnnviz.panels.pooling import PoolingParams, PoolingResult
from cnnviz.panels.pooling_maps_view import PoolingMapsPage
from cnnviz.panels.pooling_numbers_view import PoolingNumbersPage
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.controls import Segmented
from cnnviz.ui.figure import Figure
from cnnviz.ui.panel_view import PanelView


class PoolingView(PanelView):
    """Two pages of which one is shown; both have what is pooled above, and what is left of a shift below."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._choice = Segmented(
            [("numbers", "numbers"), ("network", "this network")],
            tips=["A small grid of numbers to type into", "The network's own maps; its pooling can be swapped"],
        )
        super().__init__(document, parent)
        self._choice.chosen.connect(lambda view: document.edit("panels.pooling.view", view))
        self._numbers = PoolingNumbersPage(document)
        self._maps = PoolingMapsPage(document)
        self._pages = QStackedLayout()
        self._pages.addWidget(self._numbers)
        self._pages.addWidget(self._maps)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._pages)
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def header_controls(self) -> list[QWidget]:
        return [self._choice]

    def figures(self) -> list[Figure]:
        page = self._numbers if self._pages.currentWidget() is self._numbers else self._maps
        return page.figures()

    def show_result(self, result: PoolingResult) -> None:
        super().show_result(result)
        if result.numbers is not None:
            self._numbers.show_numbers(result.numbers)
            self.set_subtitle(result.numbers.summary)
        elif result.maps is not None:
            self._maps.show_maps(result.maps)
            chosen = result.maps.chosen
            self.set_subtitle("no pooling" if chosen is None else f"{chosen}, channel {result.maps.channel}")
        elif result.unpooled is not None:
            self._numbers.show_unpooled(result.unpooled, result.refusal)
            self.set_subtitle("no window fits")

    def _follow(self, old: Scene, new: Scene) -> None:
        same = old.panels is new.panels and old.changes is new.changes and old.selection is new.selection
        if old is not new and same and old.input.edits is new.input.edits and old.network is new.network:
            return
        params = cast(PoolingParams, new.panel("pooling"))
        self._choice.set_value(params.view)
        self._pages.setCurrentWidget(self._numbers if params.view == "numbers" else self._maps)
        self._numbers.refresh(params)
        self._maps.refresh(new, params)
