"""Images as what a network takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnviz.engine.observation import LoadedNetwork, Observation, dtype_of
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def moments(scene: Scene, network: LoadedNetwork) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that the scene's fit asks for; 0 and 1 where values stay as they are."""
    from cnnviz.data.fit import normalisation

    return normalisation(scene.input.fit, network.card.mean, network.card.std) or ((0.0,), (1.0,))


def input_tensor(observation: Observation) -> Tensor:
    """The network's input ``(1, C, H, W)``: the rendered image, normalised, on the network's device."""
    import torch

    from cnnviz.data.fit import normalise

    image = normalise(observation.rendered.edited, observation.mean, observation.std)
    network = observation.network
    return torch.from_numpy(image).unsqueeze(0).to(network.device, dtype_of(network.module))


def as_input(images: np.ndarray | Tensor, observation: Observation) -> Tensor:
    """Images ``(N, C, H, W)`` in [0, 1] as the network takes them: normalised, on its device."""
    return normalised(images, observation.network, observation.mean, observation.std)


def normalised(
    images: np.ndarray | Tensor, network: LoadedNetwork, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """Images ``(N, C, H, W)`` in [0, 1] as ``network`` takes them, with one mean and deviation for all or each channel.

    ``mean`` and ``std`` are as :func:`moments` gives them.
    """
    import torch

    pixels = torch.as_tensor(images).to(network.device, dtype_of(network.module))
    centre, spread = (pixels.new_tensor(values).reshape(1, -1, 1, 1) for values in (mean, std))
    return (pixels - centre) / spread
