"""Pooling in the place of strides: against the same network written with stride 1, and pooling of torch's own."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import correlate
from torch import Tensor, nn

from cnnviz import equivariance_error
from cnnviz.checkpoints.open import open_network
from cnnviz.core.graph import INPUT
from cnnviz.core.network_changes import SwapPooling, SwitchPadding, describe
from cnnviz.core.network_edits import CannotChange, change
from cnnviz.core.pooled_convolution import dense_maps
from cnnviz.core.pooling import POOLING_KINDS, Pooling, pool
from cnnviz.core.subsampling import subsampling
from cnnviz.core.trace import prepare
from cnnviz.nets.cifar_resnet import CifarBlock, CifarResNet
from cnnviz.nets.lenet import LeNet

from .changed_networks import changed, images, seeded
from .gradient_support import assert_fields

BINOMIAL = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


def blurred(maps: Tensor) -> Tensor:
    """Zhang's Tri-3 at stride 2, by torch alone."""
    weights = BINOMIAL.repeat(maps.shape[1], 1, 1, 1)
    return F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="reflect"), weights, stride=2, groups=maps.shape[1])


class Written(nn.Module):
    """A block of a residual network at stride 1, with ``pooled`` where it would leave cells out."""

    def __init__(self, block: CifarBlock, pooled) -> None:
        super().__init__()
        self.block, self.pooled = block, pooled

    def forward(self, maps: Tensor) -> Tensor:
        block = self.block
        residual = self.pooled(F.conv2d(maps, block.conv1.weight, padding=1))
        residual = block.bn2(block.conv2(block.relu1(block.bn1(residual))))
        more = (residual.shape[1] - maps.shape[1]) // 2
        return F.relu(residual + F.pad(self.pooled(maps), (0, 0, 0, 0, more, more)))


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize(
    ("swap", "pooled"),
    [
        (SwapPooling("max"), lambda maps: F.max_pool2d(maps, 2, ceil_mode=True)),
        (SwapPooling("average"), lambda maps: F.avg_pool2d(maps, 2, ceil_mode=True)),
        (SwapPooling("blur_average", window=1), blurred),
        (SwapPooling("blur_max", window=1), blurred),
        (SwapPooling("strided"), lambda maps: maps[..., ::2, ::2]),
    ],
)
def test_a_residual_block_pools_where_it_left_cells_out(swap, pooled, size):
    block, x = seeded(CifarBlock, 4, 8), images(2, 4, size, size)
    edited = changed(block, x[:1], swap)
    torch.testing.assert_close(edited(x), Written(block, pooled)(x))
    assert edited.conv1.weight is block.conv1.weight
    assert block.conv1.stride == (2, 2)


@pytest.mark.parametrize("kind", POOLING_KINDS)
@pytest.mark.parametrize("window", [None, 1, 3])
def test_all_kinds_and_windows_keep_the_sizes_of_all_maps(kind, window):
    x = images(1, 3, 32, 32)
    net = seeded(CifarResNet, 8)
    before = prepare(net, x).graph
    after = prepare(changed(net, x, SwapPooling(kind, window=window)), x).graph
    assert {layer.name: layer.output_shape for layer in after} == {layer.name: layer.output_shape for layer in before}


def correlated(conv: nn.Conv2d, padded: np.ndarray) -> np.ndarray:
    """The convolution of one image (C, H, W) at every cell, by SciPy: kernels with zeros between, group by group."""
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    (down, across), (rows, columns) = conv.dilation, weight.shape[2:]
    spread = np.zeros((*weight.shape[:2], down * (rows - 1) + 1, across * (columns - 1) + 1))
    spread[..., ::down, ::across] = weight
    of_group, out_of_group = weight.shape[1], weight.shape[0] // conv.groups
    maps = []
    for number, kernels in enumerate(spread):
        first = number // out_of_group * of_group
        read = padded[first : first + of_group]
        sums = [correlate(each, kernel, "valid") for each, kernel in zip(read, kernels, strict=True)]
        maps.append(sum(sums) + bias[number])
    return np.stack(maps)


@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
@pytest.mark.parametrize("outside", [False, True])
def test_a_grouped_dilated_convolution_of_even_kernels_padded_to_one_side(mode, outside):
    x = images(1, 4, 13, 14).double()
    conv = seeded(lambda: nn.Conv2d(4, 6, (4, 2), stride=(2, 3), dilation=(1, 3), groups=2)).double()
    if outside:  # a layer of its own, as files of other libraries have it
        sides, changes = ((3, 0), (0, 2)), ()
        pads = {"zeros": nn.ZeroPad2d, "circular": nn.CircularPad2d}
        pads |= {"reflect": nn.ReflectionPad2d, "replicate": nn.ReplicationPad2d}
        net = nn.Sequential(pads[mode]((0, 2, 3, 0)), conv)
    else:
        sides, changes, net = ((1, 2), (1, 2)), (SwitchPadding(mode, same=True),), nn.Sequential(conv)
    numpys = {"zeros": "constant", "circular": "wrap", "reflect": "reflect", "replicate": "edge"}[mode]
    dense = correlated(conv, np.pad(x[0].numpy(), ((0, 0), *sides), numpys))
    plain = changed(net, x, *changes) if changes else net
    swapped = changed(net, x, *changes, SwapPooling("strided"))
    assert torch.equal(swapped(x)[0], plain(x)[0])
    np.testing.assert_allclose(swapped(x)[0].detach(), dense[:, ::2, ::3], atol=1e-12)
    larger = changed(net, x, *changes, SwapPooling("max"))(x)
    # a window of three columns has the cell that was kept in its middle, and one of two rows at its top; what lies
    # beyond the border does not count, unless padding is switched everywhere
    around = ((0, 0), (0, 1), (1, 1 if outside else 0))
    beyond = {"mode": "constant", "constant_values": -math.inf} if outside else {"mode": numpys}
    expected = F.max_pool2d(torch.from_numpy(np.pad(dense, around, **beyond)), (2, 3))
    torch.testing.assert_close(larger[0], expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", ["average", "strided", "blur_average"])
def test_the_fields_of_even_kernels_padded_to_one_side(kind):
    x = images(1, 1, 17, 18).abs().double()
    net = nn.Sequential(nn.Conv2d(1, 2, (4, 2), stride=(2, 3), dilation=(1, 3)))
    assert_fields(changed(net, x.float(), SwitchPadding("zeros", same=True), SwapPooling(kind)), x)


def test_a_resnet_that_keeps_every_second_cell_is_the_one_that_was_opened(shared_data):
    net = open_network(shared_data / "checkpoints" / "akamaster" / "resnet20-12fca82f.th").module
    x = images(2, 3, 32, 32)
    swapped = changed(net, x[:1], SwapPooling("strided"))
    torch.testing.assert_close(swapped(x), net(x), rtol=1e-5, atol=1e-5)
    before, after = (equivariance_error(each, x, (1, 2, 4)) for each in (net, swapped))
    assert [layer for layer in after if layer != INPUT] == [layer for layer in before if layer != INPUT]
    for layer in before:
        assert before[layer].reason == after[layer].reason
        np.testing.assert_allclose(after[layer].error, before[layer].error, atol=2e-5)
    # and what Zhang puts in its place makes the error smaller where a shift is no multiple of the stride
    blurred_net = changed(net, x[:1], SwapPooling("blur_average", window=1))
    blurred_error = equivariance_error(blurred_net, x, (1,))["layer2.0.conv1"].mean[0]
    assert blurred_error < 0.4 * before["layer2.0.conv1"].mean[0]


def test_strides_are_swapped_together_only_where_nothing_pools():
    x = images(1, 3, 32, 32)
    net = seeded(CifarResNet, 8)
    graph = prepare(net, x).graph
    strides = ("layer2.0.conv1", "layer2.0.shortcut.slice", "layer3.0.conv1", "layer3.0.shortcut.slice")
    assert tuple(layer.name for layer in graph if subsampling(layer, graph)) == strides
    assert change(net, graph, (SwapPooling("max"),)).layers == strides
    assert change(net, graph, (SwapPooling("max", "layer3.0.conv1"),)).layers == ("layer3.0.conv1",)
    both = nn.Sequential(nn.Conv2d(3, 2, 3, stride=2), nn.MaxPool2d(2))
    assert change(both, prepare(both, x).graph, (SwapPooling("average"),)).layers == ("1",)
    assert change(both, prepare(both, x).graph, (SwapPooling("average", "0"),)).layers == ("0",)


@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
def test_the_convolution_pads_as_it_did_and_its_padding_can_be_switched_too(mode):
    x = images(1, 2, 11, 11)
    conv = seeded(lambda: nn.Conv2d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2, padding_mode=mode))
    plain = nn.Sequential(conv)
    padded = F.pad(x, (2, 2, 2, 2), mode="constant" if mode == "zeros" else mode)
    dense = F.conv2d(padded, conv.weight, conv.bias, dilation=2, groups=2)
    torch.testing.assert_close(dense_maps(conv, x), dense)
    torch.testing.assert_close(dense[..., ::2, ::2], conv(x))
    torch.testing.assert_close(changed(plain, x, SwapPooling("max"))(x), F.max_pool2d(dense, 2, ceil_mode=True))
    other = changed(plain, x, SwapPooling("blur_max"), SwitchPadding("replicate"))(x)
    dense = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), conv.weight, conv.bias, dilation=2, groups=2)
    torch.testing.assert_close(other[..., 1:-1, 1:-1], pool(dense, Pooling.of("blur_max", 2, 2))[..., 1:5, 1:5])


@pytest.mark.parametrize("kind", ["average", "weighted", "blur_average", "strided"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_the_fields_are_the_support_of_the_gradients(kind, dilation):
    x = images(1, 1, 21, 21).abs().double()
    net = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=dilation, dilation=dilation), nn.Conv2d(2, 2, 3))
    assert_fields(changed(net, x.float(), SwapPooling(kind)), x)


def test_blurred_strides_move_along_exactly_where_everything_is_periodic():
    x = images(1, 3, 32, 32).double()
    net = seeded(CifarResNet, 8).double()
    edited = changed(net, x, SwapPooling("blur_average", window=1), SwitchPadding("circular"))
    values = [prepare(edited, x).run(each).values["layer3.0.relu2"] for each in (x, x.roll((4, 8), (2, 3)))]
    torch.testing.assert_close(values[1], values[0].roll((1, 2), (2, 3)))


def test_blur_lessens_the_error_between_multiples_of_the_stride():
    x = images(4, 3, 32, 32)
    net = seeded(CifarResNet, 8)
    errors = []
    for swaps in ((SwitchPadding("circular"),), (SwitchPadding("circular"), SwapPooling("blur_average", window=1))):
        traced = prepare(changed(net, x[:1], *swaps), x[:1])
        maps = [traced.run(each).values["layer2.0.conv1"] for each in (x, x.roll(1, 3))]
        fourier = torch.fft.fft(maps[0].double())
        frequencies = torch.fft.fftfreq(16).double()
        phase = torch.exp(-2j * torch.pi * frequencies * 0.5)
        phase[8] = 0  # half a cell's shift of the highest frequency is nothing
        moved = torch.fft.ifft(fourier * phase).real
        errors.append(float((maps[1] - moved).norm() / maps[0].norm()))
    assert errors[1] < 0.6 * errors[0]


def test_the_layer_says_what_it_is_and_what_it_costs():
    x = images(1, 3, 32, 32)
    net = seeded(CifarResNet, 8)
    before = prepare(net, x).graph["layer2.0.conv1"]
    after = prepare(changed(net, x, SwapPooling("blur_max", window=1)), x).graph["layer2.0.conv1"]
    assert (after.kind, after.summary, after.parameters) == ("Conv2d", "Conv 3×3, Blur 3×3 /2", before.parameters)
    assert after.macs == 4 * before.macs == 32 * 32 * 32 * 16 * 9
    assert describe((SwapPooling("blur_max", window=1), SwapPooling("blur_average", "conv", 1, 4))) == (
        "pooling: blurred · conv: blurred /4"
    )


class Steps(nn.Module):
    """Slices of which one begins at the second cell, one leaves channels out, and one cuts."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1::2, ::2].sum() + x[:, ::2, ::2, ::2].sum() + x[:, :, :4, :4].sum() + x[:, :, ::3, ::2]


# of a package whose modules are shown as one layer, and may do anything
Special = type("Conv2d", (nn.Conv2d,), {"__module__": "torch.ao.nn.special"})


def test_strides_that_nothing_can_take_the_place_of():
    x = images(1, 2, 12, 12)
    graph = prepare(Steps(), x).graph
    assert [layer.output_shape for layer in graph if subsampling(layer, graph)] == [(2, 4, 6)]
    patches = nn.Sequential(nn.Conv2d(2, 4, 6, stride=6))
    with pytest.raises(CannotChange, match="no pooling with a window, and no stride"):
        changed(patches, x, SwapPooling("max"))
    with pytest.raises(CannotChange, match="0 is a convolution with code of its own"):
        changed(nn.Sequential(Special(2, 4, 3, stride=2)), x, SwapPooling("max"))
    lenet = seeded(LeNet)
    graph = prepare(lenet, images(1, 1, 28, 28)).graph
    assert not any(subsampling(layer, graph) for layer in graph)
