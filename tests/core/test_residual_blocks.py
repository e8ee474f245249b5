"""Residual blocks and what they give with one part silent, against the same networks written out."""

import pytest
import torch
from torch import nn

from cnnviz.core.backpropagation import backpropagate
from cnnviz.core.network_changes import Silence, describe, with_change
from cnnviz.core.network_edits import CannotChange, change
from cnnviz.core.residual_blocks import residual_blocks
from cnnviz.core.trace import prepare
from cnnviz.nets.cifar_resnet import CifarResNet
from cnnviz.nets.lenet import LeNet
from cnnviz.nets.resnet import ResNet

from .networks import ResidualNet

EXACT = {"rtol": 0, "atol": 0}
NETWORKS = {
    "cifar": (lambda: CifarResNet(20), 32, 9),
    "resnet18": (lambda: ResNet(18, classes=5), 48, 8),
    "resnet50": (lambda: ResNet(50, classes=5), 48, 16),
    "in place": (ResidualNet, 12, 2),
}


def made(name):
    make, size, count = NETWORKS[name]
    torch.manual_seed(0)
    module = make().eval()
    for path, buffer in module.named_buffers():
        if path.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return module, torch.randn(1, 3, size, size), count


@pytest.mark.parametrize("name", NETWORKS)
def test_every_block_is_found_with_its_shortcut(name):
    module, images, count = made(name)
    graph = prepare(module, images).graph
    blocks = residual_blocks(graph)
    assert len(blocks) == count
    assert all(block.branch.rpartition(".")[2] in ("bn2", "bn3", "conv2") for block in blocks)
    kinds = {graph[block.shortcut].name.rpartition(".")[2] for block in blocks if block.shortcut != block.fork}
    assert kinds == {"cifar": {"shortcut", "pad"}, "in place": set()}.get(name, {"1"})
    # of the three or four stages all but one begin with a block that halves the maps
    projections = {"cifar": 2, "resnet18": 3, "resnet50": 4, "in place": 0}[name]
    assert sum(not block.hands_on for block in blocks) == projections


@pytest.mark.parametrize("name", ["cifar", "resnet18", "in place"])
@pytest.mark.parametrize("part", ["branch", "shortcut"])
def test_what_is_left_is_the_sum_and_no_signal_goes_back_where_it_is_silent(name, part):
    module, images, _ = made(name)
    traced = prepare(module, images)
    before = module(images)
    block = residual_blocks(traced.graph)[-1 if name != "in place" else 0]
    edited = prepare(change(module, traced.graph, [Silence(block.layer, part)]).module, images)
    assert edited.graph.names == traced.graph.names
    assert edited.graph[block.layer].inputs == traced.graph[block.layer].inputs
    found = backpropagate(edited, images, lambda output: output.square().sum())
    kept, silent = (block.shortcut, block.branch) if part == "branch" else (block.branch, block.shortcut)
    torch.testing.assert_close(found.values[block.layer], found.values[kept], **EXACT)
    assert not torch.equal(traced.run(images).values[block.layer], found.values[kept])
    if part == "branch":
        assert silent in found.unreached
        assert not found.gradients[silent].any()
    else:
        torch.testing.assert_close(found.gradients[kept], found.gradients[block.layer], **EXACT)
    torch.testing.assert_close(module(images), before, **EXACT)


def test_a_network_whose_branches_are_all_silent_is_that_of_its_shortcuts():
    module, images, _ = made("cifar")
    edited = change(module, prepare(module, images).graph, [Silence()]).module
    x = module.relu(module.bn1(module.conv1(images)))
    for stage in (module.layer1, module.layer2, module.layer3):
        for block in stage:
            x = torch.relu(block.shortcut(x))
    torch.testing.assert_close(edited(images), module.linear(module.flatten(module.avgpool(x))))


def test_without_its_shortcuts_it_is_a_plain_network():
    module, images, _ = made("resnet18")
    edited = change(module, prepare(module, images).graph, [Silence(None, "shortcut")]).module
    x = module.maxpool(module.relu(module.bn1(module.conv1(images))))
    for stage in (module.layer1, module.layer2, module.layer3, module.layer4):
        for block in stage:
            x = torch.relu(block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x))))))
    torch.testing.assert_close(edited(images), module.fc(module.flatten(module.avgpool(x))))


def test_the_published_weights_with_a_silent_branch(shared_data):
    path = shared_data / "checkpoints" / "akamaster" / "resnet20-12fca82f.th"
    if not path.exists():
        pytest.skip("the checkpoint is not there")
    state = torch.load(path, map_location="cpu", weights_only=False)["state_dict"]
    module = CifarResNet(20).eval()
    module.load_state_dict({name.removeprefix("module."): each for name, each in state.items()})
    images = torch.randn(1, 3, 32, 32)
    traced = prepare(module, images)
    block = residual_blocks(traced.graph)[1]
    assert block.layer.startswith("layer1.1.")
    edited = prepare(change(module, traced.graph, [Silence(block.layer)]).module, images)
    found = edited.run(images).values
    # the shortcut of this block is what the ReLU before it gave, so that its own ReLU changes nothing
    torch.testing.assert_close(found["layer1.1.relu2"], found["layer1.0.relu2"], **EXACT)


def test_what_does_not_fit_is_told_and_words_are_short():
    module, images = LeNet().eval(), torch.randn(1, 1, 28, 28)
    with pytest.raises(CannotChange, match="no residual blocks"):
        change(module, prepare(module, images).graph, [Silence()])
    module, images, _ = made("in place")
    graph = prepare(module, images).graph
    with pytest.raises(CannotChange, match="adds no branch to a shortcut; choose one that does, such as layer1"):
        change(module, graph, [Silence("stem")])
    with pytest.raises(CannotChange, match="no layer called"):
        change(module, graph, [Silence("nowhere")])
    one = with_change((), Silence("a"))
    assert describe(with_change(one, Silence("a", "shortcut"))) == "a: shortcut silent"
    assert with_change(with_change(one, Silence("b")), Silence()) == (Silence(),)


def test_two_ways_of_one_length_are_no_block():
    class Twins(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

        def forward(self, x):
            return (self.one(x) + self.two(x)).mean((2, 3))

    assert residual_blocks(prepare(Twins().eval(), torch.randn(1, 3, 4, 4)).graph) == ()


class OfOne(nn.Module):
    """A single convolution beside a projection."""

    def __init__(self, window):
        super().__init__()
        self.body = nn.Conv2d(2, 3, 3, padding=1)
        self.project = nn.Conv2d(2, 3, window, padding=window // 2)

    def forward(self, x):
        return self.body(x) + self.project(x)


def test_of_two_single_convolutions_the_one_without_a_window_is_the_shortcut():
    images = torch.randn(1, 2, 5, 5)
    (block,) = residual_blocks(prepare(OfOne(1), images).graph)
    assert (block.branch, block.shortcut, block.hands_on) == ("body", "project", False)
    assert residual_blocks(prepare(OfOne(3), images).graph) == ()
