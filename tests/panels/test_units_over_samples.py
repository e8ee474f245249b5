"""Units over samples: the pictures against passes of torch alone; data sets, live weights, pairs of trainings."""

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.core.mosaic import GAP
from cnnviz.core.unit_order import balanced_choice
from cnnviz.data.datasets import load_dataset
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.data.pixel_order import permute_pixels
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.live import handed_over
from cnnviz.engine.training_weights import offer, source_of, withdraw
from cnnviz.panels import PANELS, units_over_samples, units_over_samples_pair, units_over_samples_passes
from cnnviz.panels.shared.labelled_samples import data_choice, in_order_of
from cnnviz.scene.document import Document
from cnnviz.training.good_and_bad import PAIRS, Pair, Recipe
from cnnviz.training.initialization import build_seeded

ID = "units-over-samples"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    """Each test begins as the program does; nobody's data folder is looked into, and nothing rests."""
    monkeypatch.delenv("CNNVIZ_DATA_DIR", raising=False)
    monkeypatch.setattr(units_over_samples, "REST_S", 0)
    for kept in (units_over_samples._work, units_over_samples._last, units_over_samples_pair._trained):
        kept.clear()
    units_over_samples_passes._paces.clear()


@pytest.fixture
def answers(tmp_path, handed):
    """All results for a module and edits, one after the other, by the work that the engine does."""
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    versions = iter(range(1, 100))

    def compute(module, edits, size=(1, 8, 8), classes=3, source=None, **known):
        document = Document()
        document.edit("network.source", source or handed(module, size, classes, **known))
        document.edit_many({f"panels.{ID}.{name}" if "." not in name else name: each for name, each in edits.items()})
        request = Request(document.scene, next(versions), frozenset({ID}))
        deliveries = list(computation.run(request, lambda: False, lambda: False))
        assert [each.errors for each in deliveries if each.errors] == []
        return [each.results[ID] for each in deliveries if ID in each.results]

    return compute


@pytest.fixture
def digits():
    return load_dataset("digits", "test")


def as_network_sees(images, count):
    """The samples' pixels, and their classes, sorted by class as the rows are."""
    chosen = balanced_choice(images.labels, count)
    rows = chosen[np.argsort(images.labels[chosen], kind="stable")]
    return torch.from_numpy(images.images[rows]).float() / 255, images.labels[rows], rows


def test_the_picture_holds_what_the_layer_gives_for_each_sample(answers, small, digits):
    picture = answers(small, {"selection.layer": "head", "samples": 60})[-1].picture
    pixels, labels, numbers = as_network_sees(digits, 60)
    with torch.no_grad():
        expected = small(pixels).numpy()
    np.testing.assert_allclose(picture.values, expected, rtol=1e-4, atol=1e-5)
    assert picture.images.numbers[picture.samples].tolist() == numbers.tolist()
    assert [picture.class_name(row) for row in range(60)] == [str(label) for label in labels]
    np.testing.assert_allclose(picture.statistics.mean, expected.mean(0), rtol=1e-4)
    np.testing.assert_allclose(picture.statistics.correlation, np.corrcoef(expected.T), atol=1e-4)
    assert picture.signed
    reach = np.abs(expected).max()
    assert (picture.low, picture.high) == (pytest.approx(-reach), pytest.approx(reach))
    np.testing.assert_allclose(picture.indices, 126 + np.rint(126 * expected / reach), atol=1)


@pytest.mark.parametrize("maps", ["mean", "max", "every"])
def test_a_column_is_a_maps_mean_its_largest_value_or_one_unit(answers, small, digits, maps):
    result = answers(small, {"selection.layer": "relu", "samples": 20, "maps": maps})[-1]
    picture = result.picture
    pixels, *_ = as_network_sees(digits, 20)
    with torch.no_grad():
        found = small.relu(small.conv(pixels))
    if maps == "every":
        assert picture.units == 256
        assert picture.unit_name(75) == "channel 1, row 1, column 3"
        np.testing.assert_allclose(picture.values[:, 75], found[:, 1, 1, 3], rtol=1e-4, atol=1e-5)
        expected = found.flatten(1)
    else:
        expected = found.mean((2, 3)) if maps == "mean" else found.amax((2, 3))
        assert picture.unit_name(2) == "channel 2"
    np.testing.assert_allclose(picture.values, expected.numpy(), rtol=1e-4, atol=1e-5)
    # a map is silent where no cell of it is on, always on where all are: however its column is made
    silent, always = found.amax((0, 2, 3)) <= 0, found.amin((0, 2, 3)) > 0
    if maps != "every":
        assert picture.statistics.silent.tolist() == silent.tolist()
        assert picture.statistics.always_on.tolist() == always.tolist()


def test_of_very_many_units_some_are_shown_and_it_is_said(answers, digits):
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 2000), nn.ReLU())
    picture = answers(wide, {"selection.layer": "2", "samples": 20}, classes=2000)[-1].picture
    assert (picture.values.shape, picture.units) == ((20, 512), 2000)
    assert picture.channels[[0, -1]].tolist() == [0, 1999]
    with torch.no_grad():
        expected = wide(as_network_sees(digits, 20)[0])[:, torch.from_numpy(picture.channels)]
    np.testing.assert_allclose(picture.values, expected, rtol=1e-4, atol=1e-5)


def test_orders_move_units_with_all_that_is_said_of_them(answers, small):
    edits = {"selection.layer": "relu", "samples": 60, "maps": "max"}
    plain = answers(small, edits)[-1].picture
    for order in ("variance", "class", "correlation"):
        picture = answers(small, edits | {"order": order})[-1].picture
        np.testing.assert_array_equal(picture.values, plain.values[:, picture.channels])
        np.testing.assert_allclose(picture.statistics.variance, plain.statistics.variance[picture.channels])
        if order == "variance":
            assert (np.diff(picture.statistics.variance) <= 0).all()
    r, indices = picture.statistics.correlation, picture.correlation_indices
    assert (indices[np.isnan(r)] == GAP).all()
    np.testing.assert_allclose(indices[~np.isnan(r)], np.rint(126 + 126 * r[~np.isnan(r)]))


def test_few_samples_come_first_and_all_of_them_after(answers, small, monkeypatch):
    monkeypatch.setattr(units_over_samples, "LIVE_S", 0.0)
    monkeypatch.setattr(units_over_samples, "REFRESH_S", 0.0)
    results = answers(small, {"selection.layer": "head", "samples": 100})
    with_picture = [each for each in results if each.picture is not None]
    assert len(with_picture[0].picture.values) == units_over_samples.LEAST
    counts = np.bincount(with_picture[0].picture.images.labels[: units_over_samples.LEAST])
    assert counts.tolist() == [2] * 10
    assert [each.done for each in with_picture] == sorted(each.done for each in with_picture)
    assert with_picture[-1].finished
    assert not with_picture[0].finished


def test_where_a_pass_is_slow_the_picture_before_stays_and_says_that_it_is_old(answers, small, handed, monkeypatch):
    edits = {"selection.layer": "head", "samples": 40}
    before = answers(small, edits)[-1]
    monkeypatch.setattr(units_over_samples, "SLOW_S", 0.0)
    first, *_, last = answers(small, edits | {"selection.layer": "relu"})
    assert first.stale
    assert first.picture is before.picture
    assert not last.stale
    assert last.picture.layer == "relu"


def test_stopped_means_that_no_sample_is_passed(answers, small):
    (only,) = answers(small, {"selection.layer": "head", "stopped": True})
    assert only.picture is None
    assert "Stopped" in only.message


def test_a_network_that_takes_one_image_alone_is_passed_one_by_one(answers, digits):
    class OneByOne(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 5)

        def forward(self, x):
            return self.linear(x.reshape(1, 64))

    module = OneByOne()
    picture = answers(module, {"selection.layer": "linear", "samples": 20}, classes=5)[-1].picture
    with torch.no_grad():
        expected = module.linear(as_network_sees(digits, 20)[0].flatten(1))
    np.testing.assert_allclose(picture.values, expected, rtol=1e-4, atol=1e-5)


def test_weights_that_have_run_away_are_said(tmp_path, handed, small):
    nn.init.constant_(small.head.bias, float("nan"))
    document = Document()
    document.edit_many({"network.source": handed(small, (1, 8, 8), 3), "selection.layer": "head"})
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    request = Request(document.scene, 1, frozenset({ID}))
    errors = [each.errors.get(ID) for each in computation.run(request, lambda: False, lambda: False)]
    assert "run away" in next(each for each in errors if each)


def test_it_follows_the_weights_of_a_training(tmp_path, digits, monkeypatch):
    card = NetworkCard(
        architecture="lenet", config={"widths": [2, 3], "hidden": 5, "channels": 1, "classes": 10}, dataset="digits",
        labels=digits.class_names, input_size=(1, 28, 28), mean=(0.0,), std=(1.0,),
    )  # fmt: skip
    source = source_of(tmp_path)
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    document = Document()
    document.edit_many({"network.source": source, "selection.layer": "relu3", f"panels.{ID}.samples": 40})
    pixels, *_ = as_network_sees(digits, 40)
    large = nn.functional.interpolate(pixels, (28, 28), mode="bilinear", antialias=True)
    for step in (1, 2, 3):
        module = build_seeded(card.architecture, card.config, step)
        offer(source, card, step, safetensors.torch.save(module.state_dict()))
        request = Request(document.scene, document.version, frozenset({ID}))
        results = [each.results[ID] for each in computation.run(request, lambda: False, lambda: False)]
        with torch.no_grad():
            expected = nn.Sequential(*list(module.eval())[:9])(large)
        np.testing.assert_allclose(results[-1].picture.values, expected, rtol=1e-3, atol=1e-5)
        assert results[-1].choice.why == "kept back from the data it was trained on"
    withdraw(source)


# which images


def network_of(dataset, size=(1, 8, 8)):
    class Card:
        input_size = size

    class Network:
        card = Card()

    Network.card.dataset = dataset
    return Network()


def test_the_data_set_is_the_networks_own_where_it_is_at_hand(tmp_path, monkeypatch):
    scene = Document().scene
    assert data_choice("auto", network_of("digits"), scene).spec == "digits"
    far = data_choice("auto", network_of("mnist"), scene)
    assert (far.spec, "MNIST" in far.why) == ("digits", True)
    assert data_choice("auto", network_of("", (3, 32, 32)), scene).spec == "shapes"
    assert data_choice("mnist", network_of("digits"), scene).spec == "mnist"
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(b"")
    document = Document()
    settings = document.scene.panel("training").settings
    document.edit("panels.training.settings", settings.changed({"dataset": "mnist", "data_dir": str(tmp_path)}))
    near = data_choice("auto", network_of("mnist"), document.scene)
    assert (near.spec, near.folder) == ("mnist", tmp_path)
    (tmp_path / "cats").mkdir()
    run = settings.changed({"dataset": f"folder:{tmp_path}"})
    document.edit("panels.training.settings", run)
    assert data_choice("auto", network_of(f"folder:{tmp_path.name}"), document.scene).spec == f"folder:{tmp_path}"


def test_images_come_to_the_networks_channels_and_size(answers):
    colour = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    edits = {"selection.layer": "1", "samples": 20, "data": "digits"}
    picture = answers(colour, edits, size=(3, 16, 16), classes=2)[-1].picture
    pixels = as_network_sees(load_dataset("digits", "test"), 20)[0].repeat(1, 3, 1, 1)
    large = nn.functional.interpolate(pixels, (16, 16), mode="bilinear", antialias=True)
    with torch.no_grad():
        np.testing.assert_allclose(picture.values, colour(large), rtol=1e-4, atol=1e-5)


# pairs


@pytest.fixture
def short(monkeypatch):
    """The pair of a random and an even start, trained for four steps."""

    def shorter(recipe):
        return Recipe(recipe.title, recipe.settings.changed({"steps": 4}), recipe.start)

    pair = PAIRS["start"]
    made = {"start": Pair(pair.title, pair.words, shorter(pair.good), shorter(pair.bad))}
    monkeypatch.setattr(units_over_samples_pair, "PAIRS", made)


def test_a_pair_is_trained_when_asked_and_both_networks_open(answers, small, short):
    edits = {"page": "pair", "pair": "start", "samples": 60}
    (before,) = answers(small, edits)
    assert before.sides == ()
    assert "Train both" in before.message
    results = answers(small, edits | {"training": True})
    last = results[-1]
    assert last.finished
    assert [side.title for side in last.sides] == ["good", "bad"]
    good, bad = (side.picture for side in last.sides)
    assert good.values.shape == bad.values.shape == (60, 64)
    assert bad.statistics.mean_correlation == pytest.approx(1, abs=1e-3)
    assert good.statistics.mean_correlation < 0.8
    # one scale for both, from one table
    assert (good.low, good.high) == (bad.low, bad.high)
    assert good.high == pytest.approx(max(good.values.max(), bad.values.max()))
    for side, picture in zip(last.sides, (good, bad), strict=True):
        _, card = handed_over(side.source.partition(":")[2])
        assert card.input_size == (1, 8, 8)
        again = answers(None, {"samples": 60, "selection.layer": "hidden_norm_relu"}, source=side.source)[-1].picture
        np.testing.assert_allclose(again.values, picture.values, rtol=1e-3, atol=1e-4)
    own = answers(small, edits | {"training": True, "scale": "own"})[-1]
    assert own.sides[0].picture.high != own.sides[1].picture.high


def test_this_network_beside_that_of_compare_two(answers, small, handed, digits):
    torch.manual_seed(3)
    other = nn.Sequential()
    other.add_module("conv", nn.Conv2d(1, 6, 3))
    edits = {"page": "pair", "pair": "compared", "samples": 20, "maps": "max", "selection.layer": "conv"}
    (nothing,) = answers(small, edits)
    assert "Compare two" in nothing.message
    compared = {"panels.compare.other": {"source": handed(other, (1, 8, 8), 3)}}
    first, second = (side.picture for side in answers(small, edits | compared)[-1].sides)
    pixels, *_ = as_network_sees(digits, 20)
    with torch.no_grad():
        np.testing.assert_allclose(first.values, small.conv(pixels).amax((2, 3)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(second.values, other(pixels).amax((2, 3)), rtol=1e-4, atol=1e-5)
    lacks = answers(small, edits | compared | {"selection.layer": "head"})[-1]
    assert "no layer called head" in lacks.message


def test_this_network_beside_the_first_checkpoint_of_its_run(answers, tmp_path, digits):
    from cnnviz.checkpoints.open import open_network
    from cnnviz.checkpoints.save import save_network

    opened = open_network("mnist-lenet")
    torch.manual_seed(0)
    for number in (10, 2):
        with torch.no_grad():
            opened.module.fc1.bias.add_(number)
        save_network(opened.module, opened.card, tmp_path / f"step-{number}.safetensors")
    edits = {
        "page": "pair",
        "pair": "earlier",
        "samples": 20,
        "selection.layer": "fc1",
        "panels.epochs.folder": str(tmp_path),
    }
    source = f"file:{tmp_path / 'step-10.safetensors'}"
    first, second = (side.picture for side in answers(None, edits, source=source)[-1].sides)
    np.testing.assert_allclose(second.values - first.values, 2, atol=1e-3)
    (nothing,) = answers(None, edits | {"panels.epochs.folder": None}, source=source)
    assert "No run is open" in nothing.message


def test_a_network_of_permuted_pixels_gets_the_samples_permuted_as_in_its_training():
    digits = load_dataset("digits", "test").subset(np.arange(5))
    network = network_of("digits, pixels permuted")
    network.card.permuted_at = None
    assert in_order_of(network, digits.images) is digits.images
    network.card.permuted_at = (8, 8)
    np.testing.assert_array_equal(in_order_of(network, digits.images), permute_pixels(digits).images)
    assert data_choice("auto", network, Document().scene).spec == "digits"
