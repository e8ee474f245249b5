import json

import pytest
import torch

from cnnviz.nets.registry import ARCHITECTURES, ArchitectureError, build, default_config, input_height_width


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_built_from_json_and_takes_its_own_size(name):
    config = json.loads('{"channels": 2, "classes": 4}')
    network = build(name, config).eval()
    assert network(torch.zeros(1, 2, *input_height_width(name))).shape == (1, 4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_default_configuration_is_what_is_built_without_one(name):
    config = json.loads(json.dumps(default_config(name)))
    shapes = [(key, tensor.shape) for key, tensor in build(name, config).state_dict().items()]
    assert shapes == [(key, tensor.shape) for key, tensor in build(name, {}).state_dict().items()]
    assert config["classes"] == 10
    assert "channels" in config
    assert any(key.startswith("width") for key in config)


def test_a_list_of_widths_reaches_the_layers():
    network = build("cifar-net", json.loads('{"widths": [5, 6, 7]}'))
    assert network.conv1.out_channels == 5
    assert network.conv2.out_channels == 6
    assert network.fc.in_features == 7


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("resnet", {}, "no architecture 'resnet'; choose one of lenet, cifar-net, tiny-vgg"),
        ("lenet", {"depth": 3}, "'lenet' has no setting 'depth'; it has channels, classes, widths, hidden"),
        ("lenet", {"channels": 0}, "'channels' of architecture 'lenet' is 0; it must be a whole number"),
        ("lenet", {"channels": True}, "must be a whole number"),
        ("lenet", {"channels": 1.0}, "must be a whole number"),
        ("lenet", {"hidden": 10**9}, "must be a whole number from 1 to 65,536"),
        ("lenet", {"widths": [16]}, "must be 2 whole numbers"),
        ("lenet", {"widths": "16"}, "must be 2 whole numbers"),
        ("lenet", {"widths": [16, None]}, "must be 2 whole numbers"),
        ("cifar-net", {"widths": 16}, "must be 3 whole numbers"),
    ],
)
def test_what_cannot_be_built_is_said_in_a_sentence(name, config, message):
    with pytest.raises(ArchitectureError, match=message):
        build(name, config)
