"""Networks with changes: against the same networks written with the change, and their own weights untouched."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.checkpoints.onnx.module import NodeNetwork, Step
from cnnviz.core.network_changes import SwapPooling, SwitchPadding, describe, with_change, without_change
from cnnviz.core.network_edits import CannotChange, apply, change
from cnnviz.core.pooling import POOLING_KINDS, Pooling, pool
from cnnviz.core.receptive_field import receptive_field
from cnnviz.core.trace import prepare
from cnnviz.nets.cifar_net import CifarNet
from cnnviz.nets.lenet import LeNet
from cnnviz.nets.unet import UNet

from .changed_networks import changed, images, seeded
from .networks import FunctionalNet

EXACT = {"rtol": 0, "atol": 0}


class TwoCalls(nn.Module):
    """One pooling module that is called twice, as in PyTorch's tutorials, and one kept in a plain list, too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3, padding=1)
        self.conv2 = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.order = [self.conv1, self.pool, self.conv2, self.pool]

    def forward(self, x: Tensor) -> Tensor:
        for module in self.order:
            x = module(x)
        return x


class Functions(nn.Module):
    """Padding, convolution and pooling by functions, in a block."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(2, 1, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            x = F.conv2d(x, self.weight, padding=1)
            x = F.avg_pool2d(F.pad(x, (1, 0, 0, 1), mode="constant"), 3, stride=2, padding=1)
            return F.max_pool2d(x, kernel_size=2, stride=1, padding=1)

    def __init__(self) -> None:
        super().__init__()
        self.block = self.Block()

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(self.block(x), 1).flatten(1)


@pytest.mark.parametrize("kind", POOLING_KINDS)
def test_every_pooling_of_a_network_is_swapped_and_the_network_left_as_it_was(kind):
    net, x = seeded(LeNet), images(2, 1, 28, 28)
    before = net(x)
    edited = changed(net, x[:1], SwapPooling(kind))
    y = pool(net.relu1(net.conv1(x)), Pooling.of(kind, 2))
    y = pool(net.relu2(net.conv2(y)), Pooling.of(kind, 2))
    expected = net.fc2(net.relu3(net.fc1(net.flatten(y))))
    torch.testing.assert_close(edited(x), expected)
    assert torch.equal(edited(x), before) == (kind == "max")
    torch.testing.assert_close(net(x), before, **EXACT)
    assert type(net.pool1) is nn.MaxPool2d


def test_weights_are_shared_and_hooks_are_not():
    net, x = seeded(LeNet), images(1, 1, 28, 28)
    edited = changed(net, x, SwapPooling("average"), SwitchPadding("circular"))
    own = {name: tensor.data_ptr() for name, tensor in net.state_dict().items()}
    assert {name: tensor.data_ptr() for name, tensor in edited.state_dict().items()} == own
    net.conv1.weight = nn.Parameter(torch.zeros_like(net.conv1.weight))
    assert edited.conv1.weight is net.conv1.weight
    edited.conv1.register_forward_hook(lambda *_: 1 / 0)
    net(x)
    edited.train()
    assert not net.training


def test_one_layer_is_changed_alone():
    net, x = seeded(LeNet), images(2, 1, 28, 28)
    edited = changed(net, x[:1], SwapPooling("average", "pool2"))
    y = F.avg_pool2d(net.relu2(net.conv2(net.pool1(net.relu1(net.conv1(x))))), 2)
    torch.testing.assert_close(edited(x), net.fc2(net.relu3(net.fc1(net.flatten(y)))))


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", POOLING_KINDS)
def test_another_window_keeps_the_sizes_of_all_maps(kind, window):
    net, x = seeded(LeNet), images(1, 1, 28, 28)
    traced = prepare(net, x)
    edited = prepare(apply(net, traced.graph, (SwapPooling(kind, window=window),)), x)
    assert [layer.output_shape for layer in edited.graph] == [layer.output_shape for layer in traced.graph]
    if kind == "max" and window == 4:
        maps = traced.run(x).values["relu1"]
        torch.testing.assert_close(edited.run(x).values["pool1"], F.max_pool2d(maps, 4, 2, 1), **EXACT)


def test_another_stride_makes_other_sizes_where_the_network_takes_them():
    net, x = seeded(CifarNet), images(1, 3, 32, 32)
    graph = prepare(net, x).graph
    shapes = {s: prepare(apply(net, graph, (SwapPooling("max", "pool4", stride=s),)), x).graph for s in (1, 2, 3)}
    assert [graph["pool4"].output_shape[1] for graph in shapes.values()] == [7, 4, 3]


def test_functions_are_replaced_where_torch_fx_sees_them():
    net, x = seeded(Functions), images(2, 1, 9, 9)
    weight = net.block.weight
    graph = prepare(net, x[:1]).graph
    edited = apply(net, graph, (SwapPooling("l2_mean"), SwitchPadding("circular")))
    y = F.pad(F.conv2d(F.pad(x, (1, 1, 1, 1), "circular"), weight), (1, 0, 0, 1), "circular")
    y = pool(y, Pooling.of("l2_mean", 3, 2, 1, padding_mode="circular"))
    y = pool(y, Pooling.of("l2_mean", 2, 1, 1, padding_mode="circular")).mean((2, 3))
    torch.testing.assert_close(edited(x), y)
    again = prepare(edited, x[:1]).graph
    assert again.names == graph.names
    assert again.parameters == graph.parameters
    assert again.macs == graph.macs
    assert [layer.block for layer in again] == [layer.block for layer in graph]
    modes = {layer.name: layer.geometry.padding_mode for layer in again if layer.geometry}
    assert set(modes.values()) == {"circular"}
    assert again["block.max_pool2d"].kind == "LPPool2d"
    maximum = apply(net, graph, (SwapPooling("max", "adaptive_avg_pool2d"),))
    torch.testing.assert_close(maximum(x), net.block(x).amax((2, 3)))


def test_the_functional_network_of_the_tutorial_has_its_pooling_swapped():
    net, x = seeded(FunctionalNet), images(2, 1, 14, 14)
    edited = changed(net, x[:1], SwapPooling("average"))
    y = F.avg_pool2d(F.relu(net.conv2(F.relu(net.conv1(x)))), 2)
    torch.testing.assert_close(edited(x), F.log_softmax(net.fc(y.flatten(1)), 1))


def test_one_of_several_calls_of_a_module_is_changed_alone():
    net, x = seeded(TwoCalls), images(2, 1, 8, 8)
    graph = prepare(net, x[:1]).graph
    second = apply(net, graph, (SwapPooling("average", "pool:2"),))
    torch.testing.assert_close(second(x), F.avg_pool2d(net.conv2(net.pool(net.conv1(x))), 2))
    again = prepare(second, x[:1]).graph
    assert again.names == graph.names
    assert [again[name].kind for name in ("pool", "pool:2")] == ["MaxPool2d", "AvgPool2d"]
    both = apply(net, graph, (SwapPooling("average"),))
    torch.testing.assert_close(both(x), F.avg_pool2d(net.conv2(F.avg_pool2d(net.conv1(x), 2)), 2))
    assert torch.equal(net(x), F.max_pool2d(net.conv2(F.max_pool2d(net.conv1(x), 2)), 2))


def test_layers_keep_their_names_and_say_what_they_are_now():
    net, x = seeded(UNet), images(1, 1, 16, 16)
    graph = prepare(net, x).graph
    swap = SwapPooling("blur_max", window=3, taps=5)
    again = prepare(apply(net, graph, (swap, SwitchPadding("reflect"))), x).graph
    assert again.names == graph.names
    assert [layer.inputs for layer in again] == [layer.inputs for layer in graph]
    assert (again["encoder.poolers.0"].kind, again["encoder.poolers.0"].summary) == ("BlurPool2d", "Blur max 3×3 /2")
    conv = next(layer for layer in again if layer.kind == "Conv2d" and layer.geometry.kernel_size == (3, 3))
    assert conv.geometry.padding_mode == "reflect"
    assert again.parameters == graph.parameters
    assert again.macs == graph.macs


def test_a_maximum_padded_with_minus_infinity_by_a_layer_of_its_own_becomes_an_average_of_what_is_there():
    net = nn.Sequential(nn.ConstantPad2d((0, 1, 0, 1), -math.inf), nn.MaxPool2d(2)).eval()
    x = images(1, 1, 5, 5)
    graph = prepare(net, x).graph
    edited = apply(net, graph, (SwapPooling("average"),))
    torch.testing.assert_close(edited(x), F.avg_pool2d(x, 2, ceil_mode=True))
    periodic = apply(net, graph, (SwitchPadding("circular"),))
    torch.testing.assert_close(periodic(x), F.max_pool2d(F.pad(x, (0, 1, 0, 1), "circular"), 2))


@pytest.mark.parametrize("kind", ["average", "l2_mean", "weighted", "blur_average", "strided"])
def test_the_fields_of_changed_layers_are_the_support_of_their_gradients(kind):
    layers = (nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1), nn.MaxPool2d(3, 2, 1))
    net = seeded(nn.Sequential, *layers).double()
    for parameter in net.parameters():  # so that nothing cancels out
        nn.init.uniform_(parameter, 0.5, 1.5)
    x = images(1, 1, 32, 32).abs().double()
    edited = changed(net, x, SwapPooling(kind))
    field = receptive_field(prepare(edited, x).graph, "3")
    x.requires_grad_()
    maps = edited(x)
    for unit in ((0, 0), (3, 4), (7, 7)):
        (gradient,) = torch.autograd.grad(maps[0, :, *unit].sum(), x, retain_graph=True)
        rows, columns = (gradient[0, 0].abs().amax(axis).nonzero().flatten().tolist() for axis in (1, 0))
        support = (rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
        assert field.clipped_box(*unit) == support


class Unpooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool, self.other, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxPool2d(2), nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        pooled, places = self.pool(x)
        return self.other(self.unpool(pooled, places))


def test_what_cannot_be_changed_is_named_with_the_reason():
    x = images(1, 1, 28, 28)
    net = seeded(LeNet)
    for wrong, words in (
        (SwapPooling("max", "pool9"), "no layer called pool9"),
        (SwapPooling("max", "conv1"), r"conv1 \(Conv 5×5\) is no pooling"),
        (SwitchPadding("circular", "fc1"), "fc1 has no padding"),
    ):
        with pytest.raises(CannotChange, match=words):
            changed(net, x, wrong)
    plain = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())
    with pytest.raises(CannotChange, match="no pooling with a window"):
        changed(plain, x, SwapPooling("max"))
    whole = nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1))
    with pytest.raises(CannotChange, match="1 can be swapped by its name"):
        changed(whole, x, SwapPooling("max"))
    cifar, colour = seeded(CifarNet), images(1, 3, 32, 32)
    with pytest.raises(CannotChange, match="maximum or average"):
        changed(cifar, colour, SwapPooling("blur_max", "average_pool"))
    torch.testing.assert_close(
        prepare(changed(cifar, colour, SwapPooling("max", "average_pool")), colour).run(colour).values["average_pool"],
        prepare(cifar, colour).run(colour).values["block5.relu2"].amax((2, 3), keepdim=True),
    )
    unpooled = Unpooled()
    found = change(unpooled, prepare(unpooled, x).graph, (SwapPooling("average"),))
    assert found.layers == ("other",)
    assert "unpooling" in found.left[0]


class ByShape(nn.Module):
    """Followed by torch.export, not by torch.fx; one pooling is a module, one a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.conv(x))
        return F.max_pool2d(x, 2) if x.shape[2] > 4 else x


class ByValue(nn.Module):
    """Followed by hooks alone; its pooling is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.last = nn.MaxPool2d(2), nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.pool(self.pool(x))) if float(x.detach().sum()) < 1e9 else x


def test_networks_that_torch_fx_cannot_trace_have_their_modules_swapped():
    x = images(1, 1, 16, 16)
    net = seeded(ByShape)
    graph = prepare(net, x).graph
    assert graph.method == "torch.export"
    edited = apply(net, graph, (SwapPooling("blur_max", "pool"), SwitchPadding("circular")))
    again = prepare(edited, x).graph
    assert again.names == graph.names
    assert again["pool"].kind == "BlurPool2d"
    whole = prepare(nn.Sequential(net, nn.AdaptiveMaxPool2d(1)).eval(), x)
    assert whole.graph.method == "torch.export"
    torch.testing.assert_close(whole.run(x).values["1"], net(x).amax((2, 3), keepdim=True))
    y = F.conv2d(F.pad(x, (1, 1, 1, 1), "circular"), net.conv.weight, net.conv.bias)
    y = pool(y, Pooling.of("blur_max", 2, blur_padding="circular"))
    torch.testing.assert_close(edited(x), F.max_pool2d(y, 2))
    with pytest.raises(CannotChange, match=r"max_pool2d is a call of a function.*torch.fx.*torch.export"):
        apply(net, graph, (SwapPooling("average"),))

    net = seeded(ByValue)
    graph = prepare(net, x).graph
    assert graph.method == "hooks"
    torch.testing.assert_close(apply(net, graph, (SwapPooling("average"),))(x), F.avg_pool2d(x, 8))
    with pytest.raises(CannotChange, match="several calls of the module pool"):
        apply(net, graph, (SwapPooling("average", "pool:2"),))


def test_networks_read_from_graph_files_are_changed_like_others():
    torch.manual_seed(0)
    modules = [("stem.conv", nn.Conv2d(1, 2, 3, padding=1)), ("stem.pool", nn.MaxPool2d(2)), ("last", nn.AvgPool2d(2))]
    steps = [Step("stem.conv", ("in",), ("a",)), Step("stem.pool", ("a",), ("b",)), Step("last", ("b",), ("c",))]
    net, x = NodeNetwork(modules, steps, "in", ["c"]).eval(), images(2, 1, 8, 8)
    edited = changed(net, x[:1], SwapPooling("average", "stem.pool"), SwitchPadding("reflect"))
    y = F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), net.stem.conv.weight, net.stem.conv.bias)
    torch.testing.assert_close(edited(x), F.avg_pool2d(y, 4))


def test_changes_of_one_kind_replace_each_other_and_say_what_they_are():
    one, other = SwapPooling("average", "pool1"), SwapPooling("max", window=3)
    changes = with_change(with_change((), one), SwitchPadding("circular", same=True))
    assert describe(changes) == "pool1: average · padding: periodic, same size"
    assert with_change(changes, SwapPooling("l2_sum", "pool1"))[-1].kind == "l2_sum"
    assert with_change(changes, other) == (SwitchPadding("circular", same=True), other)
    assert without_change(changes, SwitchPadding) == (one,)
    assert without_change(changes, SwapPooling, "pool2") == changes
    for wrong in ({"window": 0}, {"stride": 99}, {"sigma": math.nan}, {"taps": 12}):
        with pytest.raises(ValueError, match=r"\w"):
            SwapPooling("max", **wrong)
