"""Tables of layers as values, and what is made of them for comparisons."""

import json

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from cnnviz.core.pooling import Pool2d
from cnnviz.nets.layer_table import (
    LAYER_TABLE,
    RESERVED_NAMES,
    ROW_TYPES,
    ActivationRow,
    ConvolutionRow,
    FlattenRow,
    LayerTable,
    LinearRow,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
    free_name,
    new_row,
)
from cnnviz.nets.registry import ArchitectureError, build
from cnnviz.nets.table_network import TableNetwork, module_of
from cnnviz.nets.table_plan import plan_table
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.nets.table_variants import (
    with_normalisation,
    with_pooling,
    with_residual,
    without_normalisation,
    without_residual,
)
from cnnviz.training.initialization import build_seeded

IMAGES = (3, 32, 32)


def network(table):
    return TableNetwork(table, IMAGES, 10).eval()


def seeded(table, seed=0):
    config = {**table.model_dump(mode="json"), "height_width": [32, 32], "channels": 3, "classes": 10}
    return build_seeded(LAYER_TABLE, config, seed).state_dict()


def kinds(table):
    return [type(module) for module in network(table).modules()]


def test_a_table_survives_json():
    for preset in TABLE_PRESETS.values():
        assert LayerTable.model_validate(json.loads(preset.table.model_dump_json())) == preset.table


def test_the_names_that_torch_has_for_other_things_are_kept_free():
    own = {name for name in dir(nn.Sequential()) if not name.startswith("_")}
    assert own <= RESERVED_NAMES
    for name in ("train", "forward", "input", "a.b", "1st", ""):
        with pytest.raises(ValidationError):
            FlattenRow(name=name)
    with pytest.raises(ValidationError, match="two layers are called 'a'"):
        LayerTable(layers=(FlattenRow(name="a"), FlattenRow(name="a")))


def test_a_new_row_takes_a_name_that_is_free():
    assert [free_name(kind, ()) for kind in ROW_TYPES] == [
        *("conv1", "norm1", "act1", "pool1", "drop1", "block1", "flatten", "fc1", "global_pool")
    ]
    assert free_name("convolution", {"conv1", "conv3"}) == "conv2"
    assert free_name("flatten", {"flatten"}) == "flatten1"
    assert new_row("linear", {"fc1"}, features=7) == LinearRow(name="fc2", features=7)


def test_a_row_that_is_added_leaves_the_start_of_all_others_as_it_was():
    table = TABLE_PRESETS["tiny-vgg"].table
    more = table.with_layers(
        (*table.layers[:2], ConvolutionRow(name="extra1", channels=10, padding="same"), *table.layers[2:])
    )
    before, after = seeded(table), seeded(more)
    assert after.keys() - before.keys() == {"extra1.weight", "extra1.bias"}
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not torch.equal(seeded(table, seed=1)["conv_1_1.weight"], before["conv_1_1.weight"])


def test_the_registry_builds_a_table_and_says_what_is_wrong_with_one():
    table = TABLE_PRESETS["lenet"].table.model_dump(mode="json")
    assert build(LAYER_TABLE, {**table, "height_width": [28, 28]})(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    for config, message in (
        (table, "how high and wide"),
        ({**table, "height_width": [4, 4], "classes": 0}, "'classes' of architecture 'layer-table' is 0"),
        ({**table, "height_width": [2, 2]}, "pool2: A 2×2 window does not fit a 1×1 map"),
        ({"layers": [{"kind": "magic", "name": "a"}], "height_width": [4, 4]}, "wrong at 'layers.0'"),
        ({"layers": [{"kind": "flatten", "name": "a", "more": 1}]}, "wrong at 'layers.0.flatten.more'"),
    ):
        with pytest.raises(ArchitectureError, match=message):
            build(LAYER_TABLE, config)


@pytest.mark.parametrize("order", ["conv-norm-act", "conv-act-norm", "norm-act-conv"])
@pytest.mark.parametrize("channels", [4, 6])
def test_a_residual_block_is_its_branch_and_what_it_was_given(order, channels):
    row = ResidualRow(name="block1", channels=channels, order=order, function="tanh")
    block = TableNetwork(
        LayerTable(layers=(row, FlattenRow(name="f"), LinearRow(name="o", features=None))), (4, 6, 6), 2
    )
    block = block.eval().get_submodule("block1")
    maps = torch.randn(2, 4, 6, 6)
    beside = maps if channels == 4 else block.shortcut(maps)
    expected = block.body(maps) + beside
    assert torch.equal(block(maps), torch.tanh(expected) if order == "conv-norm-act" else expected)
    assert (block.shortcut is None) == (channels == 4)
    with torch.no_grad():  # a branch that is silent leaves the shortcut
        for parameter in block.body.parameters():
            parameter.zero_()
    assert torch.equal(block(maps), torch.tanh(beside) if order == "conv-norm-act" else beside)


@pytest.mark.parametrize("convolutions", [1, 2, 4])
def test_the_branch_has_as_many_convolutions_as_the_row_says(convolutions):
    row = ResidualRow(name="block1", channels=6, convolutions=convolutions, stride=2, kernel_size=5)
    plan = plan_table(LayerTable(layers=(row,)), (4, 8, 8), 2).rows[0]
    within = 6 * 6 * 25  # weights of each convolution but the first; normalisation has two numbers for each map
    assert plan.weights == 6 * 4 * 25 + (convolutions - 1) * within + 12 * convolutions + (6 * 4 + 12)
    assert plan.output == (6, 4, 4)
    body = module_of(row, (4, 8, 8), 2).body
    assert [type(each).__name__ for each in body] == ["Conv2d", "BatchNorm2d", "ReLU"] * (convolutions - 1) + [
        "Conv2d",
        "BatchNorm2d",
    ]
    assert [each.stride for each in body if isinstance(each, nn.Conv2d)] == [(2, 2), *[(1, 1)] * (convolutions - 1)]


def test_a_bottleneck_is_narrow_within_and_has_its_stride_in_the_middle():
    row = ResidualRow(name="block1", form="bottleneck", inner=5, channels=20, stride=2)
    plan = plan_table(LayerTable(layers=(row,)), (12, 8, 8), 2).rows[0]
    normalised = 2 * (5 + 5 + 20)
    assert plan.weights == 12 * 5 + 5 * 5 * 9 + 5 * 20 + normalised + 12 * 20 + 2 * 20
    assert plan.output == (20, 4, 4)
    block = module_of(row, (12, 8, 8), 2).eval()
    convolutions = [each for each in block.body if isinstance(each, nn.Conv2d)]
    assert [each.kernel_size[0] for each in convolutions] == [1, 3, 1]
    assert [each.stride[0] for each in convolutions] == [1, 2, 1]
    assert [each.out_channels for each in convolutions] == [5, 5, 20]
    maps = torch.randn(2, 12, 8, 8)
    assert torch.equal(block(maps), torch.relu(block.body(maps) + block.shortcut(maps)))
    assert sum(parameter.numel() for parameter in block.parameters()) == plan.weights


def test_without_normalisation_no_layer_normalises_and_every_other_weight_starts_alike():
    table = TABLE_PRESETS["cifar-net"].table
    plain = without_normalisation(table)
    assert not any(issubclass(kind, nn.BatchNorm2d) for kind in kinds(plain))
    before, after = seeded(table), seeded(plain)
    shared = before.keys() & after.keys()
    assert {name for name in shared if name.endswith("weight")} >= {
        "conv1.weight",
        "block3.body.conv1.weight",
        "fc.weight",
    }
    assert all(torch.equal(before[name], after[name]) for name in shared)
    # what lost its shift has a bias instead
    assert {"conv1.bias", "conv2.bias", "conv4.bias", "block3.body.conv2.bias"} <= after.keys()
    assert without_normalisation(plain) == plain


def test_normalisation_stands_before_or_after_each_activation():
    plain = without_normalisation(TABLE_PRESETS["lenet"].table)
    before, after = (with_normalisation(plain, place=place) for place in ("before", "after"))
    assert [row.kind for row in before.layers[:4]] == ["convolution", "normalisation", "activation", "pooling"]
    assert [row.kind for row in after.layers[:4]] == ["convolution", "activation", "normalisation", "pooling"]
    assert [row.name for row in before.layers if row.kind == "normalisation"] == ["norm1", "norm2", "norm3"]
    assert before.layers[-1].kind == "linear"  # the output is not normalised
    assert with_normalisation(after, place="before") == before
    assert without_normalisation(after).layers == plain.layers
    for table in (before, after, with_normalisation(plain, "group"), with_normalisation(plain, "instance")):
        assert network(table)(torch.rand(2, *IMAGES)).shape == (2, 10)
    assert [row.kind for row in with_normalisation(plain, "instance").layers].count("normalisation") == 2
    block = with_normalisation(TABLE_PRESETS["cifar-net"].table, "group", "after").layers[8]
    assert (block.normalisation, block.order) == ("group", "conv-act-norm")


def test_the_plain_twin_has_the_same_weights_in_its_branches():
    table = TABLE_PRESETS["residual-20"].table
    plain = without_residual(table)
    assert plain == TABLE_PRESETS["plain-20"].table
    assert with_residual(plain) == table
    before, after = seeded(table), seeded(plain)
    assert before.keys() - after.keys() == {name for name in before if ".shortcut." in name}
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items())


@pytest.mark.parametrize("kind", ["average", "l2_sum", "l2_mean", "weighted", "blur_max", "blur_average"])
def test_other_pooling_keeps_all_sizes(kind):
    table = TABLE_PRESETS["lenet"].table
    swapped = with_pooling(table, kind)
    one, other = network(table), network(swapped)
    assert isinstance(other.pool1, nn.AvgPool2d if kind == "average" else Pool2d)
    assert {k: v.shape for k, v in one.state_dict().items()} == {k: v.shape for k, v in other.state_dict().items()}


def test_pooling_is_learned_or_left_out():
    table = TABLE_PRESETS["lenet"].table
    strided, none = with_pooling(table, "strided"), with_pooling(table, "none")
    assert isinstance(network(strided).pool1, nn.Conv2d)
    assert network(strided).fc1.in_features == network(table).fc1.in_features
    assert not [row for row in none.layers if isinstance(row, PoolingRow)]
    assert network(none).fc1.in_features == 32 * 32 * 32
    with pytest.raises(ValueError, match="no pooling called 'median'"):
        with_pooling(table, "median")


def test_strided_pooling_has_no_ceil_mode():
    with pytest.raises(ValidationError, match="no ceil mode"):
        PoolingRow(name="a", pooling="strided", ceil_mode=True)
    table = LayerTable(
        layers=(PoolingRow(name="a", ceil_mode=True), ActivationRow(name="b"), NormalisationRow(name="c"))
    )
    assert with_pooling(table, "strided").layers[0].ceil_mode is False
