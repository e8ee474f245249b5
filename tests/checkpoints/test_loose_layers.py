"""Files that are no whole network: what of them is shown, and that nothing but the first layer is run."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.open import open_network
from cnnviz.core.trace import prepare


@pytest.fixture
def branching(tmp_path):
    """Two heads on one convolution, with a name that every module uses itself: shapes do not tell how they join."""
    torch.manual_seed(0)
    path = tmp_path / "heads.pt"
    torch.save(
        {
            "body.conv.weight": torch.randn(4, 3, 5, 3),
            "body.conv.bias": torch.randn(4),
            "type.weight": torch.randn(2, 4, 1, 1),
            "boxes.weight": torch.randn(6, 4, 1, 1),
            "scale": torch.ones(1),
        },
        path,
    )
    return path


def test_its_layers_are_there_and_say_why_they_are_no_network(branching):
    opened = open_network(branching, loose=True)
    assert opened.module.names == ("body.conv", "type_", "boxes")
    assert "heads.pt is not a whole network because" in opened.lacks
    assert str(branching.parent) not in opened.lacks
    with pytest.raises(CheckpointError, match="not a whole network"):
        open_network(branching)


def test_images_go_through_the_first_layer_alone(branching):
    opened = open_network(branching, loose=True)
    stored = torch.load(branching)
    images = torch.rand(1, *opened.card.input_size)
    expected = F.conv2d(images, stored["body.conv.weight"], stored["body.conv.bias"], padding=(2, 1))
    torch.testing.assert_close(opened.module(images), expected)
    graph = prepare(opened.module, images).graph
    assert [(layer.kind, layer.output_shape) for layer in graph][1:] == [("Conv2d", expected.shape[1:])]


def test_layers_that_read_maps_of_another_network_are_not_run(shared_data):
    opened = open_network(shared_data / "checkpoints" / "lpips" / "v0.0-alex.pth", loose=True)
    assert len(opened.module.names) == 5
    assert opened.module.first is None
    images = torch.rand(1, *opened.card.input_size)
    assert opened.module(images) is images


def test_a_pickled_class_is_named_and_its_twenty_convolutions_are_there(shared_data):
    opened = open_network(shared_data / "checkpoints" / "vdsr" / "model_epoch_50.pth", loose=True)
    convolutions = [opened.module.get_submodule(name) for name in opened.module.names]
    assert len(convolutions) == 20
    assert all(isinstance(layer, nn.Conv2d) for layer in convolutions)
    assert sum(weight.numel() for weight in opened.module.parameters()) == 664_704
    assert "vdsr.Net" in opened.lacks
    assert opened.module.first == "input"
    assert opened.card.input_size[0] == 1


def test_a_file_without_layers_stays_refused_in_words(tmp_path):
    path = tmp_path / "vector.pt"
    torch.save({"mean": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match="not a whole network"):
        open_network(path, loose=True)


def test_small_types_are_computed_with_and_others_left_out(tmp_path):
    path = tmp_path / "small.pt"
    kernels = torch.randn(2, 1, 3, 3)
    torch.save({"a.weight": kernels.to(torch.float8_e4m3fn), "b.weight": torch.ones(2, 2, dtype=torch.int32)}, path)
    opened = open_network(path, loose=True)
    assert opened.module.names == ("a",)
    weight = opened.module.get_submodule("a").weight
    torch.testing.assert_close(weight, kernels.to(torch.float8_e4m3fn).float(), msg="the values are the file's")
