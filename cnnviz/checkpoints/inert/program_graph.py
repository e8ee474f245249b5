"""The operations of a program in their order, from its text alone: TorchScript's code by its syntax, JSON of exports.

Each is written as ``"features.0: conv2d"``, the module that does it and what it does. Nothing is run: a call is
followed to the text of what it calls.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LONGEST = 1 << 20
"""Characters of code that are looked at; a tree of syntax takes a hundred times as many bytes."""
_MOST = 5_000
_STEPS = 200_000
_DEEPEST = 40
# What is asked of sizes and settings, and gives no tensor.
_SCALARS = frozenset(
    {
        *("__contains__", "__derive_index", "__getitem__", "__is__", "__isnot__", "__not__", "append", "device", "dim"),
        *("dtype", "eq", "format", "ge", "gt", "is_floating_point", "le", "len", "list", "lt", "ne", "numel"),
        *("range_length", "size", "unchecked_cast", "warn"),
    }
)
_CHECKS = ("_check_input_dim", "_output_padding")
"""Methods of torch's layers that only work out sizes."""


def script_graph(sources: Mapping[str, str], kind: str) -> list[str]:
    """The operations of a TorchScript program whose outermost module is of the class ``kind``.

    Parameters
    ----------
    sources
        Text by place in the archive, such as ``code/__torch__/net.py``.

    Returns
    -------
    list of str
        Empty where the code cannot be followed. Of a choice that depends on an image both ways are listed.
    """
    if sum(map(len, sources.values())) > _LONGEST:
        return []
    try:
        return _Script(sources).follow(kind)
    except (SyntaxError, ValueError, RecursionError, MemoryError, _Endless):
        return []


def export_graph(text: str) -> list[str]:
    """The operations of an exported program, from the JSON of its graph; empty where that is another's."""
    try:
        nodes = json.loads(text)["graph_module"]["graph"]["nodes"]
        found = [_exported(node) for node in nodes[:_MOST]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return [entry for entry in found if entry]


def _exported(node: Mapping[str, Any]) -> str:
    """``torch.ops.aten.conv2d.default`` of the innermost module that it was traced in."""
    parts = str(node["target"]).split(".")
    operator = parts[3] if parts[:2] == ["torch", "ops"] and len(parts) > 3 else parts[-1]
    stack = str(node.get("metadata", {}).get("nn_module_stack", "")).split(";")[-1].split(",")
    return _entry(stack[1] if len(stack) > 1 else "", operator)


def _entry(path: str, operator: str) -> str:
    return f"{path}: {operator}"[:200] if path else operator[:200]


class _Endless(Exception):
    """The calls of a program never end, or are too many."""


@dataclass(frozen=True)
class _Module:
    path: str
    kind: str


@dataclass(frozen=True)
class _Function:
    name: str


@dataclass(frozen=True)
class _Constant:
    value: Any


_Known = _Module | _Function | _Constant
_Names = dict[str, _Known]


class _Script:
    def __init__(self, sources: Mapping[str, str]) -> None:
        self._classes: dict[str, ast.ClassDef] = {}
        self._functions: dict[str, ast.FunctionDef] = {}
        self._found: list[str] = []
        self._steps = _STEPS
        for place, text in sources.items():
            module = place.removeprefix("code/").removesuffix(".py").replace("/", ".")
            for part in ast.parse(text).body:
                if isinstance(part, ast.ClassDef):
                    self._classes[f"{module}.{part.name}"] = part
                elif isinstance(part, ast.FunctionDef):
                    self._functions[f"{module}.{part.name}"] = part

    def follow(self, kind: str) -> list[str]:
        self._method(_Module("", kind), "forward", [], 0)
        return self._found[:_MOST]

    def _method(self, module: _Module, name: str, arguments: Sequence[_Known | None], depth: int) -> None:
        owner = self._classes.get(module.kind)
        for part in owner.body if owner is not None else ():
            if isinstance(part, ast.FunctionDef) and part.name == name:
                self._body(part, [module, *arguments], module.path, depth)

    def _body(self, function: ast.FunctionDef, arguments: Sequence[_Known | None], path: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Endless
        given = zip(function.args.args, arguments, strict=False)
        self._run(function.body, {name.arg: value for name, value in given if value is not None}, path, depth)

    def _run(self, statements: Iterable[ast.stmt], names: _Names, path: str, depth: int) -> None:
        for statement in statements:
            if isinstance(statement, ast.If):
                self._expression(statement.test, names, path, depth)
                for way in self._ways(statement, names):
                    self._run(way, names, path, depth)
            elif isinstance(statement, ast.While | ast.For):
                self._run(statement.body, names, path, depth)
            elif isinstance(statement, ast.Assign | ast.Expr | ast.Return | ast.AnnAssign):
                value = None if statement.value is None else self._expression(statement.value, names, path, depth)
                for target in statement.targets if isinstance(statement, ast.Assign) else ():
                    if isinstance(target, ast.Name):
                        names.pop(target.id, None)
                        names.update({} if value is None else {target.id: value})

    def _ways(self, statement: ast.If, names: _Names) -> list[list[ast.stmt]]:
        """The way that is taken in evaluation, where the text tells; else both."""
        known = names.get(statement.test.id) if isinstance(statement.test, ast.Name) else None
        if isinstance(known, _Constant):
            return [statement.body if known.value else statement.orelse]
        return [statement.body, statement.orelse]

    def _expression(self, part: ast.expr, names: _Names, path: str, depth: int) -> _Known | None:
        """Follow what ``part`` calls, its arguments first; what it is, where that is known."""
        self._steps -= 1
        if self._steps < 0 or len(self._found) > _MOST:
            raise _Endless
        match part:
            case ast.Constant():
                return _Constant(part.value)
            case ast.Name():
                return names.get(part.id)
            case ast.Attribute():
                return self._attribute(part, names, path, depth)
            case ast.Call():
                return self._call(part, names, path, depth)
        for child in ast.iter_child_nodes(part):
            if isinstance(child, ast.expr):
                self._expression(child, names, path, depth)
        return None

    def _attribute(self, part: ast.Attribute, names: _Names, path: str, depth: int) -> _Known | None:
        dotted = _dotted(part)
        if dotted in self._functions:
            return _Function(dotted)
        return self._member(self._expression(part.value, names, path, depth), part.attr)

    def _member(self, owner: _Known | None, name: str) -> _Known | None:
        """The module called ``name`` in ``owner``, by what its class declares."""
        if not isinstance(owner, _Module):
            return None
        if name == "training":
            return _Constant(False)
        declared = self._classes.get(owner.kind)
        for part in declared.body if declared is not None else ():
            kind: ast.expr | None = None
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id == name:
                kind = part.annotation
            elif isinstance(part, ast.Assign) and _subscript(part.targets[0]) == name:
                kind = part.value
            if kind is not None and _dotted(kind) in self._classes:
                return _Module(f"{owner.path}.{name}" if owner.path else name, _dotted(kind))
        return None

    def _call(self, call: ast.Call, names: _Names, path: str, depth: int) -> _Known | None:
        arguments = [self._expression(argument, names, path, depth) for argument in call.args]
        if isinstance(call.func, ast.Name) and call.func.id == "getattr" and len(arguments) == 2:
            owner, name = arguments
            return self._member(owner, str(name.value)) if isinstance(name, _Constant) else None
        dotted = _dotted(call.func)
        if dotted.startswith("torch."):
            operator = dotted.rpartition(".")[2]
            if operator not in _SCALARS:
                self._found.append(_entry(path, operator))
            return None
        if isinstance(call.func, ast.Attribute) and dotted not in self._functions:
            owner = self._expression(call.func.value, names, path, depth)
            if isinstance(owner, _Module) and call.func.attr not in _CHECKS:
                self._method(owner, call.func.attr, arguments, depth + 1)
            return None
        called = self._expression(call.func, names, path, depth)
        if isinstance(called, _Function):
            self._body(self._functions[called.name], arguments, path, depth + 1)
        return None


def _dotted(part: ast.expr) -> str:
    """``a.b.c`` as text; empty for anything else."""
    names: list[str] = []
    while isinstance(part, ast.Attribute):
        names.append(part.attr)
        part = part.value
    return ".".join([part.id, *names[::-1]]) if isinstance(part, ast.Name) else ""


def _subscript(part: ast.expr) -> str | None:
    """The name in ``__annotations__["0"]``, by which modules are declared whose names are no identifiers."""
    if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
        return str(part.slice.value)
    return None
