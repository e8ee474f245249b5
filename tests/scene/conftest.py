"""A listener to documents."""

import pytest

from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene


class Heard:
    """Every ``changed`` of a document."""

    def __init__(self, document: Document) -> None:
        self.changes: list[tuple[Scene, Scene]] = []
        document.changed.connect(self._hear)

    def _hear(self, old: Scene, new: Scene) -> None:
        self.changes.append((old, new))


@pytest.fixture
def hear() -> type[Heard]:
    return Heard
