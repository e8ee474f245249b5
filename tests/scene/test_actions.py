"""The changes that several places make."""

import numpy as np
import pytest

from cnnviz.data.dots import CLASS_NAMES as DOT_NAMES
from cnnviz.data.dots import draw_dots
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.data.pixel_order import PERMUTED_WORDS
from cnnviz.data.samples import samples
from cnnviz.data.shapes import CLASS_NAMES as SHAPE_NAMES
from cnnviz.data.shapes import draw_shapes
from cnnviz.data.source import Blank, Photo, SamplePhoto
from cnnviz.scene import actions
from cnnviz.scene.document import Document


def test_the_first_scene_shows_a_drawn_digit_as_an_example(tmp_path):
    scene = actions.first_scene()
    assert scene.example
    image = InputPipeline(ImageStore(tmp_path)).render(scene.input, 1, 28, 28).edited
    assert image.max() == 1.0
    assert image.min() == 0.0
    assert 0.05 < image.mean() < 0.3


@pytest.mark.parametrize("name", [sample.name for sample in samples()])
def test_each_sample_is_one_step_and_known_again(name):
    document = Document()
    actions.use_sample(document, name)
    assert actions.sample_on_canvas(document.scene) == name
    document.undo()
    assert actions.sample_on_canvas(document.scene) is None
    assert not document.can_undo


def test_a_drawing_that_was_drawn_on_is_no_longer_the_sample():
    document = Document()
    actions.use_sample(document, actions.FIRST_SAMPLE)
    document.append("input.drawing.strokes", document.scene.input.drawing.strokes[0])
    assert actions.sample_on_canvas(document.scene) is None


def test_a_photo_and_an_empty_canvas_replace_the_drawing_in_one_step():
    document = Document(actions.first_scene())
    actions.use_photo(document, "cat.png", "a" * 64, "cat")
    assert actions.label_of_input(document.scene) == "cat"
    assert document.scene.input.base == Photo(path="cat.png", sha256="a" * 64, label="cat")
    assert not document.scene.example
    actions.use_blank(document)
    assert document.scene.input.base == Blank()
    assert document.scene.input.drawing.strokes == ()
    document.undo()
    document.undo()
    assert document.scene == actions.first_scene()


def test_another_network_brings_an_input_that_says_something_to_it_in_one_step():
    document = Document(actions.first_scene())
    document.edit("selection.layer", "conv2")
    actions.use_network(document, "shipped:cifar-net", 3)
    assert document.scene.network.source == "shipped:cifar-net"
    assert document.scene.input.base == SamplePhoto(name=actions.PHOTO_SAMPLE)
    assert document.scene.selection.layer is None
    actions.use_network(document, "shipped:mnist-lenet", 1)
    assert actions.sample_on_canvas(document.scene) == actions.FIRST_SAMPLE
    document.undo()
    document.undo()
    assert document.scene.network.source == "shipped:mnist-lenet"
    assert document.scene.selection.layer == "conv2"
    assert actions.sample_on_canvas(document.scene) == actions.FIRST_SAMPLE


@pytest.mark.parametrize(("dataset", "channels", "other"), [("shapes", 3, 3), ("dots", 1, 1), ("shapes", 3, 1)])
def test_a_network_of_pictures_that_the_program_makes_begins_with_one_of_them(tmp_path, dataset, channels, other):
    document = Document(actions.first_scene())
    actions.use_network(document, "file:run", channels, dataset=dataset)
    assert document.scene.example
    size = {"shapes": 32, "dots": 28}[dataset]
    rendered = InputPipeline(ImageStore(tmp_path)).render(document.scene.input, channels, size, size).edited
    drawn = {"shapes": draw_shapes, "dots": draw_dots}[dataset](1, document.scene.input.base.seed)
    names = {"shapes": SHAPE_NAMES, "dots": DOT_NAMES}[dataset]
    np.testing.assert_allclose(rendered * 255, drawn.images[0], atol=1e-3)
    assert actions.label_of_input(document.scene) == names[drawn.labels[0]]
    present = document.scene.input
    actions.use_network(document, "file:other run", channels, dataset=dataset)
    assert document.scene.input is present
    actions.use_network(document, "shipped:other", other)
    assert isinstance(document.scene.input.base, SamplePhoto if other == 3 else Blank)


def test_a_permuted_network_begins_with_its_data_too():
    document = Document(actions.first_scene())
    actions.use_network(document, "file:run", 1, dataset="dots" + PERMUTED_WORDS)
    assert document.scene.input.base.dataset == "dots"


def test_a_sample_photo_that_was_chosen_stays_for_the_next_network_that_sees_colour():
    document = Document(actions.first_scene())
    actions.use_network(document, "shipped:cifar-net", 3)
    actions.use_sample(document, "coffee")
    actions.use_network(document, "shipped:tiny-vgg", 3)
    assert actions.sample_on_canvas(document.scene) == "coffee"
    actions.use_network(document, "shipped:mnist-lenet", 1)
    assert actions.sample_on_canvas(document.scene) == actions.FIRST_SAMPLE


@pytest.mark.parametrize("begin", [actions.use_blank, lambda document: actions.use_sample(document, "coffee")])
def test_another_network_leaves_a_persons_own_drawing(begin):
    document = Document()
    begin(document)
    document.append("input.drawing.strokes", {"points": ((3.0, 3.0),)})
    drawing = document.scene.input.drawing
    for channels in (3, 1):
        actions.use_network(document, "shipped:another", channels)
        assert document.scene.input.drawing is drawing


def test_the_sample_photos_are_those_of_scikit_image(tmp_path):
    from skimage import data

    document = Document()
    actions.use_sample(document, "chelsea")
    rendered = InputPipeline(ImageStore(tmp_path)).render(document.scene.input, 3, 300, 451)
    np.testing.assert_allclose(rendered.edited.transpose(1, 2, 0), data.chelsea() / 255, atol=1e-6)
