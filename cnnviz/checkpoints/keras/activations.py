"""Keras's activations by name."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from cnnviz.checkpoints.keras.stage import Stage
from cnnviz.checkpoints.onnx.operators.call import Operation, Value

_MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "swish": nn.SiLU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hard_swish": nn.Hardswish,
    "hard_silu": nn.Hardswish,
}


def activate(stage: Stage, activation: Any) -> None:
    """Append the activation that a layer's configuration names; ``linear`` and None are none."""
    name = _name(activation)
    if name in (None, "linear"):
        return
    ending, order = f"_{name}", stage.flow.order
    if name in ("softmax", "log_softmax"):
        axis = stage.axis(-1)
        stage.add(ending, nn.Softmax(axis) if name == "softmax" else nn.LogSoftmax(axis), order=order)
    elif name == "leaky_relu":
        stage.add(ending, nn.LeakyReLU(0.2), order=order)
    elif name == "hard_sigmoid":
        stage.add(ending, _hard_sigmoid(stage), order=order)
    elif name == "exponential":
        stage.add(ending, Operation(torch.exp, [_live(stage)]), order=order)
    elif name in _MODULES:
        stage.add(ending, _MODULES[name](), order=order)
    else:
        raise stage.refuse(f"its activation is {activation!s:.60}")


def _name(activation: Any) -> str | None:
    """The name, which Keras 3 may wrap as it does functions."""
    if isinstance(activation, Mapping):
        inner = activation.get("config")
        own = activation.get("registered_name") or ""
        if ">" in str(own):
            return str(own)
        return inner if isinstance(inner, str) else str(activation.get("class_name"))
    return None if activation is None else str(activation)


def _hard_sigmoid(stage: Stage) -> nn.Module:
    """Keras 3 took the slope that other libraries have, 1/6 for 0.2."""
    if stage.version >= 3:
        return nn.Hardsigmoid()
    return Operation(lambda x: torch.clamp(x * 0.2 + 0.5, 0.0, 1.0), [_live(stage)])


def _live(stage: Stage) -> Value:
    return Value(stage.flow.shape, live=True)
