"""The slice through a network's own loss: against weights set by hand, coarse first, cancelled, along a run's path."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PyQt6.QtWidgets import QLabel, QPushButton
from torch import nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.checkpoints.save import save_network
from cnnviz.core.loss_slice import random_plane
from cnnviz.data.digits import load_digits
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.nets.registry import build
from cnnviz.panels import PANELS, landscape_slice, landscape_slice_walks, landscape_slice_work
from cnnviz.scene.document import Document
from cnnviz.ui.surface_plot import SurfacePlot

PATH = "panels.landscape"
SLICE = {
    f"{PATH}.surface": "network",
    f"{PATH}.data": "digits",
    f"{PATH}.images": 32,
    f"{PATH}.detail": 11,
    f"{PATH}.steps": 10,
    f"{PATH}.optimizers": ("sgd", "adam"),
    f"{PATH}.asked": 1,
    f"{PATH}.running": True,
}


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10)
    )
    with torch.no_grad():
        made.train()(torch.rand(64, 1, 8, 8))
    return made.eval()


@pytest.fixture
def computing(tmp_path, handed, monkeypatch):
    """A document with the slice asked for, and what asking the engine for it gives, until ``stop`` says so."""
    monkeypatch.setattr(landscape_slice, "BREATH_S", 0.0)
    landscape_slice._slices.clear()
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())

    def begin(module, edits, classes=10):
        document = Document()
        source = module if isinstance(module, str) else handed(module, (1, 8, 8), classes)
        document.edit_many({"network.source": source} | SLICE | edits)

        def deliver(stop=lambda number: False):
            found, said = [], []
            request = Request(document.scene, document.version, frozenset({"landscape"}))
            for delivery in computation.run(request, lambda: False, lambda: stop(len(found))):  # noqa: B023
                said += delivery.errors.values()
                found += [delivery.results["landscape"]] if "landscape" in delivery.results else []
            return found, said

        return document, deliver

    return begin


def digits_batch(count):
    data = load_digits("test")
    chosen = np.linspace(0, len(data.images) - 1, count).round().astype(int)
    return torch.tensor(data.images[chosen]).float() / 255, torch.tensor(data.labels[chosen])


def test_each_place_has_the_loss_of_the_network_with_these_weights(computing, network):
    _, deliver = computing(network, {f"{PATH}.optimizers": (), f"{PATH}.reach": 0.5, f"{PATH}.draw": 7})
    results, said = deliver()
    assert said == []
    last = results[-1]
    assert last.surface.values.shape == (11, 11)
    images, labels = digits_batch(32)
    plane = random_plane(network, 7)
    for row, column in ((0, 0), (5, 5), (2, 9)):
        moved = copy.deepcopy(network)
        with torch.no_grad():
            for name, parameter in moved.named_parameters():
                parameter += (column - 5) / 10 * plane.first[name] + (row - 5) / 10 * plane.second[name]
            expected = F.cross_entropy(moved(images), labels).item()
        assert last.surface.values[row, column] == pytest.approx(expected, rel=1e-5)
    assert "Batch normalisation keeps the averages" in last.note
    assert "32 images of digits" in last.note


def test_images_go_through_a_slow_network_in_parts_and_the_loss_is_the_same(computing, network, monkeypatch):
    edits = {f"{PATH}.optimizers": ("sgd",), f"{PATH}.steps": 10}
    whole, _ = computing(network, edits)[1]()
    landscape_slice._slices.clear()
    monkeypatch.setattr(landscape_slice_work, "PASS_S", 1e-9)
    monkeypatch.setattr(landscape_slice_walks, "STEP_S", 1e-9)
    parts, _ = computing(network, edits)[1]()
    np.testing.assert_allclose(parts[-1].surface.values, whole[-1].surface.values, rtol=1e-5)
    assert "too slow for paths" in parts[-1].note
    assert parts[-1].paths == ()


def test_it_comes_coarse_first_and_says_how_far_it_is(computing, network, monkeypatch):
    monkeypatch.setattr(landscape_slice, "SHOW_EVERY_S", 0.0)
    results, _ = computing(network, {f"{PATH}.optimizers": ()})[1]()
    sizes = [len(result.surface.values) for result in results if result.surface is not None]
    assert sorted(set(sizes)) == [6, 11]
    assert sizes == sorted(sizes)
    assert results[0].surface is None
    assert any("of 121 places" in result.words for result in results)
    assert results[len(results) // 2].working
    assert not results[-1].working


def test_paths_go_down_the_loss_itself(computing, network):
    results, _ = computing(network, {f"{PATH}.start": (0.5, -0.4), f"{PATH}.learning_rate": 0.02})[1]()
    sgd = next(path for path in results[-1].paths if path.name == "SGD")
    images, labels = digits_batch(32)
    plane = random_plane(network)
    at, place = [], torch.tensor([0.5, -0.4], requires_grad=True)
    for _ in range(10):
        at.append(place.detach().clone())
        weights = {
            name: plane.centre[name] + place[0] * plane.first[name] + place[1] * plane.second[name]
            for name in plane.centre
        }
        loss = F.cross_entropy(torch.func.functional_call(network, weights, (images,)), labels)
        (slope,) = torch.autograd.grad(loss, place)
        place = (place - 0.02 * slope).detach().requires_grad_()
    np.testing.assert_allclose(sgd.points[:10], torch.stack(at).numpy(), rtol=1e-3, atol=1e-4)
    assert {path.name for path in results[-1].paths} == {"SGD", "Adam"}


def test_it_goes_on_where_a_newer_scene_interrupted_it(computing, network, monkeypatch):
    monkeypatch.setattr(landscape_slice, "SHOW_EVERY_S", 0.0)
    places = []
    evaluate = landscape_slice.compute_one
    monkeypatch.setattr(landscape_slice, "compute_one", lambda each: (places.append(each.done), evaluate(each)))
    document, deliver = computing(network, {})
    deliver(stop=lambda number: number >= 3)
    so_far = landscape_slice._slices[0].done
    assert 36 <= so_far < 121
    document.edit("input.edits.brightness", 0.3)
    results, _ = deliver()
    assert len(results[-1].surface.values) == 11
    assert places == sorted(places)  # nothing is begun anew
    assert 120 in places


def test_cancel_stops_it_and_nothing_is_computed_before_it_is_asked_for(computing, network, monkeypatch):
    monkeypatch.setattr(landscape_slice, "SHOW_EVERY_S", 0.0)
    document, deliver = computing(network, {f"{PATH}.asked": 0, f"{PATH}.running": False})
    (waiting,), _ = deliver()
    assert "Press Compute" in waiting.words
    assert waiting.surface is None
    document.edit_many({f"{PATH}.asked": 1, f"{PATH}.running": True})
    deliver(stop=lambda number: number >= 3)
    done = landscape_slice._slices[0].done
    document.edit(f"{PATH}.running", False)
    results, _ = deliver()
    assert landscape_slice._slices[0].done == done
    assert not results[-1].working
    assert results[-1].surface is not None


def test_what_does_not_fit_is_told(computing, network):
    torch.manual_seed(0)
    few = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    _, said = computing(few, {}, 3)[1]()
    assert said == ["digits has 10 classes, the network 3; choose other images."]
    maps = nn.Sequential(nn.Conv2d(1, 10, 3))
    _, said = computing(maps, {}, 10)[1]()
    assert "answers with maps" in said[0]
    _, said = computing(network, {f"{PATH}.directions": "path"})[1]()
    assert "is of no run" in said[0]


@pytest.fixture
def run(tmp_path):
    """The last of five checkpoints of one run, and all of them."""
    folder = tmp_path / "run"
    folder.mkdir()
    torch.manual_seed(0)
    card = NetworkCard(
        architecture="lenet", config={}, labels=tuple("0123456789"), input_size=(1, 28, 28), mean=(0.0,), std=(1.0,),
        dataset="digits",
    )  # fmt: skip
    module = build("lenet", card.config)
    states = []
    for step in range(5):
        with torch.no_grad():
            for number, weights in enumerate(module.parameters()):
                weights.add_((0.02 if number % 2 else 0.05 * step) * torch.randn_like(weights))
        save_network(module, card, folder / f"step-{step:08d}.safetensors")
        states.append({name: each.detach().clone() for name, each in module.named_parameters()})
    return folder, states


def test_the_path_of_a_run_lies_on_the_plane_in_which_it_moved_most(computing, run):
    from sklearn.decomposition import PCA

    folder, states = run
    source = f"file:{folder / 'step-00000004.safetensors'}"
    results, said = computing(source, {f"{PATH}.directions": "path", f"{PATH}.optimizers": ()})[1]()
    assert said == []
    result = results[-1]
    (path,) = result.paths
    flat = np.stack([torch.cat([each.flatten() for each in state.values()]).double().numpy() for state in states])
    analysis = PCA(2).fit(flat)
    expected = (flat - flat[-1]) @ analysis.components_.T
    np.testing.assert_allclose(np.abs(path.points), np.abs(expected), rtol=1e-3, atol=1e-3)
    shares = [f"{100 * share:.0f} %" for share in analysis.explained_variance_ratio_]
    assert f"holds {shares[0]} and {shares[1]}" in result.note
    (left, right), (low, high) = result.surface.x, result.surface.y
    assert (path.points[:, 0] > left).all()
    assert (path.points[:, 0] < right).all()
    assert (path.points[:, 1] > low).all()
    assert (path.points[:, 1] < high).all()


# in the window


def test_compute_and_newer_weights(start, scene_of, network, settle, latest):
    landscape_slice._slices.clear()
    program = start(scene_of(network, classes=10))
    program.document.edit_many(SLICE | {f"{PATH}.optimizers": ("sgd",), f"{PATH}.asked": 0, f"{PATH}.running": False})
    program.window.use_workspace("loss")
    settle(program)
    view = program.window.docks["landscape"].view
    (button,) = [each for each in view.findChildren(QPushButton) if each.text() == "Compute"]
    assert view.findChild(SurfacePlot).words == "Press Compute to cut through the loss of the open network."
    assert "Press Compute" not in " ".join(label.text() for label in view.findChildren(QLabel))
    button.click()
    assert program.stage.wait_until_idle(60)
    assert button.text() == "Compute"
    assert latest["landscape"].surface.values.shape == (11, 11)
    assert len(view.figures()) == 2
    assert not program.document.can_undo or program.document.scene.panel("landscape").asked == 1
