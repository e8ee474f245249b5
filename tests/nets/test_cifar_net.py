import torch
import torch.fx
import torch.nn.functional as F

from cnnviz.nets.cifar_net import CifarNet, ResidualBlock


def test_first_layer_has_7_by_7_filters_and_the_whole_some_850_000_weights():
    network = CifarNet()
    assert network.conv1.weight.shape == (48, 3, 7, 7)
    assert 800_000 <= sum(parameter.numel() for parameter in network.parameters()) <= 900_000


def test_a_block_adds_two_normalised_convolutions_to_its_input():
    torch.manual_seed(0)
    block = ResidualBlock(4)
    maps = torch.randn(3, 4, 5, 5)
    residual = maps
    for conv in ("conv1", "conv2"):
        residual = F.conv2d(residual, block.state_dict()[f"{conv}.weight"], padding=1)
        mean = residual.mean(dim=(0, 2, 3), keepdim=True)
        variance = residual.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
        residual = (residual - mean) / (variance + 1e-5).sqrt()
        if conv == "conv1":
            residual = residual.clamp(min=0)
    torch.testing.assert_close(block.train()(maps), (maps + residual).clamp(min=0), atol=1e-5, rtol=1e-4)


def test_class_activation_maps_are_exact():
    torch.manual_seed(0)
    network = CifarNet(widths=(8, 8, 8)).eval()
    image = torch.rand(1, 3, 32, 32)
    maps = image
    for name, layer in network.named_children():
        if name == "average_pool":
            break
        maps = layer(maps)
    class_activation_maps = torch.einsum("kc,ncij->nkij", network.fc.weight, maps)
    torch.testing.assert_close(network(image), class_activation_maps.mean(dim=(2, 3)) + network.fc.bias)


def test_layers_of_blocks_are_traced_and_the_shortcut_is_an_addition():
    nodes = list(torch.fx.symbolic_trace(CifarNet()).graph.nodes)
    layers = [node.target for node in nodes if node.op == "call_module"]
    assert layers[:4] == ["conv1", "bn1", "relu1", "pool1"]
    assert "block3.conv1" in layers
    assert layers[-3:] == ["average_pool", "flatten", "fc"]
    assert sum(node.op == "call_function" for node in nodes) == 2
