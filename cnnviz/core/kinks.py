"""On which side of its kinks a network runs: the state of every ReLU, every maximum, every clip in one pass."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Pattern = list[Tensor]


def _above(*thresholds: float) -> Callable[..., Tensor]:
    """How many of the thresholds each value lies above."""

    def states(_: Any, x: Tensor, *__: Any, **___: Any) -> Tensor:
        found = torch.zeros_like(x, dtype=torch.int8)
        for threshold in thresholds:
            found += x > threshold
        return found

    return states


def _clipped(_: Any, x: Tensor, low: Any = None, high: Any = None, **named: Any) -> Tensor:
    low, high = named.get("min", low), named.get("max", high)
    found = torch.zeros_like(x, dtype=torch.int8)
    for bound in (low, high):
        if bound is not None:
            found += x > bound
    return found


def _hardtanh(_: Any, x: Tensor, low: float = -1.0, high: float = 1.0) -> Tensor:
    return _clipped(None, x, low, high)


def _at_threshold(_: Any, x: Tensor, threshold: float, *__: Any) -> Tensor:
    return x > threshold


def _shrunk(_: Any, x: Tensor, width: float = 0.5) -> Tensor:
    return _clipped(None, x, -width, width)


def _first_is_larger(_: Any, one: Tensor, other: Tensor) -> Tensor:
    return one > other


def _indices(result: Any, *_: Any, **__: Any) -> Tensor:
    """Of operations that say where they took their values from."""
    found: Tensor = result[1]
    return found


def _the_answer(result: Any, *_: Any, **__: Any) -> Tensor:
    """Of comparisons, and of what is taken by index: the result is the state itself."""
    found: Tensor = result
    return found


def _where_largest(result: Any, x: Tensor, *axes: Any, **named: Any) -> Tensor:
    """Which entries equal the largest, or smallest, one of their axes."""
    dims = axes[0] if axes else named.get("dim", ())
    kept = bool(axes[1]) if len(axes) > 1 else bool(named.get("keepdim", False))
    if dims == () or dims == [] or dims is None:
        return torch.eq(x, result)
    if not kept:
        for dim in sorted(each % x.ndim for each in (dims if isinstance(dims, Sequence) else (dims,))):
            result = result.unsqueeze(dim)
    found: Tensor = x == result
    return found


_STATES: Mapping[str, Callable[..., Tensor]] = {
    **dict.fromkeys(("relu", "relu_", "leaky_relu", "leaky_relu_", "_prelu_kernel", "rrelu_with_noise"), _above(0.0)),
    **dict.fromkeys(("elu", "elu_", "abs", "abs_", "sign", "sgn"), _above(0.0)),
    **dict.fromkeys(("hardswish", "hardswish_", "hardsigmoid", "hardsigmoid_"), _above(-3.0, 3.0)),
    **dict.fromkeys(("clamp", "clamp_", "clip", "clamp_min", "clamp_min_"), _clipped),
    **dict.fromkeys(("clamp_max", "clamp_max_"), _at_threshold),
    **dict.fromkeys(("hardtanh", "hardtanh_"), _hardtanh),
    **dict.fromkeys(("threshold", "threshold_"), _at_threshold),
    **dict.fromkeys(("softshrink", "hardshrink"), _shrunk),
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin"), _first_is_larger),
    **dict.fromkeys(
        ("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d"), _indices
    ),
    **dict.fromkeys(("fractional_max_pool2d", "sort", "topk", "kthvalue", "median", "mode"), _indices),
    **dict.fromkeys(("argmax", "argmin", "gt", "ge", "lt", "le", "eq", "ne", "floor", "ceil", "round"), _the_answer),
    **dict.fromkeys(("amax", "amin"), _where_largest),
}


class KinkWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is on, every operation with a kink writes down which piece of it each value is on.

    It sees what modules and functions are made of, below autograd, so that it holds for any network.

    Attributes
    ----------
    pattern : list of Tensor
        One for each such operation, in order.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pattern: Pattern = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        states = _STATES.get(name)
        if states is None and name in ("max", "min") and len(args) > 1:
            states = _indices if not isinstance(args[1], Tensor) else _first_is_larger
        elif states is None and name in ("max", "min"):
            states = _where_largest
        if states is None:
            return func(*args, **kwargs)
        if name.endswith("_"):  # in place: what it was before
            self.pattern.append(states(None, *args, **kwargs))
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        self.pattern.append(states(result, *args, **kwargs))
        return result


def differs(one: Pattern, other: Pattern) -> bool:
    """Whether any value is on another piece than before."""
    if len(one) != len(other):
        return True
    return any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))
