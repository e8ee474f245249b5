"""A network of other images begins with one of them."""

import numpy as np
import pytest
from PIL import Image

from cnnviz.data.source import Blank, Photo
from cnnviz.data.strokes import Stroke
from cnnviz.scene import actions
from cnnviz.training.run_folder import RunRecord, write_record
from cnnviz.training.settings import checked_settings

LABELS = ("ant", "bee", "fly")


@pytest.fixture
def insects(tmp_path):
    folder = tmp_path / "insects"
    for number, name in enumerate(LABELS):
        (folder / name).mkdir(parents=True)
        Image.new("L", (8, 8), 60 + 20 * number).save(folder / name / "one.png")
    return folder


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


def open_network(program, settle, source):
    actions.use_network(program.document, source, 1)
    settle(program)


def test_a_network_begins_with_an_image_of_the_folder_it_learned_from(
    program, settle, handed, small, insects, latest, qtbot
):
    before = program.document.scene.input
    frames = []
    program.clock.framed.connect(lambda version, milliseconds: frames.append(version))
    open_network(program, settle, handed(small, labels=LABELS, dataset=f"folder:{insects}"))
    qtbot.waitUntil(lambda: isinstance(program.document.scene.input.base, Photo))
    settle(program)
    scene = program.document.scene
    assert (scene.input.base.label, scene.example) == ("ant", True)
    assert scene.input.drawing.strokes == ()
    assert frames == []  # nothing was edited
    assert np.allclose(latest["input"].rendered.drawn, 60 / 255, atol=1e-3)
    program.document.undo()
    assert program.document.scene.input == before


def test_where_none_is_at_hand_the_canvas_is_empty_and_it_is_said(program, settle, handed, small, insects, qtbot):
    open_network(program, settle, handed(small, labels=LABELS, dataset="folder:gone"))
    qtbot.waitUntil(lambda: program.document.scene.input.base == Blank() and program.window.notices.texts() != [])
    assert program.document.scene.input.drawing.strokes == ()
    assert "No image of gone" in program.window.notices.texts()[0]
    # of another folder of the same name
    open_network(program, settle, handed(small, labels=("x", "y", "z"), dataset=f"folder:{insects}"))
    qtbot.waitUntil(lambda: any("No image of" in text and "insects" in text for text in program.window.notices.texts()))


def test_what_the_person_has_drawn_stays(program, settle, handed, small, insects, qtbot):
    program.document.edit("example", False)
    program.document.append("input.drawing.strokes", Stroke(points=((1, 1),)))
    before = program.document.scene.input
    open_network(program, settle, handed(small, labels=LABELS, dataset=f"folder:{insects}"))
    qtbot.wait(100)
    assert program.document.scene.input == before


def test_a_run_knows_where_its_images_lie(tmp_path, insects):
    from types import SimpleNamespace

    from cnnviz.ui.first_input import _data_of

    run = tmp_path / "run"
    run.mkdir()
    settings = checked_settings({"network": {"name": "lenet"}, "dataset": f"folder:{insects}"})
    write_record(run, RunRecord(settings=settings))
    card = SimpleNamespace(dataset="folder:insects")
    for source in (f"training:{run}", f"file:{run / 'step-00000020.safetensors'}"):
        assert _data_of(SimpleNamespace(source=source, card=card)) == (f"folder:{insects}", None)
    assert _data_of(SimpleNamespace(source="file:/elsewhere/a.safetensors", card=card)) == ("folder:insects", None)
