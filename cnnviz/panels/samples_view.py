"""The widget of the samples panel."""

from __future__ import annotations

import numpy as np
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cnnviz.data.source import Photo
from cnnviz.panels.samples import THUMBNAIL, SamplesResult
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.mosaic_view import MosaicView
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.pixels import image_words
from cnnviz.ui.theme import theme


class SamplesView(PanelView):
    """A strip of thumbnails; the one on the canvas is marked."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: SamplesResult | None = None
        self._strip = MosaicView(self, ring="accent")
        self._strip.set_labels([])
        self._strip.setAccessibleName("Samples")
        self._strip.tile_clicked.connect(self._use)
        self._strip.hovered.connect(self._name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._strip)
        document.changed.connect(self._follow)
        theme().changed.connect(self._paint)

    def show_result(self, result: SamplesResult) -> None:
        super().show_result(result)
        before, self._result = self._result, result
        self.set_subtitle("click one")
        if before is None or before.thumbnails != result.thumbnails:
            self._paint()
            self._mark(self.document.scene)

    def _paint(self) -> None:
        if self._result is None:
            return
        tiles = [
            image_words(thumbnail.image, paper=thumbnail.kind == "drawing") for thumbnail in self._result.thumbnails
        ]
        words = np.vstack(tiles)
        picture = np.stack([words >> 16 & 255, words >> 8 & 255, words & 255], -1).astype(np.uint8)
        self._strip.set_rgb(picture, (THUMBNAIL, THUMBNAIL), 1, len(tiles), 0)

    def _use(self, tile: int, row: int, column: int) -> None:
        if self._result is not None:
            chosen = self._result.thumbnails[tile]
            if chosen.pixels is None:
                actions.use_sample(self.document, chosen.name)
            else:
                self.image_wanted.emit(chosen.pixels, chosen.name, chosen.label)

    def _name(self, place: tuple[int, int, int] | None) -> None:
        if self._result is None or place is None:
            self._strip.setToolTip("")
        else:
            self._strip.setToolTip(self._result.thumbnails[place[0]].title)

    def _follow(self, old: Scene, new: Scene) -> None:
        if old.input.base is not new.input.base or old.input.drawing is not new.input.drawing:
            self._mark(new)

    def _mark(self, scene: Scene) -> None:
        if self._result is None:
            return
        names = [thumbnail.name for thumbnail in self._result.thumbnails]
        base = scene.input.base
        present = base.path if isinstance(base, Photo) else actions.sample_on_canvas(scene)
        self._strip.set_selected(names.index(present) if present in names else None)
