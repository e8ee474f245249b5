"""The document: the present scene, the only way to change it, and undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from reprlib import repr as shortened
from typing import Annotated, Any

from psygnal import Signal
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cnnviz.scene.models import PanelEntry, Scene, Undo, keep_unrecorded, undo_of
from cnnviz.scene.params import params_type

UNDO_LIMIT = 500


class SceneError(ValueError):
    """A value that the scene cannot hold, in one sentence."""


class Document:
    """Holds the present scene; each edit makes a new one and shares what did not change.

    A path is the dotted way to a field: ``"input.edits.rotation"``, ``"panels.activations.scale"``.
    ``changed(old, new)`` is emitted once for each change; the scene that it brings is never modified later.
    """

    # queued: a listener that edits does not put its change before the present one for the listeners after it
    changed = Signal(Scene, Scene, reemission="queued")

    def __init__(self, scene: Scene | None = None) -> None:
        self._scene = scene if scene is not None else Scene()
        self._version = 0
        self._undo: list[Scene] = []
        self._redo: list[Scene] = []
        self._gesture_depth = 0
        self._gesture_recorded = False

    @property
    def scene(self) -> Scene:
        return self._scene

    @property
    def version(self) -> int:
        """Counts the changes; results carry the version of the scene that they show."""
        return self._version

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def edit(self, path: str, value: Any) -> None:
        """Set the field at ``path``.

        Raises
        ------
        SceneError
            There is no such field, or it cannot hold this value; the scene stays as it was.
        """
        self.edit_many({path: value})

    def edit_many(self, changes: Mapping[str, Any]) -> None:
        """Set several fields as one change and one undo step."""
        scene = self._scene
        for path, value in changes.items():
            scene = _replaced(scene, path.split("."), path, value)
        self._commit(scene, [undo_of(path) for path in changes])

    def append(self, path: str, item: Any) -> None:
        """Add ``item`` to the tuple at ``path``; only the item is validated, so that a long stroke stays cheap."""
        keys = path.split(".")
        scene = _appended(self._scene, keys, path, item)
        self._commit(scene, [undo_of(path)])

    def amend(self, path: str, value: Any) -> None:
        """Set a field without an undo entry: for what the program mends itself, such as a network that did not load."""
        self._change(_replaced(self._scene, path.split("."), path, value))

    def replace(self, scene: Scene) -> None:
        """Put another scene in place of the present one, as one undo step."""
        self._commit(scene, ["step"])

    @contextmanager
    def gesture(self) -> Iterator[None]:
        """Edits inside are one undo entry: from the press of a button to its release."""
        self.begin_gesture()
        try:
            yield
        finally:
            self.end_gesture()

    def begin_gesture(self) -> None:
        """What is edited until :meth:`end_gesture` is one undo entry; gestures within it belong to it."""
        if self._gesture_depth == 0:
            self._gesture_recorded = False
        self._gesture_depth += 1

    def end_gesture(self) -> None:
        """The button is released; without a gesture it does nothing."""
        self._gesture_depth = max(0, self._gesture_depth - 1)

    def undo(self) -> None:
        """Go back one entry; what declares no undo stays as it is."""
        self._step(self._undo, self._redo)

    def redo(self) -> None:
        """Go forth one entry that was undone."""
        self._step(self._redo, self._undo)

    def _step(self, back: list[Scene], forth: list[Scene]) -> None:
        if not back:
            return
        forth.append(self._scene)
        # a gesture that goes on after it begins an entry of its own
        self._gesture_recorded = False
        self._change(keep_unrecorded(back.pop(), self._scene))

    def _commit(self, scene: Scene, undo: list[Undo]) -> None:
        if scene is self._scene:
            return
        if any(kind != "none" for kind in undo):
            merged = self._gesture_depth > 0 and self._gesture_recorded and "step" not in undo
            if not merged:
                self._undo.append(self._scene)
                del self._undo[:-UNDO_LIMIT]
            self._gesture_recorded = self._gesture_depth > 0
            self._redo.clear()
        self._change(scene)

    def _change(self, scene: Scene) -> None:
        old, self._scene = self._scene, scene
        self._version += 1
        self.changed.emit(old, scene)


@cache
def _adapter(model: type[BaseModel], field: str) -> TypeAdapter[Any]:
    """Validates a value as the model would for this field: its bounds included."""
    info = model.model_fields[field]
    annotated: Any = Annotated[info.annotation, info]
    if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
        return TypeAdapter(annotated)  # a model brings its own settings
    return TypeAdapter(annotated, config=ConfigDict(allow_inf_nan=model.model_config.get("allow_inf_nan", True)))


def _validated(model: type[BaseModel], field: str, value: Any, path: str) -> Any:
    if field not in model.model_fields:
        raise SceneError(f"the scene has no field {path!r}")
    try:
        return _adapter(model, field).validate_python(value)
    except ValidationError as error:
        raise SceneError(f"{path} cannot be {shortened(value)}: {error.errors()[0]['msg']}") from error


def _copied(node: BaseModel, field: str, value: Any, path: str) -> Any:
    """``node`` with one field changed; the others are shared, and only validators of the whole see them again."""
    copy = node.model_copy(update={field: value})
    validators = type(node).__pydantic_decorators__
    if validators.model_validators or any(field in each.info.fields for each in validators.field_validators.values()):
        try:
            type(node).model_validate(dict(copy))
        except ValidationError as error:
            raise SceneError(f"{path} cannot be {shortened(value)}: {error.errors()[0]['msg']}") from error
    return copy


def _replaced(node: Any, keys: list[str], path: str, value: Any) -> Any:
    if isinstance(node, Scene) and keys[0] == "panels" and len(keys) > 1:
        return _with_panel(
            node, keys[1], lambda params: _replaced(params, keys[2:], path, value) if keys[2:] else value
        )
    if not isinstance(node, BaseModel):
        raise SceneError(f"the scene has no field {path!r}")
    key = keys[0]
    if len(keys) > 1:
        new = _replaced(getattr(node, key, None), keys[1:], path, value)
    else:
        new = _validated(type(node), key, value, path)
    old = getattr(node, key)
    # equal scalars are no change; models and tuples are told apart by identity, so that a long stroke is not compared
    same = new is old or (not isinstance(new, BaseModel | tuple) and new == old)
    return node if same else _copied(node, key, new, path)


def _appended(node: Any, keys: list[str], path: str, item: Any) -> Any:
    if not isinstance(node, BaseModel) or keys[0] not in type(node).model_fields:
        raise SceneError(f"the scene has no field {path!r}")
    key = keys[0]
    present = getattr(node, key)
    if len(keys) > 2 and isinstance(present, tuple) and keys[1] == "-1":
        # "-1" is the last item of a tuple: the stroke that is being drawn
        if not present:
            raise SceneError(f"{path}: there is nothing yet to append to")
        return _copied(node, key, (*present[:-1], _appended(present[-1], keys[2:], path, item)), path)
    if len(keys) > 1:
        return _copied(node, key, _appended(present, keys[1:], path, item), path)
    if not isinstance(present, tuple):
        raise SceneError(f"{path} is no list")
    (new,) = _validated(type(node), key, (item,), path)
    return _copied(node, key, (*present, new), path)


def _with_panel(scene: Scene, panel_id: str, change: Any) -> Scene:
    present = scene.panel(panel_id)
    params = change(present)
    if type(params) is not type(present):
        try:
            params = params_type(panel_id).model_validate(params)
        except ValidationError as error:
            raise SceneError(f"panel {panel_id!r}: {error.errors()[0]['msg']}") from error
    if params is present:
        return scene
    entries = tuple(entry for entry in scene.panels if entry.id != panel_id)
    return scene.model_copy(update={"panels": (*entries, PanelEntry(id=panel_id, params=params))})
