from dataclasses import replace

import pytest
import torch

from cnnviz.checkpoints.identification import identify, identify_network
from cnnviz.checkpoints.prefixes import networks_in
from cnnviz.nets.public import IMAGENET, PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import build
from cnnviz.nets.vgg import caffe_names

from .hand_made import contents_of, shaped


def state_of(name, config=None):
    with torch.device("meta"):
        return dict(build(name, config or {}).state_dict())


@pytest.mark.parametrize("name", PUBLIC_ARCHITECTURES)
def test_every_public_architecture_is_known_by_its_names(name):
    (best, *others) = identify(contents_of(state_of(name)))
    found = [best.architecture, *(other.architecture for other in others)]
    assert name in found
    assert all(candidate.rule == "names" for candidate in (best, *others))
    if name not in ("lenet-5", "lenet-5-padded"):
        assert found == [name]
        assert best.sure
        assert best.names == {key: key for key in state_of(name)}


def test_architectures_with_the_same_names_and_shapes_are_all_listed_and_none_is_sure():
    candidates = identify(contents_of(state_of("lenet-5")))
    assert [candidate.architecture for candidate in candidates] == ["lenet-5", "lenet-5-padded"]
    assert not any(candidate.sure for candidate in candidates)
    assert "The same names and shapes are those of" in candidates[0].reasons[-1]
    (in_colour,) = identify(contents_of(state_of("lenet-5", {"channels": 3})))
    assert in_colour.sure


@pytest.mark.parametrize("prefix", ["", "module.", "state_dict.model.module.", "backbone.body."])
def test_classes_and_channels_may_differ_and_any_prefix_is_taken_off(prefix):
    state = state_of("resnet18", {"classes": 7, "channels": 4})
    (found,) = identify(contents_of({prefix + name: tensor for name, tensor in state.items()}))
    assert (found.architecture, found.config) == ("resnet18", {"channels": 4, "classes": 7})
    assert found.sure
    assert found.names["layer1.0.conv1.weight"] == f"{prefix}layer1.0.conv1.weight"
    assert found.input_size == (4, 224, 224)
    # Weights that were trained elsewhere say nothing of how images were normalised, or of their labels.
    assert found.statistics is None
    assert "7 classes" in found.reasons[-1]
    if prefix == "backbone.body.":
        assert "The prefix 'backbone.body.' was taken off every name." in found.reasons


def test_the_best_known_weights_bring_their_statistics():
    (found,) = identify(contents_of(state_of("resnet18")))
    assert found.statistics == IMAGENET
    (found,) = identify(contents_of(state_of("cifar-resnet56")))
    assert found.labels[6] == "frog"


def test_counters_of_batches_may_be_missing():
    state = {name: tensor for name, tensor in state_of("mobilenet_v2").items() if "num_batches" not in name}
    (found,) = identify(contents_of(state))
    assert (found.architecture, found.sure) == ("mobilenet_v2", True)


def test_the_names_of_the_paper_are_known():
    names = {own: paper for paper, own in caffe_names(16).items()}
    state = state_of("vgg16")
    renamed = {f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor for name, tensor in state.items()}
    assert "conv4_3.weight" in renamed
    (found,) = identify(contents_of(renamed))
    assert (found.architecture, found.sure) == ("vgg16", True)
    assert found.names["features.21.weight"] == "conv4_3.weight"


def without(state, name):
    return {key: tensor for key, tensor in state.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        lambda state: without(state, "layer3.1.bn2.bias"),
        lambda state: state | {"layer5.weight": torch.zeros(1)},
        lambda state: state | {"layer3.1.conv2.weight": torch.zeros(256, 256, 5, 5)},
        lambda state: state | {"fc.weight": torch.zeros(1000, 256)},
    ],
)
def test_one_tensor_that_differs_makes_it_another_network(change):
    contents = contents_of(change(state_of("resnet18")))
    (network,) = networks_in(contents)
    found = identify_network(contents, network)
    assert not any(candidate.sure for candidate in found.candidates)
    assert all(candidate.architecture != "resnet18" for candidate in found.candidates)


@pytest.mark.parametrize("order", ["of the network", "of the names"])
def test_the_same_shapes_under_other_names_are_never_sure(order):
    state = state_of("resnet18", {"classes": 5})
    renamed = {
        name.replace("layer", "stage").replace("conv", "c").replace("fc", "head"): key for name, key in state.items()
    }
    if order == "of the names":
        renamed = dict(sorted(renamed.items()))
    (best, *_) = identify(contents_of(renamed))
    assert (best.architecture, best.rule) == ("resnet18", "order")
    assert best.config == {"channels": 3, "classes": 5}
    assert not best.sure
    assert best.names["layer2.1.conv1.weight"] == "stage2.1.c1.weight"
    assert best.names["fc.bias"] == "head.bias"


@pytest.mark.parametrize("classes", [0, 100_000, 1 << 40])
def test_more_or_fewer_classes_than_are_ever_built_are_no_known_network(classes):
    """Such tensors take no room in a file; whatever they are, they are answered."""
    contents = contents_of(state_of("cifar-resnet20"))
    shapes = {"linear.weight": (classes, 64), "linear.bias": (classes,)}
    entries = tuple(replace(entry, shape=shapes.get(entry.name, entry.shape)) for entry in contents.entries)
    assert {candidate.rule for candidate in identify(replace(contents, entries=entries))} <= {"chain"}


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        (
            {f"lin{index}.weight": (1, width, 1, 1) for index, width in enumerate((64, 192, 384, 256, 256))},
            "its 5 layers are 1×1 convolutions that each read other maps",
        ),
        (
            {"conv.weight": (8, 3, 3, 3), "box.weight": (4, 8, 1, 1), "face.weight": (2, 8, 1, 1)},
            "'box' and 'face' both read the 8 channels that only 'conv' gives: it branches",
        ),
        ({"a.weight": (4, 8), "b.weight": (2, 4)}, "no convolution, but linear layers that read 8 numbers"),
        ({"a.weight": (4, 3, 3, 3), "b.weight": (4, 5, 3, 3)}, "'b' reads 5 channels, but 'a' before it gives 4"),
        ({"a.weight": (4, 3, 3, 3), "b.weight": (6,), "b.bias": (6,)}, r"'b' \(weight \(6,\), bias"),
        ({"a.weight": (4, 3, 3), "b.weight": (4, 3, 3, 3)}, r"'a' \(weight \(4, 3, 3\)\) is none of the layers"),
        ({"image": (1, 28, 28)}, "a single tensor of 784 numbers in all and no layer's weights"),
        ({"a.weight": (4, 3, 0, 3)}, "without a number in it"),
        ({"a.weight": (4, 1, 3, 3), "b.weight": (10, 4 * 7919)}, "no usual image size, padding and pooling leads"),
    ],
)
def test_weights_that_are_no_network_are_told_why(shapes, reason):
    contents = shaped(shapes)
    (network,) = networks_in(contents)
    found = identify_network(contents, network)
    assert found.candidates == ()
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found.reason)


def test_whole_numbers_are_no_weights():
    contents = contents_of({"a.weight": torch.zeros(4, 1, 3, 3, dtype=torch.int64)})
    (network,) = networks_in(contents)
    assert identify_network(contents, network).reason == "none of its tensors holds floating-point numbers"


def test_metadata_of_this_program_comes_first(module, card):
    contents = contents_of(dict(module.state_dict()), "safetensors", card.to_metadata())
    (found,) = identify(contents)
    assert (found.rule, found.architecture, found.confidence) == ("metadata", "lenet", 1.0)
    assert found.labels == card.labels


def test_names_that_nobody_knows_are_compared_with_every_architecture():
    with torch.device("meta"):
        state = build("vgg19", {}).state_dict()
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    renamed = {f"q{layers.index(n.rpartition('.')[0])}.{n.rpartition('.')[2]}": t for n, t in state.items()}
    found = identify(contents_of(renamed))
    assert (found[0].architecture, found[0].rule) == ("vgg19", "order")
    assert len(found) > 5
