"""The loss of a network on a plane through its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

Weights = Mapping[str, Tensor]
Loss = Callable[[Tensor], Tensor]
"""From a network's outputs for the batch to the one number that counts."""

MOST_VALUES = 60_000_000
"""Weights of all checkpoints together of which principal directions are taken."""


@dataclass(frozen=True, eq=False)
class Plane:
    """The weights ``centre + a · first + b · second``.

    Attributes
    ----------
    centre, first, second : mapping of str to Tensor
        By the names of the module's parameters.
    fixed : mapping of str to Tensor
        The module's buffers, such as the averages of batch normalisation, which are the same everywhere.
    """

    centre: Weights
    first: Weights
    second: Weights
    fixed: Weights

    def weights(self, a: Tensor | float, b: Tensor | float) -> dict[str, Tensor]:
        """All parameters and buffers at a place."""
        moved = {name: self.centre[name] + a * self.first[name] + b * self.second[name] for name in self.centre}
        return {**moved, **self.fixed}


@dataclass(frozen=True, eq=False)
class PathPlane:
    """The plane in which a run's checkpoints moved most.

    Attributes
    ----------
    places : Tensor (checkpoints, 2)
        Where each checkpoint's weights stand, projected onto the plane.
    explained : tuple of two float
        The shares of the checkpoints' variance along the first and the second direction.
    """

    plane: Plane
    places: Tensor
    explained: tuple[float, float]


def parameters_of(module: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Copies of the parameters and of the buffers of ``module``, which later changes of it leave alone."""
    parameters = {name: each.detach().clone() for name, each in module.named_parameters()}
    return parameters, {name: each.detach().clone() for name, each in module.named_buffers()}


def random_plane(module: nn.Module, seed: int = 0) -> Plane:
    """Two random directions, each filter of which is as long as the filter of the network.

    Weights of one dimension, biases and those of normalisation, stay as they are.

    Notes
    -----
    Li, Xu, Taylor, Studer and Goldstein, "Visualizing the Loss Landscape of Neural Nets", 2018, section 4. What a
    scaling of weights would change without changing what the network computes is so taken out of the picture.
    """
    centre, fixed = parameters_of(module)
    generator = torch.Generator().manual_seed(seed)
    first, second = (
        {name: _filter_normalised(weights, generator) for name, weights in centre.items()} for _ in range(2)
    )
    return Plane(centre, first, second, fixed)


def _filter_normalised(weights: Tensor, generator: torch.Generator) -> Tensor:
    if weights.ndim < 2 or not weights.is_floating_point():
        return torch.zeros_like(weights)
    noise = torch.randn(weights.shape, generator=generator).to(weights)
    lengths, ours = (each.flatten(1).norm(dim=1) for each in (noise, weights))
    factors: Tensor = (ours / lengths.clamp_min(1e-10)).view(-1, *(1,) * (weights.ndim - 1))
    return noise * factors


def path_plane(module: nn.Module, checkpoints: Sequence[Weights]) -> PathPlane:
    """The first two principal directions of the checkpoints' weights, through those of ``module``.

    Parameters
    ----------
    checkpoints
        Parameters by name, at least three of them; names that ``module`` has not are left out.

    Raises
    ------
    ValueError
        There are too few checkpoints, they are all alike, or they are too large together.

    Notes
    -----
    Li et al., 2018, section 7.2: the components of the differences to the final weights.
    """
    centre, fixed = parameters_of(module)
    names = [name for name, weights in centre.items() if weights.is_floating_point()]
    if len(checkpoints) < 3:
        raise ValueError("The path of a run takes three checkpoints or more; choose random directions.")
    size = sum(centre[name].numel() for name in names)
    if size * len(checkpoints) > MOST_VALUES:
        raise ValueError("The checkpoints are too large to compare all at once; choose random directions.")
    away = torch.stack(
        [torch.cat([(each[name].to(centre[name]) - centre[name]).flatten() for name in names]) for each in checkpoints]
    ).double()
    _, singular, directions = torch.linalg.svd(away - away.mean(dim=0), full_matrices=False)
    if not singular[1] > 1e-9 * max(float(away.norm()), 1e-30):
        raise ValueError("The checkpoints lie on one line or are all alike; choose random directions.")
    shares = (singular**2 / (singular**2).sum())[:2].tolist()
    first, second = (_named(direction, centre, names) for direction in directions[:2])
    return PathPlane(Plane(centre, first, second, fixed), away @ directions[:2].T, (shares[0], shares[1]))


def _named(direction: Tensor, centre: Weights, names: Sequence[str]) -> dict[str, Tensor]:
    sizes = [centre[name].numel() for name in names]
    parts = dict(zip(names, torch.split(direction, sizes), strict=True))
    return {
        name: parts[name].view_as(weights).to(weights) if name in parts else torch.zeros_like(weights)
        for name, weights in centre.items()
    }


def loss_at(module: nn.Module, plane: Plane, images: Tensor, loss: Loss, a: float, b: float) -> float:
    """The loss of ``module``, which is left as it is, with the weights at a place of the plane.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    loss : callable
        Makes one number of what the module answers to ``images``.
    a, b : float
        Along the first and the second direction, in their lengths.
    """
    with torch.no_grad():
        return float(loss(functional_call(module, plane.weights(a, b), (images,))))


def loss_and_slope(
    module: nn.Module, plane: Plane, images: Tensor, loss: Loss, a: float, b: float
) -> tuple[float, tuple[float, float]]:
    """The loss, and its gradient along the two directions of the plane; parameters as of :func:`loss_at`."""
    with torch.enable_grad():
        place = torch.tensor([a, b], dtype=next(iter(plane.centre.values())).dtype, requires_grad=True)
        on_device = place.to(images.device)
        value = loss(functional_call(module, plane.weights(on_device[0], on_device[1]), (images,)))
        (slope,) = torch.autograd.grad(value, place)
    return float(value.detach()), (float(slope[0]), float(slope[1]))


def has_batch_norm(module: nn.Module) -> bool:
    """Whether the network has batch normalisation, whose averages are those of the weights at the centre."""
    return any(isinstance(each, _BatchNorm) for each in module.modules())


def grid_levels(size: int) -> tuple[tuple[int, ...], ...]:
    """Rows (and columns) of ever finer lattices of a square grid, each of which has all of the one before.

    The first has six rows or less; the last has all.
    """
    stride = 1
    while (size - 1) % (2 * stride) == 0 and (size - 1) // stride + 1 > 6:
        stride *= 2
    levels = []
    while stride >= 1:
        levels.append(tuple(range(0, size, stride)))
        stride //= 2
    return tuple(levels)


def new_places(levels: Sequence[Sequence[int]], number: int) -> Iterator[tuple[int, int]]:
    """Those of a level that no level before has, from the middle outwards."""
    known = {(row, column) for row in levels[number - 1] for column in levels[number - 1]} if number else set()
    middle = levels[-1][-1] / 2
    places = [(row, column) for row in levels[number] for column in levels[number] if (row, column) not in known]
    return iter(sorted(places, key=lambda place: (place[0] - middle) ** 2 + (place[1] - middle) ** 2))
