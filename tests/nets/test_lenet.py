import pytest
import torch
import torch.fx
import torch.nn.functional as F

from cnnviz.nets.lenet import LeNet


def weights(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_lenet_has_the_weights_that_its_shapes_add_up_to():
    network = LeNet()
    assert weights(network) == 114_314
    assert weights(network.conv1) == 416
    assert weights(network.conv2) == 12_832
    assert weights(network.fc1) + weights(network.fc2) == 101_066


def test_lenet_computes_what_its_description_says():
    torch.manual_seed(0)
    network = LeNet()
    image = torch.rand(2, 1, 28, 28)
    state = network.state_dict()
    maps = F.max_pool2d(F.conv2d(image, state["conv1.weight"], state["conv1.bias"], padding=2).clamp(min=0), 2)
    maps = F.max_pool2d(F.conv2d(maps, state["conv2.weight"], state["conv2.bias"], padding=2).clamp(min=0), 2)
    hidden = (maps.reshape(2, -1) @ state["fc1.weight"].T + state["fc1.bias"]).clamp(min=0)
    logits = hidden @ state["fc2.weight"].T + state["fc2.bias"]
    torch.testing.assert_close(network(image), logits)


def test_layers_are_traced_in_the_order_of_their_names():
    nodes = torch.fx.symbolic_trace(LeNet()).graph.nodes
    layers = [node.target for node in nodes if node.op == "call_module"]
    assert layers == ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "fc1", "relu3", "fc2"]


@pytest.mark.parametrize(("channels", "classes", "hidden"), [(3, 7, 5), (1, 2, 64)])
def test_lenet_takes_other_channels_classes_and_widths(channels, classes, hidden):
    network = LeNet(channels=channels, classes=classes, widths=(4, 6), hidden=hidden)
    assert network(torch.zeros(1, channels, 28, 28)).shape == (1, classes)
    assert network.fc1.weight.shape == (hidden, 6 * 49)
