"""Samples: thumbnails of what a click brings."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage import data
from torch import nn

from cnnviz.data.datasets import load_dataset
from cnnviz.data.image_store import ImageStore
from cnnviz.data.images import open_picture
from cnnviz.data.pipeline import InputPipeline
from cnnviz.data.samples import sample_drawing, samples
from cnnviz.data.strokes import Rasteriser
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.panel import Rest
from cnnviz.panels import PANELS
from cnnviz.panels.samples import THUMBNAIL, compute
from cnnviz.panels.samples_view import SamplesView
from cnnviz.scene.actions import sample_on_canvas
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.mosaic_view import MosaicView


def flat(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * 64, 2))


@pytest.mark.parametrize(("channels", "first"), [(1, "drawing"), (2, "drawing"), (3, "photo"), (4, "drawing")])
def test_what_suits_the_network_comes_first(computed, channels, first):
    kinds = [thumbnail.kind for thumbnail in computed("samples", flat(channels), (channels, 8, 8)).thumbnails]
    assert kinds[0] == first
    assert len(kinds) == len(samples())
    assert len([1 for one, other in pairwise(kinds) if one != other]) == 1


@pytest.fixture
def last(handed, tmp_path):
    """The last result of the panel, for which a data set is read."""

    def compute(module, size, **known):
        document = Document()
        document.edit("network.source", handed(module, size, 2, **known))
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
        request = Request(document.scene, document.version, frozenset({"samples"}))
        *_, delivery = computation.run(request, lambda: False, lambda: False)
        return delivery.results["samples"]

    return compute


@pytest.mark.parametrize(("name", "size"), [("digits", (1, 8, 8)), ("shapes", (3, 8, 8))])
def test_images_of_the_networks_own_data_set_come_first_with_their_classes(last, name, size):
    thumbnails = last(flat(size[0]), size, dataset=name).thumbnails
    own = [each for each in thumbnails if each.kind == "data"]
    assert thumbnails[: len(own)] == tuple(own)
    images = load_dataset(name, "test")
    assert {each.label for each in own} == set(images.class_names)
    for thumbnail in own:
        number = int(thumbnail.name.rpartition(" ")[2])
        assert images.class_names[images.labels[number]] == thumbnail.label
        shown = images.images[number].transpose(1, 2, 0)
        np.testing.assert_array_equal(thumbnail.pixels, shown if size[0] == 3 else shown[:, :, 0])
        assert thumbnail.image.mean() == pytest.approx(shown.mean() / 255, abs=0.05)


def test_a_click_asks_for_an_image_of_the_data_set_with_its_class(qtbot, last):
    document = Document()
    view = SamplesView(document)
    qtbot.addWidget(view)
    view.resize(300, 120)
    view.show()
    view.show_result(last(flat(1), (1, 8, 8), dataset="digits"))
    (strip,) = view.findChildren(MosaicView)
    first = view._result.thumbnails[0]
    with qtbot.waitSignal(view.image_wanted) as wanted:
        strip.tile_clicked.emit(0, 0, 0)
    np.testing.assert_array_equal(wanted.args[0], first.pixels)
    assert wanted.args[1:] == [first.name, first.label]
    strip.tile_clicked.emit(10 + 7, 0, 0)
    assert sample_on_canvas(document.scene) == "digit-7-first"


def test_photos_are_read_once_and_after_all_else_was_shown(monkeypatch):
    opened = []
    read = open_picture
    monkeypatch.setattr("cnnviz.data.samples.open_picture", lambda path: opened.append(path.name) or read(path))
    monkeypatch.setattr("cnnviz.panels.samples._kept", {})
    observation = SimpleNamespace(network=SimpleNamespace(card=SimpleNamespace(input_size=(3, 32, 32), dataset="")))
    answers = compute(Scene(), observation, lambda: False)
    first = {each.name: each for each in next(answers).thumbnails}
    assert opened == []
    assert {name for name, each in first.items() if np.ptp(each.image) == 0} == {
        sample.name for sample in samples() if sample.kind == "photo"
    }
    assert isinstance(next(answers), Rest)
    *_, last = answers
    assert all(np.ptp(each.image) > 0 for each in last.thumbnails)
    assert [each.name for each in last.thumbnails] == list(first)
    (again,) = compute(Scene(), observation, lambda: False)
    assert again.thumbnails == last.thumbnails
    assert sorted(opened) == sorted(set(opened))


def test_thumbnails_are_what_the_samples_are(computed):
    thumbnails = {each.name: each for each in computed("samples", flat(1), (1, 8, 8)).thumbnails}
    for name, thumbnail in thumbnails.items():
        assert thumbnail.image.shape[1:] == (THUMBNAIL, THUMBNAIL), name
        assert 0 <= thumbnail.image.min() < thumbnail.image.max() <= 1
    seven = Rasteriser().render(np.zeros((1, 48, 48), np.float32), sample_drawing("digit-7-first"))
    np.testing.assert_array_equal(thumbnails["digit-7-first"].image, seven)
    cat = torch.from_numpy(data.chelsea() / 255).permute(2, 0, 1).float()
    side = min(cat.shape[1:])
    top, left = (cat.shape[1] - side) // 2, (cat.shape[2] - side) // 2
    middle = cat[:, top : top + side, left : left + side][None]
    small = torch.nn.functional.interpolate(middle, (48, 48), mode="bilinear", antialias=True)[0]
    assert np.abs(thumbnails["chelsea"].image - small.numpy()).mean() < 0.03
