"""Networks with another padding: against torch's own, as one continues maps by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.core.network_changes import SwapPooling, SwitchPadding
from cnnviz.core.network_edits import CannotChange, apply
from cnnviz.core.receptive_field import receptive_field
from cnnviz.core.trace import prepare
from cnnviz.nets.cifar_net import CifarNet

from .changed_networks import changed, images, seeded

EXACT = {"rtol": 0, "atol": 0}


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate", "zeros"])
def test_padding_is_that_of_torchs_own_layers(mode):
    net, x = seeded(CifarNet), images(2, 3, 32, 32)
    twin = seeded(CifarNet)
    twin.load_state_dict(net.state_dict())
    for module in twin.modules():
        if isinstance(module, nn.Conv2d):
            module.padding_mode = mode
    torch.testing.assert_close(changed(net, x[:1], SwitchPadding(mode))(x), twin(x))


def test_with_periodic_padding_and_sizes_that_fit_a_wrapped_shift_by_the_stride_only_shifts_the_maps():
    net, x = seeded(CifarNet), images(1, 3, 32, 32)
    graph = prepare(net, x).graph

    def error(*changes):
        edited = prepare(apply(net, graph, changes), x)
        left = edited.run(x.roll((8, 16), (2, 3))).values["block5.relu2"]
        right = edited.run(x).values["block5.relu2"].roll((1, 2), (2, 3))
        return float((left - right).norm() / right.norm())

    assert error() > 0.01
    assert error(SwitchPadding("circular")) < 1e-5
    assert error(SwitchPadding("circular"), SwapPooling("blur_max", window=3)) < 1e-5
    assert error(SwapPooling("blur_max"), SwitchPadding("circular")) < 1e-5
    assert error(SwitchPadding("circular"), SwitchPadding("zeros", "conv1")) > 0.001


def test_the_padding_of_pooling_goes_with_the_others():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 1, 1)).eval()
    x = images(1, 1, 8, 8)
    edited = changed(net, x, SwitchPadding("circular"))
    y = F.conv2d(F.pad(x, (1, 1, 1, 1), "circular"), net[0].weight, net[0].bias)
    y = F.max_pool2d(F.pad(y, (1, 1, 1, 1), "circular"), 3, 2)
    y = F.avg_pool2d(F.pad(y, (1, 1, 1, 1), "circular"), 3, 1)
    torch.testing.assert_close(edited(x), y)
    half = changed(net, x, SwitchPadding("circular", "0"), SwitchPadding("circular", "2"))
    assert not torch.allclose(half(x), y)


def test_maps_smaller_than_their_padding_are_padded_as_well():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 5, padding=2), nn.Conv2d(2, 2, 5, stride=2, padding=2)).eval()
    x = images(1, 1, 2, 1)
    for mode in ("circular", "reflect", "replicate"):
        assert torch.isfinite(changed(net, x, SwitchPadding(mode))(x)).all()


def test_a_network_without_padding_is_told_so_and_can_be_given_some():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2), nn.ReLU(), nn.Conv2d(2, 3, (5, 2)), nn.MaxPool2d(2)).eval()
    x = images(1, 1, 16, 16)
    with pytest.raises(CannotChange, match=r"has no padding.*nothing to switch.*same"):
        changed(net, x, SwitchPadding("circular"))
    edited = changed(net, x, SwitchPadding("circular", same=True))
    y = F.relu(F.conv2d(F.pad(x, (2, 2, 2, 2), "circular"), net[0].weight, net[0].bias, dilation=2))
    y = F.max_pool2d(F.conv2d(F.pad(y, (0, 1, 2, 2), "circular"), net[2].weight, net[2].bias), 2)
    torch.testing.assert_close(edited(x), y)


@pytest.mark.parametrize("flatten", [nn.Flatten(), None])
def test_a_linear_layer_reads_the_middle_of_maps_that_same_padding_made_larger(flatten):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, (3, 1))
            self.pool, self.flatten, self.linear = nn.MaxPool2d(2), flatten, nn.Linear(3 * 6 * 7, 4)

        def forward(self, x):
            maps = self.pool(self.second(self.first(x)).relu())
            return self.linear(torch.flatten(maps, 1) if self.flatten is None else self.flatten(maps))

    net, x = seeded(Net), images(1, 1, 16, 16)
    edited = changed(net, x, SwitchPadding("circular", same=True))
    y = F.conv2d(F.pad(x, (1, 1, 1, 1), "circular"), net.first.weight, net.first.bias)
    y = F.conv2d(F.pad(y, (0, 0, 1, 1), "circular"), net.second.weight, net.second.bias).relu()
    y = F.max_pool2d(y, 2)[:, :, 1:7, 0:7]  # of 8×8
    torch.testing.assert_close(edited(x), net.linear(y.flatten(1)))
    before, after = prepare(net, x).graph, prepare(edited, x)
    assert after.graph.names == before.names
    flat = next(layer for layer in after.graph if layer.kind == "Flatten")
    assert (flat.summary, flat.output_shape) == ("the middle 6×7", (126,))
    # its field, against the pixels whose gradient is not zero: all weights are positive, and pooling takes means
    for each in net.parameters():
        nn.init.constant_(each, 0.1)
    net.pool = nn.AvgPool2d(2)
    ones = torch.ones(1, 1, 16, 16, requires_grad=True)
    linear = changed(net, ones.detach(), SwitchPadding("zeros", same=True))
    linear(ones).sum().backward()
    rows, columns = (ones.grad[0, 0].abs().sum(axis).nonzero().flatten() for axis in (1, 0))
    field = receptive_field(prepare(linear, ones.detach()).graph, flat.name)
    assert field.clipped_box(0, 0, 0) == (rows[0], columns[0], len(rows), len(columns))
