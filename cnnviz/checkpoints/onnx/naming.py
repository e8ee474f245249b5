"""Names for the modules of a network, from those that programs give to the nodes of an ONNX file."""

import re
from collections.abc import Iterable

from torch import nn

from cnnviz.checkpoints.onnx.plan import NodePlan

_DEEPEST = 8
_LONGEST = 60
_WEIGHT = re.compile(r"(.+)\.(?:weight|weight_g|weight_v|bias|running_mean|running_var|gamma|beta|kernel)$")


def module_paths(nodes: Iterable[NodePlan]) -> list[str]:
    """A path for each node, such as ``"layer1.0.conv2"``: readable, and none within or equal to another.

    The name of a weight says best whose it is; then that of the node, which programs build from the modules that they
    ran; and where there is neither, the operator.
    """
    taken: set[str] = set()
    containers: set[str] = set()
    paths = []
    for node in nodes:
        base = _path(node)
        path, number = base, 1
        while path in taken or path in containers or any(parent in taken for parent in _parents(path)):
            number += 1
            # A module cannot be inside one that is a node itself; its own name is then the whole path.
            path = f"{base.replace('.', '_') if number > 2 or _blocked(base, taken) else base}_{number}"
        taken.add(path)
        containers.update(_parents(path))
        paths.append(path)
    return paths


def _blocked(path: str, taken: set[str]) -> bool:
    return any(parent in taken for parent in _parents(path))


def _parents(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _path(node: NodePlan) -> str:
    operator = node["operator"].rpartition(".")[2]
    for name in node["inputs"][1:]:
        match = _WEIGHT.match(name)
        if match and operator not in ("Add", "Sub", "Mul", "Div"):
            return _cleaned(match[1].split("."), operator)
    parts: list[str] = []
    for part in node["name"].strip("/").split("/"):
        # Children of a list of modules come with the list's own name before theirs.
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    if len(parts) > 1 and re.fullmatch(rf"{re.escape(operator)}(_\d+)?", parts[-1]):
        parts.pop()
    return _cleaned([piece for part in parts for piece in part.split(".")], operator)


def _cleaned(parts: list[str], operator: str) -> str:
    pieces = [re.sub(r"\W+", "_", part).strip("_")[:_LONGEST] for part in parts]
    pieces = [f"{piece}_" if _is_taken_by_torch(piece) else piece for piece in pieces if piece][-_DEEPEST:]
    if not pieces:
        pieces = [re.sub(r"\W+", "_", operator)[:_LONGEST].strip("_") or "node"]
    if re.fullmatch(rf"{re.escape(operator)}(_\d+)?", pieces[-1]):
        pieces[-1] = pieces[-1].lower()
    return ".".join(pieces)


_EMPTY = nn.Module()


def _is_taken_by_torch(name: str) -> bool:
    """Whether modules have an attribute of that name already."""
    return hasattr(_EMPTY, name)
