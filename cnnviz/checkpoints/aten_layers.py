"""Layers of ``torch.nn`` for the operators that torch runs when it computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

_aten = torch.ops.aten

Made = tuple[nn.Module, int] | None
"""A layer, and which argument of the operator it reads."""


def layer_of(operator: OpOverload, arguments: list[Any], *, first_of_several: bool) -> Made:
    """The layer that ``operator`` is with these arguments; None where it is none of ``torch.nn``.

    Parameters
    ----------
    arguments
        Weights as tensors; what depends on the image as anything else.
    first_of_several
        Whether it gives several tensors, of which the first alone is read.
    """
    make = _LAYERS.get(operator.overloadpacket)
    if make is None or (make in _GIVE_SEVERAL and not first_of_several):
        return None
    return make(arguments)


def _holding(module: nn.Module, **weights: Tensor | None) -> nn.Module:
    """A module from the device without memory, with its weights."""
    for name, tensor in weights.items():
        if tensor is not None:
            setattr(module, name, nn.Parameter(tensor.detach()) if name in module._parameters else tensor.detach())
    return module


def _convolution(arguments: list[Any]) -> Made:
    _, weight, bias, stride, padding, dilation, transposed, output_padding, groups = arguments[:9]
    if not isinstance(weight, Tensor) or weight.dim() != 4 or isinstance(bias, str):
        return None
    kind: Any = nn.ConvTranspose2d if transposed else nn.Conv2d
    outputs, inputs = (weight.shape[1] * groups, weight.shape[0]) if transposed else (weight.shape[0], weight.shape[1])
    extra = {"output_padding": tuple(output_padding)} if transposed else {}
    with torch.device("meta"):
        module = kind(
            inputs if transposed else inputs * groups,
            outputs,
            tuple(weight.shape[2:]),
            stride=tuple(stride),
            padding=tuple(padding),
            dilation=tuple(dilation),
            groups=groups,
            bias=bias is not None,
            **extra,
        )
    return _holding(module, weight=weight, bias=bias), 0


def _batch_norm(arguments: list[Any]) -> Made:
    _, weight, bias, mean, variance, training, *rest = arguments
    momentum, epsilon = rest[:2]
    if training or not all(isinstance(each, Tensor) for each in (weight, bias, mean, variance)):
        return None
    with torch.device("meta"):
        module = nn.BatchNorm2d(mean.shape[0], eps=epsilon, momentum=momentum)
    module.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return _holding(module, weight=weight, bias=bias, running_mean=mean, running_var=variance), 0


def _linear(arguments: list[Any]) -> Made:
    bias, _, weight = arguments[:3]
    if not all(isinstance(each, Tensor) for each in (bias, weight)) or bias.dim() != 1 or weight.dim() != 2:
        return None
    with torch.device("meta"):
        module = nn.Linear(weight.shape[0], weight.shape[1])
    return _holding(module, weight=weight.T, bias=bias), 1


def _max_pool(arguments: list[Any]) -> Made:
    _, size, *rest = arguments
    defaults: list[Any] = [(), (0, 0), (1, 1), False]
    stride, padding, dilation, ceil = [*rest, *defaults[len(rest) :]]
    return nn.MaxPool2d(tuple(size), tuple(stride) or None, tuple(padding), tuple(dilation), ceil_mode=ceil), 0


def _average_pool(arguments: list[Any]) -> Made:
    _, size, *rest = arguments
    defaults: list[Any] = [(), (0, 0), False, True, None]
    stride, padding, ceil, counted, divisor = [*rest, *defaults[len(rest) :]]
    return nn.AvgPool2d(tuple(size), tuple(stride) or None, tuple(padding), ceil, counted, divisor), 0


def _without_settings(kind: type[nn.Module]) -> Callable[[list[Any]], Made]:
    return lambda arguments: (kind(), 0) if len(arguments) == 1 else None


def _batch_norm_of_inference(arguments: list[Any]) -> Made:
    return _batch_norm([*arguments[:5], False, *arguments[5:]])


def _relu_6(arguments: list[Any]) -> Made:
    return (nn.ReLU6(), 0) if arguments[1:] == [0.0, 6.0] else None


_GIVE_SEVERAL = (_batch_norm, _batch_norm_of_inference, _max_pool)
_LAYERS: dict[Any, Callable[[list[Any]], Made]] = {
    _aten.convolution: _convolution,
    _aten._convolution: _convolution,
    _aten.native_batch_norm: _batch_norm,
    _aten._native_batch_norm_legit_no_training: _batch_norm_of_inference,
    _aten.addmm: _linear,
    _aten.max_pool2d_with_indices: _max_pool,
    _aten.avg_pool2d: _average_pool,
    _aten._adaptive_avg_pool2d: lambda arguments: (nn.AdaptiveAvgPool2d(tuple(arguments[1])), 0),
    _aten.hardtanh: _relu_6,
    _aten.hardtanh_: _relu_6,
    _aten._softmax: lambda arguments: (nn.Softmax(arguments[1]), 0),
    _aten._log_softmax: lambda arguments: (nn.LogSoftmax(arguments[1]), 0),
    _aten.relu: _without_settings(nn.ReLU),
    _aten.relu_: _without_settings(nn.ReLU),
    _aten.sigmoid: _without_settings(nn.Sigmoid),
    _aten.tanh: _without_settings(nn.Tanh),
    _aten.silu: _without_settings(nn.SiLU),
    _aten.silu_: _without_settings(nn.SiLU),
    _aten.hardswish: _without_settings(nn.Hardswish),
    _aten.hardswish_: _without_settings(nn.Hardswish),
}
