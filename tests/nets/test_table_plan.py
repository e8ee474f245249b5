"""Sizes worked out by rule, against the network that torch builds of the same table."""

import re

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnnviz.core.receptive_field import receptive_fields
from cnnviz.core.trace import prepare
from cnnviz.data.facts import DATA
from cnnviz.nets.layer_table import (
    ActivationRow,
    ConvolutionRow,
    DropoutRow,
    FlattenRow,
    GlobalPoolingRow,
    LayerTable,
    LinearRow,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
)
from cnnviz.nets.table_network import TableNetwork, module_of
from cnnviz.nets.table_plan import plan_table
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.nets.table_rules import Impossible, planned_layer

small = st.integers(1, 4)
pairs = st.tuples(small, small)
margins = st.tuples(st.integers(0, 3), st.integers(0, 3))

convolutions = st.builds(
    ConvolutionRow,
    name=st.just("row"),
    channels=st.sampled_from((None, 2, 3, 4, 6)),
    kernel_size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.one_of(st.just((1, 1)), pairs),
    padding=st.one_of(margins, st.just("same")),
    dilation=st.one_of(st.just((1, 1)), pairs),
    groups=st.sampled_from((1, 1, 2, 3)),
    bias=st.booleans(),
    padding_mode=st.sampled_from(("zeros", "circular", "reflect", "replicate")),
)
normalisations = st.builds(
    NormalisationRow,
    name=st.just("row"),
    normalisation=st.sampled_from(("batch", "layer", "instance", "group")),
    groups=small,
    affine=st.booleans(),
)
activations = st.builds(
    ActivationRow, name=st.just("row"), function=st.sampled_from(("relu", "leaky_relu", "prelu", "gelu", "softplus"))
)
poolings = st.builds(
    PoolingRow,
    name=st.just("row"),
    pooling=st.sampled_from(("max", "average", "l2_sum", "l2_mean", "weighted", "blur_max", "blur_average", "strided")),
    window=pairs,
    stride=pairs,
    padding=margins,
    taps=st.integers(1, 5),
)
ceiled = poolings.filter(lambda row: row.pooling != "strided").map(
    lambda row: row.model_copy(update={"ceil_mode": True})
)
dropouts = st.builds(DropoutRow, name=st.just("row"), whole_maps=st.booleans())
residuals = st.builds(
    ResidualRow,
    name=st.just("row"),
    form=st.sampled_from(("like", "bottleneck")),
    inner=st.sampled_from((2, 3)),
    channels=st.sampled_from((2, 3, 4)),
    convolutions=st.integers(1, 4),
    kernel_size=st.sampled_from((1, 3, 5)),
    stride=st.integers(1, 2),
    normalisation=st.sampled_from(("none", "batch", "layer", "group")),
    groups=st.integers(1, 2),
    order=st.sampled_from(("conv-norm-act", "conv-act-norm", "norm-act-conv")),
    skip=st.booleans(),
)
linears = st.builds(LinearRow, name=st.just("row"), features=st.sampled_from((None, 3, 8)), bias=st.booleans())
others = st.sampled_from(
    (FlattenRow(name="row"), GlobalPoolingRow(name="row"), GlobalPoolingRow(name="row", pooling="max"))
)
single = st.one_of(convolutions, normalisations, activations, poolings, ceiled, dropouts, linears, others)
on_maps = st.one_of(convolutions, normalisations, activations, poolings, ceiled, dropouts, residuals, residuals)
on_numbers = st.one_of(normalisations, activations, dropouts, linears)


@st.composite
def tables(draw):
    rows = [*draw(st.lists(on_maps, max_size=6)), FlattenRow(name="row"), *draw(st.lists(on_numbers, max_size=2))]
    rows.append(LinearRow(name="row", features=None))
    return LayerTable(layers=tuple(row.model_copy(update={"name": f"row{i}"}) for i, row in enumerate(rows)))


def blurred_on_one_row():
    pool = PoolingRow(name="row0", pooling="blur_max", window=(2, 1), stride=(1, 1), padding=(1, 0), taps=2)
    return LayerTable(layers=(pool, FlattenRow(name="row1"), LinearRow(name="row2", features=None)))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@example(blurred_on_one_row(), (2, 1, 5))
@given(tables(), st.sampled_from(((1, 9, 9), (3, 8, 12), (2, 1, 5))))
@settings(max_examples=60, deadline=None)
def test_every_layer_of_a_random_table_is_as_torch_finds_it(table, images):
    """Names, kinds, edges, shapes, weights, multiply-adds, windows, summaries and fields, of each."""
    plan = plan_table(table, images, 5)
    if not plan.is_possible:
        with pytest.raises(ValueError, match=re.escape(plan.first_problem)):
            TableNetwork(table, images, 5)
        return
    network = TableNetwork(table, images, 5)
    graph = prepare(network, torch.zeros(1, *images)).graph
    assert plan.graph.layers == graph.layers
    assert graph.method == "torch.fx"
    assert sum(row.weights for row in plan.rows) == sum(weight.numel() for weight in network.parameters())
    told = {name: getattr(field, "size", str(field)) for name, field in receptive_fields(plan.graph).items()}
    assert told == {name: getattr(field, "size", str(field)) for name, field in receptive_fields(graph).items()}


def shapes_in_torch(row, shape):
    network = module_of(row, shape, 5).eval()
    return tuple(network(torch.rand(2, *shape))[0].shape)


@given(single, st.sampled_from(((4, 6, 6), (3, 2, 5), (2, 1, 1), (6, 9, 3), (4,), (6,))))
@settings(max_examples=200, deadline=None)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_what_is_impossible_is_what_torch_refuses(row, shape):
    """But for what torch takes otherwise than it is meant.

    Of maps, a linear layer reads the last axis; numbers in a row are taken for a map; in ceil mode a window may be
    larger than its map.
    """
    expected, refused = planned(row, shape)
    if refused is None:
        assert shapes_in_torch(row, shape) == expected
        return
    assert str(refused).endswith((".", "it."))
    if len(shape) == 3 and not isinstance(row, LinearRow) and not getattr(row, "ceil_mode", False):
        with pytest.raises((RuntimeError, ValueError)):
            shapes_in_torch(row, shape)
    if refused.instead is not None:
        assert possible(refused.instead, shape)


def planned(row, shape):
    """The output's shape, or why there is none."""
    try:
        return planned_layer(row, shape, "input", 5, "row").output_shape, None
    except Impossible as error:
        return None, error


def possible(row, shape):
    """Whether the remedies lead to a row that torch takes."""
    for _ in range(8):  # one remedy a step: there can be several things in the way
        expected, refused = planned(row, shape)
        if refused is None:
            return expected == shapes_in_torch(row, shape)
        row = refused.instead
    return False


@pytest.mark.parametrize("name", TABLE_PRESETS)
def test_every_preset_takes_the_images_it_is_for(name):
    table = TABLE_PRESETS[name].table
    images = {"worked-count": (1, 28, 28), "tiny-vgg": (3, 28, 28)}.get(name, (1, 8, 8))
    plan = plan_table(table, images, 10)
    assert plan.first_problem == ""
    assert plan.graph.layers == prepare(TableNetwork(table, images, 10), torch.zeros(1, *images)).graph.layers


@pytest.mark.parametrize("name", TABLE_PRESETS)
@pytest.mark.parametrize("data", DATA.values(), ids=lambda facts: facts.title)
def test_every_preset_can_be_trained_on_every_data_set(name, data):
    assert not plan_table(TABLE_PRESETS[name].table, data.shape, data.classes).first_problem


def test_the_worked_count_of_the_lecture():
    plan = plan_table(TABLE_PRESETS["worked-count"].table, (1, 28, 28), 10)
    shapes = [row.output for row in plan.rows if row.row.kind != "activation"]
    assert shapes == [(25, 26, 26), (25, 13, 13), (50, 11, 11), (50, 5, 5), (1250,), (100,), (10,)]
    by_name = {row.row.name: row for row in plan.rows}
    assert (by_name["conv1"].weights - 25) // 25 == 9
    assert (by_name["conv2"].weights - 50) // 50 == 225


def test_the_published_size_of_a_residual_network():
    """He et al. 2015 give ResNet-20 for CIFAR 0.27 million weights; ours has its half as many maps."""
    rows = TABLE_PRESETS["residual-20"].table.layers
    wide = [row.model_copy(update={"channels": row.channels * 2}) if hasattr(row, "channels") else row for row in rows]
    plan = plan_table(LayerTable(layers=tuple(wide)), (3, 32, 32), 10)
    # of 269,722 in the network with shortcuts that have no weights: the two projections, with their normalisation, more
    assert sum(row.weights for row in plan.rows) == 269_722 + (16 * 32 + 64) + (32 * 64 + 128)


def test_an_impossible_size_is_explained_at_its_row_and_those_below_wait():
    table = LayerTable(
        layers=(
            PoolingRow(name="pool1"),
            ConvolutionRow(name="conv1", kernel_size=(7, 7)),
            ActivationRow(name="act1"),
            FlattenRow(name="flatten"),
        )
    )
    plan = plan_table(table, (1, 10, 10), 10)
    pooled, convolution, *below = plan.rows
    assert pooled.output == (1, 5, 5)
    assert convolution.problem.startswith("A 7×7 window does not fit a 5×5 map: make the window smaller, or pad more")
    assert convolution.problem.endswith("or remove a pooling or stride above.")
    assert all(row.waits and row.output is None for row in below)
    assert plan.first_problem.startswith("conv1: A 7×7")
    assert convolution.remedy.words == "Make the window 5×5"
    mended = plan_table(convolution.remedy.of(table), (1, 10, 10), 10)
    assert mended.rows[1].output == (32, 1, 1)
    assert mended.problem == "It ends in 32 numbers, and there are 10 classes."
    assert plan_table(mended.remedy.of(convolution.remedy.of(table)), (1, 10, 10), 10).is_possible


@pytest.mark.parametrize(
    "row",
    [
        ConvolutionRow(name="first", kernel_size=(11, 11)),
        ConvolutionRow(name="first", kernel_size=(6, 6), dilation=(2, 2)),
        PoolingRow(name="first", window=(12, 12)),
    ],
    ids=["convolution", "dilated", "pooling"],
)
@pytest.mark.parametrize("above", [(), (ActivationRow(name="act"),)], ids=["first", "behind what keeps the size"])
def test_where_nothing_above_makes_the_map_smaller_nothing_above_is_blamed(above, row):
    table = LayerTable(layers=(*above, row))
    problem = plan_table(table, (1, 10, 10), 10).rows[-1].problem
    assert problem.endswith(" or pad more, or choose larger images in the line “input”.")
    larger = table.model_copy(update={"height_width": (20, 20)})
    assert plan_table(larger, (1, 10, 10), 10).rows[-1].problem == "", "the advice helps"


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((), "There is no layer yet"),
        ((ConvolutionRow(name="a"),), "It ends in maps of 32×6×6"),
        ((LinearRow(name="a"),), "a: A linear layer reads numbers in one row, and gets maps of 1×8×8"),
        ((FlattenRow(name="a"), LinearRow(name="b", features=3)), "It ends in 3 numbers, and there are 10 classes"),
        ((FlattenRow(name="a"), ActivationRow(name="b")), "It ends in 64 numbers, and there are 10 classes"),
        ((ConvolutionRow(name="a", channels=None), GlobalPoolingRow(name="b")), "It ends in maps of 10×1×1"),
    ],
)
def test_each_remedy_leads_to_a_network(layers, words):
    table = LayerTable(layers=layers)
    for _ in range(8):  # one remedy a step: there can be several things in the way
        plan = plan_table(table, (1, 8, 8), 10)
        if plan.is_possible:
            break
        assert words in plan.first_problem or table.layers != layers
        remedy = next((row.remedy for row in plan.rows if row.problem), plan.remedy)
        table = remedy.of(table)
    assert TableNetwork(table, (1, 8, 8), 10)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_a_table_that_would_fill_the_memory_is_refused():
    table = LayerTable(
        layers=(FlattenRow(name="a"), LinearRow(name="b", features=65_536), LinearRow(name="c", features=65_536))
    )
    assert "up to 200,000,000 are made" in plan_table(table, (3, 28, 28), 10).first_problem
    wide = LayerTable(layers=(ConvolutionRow(name="a", channels=65_536, padding="same"),))
    assert "is too large for memory" in plan_table(wide, (3, 224, 224), 10).first_problem


def test_a_block_whose_groups_do_not_divide_stays_a_block():
    block = ResidualRow(name="b", channels=8, normalisation="group", groups=3, form="bottleneck", inner=6)
    table = LayerTable(layers=(block, FlattenRow(name="f"), LinearRow(name="o", features=None)))
    (planned, *_) = plan_table(table, (4, 6, 6), 3).rows
    assert planned.problem == "3 groups do not divide 8 channels; take 2."
    assert planned.remedy.words == "Take 2 groups"
    mended = planned.remedy.of(table)
    assert mended.layers[0] == block.model_copy(update={"groups": 2})
    assert plan_table(mended, (4, 6, 6), 3).is_possible
