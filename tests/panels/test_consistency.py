"""Consistency: the share of agreeing pairs, against counting them one by one; data sets, Cancel, before and after."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch
from PIL import Image
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QPushButton

from cnnviz.core.network_changes import SwitchPadding
from cnnviz.data.pixel_order import pixel_permutation
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.panel import ComputeCancelled
from cnnviz.panels import PANELS
from cnnviz.panels.consistency import compute
from cnnviz.panels.shared.sample_inputs import _inputs
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ComboBox
from cnnviz.ui.curve_painter import curve_colours, looks


@pytest.fixture
def panel(start, scene_of, small, settle):
    program = start(scene_of(small))
    program.document.edit("panels.consistency.shift", 1)
    dock = program.window.docks["consistency"]
    dock.show()
    dock.raise_()
    settle(program)
    return program, dock.view


def counted(module, images, far=1):
    shares = []
    for image in images:
        copies = [image.roll(shift, (1, 2)) for shift in product(range(-far, far + 1), repeat=2)]
        with torch.no_grad():
            answers = [int(module(copy[None]).argmax()) for copy in copies]
        pairs = list(combinations(answers, 2))
        shares.append(sum(one == other for one, other in pairs) / len(pairs))
    return shares


def words(view):
    return " ".join(each.text() for each in view.findChildren(QLabel) if each.isVisible())


def test_the_share_over_the_samples_is_that_of_all_pairs(panel, latest, small):
    _, view = panel
    result = latest["consistency"]
    shares = counted(small, torch.from_numpy(_inputs((1, 8, 8), "crop", "auto")))
    (row,) = result.rows
    assert row.share == pytest.approx(np.mean(shares))
    assert (row.images, result.pairs) == (20, 36)
    assert row.low <= row.share <= row.high
    np.testing.assert_allclose(result.curves.series[0].y, np.sort(shares))
    assert "20 images, 36 pairs each" in words(view)


def test_before_and_after_a_change_stand_side_by_side(panel, latest, small, settle):
    program, _ = panel
    before = latest["consistency"].rows[0]
    program.document.edit("changes", (SwitchPadding("circular"),))
    settle(program)
    after, still = latest["consistency"].rows
    assert still.share == before.share
    small.conv.padding_mode = "circular"
    small.conv._reversed_padding_repeated_twice = [1, 1, 1, 1]
    assert after.share == pytest.approx(np.mean(counted(small, torch.from_numpy(_inputs((1, 8, 8), "crop", "auto")))))
    assert (after.name, still.name) == ("padding: periodic", "as it was loaded")
    colours, (now, loaded) = looks(latest["consistency"].curves), curve_colours(2)
    assert colours == {"padding: periodic": now, "as it was loaded": loaded}


def test_a_data_set_waits_for_the_button_and_can_be_cancelled(panel, latest, settle):
    program, view = panel
    program.document.edit_many({"panels.consistency.data": "digits", "panels.consistency.images": 10})
    settle(program)
    assert latest["consistency"].waiting
    assert "Press Measure" in words(view)
    (button,) = [each for each in view.findChildren(QPushButton) if each.text() == "Measure"]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert program.document.scene.panel("consistency").running
    settle(program)
    assert latest["consistency"].finished
    assert latest["consistency"].rows[0].images == 10
    assert button.text() == "Measure"
    program.document.edit("panels.consistency.running", False)
    settle(program)
    assert latest["consistency"].rows[0].images == 10


def test_every_set_of_images_that_is_offered_can_be_chosen(panel, latest, settle):
    program, view = panel
    (box,) = [each for each in view.findChildren(ComboBox) if each.accessibleName() == "Images"]
    offered = [box.itemData(index) for index in range(box.count())]
    assert {"dots", "digits", "mnist", "cifar10"} <= {*offered}
    for key in offered[:-1]:
        box.chosen.emit(key)
        assert program.document.scene.panel("consistency").data == key
    settle(program)
    assert "Press Measure to compare copies" in words(view)
    assert "of CIFAR-10" in words(view)


def test_another_number_of_images_is_measured_of_a_set_that_is_read_already(panel, latest, settle):
    program, _ = panel
    choice = {"panels.consistency.data": "digits", "panels.consistency.images": 10, "panels.consistency.running": True}
    program.document.edit_many(choice)
    settle(program)
    assert latest["consistency"].rows[0].images == 10
    program.document.edit("panels.consistency.images", 30)
    settle(program)
    assert latest["consistency"].rows[0].images == 30


def test_a_network_that_learned_from_permuted_pixels_gets_them_permuted_after_the_shift(delivered, small):
    """As it is in its training and on the canvas; a permuted image that is shifted would be none that it knows."""
    edits = {"panels.consistency.shift": 1}
    plain = delivered(small, (1, 8, 8), edits, ("consistency",)).results["consistency"].rows[0].share
    found = delivered(small, (1, 8, 8), edits, ("consistency",), permuted_at=(8, 8)).results["consistency"].rows[0]
    order = torch.from_numpy(pixel_permutation(8, 8))
    images = torch.from_numpy(_inputs((1, 8, 8), "crop", "auto"))
    shares = counted(lambda image: small(image.flatten(2)[:, :, order].reshape(1, 1, 8, 8)), images)
    assert found.share == pytest.approx(np.mean(shares))
    assert found.share != pytest.approx(plain)


def test_files_of_a_folder_that_are_no_images_are_told(panel, settle, tmp_path):
    program, view = panel
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / str(number) / "good.png")
    (tmp_path / "1" / "broken.png").write_bytes(b"no image")
    folder = {"panels.consistency.data": f"folder:{tmp_path}", "panels.consistency.running": True}
    program.document.edit_many(folder)
    settle(program)
    assert "2 images" in words(view)
    assert "1 file could not be read" in words(view)


def test_images_of_other_channels_are_refused_in_words(panel, settle):
    program, view = panel
    program.document.edit_many({"panels.consistency.data": "shapes", "panels.consistency.running": True})
    settle(program)
    assert "those of shapes have 3" in words(view)
    program.document.edit("panels.consistency.data", "folder:/nowhere")
    settle(program)
    assert "/nowhere is not there" in words(view)


def test_cancel_in_mid_run_keeps_what_is_measured(panel, latest, settle):
    program, view = panel
    program.document.edit_many({"panels.consistency.data": "digits", "panels.consistency.images": 20})
    settle(program)
    scene = program.document.scene
    document = Document(scene)
    document.edit("panels.consistency.running", True)
    computation = Computation(PANELS, program.stage.pipeline, FailuresHub())
    loaded, _ = computation.network(scene)
    observation = computation.observe(scene, loaded)
    asked = []

    def gives_up():
        asked.append(True)
        return len(asked) > 6  # once for each image

    steps = compute(document.scene, observation, gives_up)
    with pytest.raises(ComputeCancelled):
        list(steps)
    (stopped,) = compute(scene, observation, lambda: False)
    assert stopped.waiting
    assert stopped.rows[0].images == 6
    assert not stopped.finished
    view.show_result(stopped)
    assert "Stopped at 30 %" in words(view)

    program.document.edit("panels.consistency.running", True)
    view.show_result(replace(stopped, waiting=False, done=6, total=20))
    (button,) = [each for each in view.findChildren(QPushButton) if each.text() == "Cancel"]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not program.document.scene.panel("consistency").running
    assert button.text() == "Measure"  # without waiting for the pass that runs


def test_networks_of_two_windows_are_told_apart_although_each_counts_from_one(panel, latest, handed):
    program, _ = panel
    assert latest["consistency"].rows[0].share < 1
    always = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)).eval()
    torch.nn.init.zeros_(always[1].weight)
    torch.nn.init.constant_(always[1].bias[:1], 1.0)
    document = Document(program.document.scene)
    document.edit("network.source", handed(always))
    computation = Computation(PANELS, program.stage.pipeline, FailuresHub())
    loaded, _ = computation.network(document.scene)
    *_, last = compute(document.scene, computation.observe(document.scene, loaded), lambda: False)
    assert last.rows[0].share == 1
