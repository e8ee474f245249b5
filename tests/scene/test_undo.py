"""Undo: one entry for a gesture, none for what declares none, and the exact scene back."""

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import cnnviz.panels  # noqa: F401 - registers the panels' parameters
from cnnviz.data.edits import Edits
from cnnviz.data.source import Blank
from cnnviz.data.strokes import Drawing
from cnnviz.scene.document import UNDO_LIMIT, Document, SceneError
from cnnviz.scene.models import Pointer, Scene


def test_edits_of_one_gesture_are_one_undo_entry():
    document = Document()
    with document.gesture():
        for angle in range(1, 20):
            document.edit("input.edits.rotation", angle)
    document.edit("input.edits.rotation", 45)
    document.undo()
    assert document.scene.input.edits.rotation == 19
    document.undo()
    assert document.scene.input.edits.rotation == 0
    assert not document.can_undo
    document.redo()
    assert document.scene.input.edits.rotation == 19


def test_gestures_within_gestures_are_one():
    document = Document()
    with document.gesture():
        document.edit("input.edits.rotation", 1)
        with document.gesture():
            document.edit("input.edits.blur", 1)
        document.edit("input.edits.noise", 1)
    document.undo()
    assert document.scene.input.edits == Edits()


def test_a_gesture_ends_where_an_edit_in_it_is_refused():
    document = Document()
    with pytest.raises(SceneError), document.gesture():
        document.edit("input.edits.rotation", 1000)
    document.edit("input.edits.rotation", 1)
    document.edit("input.edits.rotation", 2)
    document.undo()
    assert document.scene.input.edits.rotation == 1


def test_steps_are_entries_of_their_own_even_within_a_gesture():
    document = Document()
    with document.gesture():
        document.edit("selection.channel", 1)
        document.edit("selection.channel", 2)
    document.undo()
    assert document.scene.selection.channel == 1


def test_after_an_undo_within_a_gesture_its_further_edits_can_be_undone():
    document = Document()
    document.begin_gesture()
    document.edit("input.edits.rotation", 1)
    document.undo()
    document.edit("input.edits.rotation", 2)
    document.end_gesture()
    document.undo()
    assert document.scene.input.edits.rotation == 0


def test_a_new_edit_clears_what_could_be_done_again():
    document = Document()
    document.edit("selection.channel", 1)
    document.undo()
    assert document.can_redo
    document.edit("selection.channel", 2)
    assert not document.can_redo
    document.redo()
    assert document.scene.selection.channel == 2


def test_what_declares_no_undo_makes_no_entry_and_is_left_alone_by_undo_and_redo():
    document = Document()
    pointer = Pointer(layer="conv", channel=0, row=1, column=2)
    document.edit("selection.channel", 1)
    document.edit("selection.channel", 2)
    document.undo()
    document.edit_many(
        {
            "appearance.theme": "light",
            "layout.state": "AAAA",
            "pointer": pointer,
            "panels.input.tool": "eraser",
            "panels.input.diameter": 7.0,
        }
    )
    assert document.can_redo, "what makes no entry must not clear the redo stack"
    for step in (document.undo, document.redo, document.redo):
        step()
        scene = document.scene
        assert scene.appearance.theme == "light"
        assert scene.layout.state == "AAAA"
        assert scene.pointer == pointer
        assert (scene.panel("input").tool, scene.panel("input").diameter) == ("eraser", 7.0)
    assert document.scene.selection.channel == 2


def test_undo_takes_back_a_panels_recorded_field_and_keeps_the_others():
    document = Document()
    document.edit("panels.input.show_field", False)
    document.edit("panels.input.tool", "fill")
    document.undo()
    assert document.scene.panel("input").show_field is True
    assert document.scene.panel("input").tool == "fill"


def test_undo_brings_back_the_very_nodes_that_were_there():
    document = Document()
    document.edit("panels.prediction.count", 7)
    before = document.scene
    document.edit("panels.prediction.count", 8)
    document.undo()
    assert document.scene == before
    assert document.scene.panels is before.panels
    assert document.scene.input is before.input


def test_undo_of_the_first_edit_of_a_panel_gives_the_scene_of_before():
    document = Document()
    before = document.scene
    document.edit("panels.activations.scale", "own")
    document.undo()
    assert document.scene == before


def test_amending_makes_no_entry():
    document = Document()
    document.edit("network.source", "file:broken.safetensors")
    document.amend("network.source", "shipped:mnist-lenet")
    document.undo()
    assert document.scene.network.source == "shipped:mnist-lenet"
    assert not document.can_undo


def test_replacing_the_scene_is_one_step():
    document = Document()
    document.edit("selection.channel", 4)
    other = Scene(input={"base": Blank(value=0.5)})
    document.replace(other)
    assert document.scene is other
    document.undo()
    assert (document.scene.selection.channel, document.scene.input.base.value) == (4, 0.0)


def test_no_more_entries_are_kept_than_the_limit():
    document = Document()
    for channel in range(1, UNDO_LIMIT + 11):
        document.edit("selection.channel", channel)
    for _ in range(UNDO_LIMIT):
        document.undo()
    assert document.scene.selection.channel == 10
    assert not document.can_undo


def test_undoing_and_redoing_nothing_does_nothing(hear):
    document = Document()
    heard = hear(document)
    document.undo()
    document.redo()
    assert heard.changes == []


RECORDED = {
    "input.edits.rotation": st.floats(-180, 180),
    "input.base": st.builds(Blank, value=st.floats(0, 1)),
    "input.drawing": st.builds(Drawing, height=st.integers(1, 64), width=st.integers(1, 64)),
    "panels.activations.scale": st.sampled_from(["shared", "own"]),
    "panels.unit.window": st.integers(3, 15),
    "panels.input.show_field": st.booleans(),
    "selection.layer": st.none() | st.text(max_size=3),
    "network.device": st.sampled_from(["auto", "cpu"]),
}
UNRECORDED = {
    "appearance.theme": st.sampled_from(["dark", "light"]),
    "panels.input.tool": st.sampled_from(["brush", "eraser", "move"]),
    "pointer": st.none()
    | st.builds(Pointer, layer=st.just("c"), channel=st.integers(0, 3), row=st.just(0), column=st.just(0)),
}
GESTURES = {path for path in RECORDED if path.startswith(("input.", "network.", "panels."))}


def recorded_part(scene: Scene) -> str:
    """What undo brings back, as JSON; the order in which panels were first touched is no part of it."""
    tree = scene.model_dump(mode="json", exclude={"appearance", "pointer", "layout"})
    defaults = {"activations": {"scale": "shared"}, "unit": {"window": 7}, "input": {"show_field": True}}
    tree["panels"] = defaults | {
        entry["id"]: {name: entry["params"][name] for name in defaults[entry["id"]]} for entry in tree["panels"]
    }
    return json.dumps(tree)


def unrecorded_part(scene: Scene) -> tuple[object, ...]:
    return scene.appearance.theme, scene.panel("input").tool, scene.pointer


class UndoMachine(RuleBasedStateMachine):
    """Against a plain list of what was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.document = Document()
        self.now = recorded_part(self.document.scene)
        self.past: list[str] = []
        self.future: list[str] = []
        self.in_gesture = self.merges = False
        self.unrecorded = unrecorded_part(self.document.scene)

    @rule(data=st.data(), path=st.sampled_from(sorted(RECORDED)))
    def edit(self, data: st.DataObject, path: str) -> None:
        version = self.document.version
        self.document.edit(path, data.draw(RECORDED[path]))
        if self.document.version == version:
            return
        if not (self.merges and path in GESTURES):
            self.past.append(self.now)
        self.merges = self.in_gesture
        self.future.clear()
        self.now = recorded_part(self.document.scene)

    @rule(data=st.data(), path=st.sampled_from(sorted(UNRECORDED)))
    def edit_without_undo(self, data: st.DataObject, path: str) -> None:
        self.document.edit(path, data.draw(UNRECORDED[path]))
        self.unrecorded = unrecorded_part(self.document.scene)

    @precondition(lambda self: not self.in_gesture)
    @rule()
    def press(self) -> None:
        self.document.begin_gesture()
        self.in_gesture = True
        self.merges = False

    @precondition(lambda self: self.in_gesture)
    @rule()
    def release(self) -> None:
        self.document.end_gesture()
        self.in_gesture = self.merges = False

    @rule()
    def undo(self) -> None:
        self.document.undo()
        if self.past:
            self.future.append(self.now)
            self.now = self.past.pop()
            self.merges = False

    @rule()
    def redo(self) -> None:
        self.document.redo()
        if self.future:
            self.past.append(self.now)
            self.now = self.future.pop()
            self.merges = False

    @invariant()
    def the_scene_is_the_recorded_one(self) -> None:
        assert recorded_part(self.document.scene) == self.now
        assert unrecorded_part(self.document.scene) == self.unrecorded
        assert (self.document.can_undo, self.document.can_redo) == (bool(self.past), bool(self.future))


UndoMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
test_any_sequence_of_edits_and_undos_returns_to_the_exact_scene = UndoMachine.TestCase
