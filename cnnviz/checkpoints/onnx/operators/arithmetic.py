"""Operators that join tensors value by value, and those that sum them up along axes."""

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.onnx.operators.call import Call, Maker, Unsupported, counted, operation

_OLD_BROADCAST = 7
"""Before this opset, shapes were made to fit only where the node says so."""


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b)


def _divide_integers(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b, rounding_mode="trunc")


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Maker:
    def make(call: Call) -> nn.Module:
        trailing = _trailing_axes(call)
        if not trailing:
            return operation(call, function, (0, 1))
        return operation(call, lambda a, b: function(a, b.reshape(*b.shape, *[1] * trailing)), (0, 1))

    return make


def _trailing_axes(call: Call) -> int:
    """How many axes of one entry the second input needs at its end, for what old files call broadcasting."""
    if call.opset >= _OLD_BROADCAST or not call.get("broadcast", 0) or call.get("axis") is None:
        return 0
    trailing = call.rank(0) - counted(int(call.get("axis")), call.rank(0)) - call.rank(1)
    if trailing < 0:
        raise Unsupported("its second input has more axes than the first has left")
    return trailing


def _division(call: Call) -> nn.Module:
    whole = not call.value(0).tensor.is_floating_point()
    return _binary(_divide_integers if whole else _divide)(call)


def _modulo(call: Call) -> nn.Module:
    return operation(call, torch.fmod if call.get("fmod", 0) else torch.remainder, (0, 1))


def _of_many(function: Callable[[Tensor, Tensor], Tensor], *, mean: bool = False) -> Maker:
    """An operator with any number of inputs."""

    def make(call: Call) -> nn.Module:
        count = len(call.inputs)

        def joined(*tensors: Tensor) -> Tensor:
            result = reduce(function, tensors)
            return result / count if mean else result

        return operation(call, joined, range(count))

    return make


def _where(call: Call) -> nn.Module:
    return operation(call, torch.where, (0, 1, 2))


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor], since: int = 18) -> Maker:
    """``since``: the opset from which on the axes are an input."""

    def make(call: Call) -> nn.Module:
        axes = call.integers_of("axes", 1, since)
        keep = bool(call.get("keepdims", 1))
        if not axes:
            if call.get("noop_with_empty_axes", 0):
                return nn.Identity()
            axes = list(range(call.rank()))
        dims = sorted({counted(axis, call.rank()) for axis in axes})
        return operation(call, lambda x: function(x, dims, keep))

    return make


def _product(x: Tensor, dims: list[int], keep: bool) -> Tensor:
    for dim in reversed(dims):
        x = torch.prod(x, dim, keepdim=keep)
    return x


def _index_of(function: Callable[..., Tensor]) -> Maker:
    def make(call: Call) -> nn.Module:
        if call.get("select_last_index", 0):
            raise Unsupported("it asks for the last of several equal values")
        axis, keep = call.axis(0), bool(call.get("keepdims", 1))
        return operation(call, lambda x: function(x, dim=axis, keepdim=keep))

    return make


MAKERS: dict[str, Maker] = {
    "Add": _binary(torch.add),
    "Sub": _binary(torch.sub),
    "Mul": _binary(torch.mul),
    "Div": _division,
    "Pow": _binary(torch.pow),
    "Mod": _modulo,
    "And": _binary(torch.logical_and),
    "Or": _binary(torch.logical_or),
    "Equal": _binary(torch.eq),
    "Greater": _binary(torch.gt),
    "GreaterOrEqual": _binary(torch.ge),
    "Less": _binary(torch.lt),
    "LessOrEqual": _binary(torch.le),
    "Sum": _of_many(torch.add),
    "Mean": _of_many(torch.add, mean=True),
    "Max": _of_many(torch.maximum),
    "Min": _of_many(torch.minimum),
    "Where": _where,
    "ReduceMean": _reduction(lambda x, dims, keep: torch.mean(x, dims, keepdim=keep)),
    "ReduceSum": _reduction(lambda x, dims, keep: torch.sum(x, dims, keepdim=keep), since=13),
    "ReduceMax": _reduction(lambda x, dims, keep: torch.amax(x, dims, keepdim=keep)),
    "ReduceMin": _reduction(lambda x, dims, keep: torch.amin(x, dims, keepdim=keep)),
    "ReduceProd": _reduction(_product),
    "ReduceL1": _reduction(lambda x, dims, keep: torch.sum(torch.abs(x), dims, keepdim=keep)),
    "ReduceL2": _reduction(lambda x, dims, keep: torch.sqrt(torch.sum(x * x, dims, keepdim=keep))),
    "ReduceSumSquare": _reduction(lambda x, dims, keep: torch.sum(x * x, dims, keepdim=keep)),
    "ReduceLogSum": _reduction(lambda x, dims, keep: torch.log(torch.sum(x, dims, keepdim=keep))),
    "ReduceLogSumExp": _reduction(lambda x, dims, keep: torch.logsumexp(x, dims, keepdim=keep)),
    "ArgMax": _index_of(torch.argmax),
    "ArgMin": _index_of(torch.argmin),
}
