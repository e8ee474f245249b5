"""The list of changes to the network."""

import math

import pytest

from cnnviz.core.network_changes import SwapPooling, SwitchPadding
from cnnviz.scene import actions
from cnnviz.scene.document import Document, SceneError
from cnnviz.scene.models import Scene
from cnnviz.scene.store import parse_scene


def test_changes_are_saved_with_the_scene_and_read_again():
    document = Document()
    actions.change_network(document, SwapPooling("blur_max", "pool1", window=3, taps=5))
    actions.change_network(document, SwitchPadding("reflect", same=True))
    scene = parse_scene(document.scene.model_dump_json(), "scene")
    assert scene.changes == (SwapPooling("blur_max", "pool1", window=3, taps=5), SwitchPadding("reflect", same=True))
    assert scene == document.scene
    assert parse_scene(Scene().model_dump_json(exclude={"changes"}), "old").changes == ()


@pytest.mark.parametrize(
    "change",
    [
        {"change": "swap-pooling", "kind": "median"},
        {"change": "swap-pooling", "kind": "max", "window": 0},
        {"change": "swap-pooling", "kind": "weighted", "sigma": math.inf},
        {"change": "switch-padding", "mode": "circular", "more": 1},
        {"change": "melt", "kind": "max"},
        {"kind": "max"},
    ],
)
def test_a_change_that_means_nothing_is_refused(change):
    document = Document()
    with pytest.raises(SceneError):
        document.edit("changes", (change,))
    assert document.scene.changes == ()


def test_a_change_is_one_step_and_a_dragged_one_is_one_gesture():
    document = Document()
    actions.change_network(document, SwapPooling("average"))
    with document.gesture():
        for window in (3, 4, 5):
            actions.change_network(document, SwapPooling("average", window=window))
    assert document.scene.changes == (SwapPooling("average", window=5),)
    document.undo()
    assert document.scene.changes == (SwapPooling("average"),)
    document.undo()
    assert document.scene.changes == ()


def test_changes_are_put_back_by_kind_and_layer_and_all_at_once():
    document = Document()
    for change in (SwapPooling("max", "a"), SwapPooling("average", "b"), SwitchPadding("circular")):
        actions.change_network(document, change)
    actions.put_back(document, SwapPooling, "a")
    assert document.scene.changes == (SwapPooling("average", "b"), SwitchPadding("circular"))
    actions.put_back(document, SwitchPadding)
    assert document.scene.changes == (SwapPooling("average", "b"),)
    actions.reset_changes(document)
    assert document.scene.changes == ()
