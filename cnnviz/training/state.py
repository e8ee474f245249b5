"""Where a run is, as tensors and plain values: all that it needs to go on as if it had never stopped."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

_OPTIMIZER = "optimizer."
_RANDOM = "random."


@dataclass(frozen=True, eq=False)
class TrainerState:
    """A run at one moment.

    Attributes
    ----------
    network
        State of the module, by name; contiguous copies on the CPU.
    tensors
        What the optimiser remembers, and the states of the random numbers; by name, on the CPU.
    about
        All else; fits into JSON.
    """

    network: dict[str, Tensor]
    tensors: dict[str, Tensor]
    about: dict[str, Any]

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self.about["step"])


def network_state(module: nn.Module) -> dict[str, Tensor]:
    """Copies of a module's weights and buffers, contiguous and on the CPU."""
    state = {}
    for name, tensor in module.state_dict().items():
        copy = tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
        state[name] = copy
    return state


def load_network(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put a module's weights and buffers back, each into the memory that it has."""
    module.load_state_dict(dict(state))


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, float]]:
    """What an optimiser remembers of each weight: its tensors, and its numbers, by name."""
    tensors, numbers = {}, {}
    for index, weight in enumerate(_weights(optimizer)):
        for key, value in optimizer.state.get(weight, {}).items():
            name = f"{_OPTIMIZER}{index}.{key}"
            if isinstance(value, Tensor):
                tensors[name] = value.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
            elif value is not None:
                numbers[name] = value
    return tensors, numbers


def load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
    """Let a new optimiser remember what another of its kind did."""
    optimizer.state.clear()
    weights = _weights(optimizer)
    for name, value in {**tensors, **numbers}.items():
        if not name.startswith(_OPTIMIZER):
            continue
        index, _, key = name.removeprefix(_OPTIMIZER).partition(".")
        weight = weights[int(index)]
        if isinstance(value, Tensor):
            # Like the weight in memory, so that both are worked through side by side.
            like = torch.empty_like(weight, dtype=value.dtype)
            # Counters lie beside the weight where the optimiser is fused, else on the CPU.
            place = weight.device if optimizer.defaults.get("fused") else torch.device("cpu")
            value = like.copy_(value) if value.ndim else value.to(place, copy=True)
        optimizer.state[weight][key] = value


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The states of the random numbers of torch, NumPy and Python."""
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    version, python_keys, gauss_next = random.getstate()
    numbers = [float(position), float(has_gauss), float(cached), float(version)]
    numbers += [float(gauss_next is not None), gauss_next or 0.0]
    state = {
        "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.asarray(keys).astype(np.int64)),
        "python": torch.tensor(python_keys, dtype=torch.int64),
        "numbers": torch.tensor(numbers, dtype=torch.float64),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return {_RANDOM + name: tensor for name, tensor in state.items()}


def load_random_state(tensors: Mapping[str, Tensor], device: torch.device) -> None:
    """Let the random numbers of torch, NumPy and Python go on from where they were."""
    position, has_gauss, cached, version, has_next, gauss_next = tensors[f"{_RANDOM}numbers"].tolist()
    torch.set_rng_state(tensors[f"{_RANDOM}torch"])
    keys = tensors[f"{_RANDOM}numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(position), int(has_gauss), cached))
    python_keys = tuple(tensors[f"{_RANDOM}python"].tolist())
    random.setstate((int(version), python_keys, gauss_next if has_next else None))
    if device.type == "cuda" and f"{_RANDOM}cuda" in tensors:
        torch.cuda.set_rng_state(tensors[f"{_RANDOM}cuda"], device)


def seed_random_numbers(seed: int) -> None:
    """Seed torch, NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _weights(optimizer: Optimizer) -> list[nn.Parameter]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]
