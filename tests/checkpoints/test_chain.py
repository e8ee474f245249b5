"""Chains worked out from shapes: their order, the geometries that fit, the table, what labelled images say of it."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cnnviz.checkpoints.chain_geometry import fitting_geometries
from cnnviz.checkpoints.chain_guess import by_shapes, table
from cnnviz.checkpoints.chain_shapes import chain_in
from cnnviz.checkpoints.chain_trial import rank, variants
from cnnviz.checkpoints.prefixes import networks_in
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.nets.registry import build

from .hand_made import contents_of, shaped


def network_of(shapes):
    (network,) = networks_in(shaped(shapes))
    return network


def conv(name, outputs, inputs, *kernel):
    return {f"{name}.weight": (outputs, inputs, *kernel), f"{name}.bias": (outputs,)}


def norm(name, width):
    return {f"{name}.{kind}": (width,) for kind in ("weight", "bias", "running_mean", "running_var")}


def linear(name, outputs, inputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


LENET = (
    conv("0", 6, 1, 5, 5) | conv("3", 16, 6, 5, 5) | linear("7", 120, 400) | linear("9", 84, 120) | linear("11", 10, 84)
)


def names(chain):
    return [layer.name for layer in chain.layers]


def test_layers_are_joined_by_their_channels_where_names_tell_no_order():
    shapes = linear("fc", 10, 36) | conv("b", 4, 8, 3, 3) | norm("bn", 8) | conv("a", 8, 3, 3, 3) | {"p.weight": (4,)}
    chain = chain_in(network_of(shapes))
    assert names(chain) == ["a", "bn", "b", "p", "fc"]
    assert not chain.ordered
    assert [layer.kind for layer in chain.layers] == ["conv", "batch_norm", "conv", "prelu", "linear"]


def test_normalisation_of_the_same_number_belongs_to_the_layer():
    shapes = conv("conv1", 4, 1, 3, 3) | conv("conv2", 4, 4, 3, 3) | norm("bn1", 4) | norm("bn2", 4)
    assert names(chain_in(network_of(shapes))) == ["conv1", "bn1", "conv2", "bn2"]


def test_depthwise_convolutions_read_every_channel():
    chain = chain_in(network_of(conv("a", 8, 3, 3, 3) | conv("b", 16, 1, 3, 3) | conv("c", 4, 16, 1, 1)))
    assert [(layer.inputs, layer.groups) for layer in chain.layers] == [(3, 1), (8, 8), (16, 1)]


def test_room_between_numbers_says_where_pooling_is():
    best = table(by_shapes(network_of(LENET))[0])
    assert [layer.pooling for layer in best.layers] == ["max", "max", "none", "none", "none"]
    assert [layer.activation for layer in best.layers] == ["relu"] * 4 + ["none"]
    # The same shapes with no room for pooling have to be of an image that strides make smaller.
    shapes = {name.replace("3.", "2.").replace("7.", "5."): shape for name, shape in LENET.items()}
    best = table(by_shapes(network_of(shapes))[0])
    assert [layer.pooling for layer in best.layers[:2]] == ["none", "none"]


def by_brute_force(shapes, sizes, target):
    """How many choices lead to ``target`` numbers, by running torch's own layers."""
    kernels = [shape[2:] for name, shape in shapes.items() if len(shape) == 4]
    steps = [
        [
            (padding, stride, pooling)
            for padding in ((kernel[0] // 2, kernel[1] // 2), (0, 0))
            for stride in ((1, 2, 4) if index == 0 and max(kernel) >= 8 else (1, 2))
            for pooling in ((1, 1), (2, 2), (3, 2))
        ]
        for index, kernel in enumerate(kernels)
    ]
    count = 0
    for size in sizes:
        for chosen in itertools.product(*steps):
            maps = torch.empty(1, 1, size, size, device="meta")
            try:
                for kernel, (padding, stride, pooling) in zip(kernels, chosen, strict=True):
                    maps = F.conv2d(maps, torch.empty(1, 1, *kernel, device="meta"), stride=stride, padding=padding)
                    maps = F.max_pool2d(maps, pooling[0], pooling[1])
            except RuntimeError:
                continue
            count += maps.shape[2] * maps.shape[3] == target
    return count


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from([(3, 3), (5, 5), (7, 7), (3, 5), (9, 9)]), min_size=1, max_size=2), st.integers(2, 9))
def test_ways_that_fit_are_counted_as_torch_counts_them(kernels, side):
    shapes = {}
    for index, kernel in enumerate(kernels):
        shapes |= conv(f"conv{index}", 4, 1 if index == 0 else 4, *kernel)
    shapes |= linear("fc", 10, 4 * side * side)
    found = fitting_geometries(chain_in(network_of(shapes)))
    expected = by_brute_force(shapes, (28, 32, 64, 128, 256), side * side)
    if expected:
        assert found.count == expected


@pytest.mark.parametrize("index", range(12))
def test_every_listed_guess_runs(index):
    candidates = by_shapes(network_of(LENET))
    candidate = candidates[index]
    with torch.device("meta"):
        module = build(candidate.architecture, candidate.config)
        assert module(torch.empty(2, *candidate.input_size)).shape == (2, 10)
    assert sorted(candidate.names.values()) == sorted(LENET)
    assert candidate.rule == "chain"
    assert not candidate.sure
    assert [other.confidence for other in candidates] == sorted((c.confidence for c in candidates), reverse=True)
    assert sum(other.confidence for other in candidates) == pytest.approx(0.5, abs=0.001)


def test_as_many_inputs_as_channels_are_the_average_of_whole_maps():
    shapes = conv("conv1", 8, 3, 3, 3) | conv("conv2", 16, 8, 3, 3) | linear("fc", 10, 16)
    best = by_shapes(network_of(shapes))[0]
    assert table(best).layers[1].pooling == "global"
    with torch.device("meta"):
        assert build("chain", best.config)(torch.empty(1, 3, 50, 40)).shape == (1, 10)


def test_the_table_is_corrected_without_changing():
    candidate = by_shapes(network_of(LENET))[0]
    guess = table(candidate)
    changed = (
        guess.with_pooling("average")
        .with_activation("tanh")
        .with_layer("3", padding=(2, 2))
        .changed(mean=(0,), std=(1,))
    )
    assert [layer.pooling for layer in guess.layers[:2]] == ["max", "max"]
    assert [layer.pooling for layer in changed.layers] == ["average", "average", "none", "none", "none"]
    assert [layer.activation for layer in changed.layers] == ["tanh"] * 4 + ["none"]
    assert changed.layers[1].padding == (2, 2)
    applied = changed.applied_to(candidate)
    assert applied.statistics.std == (1.0,)
    assert table(applied) == changed
    assert table(candidate) == guess


@pytest.mark.parametrize("change", [{"stride": 0}, {"pooling": "median"}, {"colour": "red"}])
def test_wrong_corrections_are_refused(change):
    guess = table(by_shapes(network_of(LENET))[0])
    with pytest.raises(ValidationError):
        guess.with_layer("0", **change)
    with pytest.raises(KeyError):
        guess.with_layer("nowhere", stride=1)
    with pytest.raises(ValidationError):
        guess.changed(std=(0.0,))


def test_an_activation_may_stand_before_the_normalisation():
    shapes = conv("c", 4, 1, 3, 3) | norm("n", 4) | linear("fc", 2, 4 * 26 * 26)
    guess = table(by_shapes(network_of(shapes))[0])
    assert [layer.activation for layer in guess.layers] == ["none", "relu", "none"]
    moved = guess.with_activation_before_normalisation()
    assert [layer.activation for layer in moved.layers] == ["relu", "none", "none"]


def test_labelled_images_find_what_the_shapes_do_not_tell():
    torch.manual_seed(0)
    candidates = by_shapes(network_of(LENET))[:3]
    truth = table(candidates[1]).with_activation("tanh").with_pooling("average").changed(mean=(0.5,), std=(0.5,))
    size = truth.input_size[1]
    module = build("chain", truth.applied_to(candidates[1]).config)
    pixels = np.random.default_rng(0).integers(0, 256, (120, 1, size, size), dtype=np.uint8)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
        labels = module((torch.tensor(pixels) / 255 - 0.5) / 0.5).argmax(1).numpy()
    state = {candidates[1].names[name]: tensor for name, tensor in module.state_dict().items()}
    images = LabelledImages(pixels, labels, tuple("0123456789"))
    trials = rank(variants(candidates, (size, size)), contents_of(state).load, images)
    assert trials[0].accuracy == 1
    assert trials[0].guess == truth
    assert [trial.accuracy for trial in trials] == sorted((trial.accuracy for trial in trials), reverse=True)
    assert trials[-1].accuracy < 0.5
    assert rank(variants(candidates, (size, size)), state.__getitem__, images, cancelled=lambda: True) == ()
