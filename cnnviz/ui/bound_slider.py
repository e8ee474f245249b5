"""A slider for one number of the document: bounds and explanation come from the field itself."""

from __future__ import annotations

from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from PyQt6.QtWidgets import QWidget

from cnnviz.scene.document import Document
from cnnviz.ui.slider import LabelledSlider


class BoundSlider(LabelledSlider):
    """Edits ``path`` of the document; press to release is one undo entry.

    ``refresh`` shows the document's value; the panel calls it when its part of the scene changed.
    """

    def __init__(
        self,
        document: Document,
        path: str,
        text: str,
        *,
        low: float | None = None,
        high: float | None = None,
        parent: QWidget | None = None,
        **look: Any,
    ) -> None:
        model, name = _owner(document, path)
        info = type(model).model_fields[name]
        bounds = dict(_bounds(info.metadata))
        look.setdefault("tip", f"{info.description}. Double-click resets." if info.description else "")
        super().__init__(
            text,
            bounds["low"] if low is None else low,
            bounds["high"] if high is None else high,
            info.default,
            parent=parent,
            **look,
        )
        self._document = document
        self._path = path
        self.edited.connect(lambda value: document.edit(path, value))
        self.pressed.connect(document.begin_gesture)
        self.released.connect(document.end_gesture)
        self.refresh()

    def refresh(self) -> None:
        model, name = _owner(self._document, self._path)
        self.show_value(getattr(model, name))

    def show_value(self, value: float) -> None:
        """Show a value of the document that the panel has already read."""
        if value != self.value():
            self.set_value(value)


def _owner(document: Document, path: str) -> tuple[BaseModel, str]:
    """The model that holds the field at ``path``, and the field's name."""
    *way, name = path.split(".")
    node: Any = document.scene
    while way:
        key = way.pop(0)
        node = node.panel(way.pop(0)) if key == "panels" else getattr(node, key)
    return node, name


def _bounds(metadata: list[Any]) -> Any:
    for bound in metadata:
        if isinstance(bound, Ge | Gt):
            yield "low", float(bound.ge if isinstance(bound, Ge) else bound.gt)  # type: ignore[arg-type]
        elif isinstance(bound, Le | Lt):
            yield "high", float(bound.le if isinstance(bound, Le) else bound.lt)  # type: ignore[arg-type]
