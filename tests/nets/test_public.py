"""The public architectures against the figures that their sources publish."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.nets.cifar_resnet import Shrink
from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import ARCHITECTURES, ArchitectureError, build
from cnnviz.nets.unet import UNet

# torchvision's documentation, "Table of all available classification weights"; He et al. 2015, table 6; PyTorch's
# tutorials and examples print the others.
PUBLISHED = {
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496,
    "mobilenet_v2": 3_504_872,
    "cifar-resnet20": 269_722,
    "cifar-resnet32": 464_154,
    "cifar-resnet44": 658_586,
    "cifar-resnet56": 853_018,
    "cifar-resnet110": 1_727_962,
    "lenet-5": 61_706,
    "lenet-5-28": 44_426,
    "lenet-5-padded": 61_706,
    "mnist-example": 1_199_882,
}

# torchvision's documentation, GFLOPS (multiply-adds) for one image of 224×224 pixels; its figures count nothing but
# convolutions and linear layers.
PUBLISHED_GIGA_MACS = {
    "alexnet": 0.71,
    "resnet18": 1.81,
    "resnet34": 3.66,
    "resnet50": 4.09,
    "squeezenet1_0": 0.82,
    "squeezenet1_1": 0.35,
    "mobilenet_v2": 0.30,
    "resnet101": 7.80,
    "vgg11": 7.61,
    "vgg16_bn": 15.47,
}


def on_meta(name, config=None):
    with torch.device("meta"):
        return build(name, config or {}).eval()


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_has_the_published_number_of_weights(name):
    assert sum(weights.numel() for weights in on_meta(name).parameters()) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED_GIGA_MACS)
def test_each_has_the_published_number_of_multiply_adds(name):
    with FlopCounterMode(display=False) as counter:
        on_meta(name)(torch.empty(1, 3, 224, 224, device="meta"))
    assert round(counter.get_total_flops() / 2 / 1e9, 2) == PUBLISHED_GIGA_MACS[name]


@pytest.mark.parametrize("name", PUBLIC_ARCHITECTURES)
def test_each_takes_images_of_its_size_and_has_the_settings_that_it_names(name):
    architecture = PUBLIC_ARCHITECTURES[name]
    settings = {
        key: value + 1 if key in architecture.read_from else value for key, value in architecture.settings.items()
    }
    module = on_meta(name, settings)
    state = module.state_dict()
    for setting, (weight, dimension) in architecture.read_from.items():
        assert state[weight].shape[dimension] == settings[setting]
    height, width = architecture.input_height_width
    output = module(torch.empty(1, settings["channels"], height, width, device="meta"))
    assert output.shape[:2] == (1, settings.get("classes", settings.get("outputs")))


def test_names_are_those_of_the_public_files():
    assert {"features.3.squeeze.weight", "features.12.expand3x3.bias"} <= on_meta("squeezenet1_0").state_dict().keys()
    assert "features.12.squeeze.weight" in on_meta("squeezenet1_1").state_dict()
    assert {"features.1.conv.1.weight", "features.18.1.running_var"} <= on_meta("mobilenet_v2").state_dict().keys()
    assert {"layer4.2.conv3.weight", "layer2.0.downsample.1.bias"} <= on_meta("resnet50").state_dict().keys()
    assert {"features.49.weight", "features.50.running_mean"} <= on_meta("vgg19_bn").state_dict().keys()


@pytest.mark.parametrize("name", [name for name in PUBLIC_ARCHITECTURES if PUBLIC_ARCHITECTURES[name].aliases])
def test_aliases_lead_to_layers_that_are_there(name):
    layers = {key.rpartition(".")[0] for key in on_meta(name).state_dict()}
    for names in PUBLIC_ARCHITECTURES[name].aliases:
        assert set(names.values()) <= layers


def test_programs_own_networks_are_not_public_ones():
    assert not set(ARCHITECTURES) & set(PUBLIC_ARCHITECTURES)
    with pytest.raises(ArchitectureError, match="'resnet18' has no setting 'depth'; it has channels, classes"):
        build("resnet18", {"depth": 10**9})
    with pytest.raises(ArchitectureError, match="'classes' of architecture 'vgg16' is 0"):
        build("vgg16", {"classes": 0})


def test_the_shortcut_without_weights_shrinks_and_pads():
    maps = torch.arange(2 * 4 * 4.0).reshape(1, 2, 4, 4)
    shrunk = Shrink(2)(maps)
    assert shrunk.shape == (1, 4, 2, 2)
    assert torch.equal(shrunk[:, 1:3], torch.stack([maps[:, :, row, ::2] for row in (0, 2)], dim=2))
    assert not shrunk[:, [0, 3]].any()


def test_the_last_pooling_of_executorchs_network_leaves_pixels_out():
    module = build("executorch-cifar-net", {})
    image = torch.rand(1, 3, 32, 32)
    maps = image
    for layer, size in (("conv1", 2), ("conv2", 2), ("conv3", 1)):
        weight, bias = module.get_submodule(layer).parameters()
        maps = F.max_pool2d(F.conv2d(F.pad(maps, (2, 2, 2, 2)), weight, bias), size, 2)
    torch.testing.assert_close(module(image), module.get_submodule("fc")(maps.reshape(-1, 1024)))


def test_the_u_net_gives_the_output_that_its_authors_stored(shared_data):
    folder = shared_data / "checkpoints" / "bioimageio" / "unet2d_fixed_shape"
    if not folder.is_dir():
        pytest.skip("the network of the BioImage Model Zoo is not there")
    network = UNet().eval()
    network.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    image, stored = (torch.from_numpy(np.load(folder / f"test_{kind}.npy")) for kind in ("input", "output"))
    with torch.no_grad():
        torch.testing.assert_close(network(image), stored, atol=1e-5, rtol=0)
