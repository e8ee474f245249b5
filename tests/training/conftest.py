import numpy as np
import pytest
import torch

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.data.labelled_images import LabelledImages


@pytest.fixture(autouse=True)
def one_thread():
    """Networks as small as these only wait for a second one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def card():
    return NetworkCard(
        architecture="lenet",
        config={"channels": 1, "classes": 2, "widths": [2, 2], "hidden": 4},
        labels=("dark", "bright"),
        input_size=(1, 28, 28),
        mean=(0.5,),
        std=(0.25,),
        dataset="stripes",
    )


@pytest.fixture
def images():
    """40 noisy images whose class is told by their mean alone."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 40)
    pixels = random.integers(0, 100, (40, 1, 28, 28)) + 150 * labels[:, None, None, None]
    return LabelledImages(pixels.astype(np.uint8), labels, ("dark", "bright"))
