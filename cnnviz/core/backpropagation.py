"""The error signal on its way back: the gradient of one number with respect to what every layer gives."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor, nn

from cnnviz.core.graph import Layer
from cnnviz.core.layers import first_tensor
from cnnviz.core.trace import TracedNetwork

SQUARES_FIT = (1e-15, 1e15)
"""Norms whose squares, and those of their parts that matter, single precision holds."""


class NoGradient(ValueError):
    """There is nothing to go back along; the message says why."""


@dataclass(frozen=True, eq=False)
class BackwardPass:
    """What one forward and one backward pass gave.

    Attributes
    ----------
    loss : float
    output : Tensor
        The network's, detached.
    values, gradients : mapping of str to Tensor
        Of each layer, by its name: its output (N, …) and the gradient with respect to it, which is zero where the loss
        does not depend on it. Layers without a gradient of their own (of whole numbers, or changed in place through
        another name) are missing from the gradients.
    weights : mapping of str to Tensor
        The gradients of the parameters, by their names in the module; those that the loss does not reach are missing.
    unreached : frozenset of str
        Layers on which the loss does not depend, whatever they give.
    attached : mapping of str to Tensor
        The values on their autograd graph, where it was to be kept; else empty.
    """

    loss: float
    output: Tensor
    values: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    unreached: frozenset[str]
    attached: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))

    def weight_norm(self, module: nn.Module, layer: Layer) -> float | None:
        """Euclidean norm of the gradient of all parameters of ``layer``'s module; None where it has none."""
        if layer.module_path is None:
            return None
        prefix = f"{layer.module_path}." if layer.module_path else ""
        names = [name for name, _ in module.get_submodule(layer.module_path).named_parameters(prefix.rstrip("."))]
        found = [self.weights[name] for name in names if name in self.weights]
        if not names:
            return None
        return float(torch.linalg.vector_norm(torch.stack([norm(each) for each in found]))) if found else 0.0


def backpropagate(
    traced: TracedNetwork,
    images: Tensor,
    objective: Callable[[Tensor], Tensor],
    *,
    keep_graph: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> BackwardPass:
    """One forward pass in evaluation mode and one backward pass.

    The module is left as it was: no gradients on its parameters, no hooks, the same modes. Parameters that are frozen
    get a gradient as well.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
        As for ``TracedNetwork.run``.
    objective : callable
        Makes one number of the network's (first) output, on its autograd graph.
    keep_graph : bool
        Keep the autograd graph of the values, to ask it for more.
    cancelled : callable, optional
        Polled between layers on the way forward.

    Raises
    ------
    NoGradient
        The number does not depend on anything that can be differentiated.
    Cancelled, ValueError, Exception
        As ``TracedNetwork.run``.
    """
    kept = [name for name in traced.graph.names if name not in traced.without_gradient]
    parameters = {name: each for name, each in traced.module.named_parameters() if each.is_floating_point()}
    with torch.inference_mode(False), torch.enable_grad(), learnable(parameters.values()):
        given = images.detach().clone().requires_grad_()
        trace = traced.run(given, kept, gradients=True, cancelled=cancelled)
        loss = objective(trace.output)
        if loss.numel() != 1 or not loss.requires_grad:
            raise NoGradient("What the network answers does not depend on its input in a way that has a gradient.")
        values = {name: trace.values[name] for name in kept if name in trace.values}
        flowing = {name: value for name, value in values.items() if value.requires_grad}
        # Layers that hand their input on give the same tensor, which is asked for once.
        asked = {id(each): each for each in (*flowing.values(), *parameters.values())}
        found = torch.autograd.grad(loss, list(asked.values()), allow_unused=True, retain_graph=keep_graph)
        by_id = dict(zip(asked, found, strict=True))
    gradients: dict[str, Tensor] = {}
    unreached: set[str] = set()
    for name, value in flowing.items():
        gradient = by_id[id(value)]
        if gradient is None:
            unreached.add(name)
            gradient = torch.zeros_like(value)
        gradients[name] = gradient.detach()
    weights = {name: by_id[id(each)] for name, each in parameters.items() if by_id[id(each)] is not None}
    return BackwardPass(
        float(loss.detach()),
        first_tensor(trace.output).detach(),
        MappingProxyType({name: value.detach() for name, value in values.items()}),
        MappingProxyType(gradients),
        MappingProxyType({name: each.detach() for name, each in weights.items() if each is not None}),
        frozenset(unreached),
        MappingProxyType(values if keep_graph else {}),
    )


@contextmanager
def learnable(parameters: Collection[Tensor]) -> Iterator[None]:
    """Have frozen parameters take part in autograd, and freeze them again whatever happens."""
    frozen = [each for each in parameters if not each.requires_grad]
    try:
        for each in frozen:
            each.requires_grad_(True)
        yield
    finally:
        for each in frozen:
            each.requires_grad_(False)


def norm(gradient: Tensor) -> Tensor:
    """Euclidean norm of all entries, which the squares of tiny ones do not vanish from."""
    plain: Tensor = torch.linalg.vector_norm(gradient)
    if SQUARES_FIT[0] < float(plain) < SQUARES_FIT[1] or not gradient.numel():
        return plain
    largest = gradient.abs().amax()
    if not bool(largest > 0) or not bool(largest.isfinite()):
        return largest
    scaled: Tensor = torch.linalg.vector_norm(gradient / largest) * largest
    return scaled


def share_of_zeros(gradient: Tensor) -> float:
    """Share of the entries that are exactly zero, in [0, 1]."""
    return 1.0 - int(torch.count_nonzero(gradient)) / gradient.numel() if gradient.numel() else 0.0
