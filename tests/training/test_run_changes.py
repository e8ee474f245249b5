"""Runs that differ in one thing, in words, and from one random start."""

import pytest
import torch

from cnnviz.nets.layer_table import (
    LAYER_TABLE,
    ActivationRow,
    ConvolutionRow,
    FlattenRow,
    LayerTable,
    LinearRow,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
)
from cnnviz.nets.registry import build
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.training.network_start import blueprint, starting_module
from cnnviz.training.run_changes import differences, network_of, one_change, table_of, table_words
from cnnviz.training.settings import checked_settings

TABLE = LayerTable(
    layers=(
        ConvolutionRow(name="conv1", channels=4, padding=(1, 1)),
        NormalisationRow(name="norm1"),
        ActivationRow(name="relu1"),
        PoolingRow(name="pool1"),
        ResidualRow(name="block2", channels=6),
        FlattenRow(name="flatten"),
        LinearRow(name="fc", features=None),
    )
)


def settings_of(table=TABLE, **fields):
    return checked_settings({"network": network_of(table), **fields})


def flat(settings):
    return settings.model_dump(mode="json")


@pytest.mark.parametrize("settings", [checked_settings({}), settings_of(dropout=0.2)], ids=["lenet", "table"])
def test_each_duplicate_differs_in_one_thing_which_its_words_name(settings):
    groups = one_change(settings)
    titles = [group.title for group in groups]
    assert {"Learning rate", "Batch size", "Optimiser", "Dropout", "Pixels"} <= set(titles)
    assert {"Normalisation", "Pooling"} <= set(titles)
    assert ("Residual connections" in titles) == (settings.network.name != "lenet")
    before = flat(settings)
    for group in groups:
        assert group.changes, group.title
        for change in group.changes:
            after = flat(change.settings)
            assert len([name for name in before if before[name] != after[name]]) == 1
            assert differences(settings, change.settings) == (change.words,)
        assert len({change.words for change in group.changes}) == len(group.changes)


def test_what_cannot_be_is_not_offered():
    settings = checked_settings({"epochs": 100_000, "seed": 2**63 - 1, "batch_size": 1, "learning_rate": 1e30})
    offered = {group.title: [change.words for change in group.changes] for group in one_change(settings)}
    assert offered["Epochs"] == ["50,000 epochs"]
    assert offered["Seed"] == []
    assert offered["Batch size"] == ["batches of 4", "batches of 2"]
    assert len(offered["Learning rate"]) == 2


def test_layers_that_do_not_fit_the_images_are_not_offered():
    network = network_of(TABLE_PRESETS["cifar-net"].table)
    offered, built = {}, {}
    for dataset, shape, classes in (("digits", (1, 8, 8), 10), ("cifar10", (3, 32, 32), 10)):
        settings = checked_settings({"dataset": dataset, "network": network})
        groups = [group for group in one_change(settings) if group.title in ("Normalisation", "Pooling")]
        offered[dataset] = {change.words for group in groups for change in group.changes}
        for change in (change for group in groups for change in group.changes):
            config = change.settings.network.config | {"channels": shape[0], "height_width": shape[1:]}
            module = build(LAYER_TABLE, {**config, "classes": classes})
            built[dataset, change.words] = module(torch.zeros(2, *shape)).shape == (2, classes)
    assert offered["cifar10"] - offered["digits"] == {
        "instance normalisation before the activation",
        "instance normalisation after the activation",
    }
    assert all(built.values())


def test_words_of_several_changes():
    one = checked_settings({"epochs": 2})
    other = one.changed({"epochs": 1, "weight_decay": 0.1, "save_every": 7, "device": "cpu", "seed": 4})
    assert differences(one, other) == ("1 epoch", "weight decay 0.1", "seed 4")
    assert differences(one, one.changed({"save_every": 9})) == ()
    assert differences(one, one.changed({"dataset": "folder:/pictures/cats"})) == ("lenet on cats",)
    assert differences(one, settings_of(dataset="shapes", permute_pixels=True))[0] == (
        "own layers on shapes, pixels permuted"
    )


def test_words_of_tables():
    rows = TABLE.layers
    wide = PoolingRow(name="pool1", window=(4, 4), stride=(4, 4))
    assert table_words(TABLE, TABLE.with_layers([*rows[:3], wide, *rows[4:]])) == "pool1: window 4×4"
    assert table_words(TABLE, TABLE.with_layers([*rows[:2], *rows[3:]])) == "without relu1"
    more = ActivationRow(name="relu3", function="tanh")
    assert table_words(TABLE, TABLE.with_layers([*rows[:5], more, *rows[5:]])) == "relu3: activation"
    assert table_words(TABLE, TABLE) == ""
    assert table_words(TABLE, LayerTable(layers=(FlattenRow(name="flatten"), LinearRow(name="only")))) == "other layers"


def start(settings):
    plan = blueprint(settings.network).sized(8, 8)
    module, _, _ = starting_module(settings.network, plan, 1, 10, settings.seed)
    return module.state_dict()


@pytest.mark.parametrize("name", ["lenet", "tiny-vgg", "lenet-5-28", "lenet-5-padded", "mnist-example"])
def test_architectures_written_as_tables_are_the_same_networks_from_the_same_start(name):
    settings = checked_settings({"network": {"name": name}})
    table = table_of(settings.network)
    own, other = start(settings), start(settings.changed({"network": network_of(table)}))
    assert own.keys() == other.keys()
    assert all(torch.equal(own[key], other[key]) for key in own)
    assert "Pooling" in [group.title for group in one_change(settings)]
    assert table.height_width == blueprint(settings.network).input_size[1:]
    assert table_of(settings.network.model_copy(update={"keep_weights": True})) is None


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ({"name": "cifar-resnet20"}, "layer2.0.shortcut"),
        ({"name": "mnist-lenet", "keep_weights": True}, "goes on from trained weights"),
        ({"name": "vgg16"}, "too large to be looked through"),
        ({"name": "/nowhere/net.safetensors"}, "cannot be looked through"),
    ],
)
def test_why_the_layers_of_a_network_cannot_be_changed_is_said(network, why):
    settings = checked_settings({"network": network, "dataset": "shapes"})
    layers, after, *_ = one_change(settings)
    assert layers.title == "Layers"
    assert why in layers.why
    assert layers.changes == ()
    assert after.title == "Learning rate"


def test_a_network_whose_start_is_its_own_is_offered_as_a_table_of_which_all_can_be_changed():
    settings = checked_settings({"network": {"name": "cifar-net"}, "dataset": "shapes"})
    layers = one_change(settings)[0]
    assert "begin in a way of its own" in layers.why
    (change,) = layers.changes
    assert differences(settings, change.settings) == (change.words,)
    assert {"Normalisation", "Residual connections", "Pooling"} <= {each.title for each in one_change(change.settings)}
    own, other = build("cifar-net", {}), build(LAYER_TABLE, {**change.settings.network.config, "channels": 3})
    assert [each.shape for each in own.parameters()] == [each.shape for each in other.parameters()]


def test_layers_of_one_name_start_alike_whatever_is_added_or_left_out():
    settings = settings_of()
    base = start(settings)
    changed = [change.settings for group in one_change(settings) for change in group.changes]
    tables = [each for each in changed if each.network != settings.network]
    assert len(tables) > 10
    shared = 0
    for other in tables:
        state = start(other)
        for name, tensor in state.items():
            weight = f"{name.rpartition('.')[0]}.weight"
            if name in base and state[weight].shape == base[weight].shape:
                shared += tensor.dim() > 1
                assert torch.equal(tensor, base[name]), f"{name} starts otherwise with {table_of(other.network)}"
    assert shared > 3 * len(tables)
    reseeded = start(settings.changed({"seed": 1}))
    assert not any(torch.equal(base[name], reseeded[name]) for name in base if name.endswith("conv1.weight"))
