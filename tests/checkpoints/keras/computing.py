"""What networks compute, for comparing it with numpy."""

import numpy as np
import torch

from cnnviz.core.trace import prepare


def computed(network, x):
    """What the live network gives for images with the channels last, as Keras has them; through its layers too."""
    assert network.module is not None, network.message
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    output = network.module(images)
    if len(images) == 1:
        traced = prepare(network.module, images)
        assert traced.graph.method == "torch.fx"
        assert torch.allclose(traced.run(images).output, output, atol=1e-6)
    found = output.detach().numpy()
    return found.transpose(0, 2, 3, 1) if found.ndim == 4 else found


def relu(x):
    return np.maximum(x, 0)
