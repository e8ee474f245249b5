"""Keras's layers as modules, with their weights turned the way torch has them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.keras.activations import activate
from cnnviz.checkpoints.keras.stage import Stage
from cnnviz.checkpoints.onnx.operators.call import Operation, Value, filled

Maker = Callable[[Stage], None]


def _padding(stage: Stage) -> dict[str, Any]:
    kind = stage.get("padding", "valid")
    if kind not in ("same", "valid"):
        raise stage.refuse(f"its padding is {kind!s:.60}")
    return {"auto_pad": "SAME_UPPER" if kind == "same" else "VALID"}


def _window(stage: Stage) -> dict[str, Any]:
    return {
        "strides": stage.pair("strides", 1),
        "dilations": stage.pair("dilation_rate", 1),
        **_padding(stage),
    }


def _kernel(stage: Stage, index: int = 0) -> Tensor:
    """A kernel in rows, columns, inputs, outputs."""
    kernel = stage.weights[index]
    if kernel.ndim != 4:
        raise stage.refuse(f"its kernel has the shape {tuple(kernel.shape)}")
    if stage.version == 1 and stage.channels_first:  # Theano's order: outputs, inputs, rows, columns
        kernel = kernel.permute(2, 3, 1, 0)
    return kernel.flip(0, 1) if stage.flipped else kernel


def _convolution(stage: Stage) -> None:
    stage.expect_map()
    stage.expect_weights(1, 2)
    attributes = {**_window(stage), "group": stage.get("groups", 1)}
    stage.operator("", "Conv", attributes, _kernel(stage).permute(3, 2, 0, 1), *stage.weights[1:])
    activate(stage, stage.config.get("activation"))


def _spread(kernel: Tensor) -> Tensor:
    """A depthwise kernel (rows, columns, inputs, multiplier) as filters of one channel each."""
    rows, columns, inputs, multiplier = kernel.shape
    return kernel.permute(2, 3, 0, 1).reshape(inputs * multiplier, 1, rows, columns)


def _depthwise_convolution(stage: Stage) -> None:
    stage.expect_map()
    stage.expect_weights(1, 2)
    kernel = _kernel(stage)
    stage.operator("", "Conv", {**_window(stage), "group": kernel.shape[2]}, _spread(kernel), *stage.weights[1:])
    activate(stage, stage.config.get("activation"))


def _separable_convolution(stage: Stage) -> None:
    stage.expect_map()
    stage.expect_weights(2, 3)
    kernel, pointwise = _kernel(stage), _kernel(stage, 1)
    stage.operator("_depthwise", "Conv", {**_window(stage), "group": kernel.shape[2]}, _spread(kernel))
    stage.operator("", "Conv", {}, pointwise.permute(3, 2, 0, 1), *stage.weights[2:])
    activate(stage, stage.config.get("activation"))


def _transposed_convolution(stage: Stage) -> None:
    stage.expect_map()
    stage.expect_weights(1, 2)
    if stage.config.get("output_padding") is not None or stage.pair("dilation_rate", 1) != [1, 1]:
        raise stage.refuse("it has a padding of its output, or a dilation")
    kernel, strides = _kernel(stage), stage.pair("strides", 1)
    # Where the stride is wider than the kernel, the output ends with pixels that no window reaches.
    extra = [max(stride - size, 0) for stride, size in zip(strides, kernel.shape[:2], strict=True)]
    attributes = {"strides": strides, "output_padding": extra, **_padding(stage)}
    if attributes["auto_pad"] == "SAME_UPPER":
        attributes["output_shape"] = [
            size * stride for size, stride in zip(stage.flow.shape.shape[2:], strides, strict=True)
        ]
    stage.operator("", "ConvTranspose", attributes, kernel.permute(3, 2, 0, 1), *stage.weights[1:])
    activate(stage, stage.config.get("activation"))


def _dense(stage: Stage) -> None:
    stage.expect_weights(1, 2)
    kernel, bias = stage.weights[0], dict(zip(["bias"], stage.weights[1:], strict=False))
    if kernel.ndim != 2:
        raise stage.refuse(f"its kernel has the shape {tuple(kernel.shape)}")
    if stage.flow.is_map:  # one dense layer for each pixel, which is a convolution
        stage.operator("", "Conv", {}, kernel.t()[:, :, None, None], *stage.weights[1:])
    else:
        order = stage.flow.order
        if order is not None:
            if len(order) != len(kernel):
                raise stage.refuse(f"it reads {len(kernel)} features and is given {len(order)}")
            kernel = kernel[order]
        weights = {"weight": kernel.t().contiguous(), **bias}
        stage.add("", filled(nn.Linear, *kernel.shape, bias=bool(bias), weights=weights))
    activate(stage, stage.config.get("activation"))


def _pooling(operator: str) -> Maker:
    def make(stage: Stage) -> None:
        stage.expect_map()
        size = stage.pair("pool_size", 2)
        attributes = {"kernel_shape": size, "strides": stage.pair("strides", size), **_padding(stage)}
        stage.operator("", operator, attributes)

    return make


def _global_pooling(operator: str) -> Maker:
    def make(stage: Stage) -> None:
        stage.expect_map()
        stage.operator("", operator, {})
        if not stage.get("keepdims", False):
            stage.add("_flatten", nn.Flatten())

    return make


def _flatten(stage: Stage) -> None:
    if not stage.flow.is_map:
        stage.add("", nn.Flatten(), order=stage.flow.order)
        return
    channels, rows, columns = stage.flow.shape.shape[1:]
    order = None
    # Since Keras 2, maps with the channels first are turned around if this very layer says that they are.
    turned = stage.channels_first and stage.version >= 2 and stage.config.get("data_format") == "channels_first"
    if not stage.channels_first or turned:
        order = torch.arange(rows * columns * channels).reshape(rows, columns, channels).permute(2, 0, 1).flatten()
    stage.add("", nn.Flatten(), order=order)


def _reshape(stage: Stage) -> None:
    target = stage.get("target_shape", None)
    if not isinstance(target, list) or len(target) not in (1, 3) or stage.channels_first:
        raise stage.refuse(f"it makes {target!s:.60} of its input")
    count = stage.flow.shape[0].numel()
    known = 1
    for size in target:
        known *= size if size != -1 else 1
    sizes = [count // known if size == -1 and known else size for size in target]
    is_map, order = stage.flow.is_map, stage.flow.order
    back = None if order is None else Value(torch.argsort(order), live=False)

    def reshaped(x: Tensor, back: Tensor | None) -> Tensor:
        """By way of Keras's own order of the values."""
        features = x.permute(0, 2, 3, 1).flatten(1) if is_map else x
        features = features if back is None else features.index_select(1, back)
        return features if len(sizes) == 1 else features.reshape(-1, *sizes).permute(0, 3, 1, 2)

    stage.add("", Operation(reshaped, [Value(stage.flow.shape, live=True), back]))


def _batch_normalisation(stage: Stage) -> None:
    axis = stage.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if stage.axis(axis) != 1:
        raise stage.refuse(f"it normalises along axis {axis!s:.20}, and not each channel")
    if stage.version == 1 and stage.get("mode", 0) != 0:
        raise stage.refuse("it normalises with the batch's own moments")
    scale, center = bool(stage.get("scale", True)), bool(stage.get("center", True))
    stage.expect_weights(2 + scale + center)
    order, given = stage.flow.order, list(stage.weights)
    if order is not None:
        given = [weights[order] for weights in given]
    *trained, mean, variance = given
    weights = {
        "weight": trained[0] if scale else torch.ones_like(mean),
        "bias": trained[-1] if center else torch.zeros_like(mean),
        "running_mean": mean,
        "running_var": variance,
        "num_batches_tracked": torch.zeros((), dtype=torch.int64),
    }
    make = nn.BatchNorm2d if stage.flow.is_map else nn.BatchNorm1d
    eps = float(stage.get("epsilon", 1e-3))
    stage.add("", filled(make, stage.flow.shape.shape[1], eps=eps, weights=weights), order=order)


def _activation(stage: Stage) -> None:
    activate(stage, stage.config.get("activation"))
    if not stage.parts:
        stage.add("", nn.Identity(), order=stage.flow.order)
    ((_, module),) = stage.parts
    stage.parts = [("", module)]


def _relu(stage: Stage) -> None:
    limit, slope, threshold = stage.config.get("max_value"), stage.get("negative_slope", 0), stage.get("threshold", 0)
    if threshold or (slope and limit is not None):
        raise stage.refuse("it has a threshold, or a slope as well as a limit")
    module: nn.Module = nn.LeakyReLU(float(slope)) if slope else nn.ReLU()
    if limit is not None:
        module = nn.ReLU6() if limit == 6 else nn.Hardtanh(0.0, float(limit))
    stage.add("", module, order=stage.flow.order)


def _leaky_relu(stage: Stage) -> None:
    slope = stage.get("negative_slope", stage.get("alpha", 0.3))
    stage.add("", nn.LeakyReLU(float(slope)), order=stage.flow.order)


def _elu(stage: Stage) -> None:
    stage.add("", nn.ELU(float(stage.get("alpha", 1.0))), order=stage.flow.order)


def _softmax(stage: Stage) -> None:
    stage.add("", nn.Softmax(stage.axis(stage.get("axis", -1))), order=stage.flow.order)


def _dropout(stage: Stage) -> None:
    rate = stage.get("rate", 0.5)
    stage.add("", nn.Dropout(float(rate) if 0 <= rate <= 1 else 0.5), order=stage.flow.order)


def _nothing(stage: Stage) -> None:
    """What works in training alone."""
    stage.add("", nn.Identity(), order=stage.flow.order)


def _sides(stage: Stage, key: str) -> tuple[int, int, int, int]:
    """Left, right, top and bottom, which may be one number, one for each axis, or one for each side."""
    value = stage.get(key, 1)
    rows, columns = (value, value) if isinstance(value, int) else value
    top, bottom = (rows, rows) if isinstance(rows, int) else rows
    left, right = (columns, columns) if isinstance(columns, int) else columns
    if not all(isinstance(side, int) and 0 <= side <= 65_536 for side in (left, right, top, bottom)):
        raise stage.refuse(f"its {key} is {value!s:.60}")
    return left, right, top, bottom


def _zero_padding(stage: Stage) -> None:
    stage.expect_map()
    stage.add("", nn.ZeroPad2d(_sides(stage, "padding")))


def _cropping(stage: Stage) -> None:
    stage.expect_map()
    left, right, top, bottom = _sides(stage, "cropping")
    stage.add("", nn.ZeroPad2d((-left, -right, -top, -bottom)))


def _upsampling(stage: Stage) -> None:
    stage.expect_map()
    size, kind = stage.pair("size", 2), stage.get("interpolation", "nearest")
    new = tuple(old * times for old, times in zip(stage.flow.shape.shape[2:], size, strict=True))
    if kind not in ("nearest", "bilinear") or max(new) > 65_536:
        raise stage.refuse(f"it enlarges by {size}, {kind!s:.20}")
    stage.add("", nn.Upsample(new, mode=kind, align_corners=None if kind == "nearest" else False))


def _rescaling(stage: Stage) -> None:
    def spread(value: Any) -> Value:
        numbers = torch.tensor(value, dtype=torch.float32).flatten()
        return Value(numbers[:, None, None] if stage.flow.is_map else numbers, live=False)

    scale, offset = spread(stage.get("scale", 1.0)), spread(stage.get("offset", 0.0))
    order = stage.flow.order
    stage.add(
        "", Operation(lambda x, s, o: x * s + o, [Value(stage.flow.shape, live=True), scale, offset]), order=order
    )


def _merged(stage: Stage, function: Callable[..., Tensor]) -> None:
    orders = [flow.order for flow in stage.inputs]
    first = orders[0]
    same = all((a is None) == (first is None) and (a is None or torch.equal(a, first)) for a in orders)  # type: ignore[arg-type]
    if not same or len(stage.inputs) < 2:
        raise stage.refuse("it joins what is not alike")
    stage.add("", Operation(function, [Value(flow.shape, live=True) for flow in stage.inputs]), order=first)


def _folded(function: Callable[[Tensor, Tensor], Tensor], *, mean: bool = False) -> Maker:
    def make(stage: Stage) -> None:
        count = len(stage.inputs)

        def joined(first: Tensor, *rest: Tensor) -> Tensor:
            for other in rest:
                first = function(first, other)
            return first / count if mean else first

        _merged(stage, joined)

    return make


def _concatenate(stage: Stage) -> None:
    axis = stage.axis(stage.get("axis", -1))
    values = [Value(flow.shape, live=True) for flow in stage.inputs]
    stage.add("", Operation(lambda *tensors: torch.cat(tensors, axis), values), order=_joined_order(stage))


def _joined_order(stage: Stage) -> Tensor | None:
    if all(flow.order is None for flow in stage.inputs):
        return None
    parts, start = [], 0
    for flow in stage.inputs:
        count = flow.shape.shape[1]
        parts.append((torch.arange(count) if flow.order is None else flow.order) + start)
        start += count
    return torch.cat(parts)


LAYERS: dict[str, Maker] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise_convolution,
    "SeparableConv2D": _separable_convolution,
    "Conv2DTranspose": _transposed_convolution,
    "Dense": _dense,
    "MaxPooling2D": _pooling("MaxPool"),
    "AveragePooling2D": _pooling("AveragePool"),
    "GlobalAveragePooling2D": _global_pooling("GlobalAveragePool"),
    "GlobalMaxPooling2D": _global_pooling("GlobalMaxPool"),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "BatchNormalization": _batch_normalisation,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "ZeroPadding2D": _zero_padding,
    "Cropping2D": _cropping,
    "UpSampling2D": _upsampling,
    "Rescaling": _rescaling,
    "Add": _folded(torch.add),
    "Subtract": _folded(torch.sub),
    "Multiply": _folded(torch.mul),
    "Maximum": _folded(torch.maximum),
    "Minimum": _folded(torch.minimum),
    "Average": _folded(torch.add, mean=True),
    "Concatenate": _concatenate,
    **dict.fromkeys(("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"), _dropout),
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization", "RandomFlip", "RandomRotation"), _nothing),
    **dict.fromkeys(("RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness"), _nothing),
}
