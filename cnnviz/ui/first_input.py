"""Lets a network that learned from other images than those on board begin with one of them."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject

from cnnviz.data.facts import plain_title
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pixel_order import PERMUTED_WORDS
from cnnviz.data.source import Blank, Photo
from cnnviz.engine.delivery import Delivery
from cnnviz.engine.observation import LoadedNetwork
from cnnviz.engine.training_weights import folder_of
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.training.run_folder import read_record
from cnnviz.ui.background import Background
from cnnviz.ui.notices import NoticeStack


class FirstInput(QObject):
    """Looks for such an image in the background as the network comes; until it is found, what was shown stays."""

    def __init__(
        self, document: Document, images: ImageStore, background: Background, notices: NoticeStack, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._images = images
        self._background = background
        self._notices = notices
        self._source: str | None = None

    def take(self, delivery: Delivery) -> None:
        """See whether the network is another one than before, and nothing of the person's lies on the canvas."""
        network = delivery.network
        if network is None or not delivery.complete or network.source == self._source:
            return
        # a session that is restored goes on with what was chosen for it
        is_first, self._source = self._source is None, network.source
        scene = self._document.scene
        suits = scene.example if is_first else actions.came_along(scene)
        if suits and _is_of_other_images(network.card.dataset) and not self._is_one_of(network):
            self._background.run(
                lambda: self._found(network),
                lambda photo: self._show(network, photo, scene.input),
                f"Looking for an image of {_title(network)}",
                only_reads=True,
            )

    def _is_one_of(self, network: LoadedNetwork) -> bool:
        base = self._document.scene.input.base
        return isinstance(base, Photo) and base.label in network.card.labels

    def _found(self, network: LoadedNetwork) -> Photo | None:
        from cnnviz.data.first_picture import first_picture

        picture = first_picture(*_data_of(network))
        if picture is None or picture.label not in network.card.labels:
            return None
        return Photo(path=picture.name, sha256=self._images.keep(picture.image), label=picture.label)

    def _show(self, network: LoadedNetwork, photo: Photo | None, before: object) -> None:
        scene = self._document.scene
        if scene.network.source != network.source or scene.input is not before:
            return  # the person has gone on
        actions.begin_with(self._document, photo or Blank())
        if photo is None:
            self._notices.show_message(
                f"No image of {_title(network)}, from which this network learned, is at hand, so that the canvas is "
                "empty: draw on it, or open an image.",
                "info",
            )


def _is_of_other_images(dataset: str) -> bool:
    """Of what neither a sample nor a picture that is made is an example."""
    spec = dataset.removesuffix(PERMUTED_WORDS)
    return spec == "fashion-mnist" or spec.startswith("folder:")


def _data_of(network: LoadedNetwork) -> tuple[str, Path | None]:
    """Data set and its folder: as its run has written them down, else as far as the network itself says."""
    kind, _, path = network.source.partition(":")
    folder = folder_of(network.source) or (Path(path).parent if kind == "file" else None)
    record = read_record(folder) if folder is not None else None
    if record is not None:
        return record.settings.dataset, record.settings.data_folder
    return network.card.dataset.removesuffix(PERMUTED_WORDS), None


def _title(network: LoadedNetwork) -> str:
    return plain_title(network.card.dataset.removesuffix(PERMUTED_WORDS)).removeprefix("folder:")
