"""Finds the tensors, settings and modules in the values of a pickle, and gives each tensor its path as its name."""

from __future__ import annotations

from typing import Any

from . import limits
from .numpy_values import NumpyType
from .plan import PlanWriter
from .refusal import Refusal
from .values import Call, Collection, DeclaredTensor, FileBytes, Global, Storage

_NOTHING = object()
"""What is left of a value when its tensors are taken out and nothing else was in it."""


class TreeWalker:
    """Walks once through a value that :class:`PickleMachine` has built.

    Attributes
    ----------
    modules : list of dict
        ``path``, ``kind`` and ``settings`` of each pickled module, outermost first.
    """

    def __init__(self, writer: PlanWriter) -> None:
        self.modules: list[dict[str, Any]] = []
        self._writer = writer
        self._inside: set[int] = set()
        self._values = 0
        self._text = 0

    def walk(self, value: Any, name: str = "") -> dict[str, Any]:
        """List all tensors of ``value``; returns everything else as plain values."""
        rest = self._visit(value, name, 0)
        if rest is _NOTHING:
            return {}
        return rest if type(rest) is dict else {"value": rest}

    def _visit(self, value: Any, path: str, depth: int) -> Any:
        self._values += 1
        if self._values > limits.VALUES:
            raise Refusal("its values are nested in each other so often that they cannot be listed")
        if value is None or type(value) in (bool, int, float):
            return value
        if type(value) is str:
            return self._short(value)
        if isinstance(value, DeclaredTensor):
            if value.kind == "opaque":
                return f"({value.note})"
            self._writer.add(path or "tensor", value)
            return _NOTHING
        if isinstance(value, Storage):
            item = max(value.size, 0)
            self._writer.add(
                path or "storage", DeclaredTensor("dense", "uint8", (item,), (1,), 0, value, note="storage")
            )
            return _NOTHING
        if type(value) in (bytes, complex) or isinstance(value, FileBytes | Global | NumpyType):
            return self._short(_in_words(value))
        return self._descend(value, path, depth)

    def _descend(self, value: Any, path: str, depth: int) -> Any:
        if depth >= limits.DEPTH:
            raise Refusal(f"its values are nested more than {limits.DEPTH} deep")
        if id(value) in self._inside:
            return "(refers to itself)"
        self._inside.add(id(value))
        try:
            if type(value) is dict:
                return self._mapping(value, path, depth)
            if isinstance(value, Call):
                return self._call(value, path, depth)
            items = value.items if isinstance(value, Collection) else value
            return self._mapping(dict(enumerate(items)), path, depth, as_list=True)
        finally:
            self._inside.remove(id(value))

    def _mapping(self, items: dict[Any, Any], path: str, depth: int, as_list: bool = False) -> Any:
        kept: dict[str, Any] = {}
        for key, item in items.items():
            text = self._short(_in_words(key))
            inner = f"{path}.{text}" if path else text
            if len(inner) > limits.NAME:
                raise Refusal(f"it has a name of more than {limits.NAME:,} characters")
            rest = self._visit(item, inner, depth + 1)
            if rest is not _NOTHING:
                kept[text] = rest
        if items and not kept:
            return _NOTHING
        return list(kept.values()) if as_list and len(kept) == len(items) else kept

    def _call(self, call: Call, path: str, depth: int) -> Any:
        attributes = _attributes(call)
        if _is_module(call, attributes):
            self._module(call, attributes, path, depth)
            return _NOTHING
        inside: dict[Any, Any] = {}
        if call.arguments:
            inside["arguments"] = call.arguments
        inside.update(attributes)
        if call.items:
            inside["items"] = call.items
        rest = self._mapping(inside, path, depth) if inside else {}
        name = call.full if len(call.full) <= 200 else call.full[:200]
        return {"class": name, **(rest if type(rest) is dict else {})}

    def _module(self, call: Call, attributes: dict[Any, Any], path: str, depth: int) -> None:
        entry: dict[str, Any] = {"path": path, "kind": call.full[:200], "settings": {}}
        self.modules.append(entry)
        children: dict[Any, Any] = {}
        for group in ("_parameters", "_buffers", "_modules"):
            found = attributes.get(group)
            if type(found) is dict:
                children.update({key: child for key, child in found.items() if child is not None})
        settings = {key: value for key, value in attributes.items() if not str(key).startswith("_")}
        if call.full.startswith("__torch__."):  # in TorchScript, submodules and tensors are plain attributes
            children = {key: value for key, value in settings.items() if isinstance(value, Call | DeclaredTensor)}
        for key in children:
            settings.pop(key, None)
        if call.items:
            settings["items"] = call.items
        rest = self._mapping(settings, path, depth) if settings else {}
        entry["settings"] = rest if type(rest) is dict else {}
        self._mapping(children, path, depth)

    def _short(self, text: str) -> str:
        """``text``, cut where it would make the plan too long."""
        if len(text) > limits.METADATA_TEXT:
            text = f"{text[:1000]}… ({len(text):,} characters)"
        self._text += len(text)
        if self._text > limits.METADATA_TOTAL:
            raise Refusal(f"it holds more than {limits.METADATA_TOTAL >> 20} MB of text beside its tensors")
        return text


def _in_words(value: Any) -> str:
    if isinstance(value, Global):
        return value.full
    if isinstance(value, NumpyType):
        return f"numpy.{value.torch_name or value.code}"
    if isinstance(value, FileBytes):
        return f"({value.size:,} bytes)"
    if type(value) is bytes:
        text = value[:1000].decode("utf-8", "replace")
        return text if text.isprintable() and len(value) <= 1000 else f"({len(value):,} bytes)"
    return str(value)


def _attributes(call: Call) -> dict[Any, Any]:
    """What is set on an instance; its state is a dictionary, or that and another for the class's slots."""
    found: dict[Any, Any] = {}
    for number, state in enumerate(call.state):
        parts = state if type(state) is tuple and len(state) == 2 else (state,)
        for part in parts:
            if type(part) is dict:
                found.update(part)
            elif part is not None:
                found[f"state{number or ''}"] = part
    return found


def _is_module(call: Call, attributes: dict[Any, Any]) -> bool:
    if call.full.startswith("__torch__."):
        return True
    return type(attributes.get("_modules")) is dict and type(attributes.get("_parameters")) is dict
