"""Operators that change each value by itself: activations, and functions of one number."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.onnx.operators.call import Call, Maker, operation


def _plain(make: Callable[[], nn.Module]) -> Maker:
    return lambda call: make()


def _function(function: Callable[[Tensor], Tensor]) -> Maker:
    return lambda call: operation(call, function)


def _leaky_relu(call: Call) -> nn.Module:
    return nn.LeakyReLU(float(call.get("alpha", 0.01)))


def _elu(call: Call) -> nn.Module:
    return nn.ELU(float(call.get("alpha", 1.0)))


def _celu(call: Call) -> nn.Module:
    return nn.CELU(float(call.get("alpha", 1.0)))


def _selu(call: Call) -> nn.Module:
    old = call.opset < 6  # whose default numbers were rounded
    alpha = float(call.get("alpha", 1.6732 if old else 1.6732632423543772))
    gamma = float(call.get("gamma", 1.0507 if old else 1.0507009873554805))
    if abs(alpha - 1.6732632423543772) < 1e-6 and abs(gamma - 1.0507009873554805) < 1e-6:
        return nn.SELU()
    return operation(call, lambda x: gamma * torch.where(x > 0, x, alpha * torch.expm1(x)))


def _gelu(call: Call) -> nn.Module:
    return nn.GELU("tanh" if call.get("approximate", "none") == "tanh" else "none")


def _hard_sigmoid(call: Call) -> nn.Module:
    alpha, beta = float(call.get("alpha", 0.2)), float(call.get("beta", 0.5))
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return nn.Hardsigmoid()
    return operation(call, lambda x: torch.clamp(x * alpha + beta, 0.0, 1.0))


def _thresholded_relu(call: Call) -> nn.Module:
    return nn.Threshold(float(call.get("alpha", 1.0)), 0.0)


def _clip(call: Call) -> nn.Module:
    call.is_live_alone()
    low = call.number_of("min", 1, 11, float("-inf"))
    high = call.number_of("max", 2, 11, float("inf"))
    if (low, high) == (0, 6):
        return nn.ReLU6()
    if low == 0 and high >= torch.finfo(torch.float32).max:
        return nn.ReLU()
    if call.value(0).tensor.is_floating_point() and low < high:
        return nn.Hardtanh(low, high)
    return operation(call, lambda x: torch.clamp(x, low, high))


def _softmax(call: Call) -> nn.Module:
    kinds: dict[str, type[nn.Softmax] | type[nn.LogSoftmax]] = {"Softmax": nn.Softmax, "LogSoftmax": nn.LogSoftmax}
    kind = kinds[call.operator]
    axis = call.axis(-1 if call.opset >= 13 else 1)
    if call.opset >= 13 or all(size == 1 for size in call.shape()[axis + 1 :]):
        return kind(axis)
    # Until opset 13 all axes from this one on share one distribution.
    joined, parted = nn.Flatten(axis), nn.Unflatten(axis, call.shape()[axis:])
    return nn.Sequential(OrderedDict(flatten=joined, softmax=kind(-1), unflatten=parted))


def _dropout(call: Call) -> nn.Module:
    """Nothing is dropped when a network is used; the mask of what was kept is all ones."""
    ratio = call.number_of("ratio", 1, 12, 0.5)
    if 1 in call.used:
        return operation(call, lambda x: (x, torch.ones_like(x, dtype=torch.bool)))
    return nn.Dropout(ratio if 0 <= ratio <= 1 else 0.5)


MAKERS: dict[str, Maker] = {
    "Relu": _plain(nn.ReLU),
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Celu": _celu,
    "Selu": _selu,
    "Gelu": _gelu,
    "Sigmoid": _plain(nn.Sigmoid),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(nn.Hardswish),
    "Mish": _plain(nn.Mish),
    "Softplus": _plain(nn.Softplus),
    "Softsign": _plain(nn.Softsign),
    "Tanh": _plain(nn.Tanh),
    "ThresholdedRelu": _thresholded_relu,
    "Clip": _clip,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Dropout": _dropout,
    "Identity": _plain(nn.Identity),
    "Abs": _function(torch.abs),
    "Ceil": _function(torch.ceil),
    "Cos": _function(torch.cos),
    "Erf": _function(torch.erf),
    "Exp": _function(torch.exp),
    "Floor": _function(torch.floor),
    "Log": _function(torch.log),
    "Neg": _function(torch.neg),
    "Not": _function(torch.logical_not),
    "Reciprocal": _function(torch.reciprocal),
    "Round": _function(torch.round),
    "Sign": _function(torch.sign),
    "Sin": _function(torch.sin),
    "Sqrt": _function(torch.sqrt),
}
