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
    ran, with the operator behind; and where there is neither, the operator.
    """
    nodes = list(nodes)
    owners = [_owner(node) for node in nodes]
    blocks = {parent for owner in owners for parent in _parents(owner)}
    taken: set[str] = set()
    paths = []
    for node, owner in zip(nodes, owners, strict=True):
        # An addition in a block has the block's path, and is not the block.
        base = f"{owner}.{_snake(_operator(node))}" if owner in blocks else owner
        path, number = base, 1
        while path in taken or path in blocks or not taken.isdisjoint(_parents(path)):
            number += 1
            # What would be inside another node is put beside it.
            path = f"{base if taken.isdisjoint(_parents(base)) else base.replace('.', '_')}_{number}"
        taken.add(path)
        blocks.update(_parents(path))
        paths.append(path)
    return paths


def _parents(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _operator(node: NodePlan) -> str:
    return re.sub(r"\W+", "_", node["operator"].rpartition(".")[2])[:_LONGEST].strip("_") or "node"


def _snake(operator: str) -> str:
    """``GlobalAveragePool`` as ``global_average_pool``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operator).lower()


def _owner(node: NodePlan) -> str:
    """The path of the module that a node is, or is a part of."""
    operator = _operator(node)
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
    pieces = [f"{piece}_" if hasattr(_EMPTY, piece) else piece for piece in pieces if piece][-_DEEPEST:]
    pieces = pieces or [operator]
    if re.fullmatch(rf"{re.escape(operator)}(_\d+)?", pieces[-1]):
        pieces[-1] = _snake(pieces[-1])
    return ".".join(pieces)


_EMPTY = nn.Module()
"""Has every attribute that no module may be named after."""
