"""Operators with weights: convolutions, linear layers, normalisations."""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnviz.checkpoints.onnx.operators.call import Call, Maker, Unsupported, filled, operation
from cnnviz.checkpoints.onnx.operators.windows import window_of, with_padding

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


def _axes(call: Call) -> int:
    """How many spatial axes the input has."""
    axes = call.rank() - 2
    if axes not in (1, 2, 3):
        raise Unsupported(f"its input has {call.rank()} axes")
    return axes


def _weights(call: Call, first: int = 1) -> dict[str, Tensor]:
    call.is_live_alone()
    weights = {"weight": call.constant(first)}
    if call.has(first + 1):
        weights["bias"] = call.constant(first + 1)
    return weights


def _convolution(call: Call) -> nn.Module:
    axes, weights = _axes(call), _weights(call)
    weight, groups = weights["weight"], int(call.get("group", 1))
    if weight.ndim != axes + 2 or groups < 1:
        raise Unsupported(f"its weights have the shape {tuple(weight.shape)}, in {groups} groups")
    if weight.shape[1] * groups != call.shape()[1]:
        raise Unsupported(f"its filters read {weight.shape[1] * groups} channels and are given {call.shape()[1]}")
    window = window_of(call, weight.shape[2:])
    return with_padding(
        lambda padding: filled(
            _CONVOLUTIONS[axes - 1],
            weight.shape[1] * groups,
            weight.shape[0],
            window.kernel_size,
            window.stride,
            padding,
            window.dilation,
            groups,
            "bias" in weights,
            weights=weights,
        ),
        window,
    )


def _transposed_convolution(call: Call) -> nn.Module:
    axes, weights = _axes(call), _weights(call)
    weight, groups = weights["weight"], int(call.get("group", 1))
    if weight.ndim != axes + 2 or groups < 1 or weight.shape[0] != call.shape()[1]:
        raise Unsupported(f"its weights have the shape {tuple(weight.shape)}, in {groups} groups")
    window = window_of(call, weight.shape[2:], transposed=True)
    extra = list(call.get("output_padding") or [0] * axes)
    before, after = (list(widths) for widths in zip(*window.padding, strict=True))
    uneven, cropped = before != after, before
    if uneven:
        # What is left out after the map can be less than what is added to it.
        missing = [e - a for e, a in zip(extra, after, strict=True)]
        extra, after = [max(m, 0) for m in missing], [max(-m, 0) for m in missing]
        cropped = [0] * axes
    module = filled(
        _TRANSPOSED[axes - 1],
        weight.shape[0],
        weight.shape[1] * groups,
        window.kernel_size,
        window.stride,
        cropped,
        extra,
        groups,
        "bias" in weights,
        window.dilation,
        weights=weights,
    )
    if not uneven:
        return module
    widths = [-width for pair in zip(reversed(before), reversed(after), strict=True) for width in pair]
    pads = (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
    crop = pads[axes - 1](tuple(widths), 0.0)
    return nn.Sequential(OrderedDict(window=module, crop=crop))


def _gemm(call: Call) -> nn.Module:
    alpha, beta = float(call.get("alpha", 1.0)), float(call.get("beta", 1.0))
    a, b = call.value(0), call.value(1)
    transposed_a, transposed_b = bool(call.get("transA", 0)), bool(call.get("transB", 0))
    if a.tensor.ndim != 2 or b.tensor.ndim != 2:
        raise Unsupported("it multiplies what is no matrix")
    outputs = b.tensor.shape[0 if transposed_b else 1]
    has_bias = call.has(2) and not call.value(2).live and call.constant(2).numel() in (1, outputs)
    if a.live and not b.live and not transposed_a and (has_bias or not call.has(2)):
        weight = b.tensor if transposed_b else b.tensor.t().contiguous()
        weights = {"weight": weight if alpha == 1 else weight * alpha}
        if has_bias:
            bias = call.constant(2).flatten().expand(outputs)
            weights["bias"] = (bias if beta == 1 else bias * beta).contiguous()
        return filled(nn.Linear, weight.shape[1], outputs, has_bias, weights=weights)

    def product(a: Tensor, b: Tensor, c: Tensor | None) -> Tensor:
        result = torch.matmul(a.t() if transposed_a else a, b.t() if transposed_b else b)
        result = result if alpha == 1 else result * alpha
        return result if c is None else result + (c if beta == 1 else c * beta)

    return operation(call, product, (0, 1, 2))


def _matmul(call: Call) -> nn.Module:
    a, b = call.value(0), call.value(1)
    if a.live and not b.live and b.tensor.ndim == 2 and a.tensor.ndim >= 2:
        inputs, outputs = b.tensor.shape
        return filled(nn.Linear, inputs, outputs, False, weights={"weight": b.tensor.t().contiguous()})
    return operation(call, torch.matmul, (0, 1))


def _batch_normalisation(call: Call) -> nn.Module:
    call.only_first_output()
    call.is_live_alone()
    # Before training had an attribute, naming the moments as outputs asked for it.
    training = call.get("training_mode", 0) or (call.opset < 14 and any(call.outputs[1:]))
    if training or not call.get("spatial", 1):
        raise Unsupported("it normalises with the batch's own moments, or each place on its own")
    rank = call.rank()
    if rank not in (2, 3, 4, 5):
        raise Unsupported(f"its input has {rank} axes")
    module = filled(
        _BATCH_NORMS[max(rank - 3, 0)],
        call.shape()[1],
        eps=float(call.get("epsilon", 1e-5)),
        weights={
            "weight": call.constant(1),
            "bias": call.constant(2),
            "running_mean": call.constant(3),
            "running_var": call.constant(4),
        },
    )
    module.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return module


def _instance_normalisation(call: Call) -> nn.Module:
    eps = float(call.get("epsilon", 1e-5))
    return filled(_INSTANCE_NORMS[_axes(call) - 1], call.shape()[1], eps=eps, affine=True, weights=_weights(call))


def _layer_normalisation(call: Call) -> nn.Module:
    call.only_first_output()
    axis = call.axis(-1)
    return filled(
        nn.LayerNorm,
        call.shape()[axis:],
        eps=float(call.get("epsilon", 1e-5)),
        bias=call.has(2),
        weights=_weights(call),
    )


def _group_normalisation(call: Call) -> nn.Module:
    groups, channels = int(call.get("num_groups", 1)), call.shape()[1]
    weights = _weights(call)
    if call.opset < 21:  # one scale for each group, until it was seen that every network has one for each channel
        weights = {name: tensor.repeat_interleave(channels // groups) for name, tensor in weights.items()}
    return filled(nn.GroupNorm, groups, channels, eps=float(call.get("epsilon", 1e-5)), weights=weights)


def _local_response(call: Call) -> nn.Module:
    size = int(call.get("size", 0))
    alpha, beta, k = (
        float(call.get(name, default)) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    if size < 1:
        raise Unsupported(f"its window has the size {size}")
    if size % 2:
        return nn.LocalResponseNorm(size, alpha, beta, k)

    def normalised(x: Tensor) -> Tensor:
        # Where the window is even, ONNX puts the odd channel after, torch before.
        shape = x.shape
        squares = (x * x).flatten(2).unsqueeze(1)
        padded = functional.pad(squares, (0, 0, (size - 1) // 2, size // 2))
        sums = functional.avg_pool2d(padded, (size, 1), stride=1).squeeze(1).reshape(shape)
        return x / (k + alpha * sums) ** beta

    return operation(call, normalised)


def _prelu(call: Call) -> nn.Module:
    call.is_live_alone()
    slope, channels = call.constant(1), call.shape()[1] if call.rank() > 1 else 1
    # Shapes (C, 1, 1), (1, C, 1, 1) and a single number are what torch can say.
    per_channel = math.prod(slope.shape) == channels and slope.ndim >= call.rank() - 1
    axis = slope.ndim - (call.rank() - 1)
    if slope.numel() == 1 or (per_channel and slope.shape[axis] == channels):
        return filled(nn.PReLU, slope.numel(), weights={"weight": slope.flatten()})

    def rectified(x: Tensor, slope: Tensor) -> Tensor:
        return torch.where(x < 0, x * slope, x)

    return operation(call, rectified, (0, 1))


MAKERS: dict[str, Maker] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_normalisation,
    "InstanceNormalization": _instance_normalisation,
    "LayerNormalization": _layer_normalisation,
    "GroupNormalization": _group_normalisation,
    "LRN": _local_response,
    "PRelu": _prelu,
}
