"""What a module or a function of torch does: its kind, window, multiply-adds and a few words about it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.core.graph import Geometry
from cnnviz.core.stand_in import StandIn

_MODULE_CLASSES = {
    name.lower(): name for name, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)
}

# Operations without a module of nearly the same name, or whose kind is better said otherwise.
_KINDS = {
    "add": "Add",
    "iadd": "Add",
    "sub": "Subtract",
    "isub": "Subtract",
    "rsub": "Subtract",
    "mul": "Multiply",
    "imul": "Multiply",
    "div": "Divide",
    "truediv": "Divide",
    "itruediv": "Divide",
    "cat": "Concat",
    "concat": "Concat",
    "concatenate": "Concat",
    "matmul": "MatMul",
    "mm": "MatMul",
    "bmm": "MatMul",
    "interpolate": "Upsample",
    "upsample": "Upsample",
    "upsample_nearest2d": "Upsample",
    "upsample_bilinear2d": "Upsample",
    "upsample_bicubic2d": "Upsample",
    "upsample_nearest_exact2d": "Upsample",
    "upsample_bilinear2d_aa": "Upsample",
    "upsample_bicubic2d_aa": "Upsample",
    "max_pool1d_with_indices": "MaxPool1d",
    "max_pool2d_with_indices": "MaxPool2d",
    "clamp": "Clamp",
    "hardtanh": "Hardtanh",
    "getitem": "Slice",
    "view": "Reshape",
    "reshape": "Reshape",
    "view_as": "Reshape",
    "chunk": "Split",
    "split": "Split",
    "split_with_sizes": "Split",
    "tensor_split": "Split",
    "unbind": "Split",
}

# Positional parameters of the functions that have a window; the same in torch.nn.functional and in ATen.
_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
_MAX_POOLING = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVERAGE_POOLING = ("input", "kernel_size", "stride", "padding", "ceil_mode")
_SIGNATURES = {
    **{f"conv{d}d": _CONVOLUTION for d in (1, 2, 3)},
    **{f"conv_transpose{d}d": _TRANSPOSED for d in (1, 2, 3)},
    **{f"max_pool{d}d": _MAX_POOLING for d in (1, 2, 3)},
    **{f"max_pool{d}d_with_indices": _MAX_POOLING for d in (1, 2, 3)},
    **{f"avg_pool{d}d": _AVERAGE_POOLING for d in (1, 2, 3)},
    **{f"max_unpool{d}d": ("input", "indices", "kernel_size", "stride", "padding") for d in (1, 2, 3)},
    "lp_pool2d": ("input", "norm_type", "kernel_size", "stride", "ceil_mode"),
    "pad": ("input", "pad", "mode"),
    "linear": ("input", "weight"),
    "matmul": ("input", "other"),
    "mm": ("input", "other"),
    "bmm": ("input", "other"),
}

_PADDING_MODES = {
    "Zero": "zeros",
    "Constant": "zeros",
    "Reflection": "reflect",
    "Replication": "replicate",
    "Circular": "circular",
}

_POOLING = (
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._LPPoolNd,
    nn.modules.pooling._MaxUnpoolNd,
)

_SHORT = {
    "MaxPool": "Max",
    "AvgPool": "Avg",
    "LPPool": "Lp",
    "MaxUnpool": "Unpool",
    "ConvTranspose": "Transposed conv",
    "Conv": "Conv",
}


def kind_of_module(module: nn.Module) -> str:
    """Class name in ``torch.nn`` of ``module`` or of its nearest base there, such as for parametrised layers."""
    if isinstance(module, StandIn):
        return str(module.layer_kind)
    for cls in type(module).__mro__:
        if cls is not nn.Module and vars(nn).get(cls.__name__) is cls:
            return str(cls.__name__)
    return type(module).__name__


def kind_of_function(operation: str, ndim: int) -> str:
    """Kind of the layer made by the function called ``operation`` on tensors with ``ndim`` axes."""
    if operation in _KINDS:
        return _KINDS[operation]
    if operation in ("batch_norm", "instance_norm"):
        return f"{'BatchNorm' if operation == 'batch_norm' else 'InstanceNorm'}{max(ndim - 2, 1)}d"
    compact = operation.replace("_", "")
    return _MODULE_CLASSES.get(compact) or "".join(word.capitalize() for word in operation.split("_"))


def arguments_of(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name, for the functions whose window or multiply-adds are known; else ``kwargs`` alone."""
    return {**dict(zip(_SIGNATURES.get(operation, ()), args, strict=False)), **kwargs}


def _per_axis(value: Any, axes: int) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, Sequence) else (value,)
    return tuple(int(v) for v in (values if len(values) == axes else values * axes))


def _geometry(
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    axes: int,
    groups: int = 1,
    ceil_mode: bool = False,
    padding_mode: str = "zeros",
) -> Geometry:
    kernel, dilations = _per_axis(kernel_size, axes), _per_axis(dilation, axes)
    if padding == "same":
        # torch puts the odd pixel after the map.
        totals = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        pairs = tuple((total // 2, total - total // 2) for total in totals)
    else:
        pairs = tuple((p, p) for p in _per_axis(0 if padding == "valid" else padding, axes))
    return Geometry(kernel, _per_axis(stride, axes), pairs, dilations, int(groups), bool(ceil_mode), padding_mode)


def _padding_only(pad: Sequence[int], axes: int, mode: str) -> Geometry | None:
    """Window of a padding, which torch lists from the last axis to the first."""
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)]
    if len(pairs) > axes:
        return None  # it pads channels or the batch
    pairs += [(0, 0)] * (axes - len(pairs))
    ones = (1,) * axes
    return Geometry(ones, ones, tuple(reversed(pairs)), ones, padding_mode="zeros" if mode == "constant" else mode)


def geometry_of_module(module: nn.Module, ndim: int) -> Geometry | None:
    """Window of ``module`` on inputs with ``ndim`` axes, the batch included; None if it has none."""
    if isinstance(module, StandIn):
        return module.layer_geometry  # type: ignore[no-any-return]
    axes = ndim - 2
    if axes < 1:
        return None
    if isinstance(module, _POOLING):
        # Lp pooling keeps None as its stride where none was given, and has neither padding nor dilation.
        stride = module.kernel_size if module.stride is None else module.stride
        padding, dilation = getattr(module, "padding", 0), getattr(module, "dilation", 1)
        ceil_mode = bool(getattr(module, "ceil_mode", False))
        return _geometry(module.kernel_size, stride, padding, dilation, axes, ceil_mode=ceil_mode)
    if isinstance(module, nn.modules.conv._ConvNd):
        return _geometry(
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            axes,
            groups=module.groups,
            padding_mode=module.padding_mode,
        )
    mode = _PADDING_MODES.get(type(module).__name__.removesuffix(f"Pad{axes}d"))
    return None if mode is None else _padding_only(module.padding, axes, mode)  # type: ignore[arg-type]


def geometry_of_function(operation: str, arguments: Mapping[str, Any]) -> Geometry | None:
    """Window of a call of ``operation`` with ``arguments`` by name; None if it has none."""
    if operation not in _SIGNATURES or not isinstance(arguments.get("input"), Tensor):
        return None
    axes = arguments["input"].ndim - 2
    if operation == "pad":
        return _padding_only(arguments["pad"], axes, arguments.get("mode", "constant"))
    if "weight" in arguments and operation != "linear":
        return _geometry(
            arguments["weight"].shape[2:],
            arguments.get("stride", 1),
            arguments.get("padding", 0),
            arguments.get("dilation", 1),
            axes,
            groups=arguments.get("groups", 1),
            padding_mode=arguments.get("padding_mode", "zeros"),
        )
    if "kernel_size" not in arguments:
        return None
    return _geometry(
        arguments["kernel_size"],
        arguments.get("stride") or arguments["kernel_size"],  # None and [] mean the kernel's own size
        arguments.get("padding", 0),
        arguments.get("dilation", 1),
        axes,
        ceil_mode=arguments.get("ceil_mode", False),
    )


def weight_macs(kind: str, weight: torch.Size, input_shape: torch.Size, output_shape: torch.Size) -> int:
    """Multiply-adds of a convolution or linear layer on a batch, from the shapes of its tensors."""
    # Every weight of one filter (out × in/groups × kernel) is used once per output value; a transposed convolution
    # (in × out/groups × kernel) uses it once per input value.
    positions = input_shape if kind.startswith("ConvTranspose") else output_shape
    return math.prod(positions) * math.prod(weight[1:])


def macs_of_module(module: nn.Module, input_shape: torch.Size, output_shape: torch.Size) -> int | None:
    """Multiply-adds of ``module`` on a batch; None if it has matrices whose use is not known."""
    if isinstance(module, StandIn) and module.layer_macs is not None:
        return int(module.layer_macs(input_shape))
    if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
        return weight_macs(kind_of_module(module), module.weight.shape, input_shape, output_shape)
    uses_matrices = any(parameter.ndim > 1 for parameter in module.parameters()) and not isinstance(
        module, nn.Embedding | nn.LayerNorm
    )
    return None if uses_matrices else 0


def macs_of_function(operation: str, kind: str, arguments: Mapping[str, Any], output_shape: torch.Size) -> int:
    """Multiply-adds of a call of ``operation`` on a batch, 0 for all but convolutions and matrix products."""
    if operation not in _SIGNATURES or not isinstance(arguments.get("input"), Tensor):
        return 0
    shape = arguments["input"].shape
    if isinstance(arguments.get("weight"), Tensor):
        return weight_macs(kind, arguments["weight"].shape, shape, output_shape)
    return math.prod(output_shape) * shape[-1] if "other" in arguments else 0


def _times(sizes: Sequence[int]) -> str:
    return "×".join(str(size) for size in sizes)


def summary_of(kind: str, geometry: Geometry | None, output_shape: Sequence[int]) -> str:
    """A few words for a diagram, such as ``"Conv 3×3 /2 dil 2"``."""
    if kind.startswith("Adaptive") and len(output_shape) > 1:
        return f"Adaptive {'max' if 'Max' in kind else 'avg'} {_times(output_shape[1:])}"
    if geometry is None:
        return kind
    family = kind.rstrip("d").rstrip("123")
    if all(k == 1 for k in geometry.kernel_size) and family not in _SHORT:
        widths = sorted({width for pair in geometry.padding for width in pair})
        return f"Pad {'…'.join(str(width) for width in dict.fromkeys((widths[0], widths[-1])))}"
    words = [_SHORT.get(family, kind), _times(geometry.kernel_size)]
    natural = geometry.kernel_size if "pool" in kind.lower() else (1,) * len(geometry.kernel_size)
    if geometry.stride != natural:
        words.append(f"/{geometry.stride[0] if len(set(geometry.stride)) == 1 else _times(geometry.stride)}")
    if any(d != 1 for d in geometry.dilation):
        same = len(set(geometry.dilation)) == 1
        words.append(f"dil {geometry.dilation[0] if same else _times(geometry.dilation)}")
    if geometry.groups != 1:
        words.append(f"groups {geometry.groups}")
    return " ".join(words)
