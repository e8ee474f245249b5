"""torch's own ways of finding the calls of a network, each made into a program."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn

from cnnviz.core.execution import Program
from cnnviz.core.symbolic_calls import calls_of


def symbolic_trace(module: nn.Module, example: Tensor) -> tuple[Program, fx.Graph]:
    """By ``torch.fx``: the module runs on stand-ins for tensors, so that no value is known; ``example`` is not needed.

    Raises
    ------
    Exception
        Whatever the module's own code raises on stand-ins.
    """
    calls = calls_of(module)
    return Program(module, calls.graph, calls.constants), calls.graph


def export(module: nn.Module, example: Tensor) -> tuple[Program, fx.Graph]:
    """By ``torch.export``, from the module's calls on ``example`` (1, C, H, W).

    Raises
    ------
    Exception
        Whatever torch, or the module's own code, raises where it cannot be exported.
    """
    # A batch of one would be taken for a constant.
    batch = torch.cat([example, example.flip(-1)])
    with _without_a_word():
        exported = torch.export.export(
            module, (batch,), strict=False, dynamic_shapes=({0: torch.export.Dim.AUTO},)
        ).module()
    graph = exported.graph
    for node in list(graph.nodes):
        if node.op == "call_module":  # it checks the input's shape; the runner does so itself
            graph.erase_node(node)
    constants = {}
    for node in graph.nodes:
        if node.op == "get_attr" and not _has(module, node.target):
            constants[node.target] = _get(exported, node.target)
    return Program(module, graph, constants), graph


@contextmanager
def _without_a_word() -> Iterator[None]:
    """Keep torch from printing the graph of what cannot be exported, and warning of it: its error says why."""
    log, stream = logging.getLogger("torch.fx.experimental.symbolic_shapes"), sys.stderr
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.setLevel(logging.CRITICAL)
        sys.stderr = _OfOthers(stream)
        try:
            yield
        finally:
            sys.stderr = stream
            log.setLevel(level)


class _OfOthers:
    """Passes on to a stream what other threads than the one that makes this write to it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._silent = threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._silent else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _has(module: nn.Module, path: str) -> bool:
    try:
        _get(module, path)
    except AttributeError:
        return False
    return True


def _get(module: nn.Module, path: str) -> Any:
    parent, _, name = path.rpartition(".")
    return getattr(module.get_submodule(parent), name)
