"""Architectures whose weights people have, with what a file of such weights tells and what it does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from torch import nn

from cnnviz.nets import alexnet, vgg
from cnnviz.nets.cifar_resnet import CifarResNet
from cnnviz.nets.mobilenet import MobileNetV2
from cnnviz.nets.resnet import ResNet
from cnnviz.nets.squeezenet import SqueezeNet
from cnnviz.nets.tutorial_nets import ExecuTorchCifarNet, LeNet5, MnistExample
from cnnviz.nets.unet import UNet

CIFAR10_LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class InputStatistics:
    """What images in [0, 1] are normalised with, per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = InputStatistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class PublicArchitecture:
    """A network that is known by the names and shapes of its weights.

    Attributes
    ----------
    title : str
        Its name in words.
    make : callable
        Builds it from keyword arguments, those of ``settings``, with random weights.
    settings : mapping of str to int
        The configuration of its best-known weights.
    read_from : mapping of str to (str, int)
        Settings that the shapes tell: the weight and the dimension in which each stands.
    input_height_width : (int, int)
        Of the images that it was trained on.
    statistics : InputStatistics or None
        What its public weights were trained with, one number for all channels or one for each; None where weights of
        these names and shapes come from many places, so that nothing is known.
    labels : tuple of str
        Of its public weights.
    aliases : tuple of mappings of str to str
        Other names of its layers in public files: each mapping takes such a name to the one here.
    source : str
        Where its public weights come from.
    """

    title: str
    make: Callable[..., nn.Module]
    settings: Mapping[str, int]
    read_from: Mapping[str, tuple[str, int]]
    input_height_width: tuple[int, int]
    statistics: InputStatistics | None = None
    labels: tuple[str, ...] = ()
    aliases: tuple[Mapping[str, str], ...] = ()
    source: str = ""
    normalises_itself: bool = False
    """Whether ``statistics`` hold for all weights, since its first layer normalises each image."""


def _for_imagenet(
    title: str, make: Callable[..., nn.Module], first: str, last: str, aliases: tuple[Mapping[str, str], ...] = ()
) -> PublicArchitecture:
    return PublicArchitecture(
        title=title,
        make=make,
        settings=MappingProxyType({"channels": 3, "classes": 1000}),
        read_from=MappingProxyType({"channels": (first, 1), "classes": (last, 0)}),
        input_height_width=(224, 224),
        statistics=IMAGENET,
        aliases=aliases,
        source="torchvision",
    )


def _for_cifar(depth: int) -> PublicArchitecture:
    return PublicArchitecture(
        title=f"CIFAR ResNet-{depth}",
        make=partial(CifarResNet, depth),
        settings=MappingProxyType({"channels": 3, "classes": 10}),
        read_from=MappingProxyType({"channels": ("conv1.weight", 1), "classes": ("linear.weight", 0)}),
        input_height_width=(32, 32),
        statistics=IMAGENET,
        labels=CIFAR10_LABELS,
        aliases=(MappingProxyType({"fc": "linear"}),),
        source="akamaster/pytorch_resnet_cifar10",
    )


def _lenet5(title: str, image_size: int, padding: int) -> PublicArchitecture:
    read_from = {"classes": ("fc3.weight", 0)}
    # The padded one is MNIST's alone: no data set for which this network is used has colour images of 28×28 pixels.
    if not padding:
        read_from["channels"] = ("conv1.weight", 1)
    return PublicArchitecture(
        title=title,
        make=partial(LeNet5, image_size=image_size, padding=padding),
        settings=MappingProxyType({"channels": 1, "classes": 10}),
        read_from=MappingProxyType(read_from),
        input_height_width=(image_size, image_size),
        source="PyTorch's tutorials",
    )


def _unet(title: str, depth: int, width: int) -> PublicArchitecture:
    read_from = {
        "channels": ("encoder.blocks.0.block.1.weight", 1),
        "outputs": ("out_conv.weight", 0),
        "width": ("out_conv.weight", 1),
    }
    return PublicArchitecture(
        title=title,
        make=partial(UNet, depth=depth),
        settings=MappingProxyType({"channels": 1, "outputs": 1, "width": width}),
        read_from=MappingProxyType(read_from),
        input_height_width=(256, 256),
        statistics=InputStatistics((0.0,), (1.0,)),
        source="the BioImage Model Zoo",
        normalises_itself=True,
    )


PUBLIC_ARCHITECTURES: Mapping[str, PublicArchitecture] = MappingProxyType(
    {
        "lenet-5": _lenet5("LeNet-5 for 32×32 pixels", 32, 0),
        "lenet-5-28": _lenet5("LeNet-5 for 28×28 pixels", 28, 0),
        "lenet-5-padded": _lenet5("LeNet-5 for 28×28 pixels, padded to 32×32", 28, 2),
        "mnist-example": PublicArchitecture(
            title="the MNIST network of PyTorch's examples",
            make=MnistExample,
            settings=MappingProxyType({"channels": 1, "classes": 10}),
            read_from=MappingProxyType({"channels": ("conv1.weight", 1), "classes": ("fc2.weight", 0)}),
            input_height_width=(28, 28),
            statistics=InputStatistics((0.1307,), (0.3081,)),
            labels=tuple("0123456789"),
            source="pytorch/examples",
        ),
        "executorch-cifar-net": PublicArchitecture(
            title="ExecuTorch's CifarNet",
            make=ExecuTorchCifarNet,
            settings=MappingProxyType({"channels": 3, "classes": 10}),
            read_from=MappingProxyType({"channels": ("conv1.weight", 1), "classes": ("fc.weight", 0)}),
            input_height_width=(32, 32),
            statistics=InputStatistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            labels=CIFAR10_LABELS,
            source="pytorch/executorch",
        ),
        **{f"cifar-resnet{depth}": _for_cifar(depth) for depth in (20, 32, 44, 56, 110)},
        "alexnet": _for_imagenet(
            "AlexNet",
            alexnet.AlexNet,
            "features.0.weight",
            "classifier.6.weight",
            (MappingProxyType(alexnet.CAFFE_NAMES),),
        ),
        **{
            f"vgg{depth}": _for_imagenet(
                f"VGG-{depth}",
                partial(vgg.VGG, depth),
                "features.0.weight",
                "classifier.6.weight",
                (MappingProxyType(vgg.caffe_names(depth)),),
            )
            for depth in vgg.STAGES
        },
        **{
            f"vgg{depth}_bn": _for_imagenet(
                f"VGG-{depth} with batch normalisation",
                partial(vgg.VGG, depth, True),
                "features.0.weight",
                "classifier.6.weight",
            )
            for depth in vgg.STAGES
        },
        **{
            f"resnet{depth}": _for_imagenet(f"ResNet-{depth}", partial(ResNet, depth), "conv1.weight", "fc.weight")
            for depth in (18, 34, 50, 101, 152)
        },
        "squeezenet1_0": _for_imagenet(
            "SqueezeNet 1.0", partial(SqueezeNet, "1.0"), "features.0.weight", "classifier.1.weight"
        ),
        "squeezenet1_1": _for_imagenet(
            "SqueezeNet 1.1", partial(SqueezeNet, "1.1"), "features.0.weight", "classifier.1.weight"
        ),
        "mobilenet_v2": _for_imagenet("MobileNetV2", MobileNetV2, "features.0.0.weight", "classifier.1.weight"),
        "unet": _unet("U-Net", depth=3, width=16),
        "unet-4": _unet("U-Net that halves its maps four times", depth=4, width=32),
    }
)
