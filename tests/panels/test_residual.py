"""Residual blocks: the parts of a block against the same block written out; silence by a click."""

import numpy as np
import pytest
import torch
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QPushButton
from torch import nn

from cnnviz.core.network_changes import Silence
from cnnviz.panels.residual_view import ResidualView
from cnnviz.scene.document import Document
from cnnviz.ui.bar_list import BarList

SIZE = (1, 8, 8)


class TwoBlocks(nn.Module):
    """The second block halves the maps, so that its shortcut is a projection."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3, padding=1)
        self.first = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1))
        self.same = nn.Identity()
        self.second = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Tanh())
        self.project = nn.Conv2d(3, 4, 1, stride=2)
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(self.first(x) + self.same(x))
        return self.head((self.second(x) + self.project(x)).flatten(1))


@pytest.fixture
def module():
    torch.manual_seed(0)
    return TwoBlocks()


def of_first(module, image):
    with torch.no_grad():
        x = torch.relu(module.stem(image))
        return x, module.first(x)


def test_the_parts_of_a_block_are_what_it_gets_its_branch_and_their_sum(computed, seen, noisy, module):
    result = computed("residual", module, SIZE, noisy | {"selection.layer": "stem"})
    x, branch = of_first(module, seen(SIZE, noisy))
    assert [part.symbol for part in result.parts] == ["x", "f(x)", "out"]
    for part, wanted in zip(result.parts, (x, branch, x + branch), strict=True):
        np.testing.assert_allclose(part.values, wanted[0].numpy(), rtol=1e-4, atol=1e-6)
        assert part.norm == pytest.approx(float(wanted.norm()), rel=1e-4)
        assert part.mosaic.high == pytest.approx(float(torch.stack([x, branch, x + branch]).abs().max()), rel=1e-4)
    assert result.left == pytest.approx(float(branch.norm()), rel=1e-4)
    assert result.blocks[0].share == pytest.approx(float(branch.norm() / x.norm()), rel=1e-4)
    assert f"‖out − x‖ = {float(branch.norm()):.3g}" in result.words
    # the block of the layer that is selected: one that is not added up before it, else the last
    for layer, current in (("first.2", 0), ("second.0", 1), ("head", 1)):
        found = computed("residual", module, SIZE, noisy | {"selection.layer": layer})
        assert (found.current, found.parts[0].symbol) == (current, ("x", "P(x)")[current])


def test_with_its_branch_silent_a_block_gives_what_it_gets(computed, seen, noisy, module):
    silent = noisy | {"changes": ({"change": "silence", "layer": "add"},), "selection.layer": "add"}
    result = computed("residual", module, SIZE, silent)
    x, branch = of_first(module, seen(SIZE, noisy))
    assert result.left == 0
    np.testing.assert_array_equal(result.parts[2].values, result.parts[0].values)
    np.testing.assert_allclose(result.parts[2].values, x[0].numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.parts[1].values, branch[0].numpy(), rtol=1e-4, atol=1e-6)
    assert [each.state for each in result.blocks] == ["branch silent", "as loaded"]
    assert result.words.startswith("‖out − x‖ = 0: ")
    assert "identity" in result.words


def test_with_its_shortcut_silent_a_block_gives_its_branch(computed, noisy, module):
    silent = noisy | {"changes": ({"change": "silence", "part": "shortcut"},), "selection.layer": "add_1"}
    result = computed("residual", module, SIZE, silent)
    assert result.left == 0
    np.testing.assert_array_equal(result.parts[2].values, result.parts[1].values)
    assert {each.state for each in result.blocks} == {"shortcut silent"}
    assert result.words.startswith("‖out − f(x)‖ = 0: ")


def test_a_network_without_blocks_says_what_has_some(refused, small):
    assert "cifar-net" in refused("residual", small, SIZE)


def test_what_is_silent_is_chosen_by_a_click_and_taken_back(qtbot, computed, noisy, module):
    document = Document()
    view = ResidualView(document)
    qtbot.addWidget(view)
    view.resize(420, 500)
    view.show()
    result = computed("residual", module, SIZE, noisy | {"selection.layer": "add"})
    view.show_result(result)
    buttons = {each.text(): each for each in view.findChildren(QPushButton) if each.isEnabled()}
    QTest.mouseClick(buttons["branch silent"], Qt.MouseButton.LeftButton)
    assert document.scene.changes == (Silence("add", "branch"),)
    QTest.mouseClick(buttons["all branches silent"], Qt.MouseButton.LeftButton)
    assert document.scene.changes == (Silence(),)
    document.undo()
    document.undo()
    assert document.scene.changes == ()
    (bars,) = view.findChildren(BarList)
    QTest.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(1).center().toPoint())
    assert document.scene.selection.layer == "add_1"
    (figure,) = view.figures()
    assert "‖out − x‖" in figure.title
