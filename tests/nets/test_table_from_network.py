"""The table of networks that are there already."""

import pytest
import torch
from torch import nn

from cnnviz.checkpoints.open import open_network
from cnnviz.core.network_changes import SwapPooling
from cnnviz.core.network_edits import change
from cnnviz.core.trace import prepare
from cnnviz.nets.layer_table import FlattenRow, LayerTable, LinearRow, ResidualRow
from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import build
from cnnviz.nets.table_from_network import NoTable, table_of_network
from cnnviz.nets.table_network import TableNetwork
from cnnviz.nets.table_presets import TABLE_PRESETS


def table_of(module, images):
    return table_of_network(module.eval(), prepare(module, torch.zeros(1, *images)).graph)


def shapes(module):
    return sorted((tuple(weight.shape) for weight in module.parameters()), key=str)


@pytest.mark.parametrize("name", ["mnist-lenet", "cifar-net", "tiny-vgg"])
def test_the_shipped_networks_are_tables(name):
    opened = open_network(name)
    table, words = table_of(opened.module, opened.card.input_size)
    made = TableNetwork(table, opened.card.input_size, len(opened.card.labels))
    assert shapes(made) == shapes(opened.module)
    assert words == ""
    with torch.no_grad():  # with the same weights in the same order it gives the same
        for mine, theirs in zip(made.state_dict().values(), opened.module.state_dict().values(), strict=True):
            mine.copy_(theirs)
    image = torch.rand(1, *opened.card.input_size)
    torch.testing.assert_close(made.eval()(image), opened.module.eval()(image))


def test_names_stay_so_that_layers_start_alike():
    table, _ = table_of(open_network("mnist-lenet").module, (1, 28, 28))
    assert [row.name for row in table.layers] == [row.name for row in TABLE_PRESETS["lenet"].table.layers]


@pytest.mark.parametrize("name", TABLE_PRESETS)
def test_a_table_is_found_again_in_its_network(name):
    table = TABLE_PRESETS[name].table
    if name == "plain-20":  # whose blocks are chains
        return
    images = (3, *(table.height_width or (32, 32)))
    network = TableNetwork(table, images, 10)
    found, _ = table_of(network, images)
    assert [row.model_dump(exclude={"name"}) for row in found.layers] == [
        row.model_dump(exclude={"name"}) for row in table.layers
    ]


def test_a_pooling_that_was_swapped_is_in_the_table():
    opened = open_network("mnist-lenet")
    graph = prepare(opened.module, torch.zeros(1, 1, 28, 28)).graph
    module = change(opened.module, graph, [SwapPooling("blur_max")]).module
    table, _ = table_of(module, (1, 28, 28))
    assert [row.pooling for row in table.layers if row.kind == "pooling"] == ["blur_max", "blur_max"]


@pytest.mark.parametrize("kind", ["strided", "blur_average"])
def test_a_convolution_that_is_pooled_in_the_place_of_its_stride_is_no_row(kind):
    block = ResidualRow(name="block1", channels=4, stride=2)
    ending = (FlattenRow(name="flatten"), LinearRow(name="fc1", features=None))
    chain = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten(), nn.Linear(18, 3)).eval()
    residual = TableNetwork(LayerTable(layers=(block, *ending)), (1, 8, 8), 5).eval()
    for module in (chain, residual):
        graph = prepare(module, torch.zeros(1, 1, 8, 8)).graph
        assert table_of(module, (1, 8, 8))[0].layers
        swapped = change(module, graph, [SwapPooling(kind)])
        with pytest.raises(NoTable, match="is pooled in the place of its stride; put the stride back") as refused:
            table_of(swapped.module, (1, 8, 8))
        assert str(refused.value).split()[0] in swapped.layers


def test_functions_count_as_layers_and_softmax_is_left_to_the_loss():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3)
            self.fc = nn.Linear(4 * 9, 5)

        def forward(self, x):
            x = torch.relu(self.conv(x))
            x = nn.functional.max_pool2d(x, 2)
            return torch.log_softmax(self.fc(torch.flatten(x, 1)), 1)

    table, words = table_of(Functional(), (1, 8, 8))
    assert [row.kind for row in table.layers] == ["convolution", "activation", "pooling", "flatten", "linear"]
    assert table.layers[-1].features is None
    assert "the loss does it" in words


def test_a_shortcut_that_is_an_identity_layer_is_none():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(), nn.Conv2d(1, 1, 3, padding=1))
            self.same, self.act = nn.Identity(), nn.ReLU()

        def forward(self, x):
            return self.act(self.body(x) + self.same(x))

    table, _ = table_of(nn.Sequential(Block(), nn.Flatten(), nn.Linear(64, 3)), (1, 8, 8))
    assert [row.kind for row in table.layers] == ["residual", "flatten", "linear"]


def test_torchvisions_residual_network_is_a_table():
    settings = dict(PUBLIC_ARCHITECTURES["resnet18"].settings)
    table, _ = table_of(build("resnet18", settings), (3, 64, 64))
    blocks = [row for row in table.layers if row.kind == "residual"]
    assert [row.channels for row in blocks] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [row.stride for row in blocks] == [1, 1, 2, 1, 2, 1, 2, 1]
    made = TableNetwork(table, (3, 64, 64), settings["classes"])
    assert shapes(made) == shapes(build("resnet18", settings))


@pytest.mark.parametrize("normalisation", ["none", "batch"])
@pytest.mark.parametrize("order", ["conv-norm-act", "conv-act-norm", "norm-act-conv"])
@pytest.mark.parametrize("convolutions", [1, 3])
def test_blocks_of_any_number_of_convolutions_are_found_again(convolutions, order, normalisation):
    fields = {"order": order, "convolutions": convolutions, "normalisation": normalisation, "stride": 2}
    block = ResidualRow(name="block1", channels=4, kernel_size=5, **fields)
    ending = (FlattenRow(name="flatten"), LinearRow(name="fc1", features=None))
    network = TableNetwork(LayerTable(layers=(block, *ending)), (3, 8, 8), 5)
    found, _ = table_of(network, (3, 8, 8))
    assert found.layers[0] == block.model_copy(update={"name": found.layers[0].name})


@pytest.mark.parametrize("order", ["conv-norm-act", "conv-act-norm", "norm-act-conv"])
def test_bottlenecks_are_found_again(order):
    block = ResidualRow(name="block1", form="bottleneck", inner=3, channels=8, kernel_size=5, stride=2, order=order)
    ending = (FlattenRow(name="flatten"), LinearRow(name="fc1", features=None))
    network = TableNetwork(LayerTable(layers=(block, *ending)), (3, 8, 8), 5)
    found, _ = table_of(network, (3, 8, 8))
    assert found.layers[0] == block.model_copy(update={"name": found.layers[0].name})


def test_resnet50_is_a_table_of_the_same_function():
    network = build("resnet50", dict(PUBLIC_ARCHITECTURES["resnet50"].settings) | {"classes": 10}).eval()
    table, _ = table_of(network, (3, 64, 64))
    blocks = [row for row in table.layers if row.kind == "residual"]
    assert [row.form for row in blocks] == ["bottleneck"] * 16
    assert [row.inner for row in blocks] == [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3
    assert [row.channels for row in blocks] == [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
    assert [index for index, row in enumerate(blocks) if row.stride == 2] == [3, 7, 13]
    made = TableNetwork(table, (3, 64, 64), 10).eval()
    # torchvision's has 25,557,032 weights with 1,000 classes
    assert sum(parameter.numel() for parameter in made.parameters()) == 25_557_032 - 990 * 2049
    assert shapes(made) == shapes(network)
    own, theirs = made.state_dict(), network.state_dict()
    assert sorted(tuple(v.shape) for v in own.values()) == sorted(tuple(v.shape) for v in theirs.values())
    # both list body before shortcut and layers in order, so that the values can be taken over one by one
    with torch.no_grad():
        for (_, mine), (_, given) in zip(own.items(), theirs.items(), strict=True):
            assert mine.shape == given.shape
            mine.copy_(given)
        images = torch.randn(1, 3, 64, 64)
        torch.testing.assert_close(made(images), network(images), rtol=1e-4, atol=1e-5)


class Concatenating(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return torch.cat([self.one(x), self.other(x)], 1)


class OtherBlock(nn.Module):
    """Whose window is not a square."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, (3, 1), padding=(1, 0))

    def forward(self, x):
        return x + self.conv(x)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Concatenating(), "read by several layers"),
        (OtherBlock(), "no residual block of like convolutions"),
        (nn.Sequential(nn.ConvTranspose2d(1, 2, 3)), "none of the layers that a table has"),
        (nn.Sequential(nn.AvgPool2d(3, padding=1)), "none of the layers that a table has"),
        (nn.Sequential(nn.LocalResponseNorm(2)), "none of the layers that a table has"),
    ],
)
def test_what_is_no_table_is_named(module, words):
    with pytest.raises(NoTable, match=words):
        table_of(module, (1, 8, 8))
