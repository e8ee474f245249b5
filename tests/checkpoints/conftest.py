import os
from contextlib import contextmanager

import pytest
import torch

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.nets.registry import build


@pytest.fixture
def card():
    return NetworkCard(
        architecture="lenet",
        config={"channels": 2, "classes": 3, "widths": [4, 5], "hidden": 6},
        labels=("none", "größer", "三"),
        input_size=(2, 28, 28),
        mean=(0.1307, 0.5),
        std=(0.3081, 0.25),
        dataset="mnist",
        test_accuracy=0.9921,
        command="cnnviz train --network lenet",
        seed=7,
    )


@pytest.fixture
def module(card):
    torch.manual_seed(0)
    return build(card.architecture, card.config).eval()


@pytest.fixture
def soon():
    """``with soon(5):`` what is done takes the processor for less than so many seconds, that of its children too.

    Time on the clock would say how busy the machine is.
    """

    @contextmanager
    def within(seconds):
        before = sum(os.times()[:4])
        yield
        assert sum(os.times()[:4]) - before < seconds

    return within
