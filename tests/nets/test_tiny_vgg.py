import torch
import torch.fx
import torch.nn.functional as F

from cnnviz.nets.tiny_vgg import TinyVGG


def test_feature_maps_have_the_sizes_that_cnn_explainer_shows():
    sizes = {}
    maps = torch.zeros(1, 3, 64, 64)
    for name, layer in TinyVGG().named_children():
        maps = layer(maps)
        sizes[name] = tuple(maps.shape[1:])
    assert sizes == {
        "conv_1_1": (10, 62, 62),
        "relu_1_1": (10, 62, 62),
        "conv_1_2": (10, 60, 60),
        "relu_1_2": (10, 60, 60),
        "max_pool_1": (10, 30, 30),
        "conv_2_1": (10, 28, 28),
        "relu_2_1": (10, 28, 28),
        "conv_2_2": (10, 26, 26),
        "relu_2_2": (10, 26, 26),
        "max_pool_2": (10, 13, 13),
        "flatten": (1690,),
        "output": (10,),
    }


def test_it_computes_four_convolutions_with_pooling_after_every_second():
    torch.manual_seed(0)
    network = TinyVGG()
    image = torch.rand(2, 3, 64, 64)
    state = network.state_dict()
    maps = image
    for layer in ("conv_1_1", "conv_1_2", "conv_2_1", "conv_2_2"):
        maps = F.conv2d(maps, state[f"{layer}.weight"], state[f"{layer}.bias"]).clamp(min=0)
        if layer.endswith("2"):
            maps = F.max_pool2d(maps, 2)
    logits = maps.flatten(1) @ state["output.weight"].T + state["output.bias"]
    torch.testing.assert_close(network(image), logits)


def test_every_layer_is_traced():
    network = TinyVGG()
    nodes = torch.fx.symbolic_trace(network).graph.nodes
    assert [node.target for node in nodes if node.op == "call_module"] == [name for name, _ in network.named_children()]
