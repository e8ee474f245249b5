"""A table of layers is trained, saved and opened as any other architecture is."""

import json

import numpy as np
import pytest
import torch

from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.save import save_network
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.nets.layer_table import LAYER_TABLE, ConvolutionRow, LayerTable
from cnnviz.nets.registry import ArchitectureError
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.training import start
from cnnviz.training.network_start import blueprint
from cnnviz.training.run import Run
from cnnviz.training.settings import NetworkStart, SettingsError, checked_settings
from cnnviz.training.start import prepare


def settings(table, **changes):
    network = {"name": LAYER_TABLE, "config": table.model_dump(mode="json")}
    return checked_settings({"network": network, "dataset": "digits", "device": "cpu", "threads": 1, **changes})


@pytest.fixture
def colours(monkeypatch):
    """A data set of three channels and five classes stands for "shapes", which takes seconds to be made."""
    images = LabelledImages(np.zeros((10, 3, 32, 32), np.uint8), np.arange(10) % 5, tuple("abcde"))
    load = start.load_dataset
    monkeypatch.setattr(start, "load_dataset", lambda spec, *args: images if spec == "shapes" else load(spec, *args))


@pytest.mark.usefixtures("colours")
def test_channels_classes_and_size_are_those_of_the_data():
    table = TABLE_PRESETS["lenet"].table
    digits, shapes = prepare(settings(table)), prepare(settings(table, dataset="shapes"))
    assert digits.data.card.input_size == (1, 8, 8)
    assert shapes.data.card.input_size == (3, 32, 32)
    assert digits.module(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    assert shapes.module(torch.zeros(1, 3, 32, 32)).shape == (1, 5)
    larger = LayerTable(layers=table.layers, height_width=(16, 12))
    assert prepare(settings(larger)).data.card.input_size == (1, 16, 12)


def test_images_of_a_folder_are_brought_to_a_size():
    plan = blueprint(NetworkStart(name=LAYER_TABLE, config=TABLE_PRESETS["lenet"].table.model_dump(mode="json")))
    assert plan.input_size == (1, 64, 64)
    assert plan.follows_size
    assert plan.follows_data
    sized = plan.sized(9, 7)
    assert sized.input_size == (1, 9, 7)
    assert sized.config["height_width"] == [9, 7]


@pytest.mark.usefixtures("colours")
@pytest.mark.parametrize("name", ["lenet", "residual-20"])
def test_what_is_saved_opens_with_the_table_in_its_card(name, tmp_path):
    prepared = prepare(settings(TABLE_PRESETS[name].table))
    path = tmp_path / "mine.safetensors"
    save_network(prepared.module, prepared.data.card, path)
    opened = open_network(path)
    image = torch.rand(2, *opened.card.input_size)
    assert torch.equal(opened.module.eval()(image), prepared.module.eval()(image))
    config = dict(opened.card.config)
    assert (config.pop("channels"), config.pop("classes")) == (1, 10)
    assert LayerTable.model_validate(config).layers == TABLE_PRESETS[name].table.layers
    # from the file, training goes on, and another data set gets its own channels and classes
    again = prepare(checked_settings({"network": {"name": str(path)}, "dataset": "shapes"}))
    assert again.data.card.input_size == (3, 8, 8)


def test_a_run_is_trained_and_gone_on_with(tmp_path):
    table = TABLE_PRESETS["lenet"].table
    few = settings(table, steps=4, batch_size=50, save_every=2)
    run = Run.start(few, tmp_path / "run", lambda event: None)
    run.advance()
    run.close()
    resumed = Run.resume(tmp_path / "run", lambda event: None)
    while not resumed.trainer.over:
        resumed.advance()
    resumed.close()
    whole = Run.start(few, tmp_path / "whole", lambda event: None)
    while not whole.trainer.over:
        whole.advance()
    whole.close()
    one, other = resumed.trainer.weights(), whole.trainer.weights()
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_what_cannot_be_trained_is_said_before_it_begins():
    wide = LayerTable(layers=(ConvolutionRow(name="conv1", kernel_size=(9, 9)),))
    with pytest.raises(ArchitectureError, match="conv1: A 9×9 window does not fit a 8×8 map"):
        prepare(settings(wide))
    with pytest.raises(ArchitectureError, match=r"wrong at 'layers\.0"):
        blueprint(NetworkStart(name=LAYER_TABLE, config={"layers": [{"name": "a"}]}))
    with pytest.raises((ArchitectureError, SettingsError), match="number of channels"):
        blueprint(NetworkStart(name=LAYER_TABLE, config=json.loads('{"layers": [], "channels": "many"}')))
