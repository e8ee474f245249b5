"""Autograd against central differences, layer by layer, in double precision."""

import bisect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cnnviz.core.backpropagation import learnable
from cnnviz.core.error_words import first_line
from cnnviz.core.execution import Cancelled
from cnnviz.core.hooks import forward_hooks
from cnnviz.core.kinks import KinkWatch, Pattern, differs
from cnnviz.core.layers import first_tensor
from cnnviz.core.trace import evaluating

STEP = 1e-6
PASSES, FAILS = 1e-6, 1e-4
ROUNDING = 8
"""Roundings of the loss that a difference of two may be off by; see `LayerCheck.floor`."""
FAULT = 1e-3
MOST_ENTRIES = 300_000
"""A check of all weights is for small networks."""

Verdict = Literal["passes", "unclear", "fails", "zero", "untried"]


class CannotCheck(ValueError):
    """The gradients of a network cannot be checked; the message says why."""


@dataclass(frozen=True)
class LayerCheck:
    """One layer's gradients so far.

    Attributes
    ----------
    layer : str
        Path of the module that has the weights.
    weights : int
        How many it has.
    tried : int
        Entries that were compared.
    left_out : int
        Entries that were not: a step of theirs takes a ReLU, or another piecewise operation, over its kink, where
        there is no derivative to compare with.
    error : float
        ‖n − a‖ / (‖n‖ + ‖a‖) over the entries that were compared; NaN where there are none, or both are zero.
    numeric, autograd, difference : float
        ‖n‖, ‖a‖ and ‖n − a‖.
    floor : float
        What rounding alone makes of ‖n − a‖: ``ROUNDING`` · ε · max(1, |L|) / h for each entry, added as squares.
    """

    layer: str
    weights: int
    tried: int
    left_out: int
    error: float
    numeric: float
    autograd: float
    difference: float
    floor: float

    @property
    def verdict(self) -> Verdict:
        """``zero``: both are zero but for rounding, as of a bias before batch normalisation, which passes.

        Where the difference is no larger than what rounding makes, an error above the limit is unclear, and fails
        otherwise.
        """
        if not self.tried:
            return "untried"
        if self.numeric + self.autograd <= self.floor:
            return "zero"
        if self.error < PASSES:
            return "passes"
        return "fails" if self.error > FAILS and self.difference > self.floor else "unclear"


@dataclass(frozen=True)
class _Entry:
    """One weight: of which parameter, and where in it, laid out flat."""

    parameter: str
    at: int


@dataclass
class _Compared:
    """What was found of one layer so far."""

    entries: list[_Entry]
    numeric: list[float] = field(default_factory=list)
    analytic: list[float] = field(default_factory=list)
    left_out: int = 0


class GradientCheck:
    """A check that goes on a few entries at a time, on weights and images as they were when it began.

    The live module is lent double-precision copies of its weights and buffers for each pass, and gets its own back
    whatever happens.

    Parameters
    ----------
    module : nn.Module
        In any mode; dropout is off.
    images : Tensor (N, C, H, W)
    loss : callable
        Makes one number of the network's (first) output.
    entries : int or None
        How many weights are compared of each layer, half of them drawn at random by ``seed``, the others those with
        the largest gradients; None: all of them.
    batch_statistics : bool
        Whether batch normalisation uses the moments of the batch, as it does in training.
    fault : str or None
        Path of a module whose backward is made ``FAULT`` too large: to see that it is found.

    Raises
    ------
    CannotCheck
        The network has no weights, too many for all of them to be compared, or does not run in double precision.

    Notes
    -----
    Central differences with h = 1e-6 have an error of the order h² and of rounding by ε · |L| / h. See "Gradient
    checks" in the notes of Stanford's course CS231n, whose relative error has the larger of the two norms below the
    line, not their sum.
    """

    def __init__(
        self,
        module: nn.Module,
        images: Tensor,
        loss: Callable[[Tensor], Tensor],
        *,
        entries: int | None = 10,
        batch_statistics: bool = False,
        fault: str | None = None,
        seed: int = 0,
    ) -> None:
        self._module, self._loss = module, loss
        self._images = _double(images)
        self._tensors = {name: _double(each) for name, each in module.named_parameters()}
        self._parameters = tuple(name for name, each in self._tensors.items() if each.is_floating_point())
        buffers: dict[str, Tensor | None] = {name: _double(each) for name, each in module.named_buffers()}
        if batch_statistics:
            buffers.update(dict.fromkeys(_running_moments(module)))
        self._lent: dict[str, Tensor | None] = {**buffers, **self._tensors}
        self._fault = None if fault is None else module.get_submodule(fault)
        self._layers = _layers(self._parameters)
        if not self._layers:
            raise CannotCheck("The network has no weights, so there are no gradients to check.")
        count = sum(self._tensors[name].numel() for name in self._parameters)
        if entries is None and count > MOST_ENTRIES:
            raise CannotCheck(f"The network has {count:,} weights, too many to compare all of them; compare a sample.")
        try:
            self.loss, self._gradients = self._differentiated()
            self._pattern = self._value()[1]
        except (RuntimeError, TypeError, ValueError) as error:
            raise CannotCheck(
                f"The network does not run in double precision with this input: {first_line(error)}."
            ) from error
        generator = torch.Generator().manual_seed(seed)
        self._compared = {
            layer: _Compared(self._drawn(names, entries, generator)) for layer, names in self._layers.items()
        }
        self._turns = self._rounds()

    @property
    def total(self) -> int:
        """Entries that are to be compared."""
        return sum(len(each.entries) for each in self._compared.values())

    @property
    def done(self) -> int:
        """Entries compared or left out so far."""
        return sum(len(each.numeric) + each.left_out for each in self._compared.values())

    def step(self, cancelled: Callable[[], bool] | None = None) -> bool:
        """Compare one more entry; False when there was none left.

        Every layer has its first entry compared, from the loss backwards as the signal goes, before any has its second.

        Raises
        ------
        Cancelled
            As asked by ``cancelled``; what was compared before counts.
        """
        if cancelled is not None and cancelled():
            raise Cancelled
        layer = next(self._turns, None)
        if layer is None:
            return False
        compared = self._compared[layer]
        entry = compared.entries[len(compared.numeric) + compared.left_out]
        numeric = self._difference(entry)
        if numeric is None:
            compared.left_out += 1
        else:
            compared.numeric.append(numeric)
            compared.analytic.append(float(self._gradients[entry.parameter].reshape(-1)[entry.at]))
        return True

    def _rounds(self) -> Iterator[str]:
        """The layers in turn, as often as they have entries."""
        for number in range(max(len(each.entries) for each in self._compared.values())):
            for layer in reversed(self._layers):
                if number < len(self._compared[layer].entries):
                    yield layer

    @property
    def layers(self) -> tuple[LayerCheck, ...]:
        """What was found so far, in the order of the module's parameters."""
        return tuple(self._told(layer) for layer in self._layers)

    def _told(self, layer: str) -> LayerCheck:
        compared = self._compared[layer]
        n, a = (torch.tensor(each, dtype=torch.float64) for each in (compared.numeric, compared.analytic))
        sizes, difference = (float(n.norm()), float(a.norm())), float((n - a).norm())
        error = difference / sum(sizes) if sum(sizes) > 0 else float("nan")
        rounding = ROUNDING * torch.finfo(torch.float64).eps * max(1.0, abs(self.loss)) / STEP
        weights = sum(self._tensors[name].numel() for name in self._layers[layer])
        floor = rounding * len(n) ** 0.5
        return LayerCheck(layer, weights, len(n), compared.left_out, error, *sizes, difference, floor)

    def _drawn(self, names: Sequence[str], most: int | None, generator: torch.Generator) -> list[_Entry]:
        """Entries of one layer: in turn one of the largest gradients, and one at random, from each of its parameters.

        Without the former a layer most of whose units are off would have nothing but zeros compared; without the
        latter a gradient that autograd takes for zero never would be.
        """
        sizes = [self._tensors[name].numel() for name in names]
        if most is None or sum(sizes) <= most:
            return [_Entry(name, at) for name, size in zip(names, sizes, strict=True) for at in range(size)]
        flat = torch.cat([self._gradients[name].reshape(-1).abs() for name in names])
        starts = list(itertools.accumulate(sizes, initial=0))
        largest = []
        for at in flat.topk(most).indices.tolist():
            which = bisect.bisect_right(starts, at) - 1
            largest.append(_Entry(names[which], at - starts[which]))
        found: dict[_Entry, None] = {}
        for number in itertools.count():
            name, size = names[number % len(names)], sizes[number % len(names)]
            found[largest[number % len(largest)]] = None
            found[_Entry(name, int(torch.randint(size, (1,), generator=generator)))] = None
            if len(found) >= most:
                break
        return list(found)[:most]

    def _difference(self, entry: _Entry) -> float | None:
        """(L(w + h) − L(w − h)) / 2h; None where a step crosses a kink."""
        flat = self._tensors[entry.parameter].view(-1)
        before = float(flat[entry.at])
        losses = []
        try:
            for sign in (1, -1):
                flat[entry.at] = before + sign * STEP
                loss, pattern = self._value()
                if differs(pattern, self._pattern):
                    return None
                losses.append(loss)
        finally:
            flat[entry.at] = before
        # what was added is not quite h, since w + h is rounded
        width = (before + STEP) - (before - STEP)
        return (losses[0] - losses[1]) / width

    def _value(self) -> tuple[float, Pattern]:
        with self._lending(), torch.no_grad(), KinkWatch() as watch:
            loss = float(self._loss(first_tensor(self._module(self._images.clone()))))
        return loss, watch.pattern

    def _differentiated(self) -> tuple[float, Mapping[str, Tensor]]:
        tensors = [self._tensors[name] for name in self._parameters]
        with ExitStack() as stack:
            stack.enter_context(torch.enable_grad())
            stack.enter_context(learnable(tensors))
            stack.enter_context(self._lending())
            if self._fault is not None:
                stack.enter_context(forward_hooks([self._fault], _spoil))
            loss = self._loss(first_tensor(self._module(self._images.clone())))
            found = torch.autograd.grad(loss, tensors, allow_unused=True)
        gradients = {
            name: torch.zeros_like(tensor) if gradient is None else gradient
            for name, tensor, gradient in zip(self._parameters, tensors, found, strict=True)
        }
        return float(loss.detach()), gradients

    @contextmanager
    def _lending(self) -> Iterator[None]:
        with torch.inference_mode(False), evaluating(tuple(self._module.modules())), lent(self._module, self._lent):
            yield


@contextmanager
def lent(module: nn.Module, tensors: Mapping[str, Tensor | None]) -> Iterator[None]:
    """Let ``module`` compute with other parameters and buffers, by their names; it gets its own back afterwards.

    Also those that are in several places of the tree under one name.
    """
    replaced: list[tuple[dict[str, Any], str, Any]] = []
    own = {id(each): name for name, each in (*module.named_parameters(), *module.named_buffers())}
    try:
        for each in module.modules():
            for held in (each._parameters, each._buffers):
                for key, value in held.items():
                    name = own.get(id(value), "")
                    if value is not None and name in tensors:
                        replaced.append((held, key, value))
                        held[key] = tensors[name]  # type: ignore[assignment]
        yield
    finally:
        for held, key, value in replaced:
            held[key] = value


def _double(tensor: Tensor) -> Tensor:
    """A copy, on the CPU where the device knows no double precision."""
    copy = tensor.detach().clone(memory_format=torch.contiguous_format)
    copy = copy.cpu() if copy.device.type == "mps" else copy
    return copy.double() if copy.is_floating_point() else copy


def _running_moments(module: nn.Module) -> list[str]:
    """The buffers without which batch normalisation takes the moments of the batch."""
    found = []
    for path, each in module.named_modules():
        if isinstance(each, nn.modules.batchnorm._BatchNorm):
            prefix = f"{path}." if path else ""
            found += [f"{prefix}running_mean", f"{prefix}running_var"] if each.running_mean is not None else []
    return found


def _layers(parameters: Sequence[str]) -> dict[str, list[str]]:
    """The parameters of each module that has some of its own."""
    found: dict[str, list[str]] = {}
    for name in parameters:
        found.setdefault(name.rpartition(".")[0], []).append(name)
    return found


class _Wrong(torch.autograd.Function):
    """The identity, with a backward that is a thousandth too large."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * (1 + FAULT)


def _spoil(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
    spoilt: Any = _Wrong.apply(output) if isinstance(output, Tensor) else output  # type: ignore[no-untyped-call]
    return spoilt
