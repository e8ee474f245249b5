"""Gradients and changes of the weights, layer by layer, and the memory of a device."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnviz.core.devices import accelerator_memory
from cnnviz.training.metrics import LayerMetrics


@dataclass(frozen=True, eq=False)
class WeightsBefore:
    """Weights and gradients of a network at the moment before a step, by layer."""

    weights: dict[str, list[nn.Parameter]]
    copies: dict[str, list[Tensor]]
    gradient_norms: dict[str, Tensor]

    @classmethod
    def of(cls, module: nn.Module) -> WeightsBefore:
        """To be taken between backward pass and step."""
        weights = layer_weights(module)
        return cls(
            weights,
            {name: [each.detach().clone() for each in own] for name, own in weights.items()},
            {name: _norm([each.grad for each in own if each.grad is not None]) for name, own in weights.items()},
        )

    def compare(self) -> tuple[float, tuple[LayerMetrics, ...]]:
        """The norm of the whole gradient, and what each layer was given; to be called after the step."""
        if not self.weights:
            return 0.0, ()
        rows = []
        for name, own in self.weights.items():
            change = _norm([now.detach() - before for now, before in zip(own, self.copies[name], strict=True)])
            rows.append(torch.stack([self.gradient_norms[name], _norm(self.copies[name]), change]))
        # One transfer for all: each one waits until an accelerator has finished.
        values = torch.stack(rows).cpu()
        layers = tuple(
            LayerMetrics(name, gradient, norm, change / norm if norm > 0 else 0.0)
            for name, (gradient, norm, change) in zip(self.weights, values.tolist(), strict=True)
        )
        return float(values[:, 0].norm()), layers


def layer_weights(module: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The weights that are trained, by the name of the layer that owns them; shared ones are the first owner's."""
    seen: set[nn.Parameter] = set()
    layers: dict[str, list[nn.Parameter]] = {}
    for name, layer in module.named_modules():
        own = [each for each in layer.parameters(recurse=False) if each.requires_grad and each not in seen]
        seen.update(own)
        if own:
            layers[name] = own
    return layers


def device_memory(device: torch.device) -> int | None:
    """Bytes that this process takes on a device; None where the system does not tell."""
    if device.type != "cpu":
        return accelerator_memory(device)
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _norm(tensors: list[Tensor]) -> Tensor:
    """Euclidean norm of all values together, float32."""
    if not tensors:
        return torch.zeros(())
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each.float()) for each in tensors]))
    return norm
