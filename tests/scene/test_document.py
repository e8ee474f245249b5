"""Editing, sharing, refusing."""

import pytest

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.data.strokes import Stroke
from cnnviz.panels.activations import ActivationsParams
from cnnviz.scene.document import Document, SceneError
from cnnviz.scene.models import Scene


def stroke(*points: tuple[float, float]) -> Stroke:
    return Stroke(points=points or ((1.0, 2.0),))


def test_an_edit_makes_a_new_scene_and_shares_what_did_not_change():
    document = Document()
    before = document.scene
    document.edit("input.edits.rotation", 12.5)
    after = document.scene
    assert (before.input.edits.rotation, after.input.edits.rotation) == (0.0, 12.5)
    assert after.network is before.network
    assert after.selection is before.selection
    assert after.input.drawing is before.input.drawing
    assert after.input.fit is before.input.fit
    assert after.input is not before.input


def test_the_document_tells_of_each_change_once_with_the_scene_before_and_after(hear):
    document = Document()
    heard = hear(document)
    first = document.scene
    document.edit_many({"input.edits.blur": 1.0, "input.edits.noise": 0.5, "selection.channel": 3})
    second = document.scene
    document.append("input.drawing.strokes", stroke())
    document.amend("network.source", "shipped:cifar-net")
    document.undo()
    assert heard.changes[0] == (first, second)
    assert [old for old, _ in heard.changes[1:]] == [new for _, new in heard.changes[:-1]]
    assert len(heard.changes) == 4
    assert document.version == 4
    assert heard.changes[-1][1] is document.scene


def test_setting_what_is_set_already_changes_nothing(hear):
    document = Document()
    heard = hear(document)
    document.edit("input.edits.rotation", 0.0)
    document.edit("panels.activations.scale", "shared")
    document.edit("input.drawing.strokes", ())
    document.replace(document.scene)
    assert heard.changes == []
    assert not document.can_undo


def test_a_listener_that_edits_leaves_the_order_of_changes_as_it_is(hear):
    document = Document()

    def answer(old: Scene, new: Scene) -> None:
        if new.selection.channel == 1:
            document.edit("selection.channel", 2)

    document.changed.connect(answer)
    heard = hear(document)
    document.edit("selection.channel", 1)
    assert [new.selection.channel for _, new in heard.changes] == [1, 2]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.edits.rotation", float("nan")),
        ("input.edits.rotation", float("inf")),
        ("input.edits.rotation", 180.5),
        ("input.edits.zoom", 0.2),
        ("input.edits.blur", "much"),
        ("input.fit.mean", (float("nan"),)),
        ("input.base", {"kind": "blank", "value": 2}),
        ("input.drawing.strokes", ({"points": ((0.0, float("inf")),)},)),
        ("selection.channel", -1),
        ("selection.row", 1.5),
        ("pointer", {"layer": "conv", "channel": 0, "row": 0}),
        ("network.source", "ftp:somewhere"),
        ("network.device", "abacus"),
        ("appearance.font_scale", 2.5),
        ("panels.activations.scale", "huge"),
        ("panels.prediction.count", 0),
        ("panels.prediction.count", 21),
        ("panels.prediction", ActivationsParams()),
        ("panels.input.colour", (0.0, float("nan"), 0.0)),
        ("panels", ({"id": "unit", "params": {}}, {"id": "unit", "params": {}})),
        ("version", 2),
        ("nothing", 1),
        ("input.nothing", 1),
        ("input.edits.rotation.nothing", 1),
        ("panels.activations.nothing", 1),
        ("", 1),
    ],
)
def test_what_the_scene_cannot_hold_is_refused_in_one_line_and_nothing_changes(path, value, hear):
    document = Document()
    document.edit("selection.channel", 1)
    before, heard = document.scene, hear(document)
    with pytest.raises(SceneError) as refused:
        document.edit(path, value)
    assert "\n" not in str(refused.value)
    assert document.scene is before
    assert heard.changes == []
    document.undo()
    assert document.scene.selection.channel == 0
    assert not document.can_undo


def test_the_refusal_of_a_long_value_stays_short():
    with pytest.raises(SceneError) as refused:
        Document().edit("input.edits.rotation", tuple(range(10_000)))
    assert len(str(refused.value)) < 300


def test_one_wrong_value_of_several_refuses_all():
    document = Document()
    before = document.scene
    with pytest.raises(SceneError, match=r"input\.edits\.blur"):
        document.edit_many({"input.edits.rotation": 5, "input.edits.blur": -1})
    assert document.scene is before


def test_rules_over_several_fields_hold_when_one_of_them_is_edited():
    document = Document()
    with pytest.raises(SceneError, match="mean"):
        document.edit("input.fit.mean", (0.1, 0.2, 0.3))
    assert document.scene.input.fit.mean == (0.0,)


@pytest.mark.parametrize(
    ("path", "item"),
    [
        ("input.drawing.strokes", {"points": ()}),
        ("input.drawing.strokes", {"points": ((0.0, 0.0),), "diameter": 0}),
        ("input.drawing.strokes.-1.points", (1.0,)),
        ("input.drawing.strokes.-1.points", (float("nan"), 0.0)),
        ("input.drawing.strokes.-1", stroke()),
        ("input.drawing.strokes.0.points", (1.0, 1.0)),
        ("input.edits.rotation", 1.0),
        ("input.nothing", 1.0),
        ("panels.activations.scale", "own"),
    ],
)
def test_an_item_that_does_not_fit_is_not_appended(path, item):
    document = Document()
    document.append("input.drawing.strokes", stroke())
    before = document.scene
    with pytest.raises(SceneError):
        document.append(path, item)
    assert document.scene is before


def test_points_cannot_be_appended_where_there_is_no_stroke():
    with pytest.raises(SceneError, match="nothing yet"):
        Document().append("input.drawing.strokes.-1.points", (1.0, 1.0))


def test_appending_grows_the_last_stroke_alone():
    document = Document()
    document.append("input.drawing.strokes", stroke((0.0, 0.0)))
    document.append("input.drawing.strokes", stroke((5.0, 5.0)))
    first = document.scene.input.drawing.strokes[0]
    document.append("input.drawing.strokes.-1.points", (6.0, 7.0))
    strokes = document.scene.input.drawing.strokes
    assert strokes[0] is first
    assert [each.points for each in strokes] == [((0.0, 0.0),), ((5.0, 5.0), (6.0, 7.0))]
