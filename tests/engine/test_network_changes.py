"""Changes of the network in the scene: shown, refused in words, and taken back."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.core.network_changes import SwapPooling, SwitchPadding
from cnnviz.scene import actions


def seen(scene, observation, cancelled):
    """The answer, and the network that gave it."""
    return observation.output.clone(), observation.network


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3 * 16, 4)
    ).eval()


@pytest.fixture
def held(stand, panel, handed, net):
    made = stand(handed(net), panel("seen", seen))
    made.document.edit("input.edits.brightness", 0.5)
    made.ask()
    return made


def test_a_change_is_shown_and_undo_brings_back_the_very_same_answer(held, net):
    before, network = held.result("test-seen")
    actions.change_network(held.document, SwapPooling("average"))
    held.ask()
    after, changed = held.result("test-seen")
    image = torch.full((1, 1, 8, 8), 0.5)
    torch.testing.assert_close(after, net[4](F.avg_pool2d(net[1](net[0](image)), 2).flatten(1)))
    assert not torch.equal(after, before)
    assert changed.title == f"{network.name} · pooling: average"
    assert changed.base is network
    assert changed.changed_layers == ("2",)
    assert changed.generation != network.generation

    held.document.undo()
    held.ask()
    again, back = held.result("test-seen")
    assert torch.equal(again, before)
    assert back is network
    assert back.module is net
    held.document.redo()
    held.ask()
    assert held.result("test-seen")[1] is changed, "a network that was made once is kept"


def test_a_change_that_does_not_fit_leaves_the_network_that_was_shown(held):
    held.settled()
    actions.change_network(held.document, SwitchPadding("circular"))
    held.ask()
    _, changed = held.result("test-seen")
    for change, words in (
        (SwapPooling("max", "pool9"), "no layer called pool9"),
        (SwapPooling("max", stride=1), r"With .*maximum /1.* 4 takes 48 values alone"),
    ):
        actions.change_network(held.document, change)
        held.ask()
        (delivery,) = held.settled()
        assert delivery.network is changed
        assert delivery.refused_changes == held.document.scene.changes
        assert re.search(words, delivery.network_error)
        held.document.undo()


def test_what_cannot_be_changed_is_told_and_the_rest_is_changed(stand, panel, handed):
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.unpool, self.other = (
                nn.MaxPool2d(2, return_indices=True),
                nn.MaxUnpool2d(2),
                nn.MaxPool2d(2),
            )

        def forward(self, x):
            pooled, places = self.pool(x)
            return self.other(self.unpool(pooled, places)).flatten(1)

    held = stand(handed(Both()), panel("seen", seen))
    actions.change_network(held.document, SwapPooling("average"))
    held.ask()
    _, network = held.result("test-seen")
    assert network.changed_layers == ("other",)
    assert [failure.severity for failure in held.failures] == ["info"]
    assert "unpooling" in held.failures[0].message


def test_another_network_comes_without_the_changes(held, handed, small):
    held.settled()
    actions.change_network(held.document, SwapPooling("average"))
    actions.use_network(held.document, handed(small), 1)
    assert held.document.scene.changes == ()
    held.ask()
    assert held.result("test-seen")[1].module is small
    held.document.undo()
    assert held.document.scene.changes == (SwapPooling("average"),)


def test_a_scene_with_another_network_and_changes_that_do_not_fit_shows_that_network_without_them(held, handed, small):
    held.settled()
    held.document.edit_many({"network.source": handed(small), "changes": (SwapPooling("max", "pool9"),)})
    held.ask()
    (delivery,) = held.settled()
    assert delivery.network.module is small
    assert "pool9" in delivery.network_error
