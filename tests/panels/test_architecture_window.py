"""A table of layers is trained in the real window, and its file brings the table back."""

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton

from cnnviz.checkpoints.identify import read_card
from cnnviz.nets.layer_table import LAYER_TABLE
from cnnviz.nets.registry import table_of
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.training.run_folder import network_path, saved_steps
from cnnviz.ui.controls import ComboBox

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]


def test_what_is_put_together_is_trained_shown_and_edited_again(start, qtbot):
    document = Document(actions.first_scene())
    table = TABLE_PRESETS["perceptron"].table
    document.edit("panels.architecture.table", table)
    for field, value in {"device": "cpu", "threads": 1, "steps": 20}.items():
        document.edit(f"panels.training.settings.{field}", value)
    program = start(document.scene)
    window = program.window
    window.use_workspace("training")
    window.show_panel("architecture")

    def press(name):
        def ready():
            found = [each for each in window.findChildren(QAbstractButton) if each.isVisible() and each.isEnabled()]
            return [each for each in found if name in (each.accessibleName(), each.text())]

        qtbot.waitUntil(lambda: bool(ready()))
        QTest.mouseClick(ready()[0], Qt.MouseButton.LeftButton)

    press("Train this")
    qtbot.waitUntil(lambda: "training" in window.visible_panels())
    boxes = [box for box in window.findChildren(ComboBox) if box.accessibleName() == "Network"]
    assert [box.currentText() for box in boxes] == ["own layers"]
    press("Start")
    qtbot.waitUntil(lambda: program.training.phase == "finished")
    folder = Path(program.training.run.folder)
    card = read_card(network_path(folder, saved_steps(folder)[-1]))
    assert card.architecture == LAYER_TABLE
    assert table_of(card.config).layers == table.layers
    qtbot.waitUntil(lambda: program.document.scene.network.source.startswith("training:"))
    program.document.edit("panels.architecture.table", TABLE_PRESETS["lenet"].table)
    window.show_panel("architecture")
    view = window.docks["architecture"].view
    qtbot.waitUntil(lambda: view._result is not None and view._result.opened.is_own)
    view._start.fill()
    entry = next(a for a in view._start.button.entries.actions() if a.text().startswith("Edit the architecture of"))
    entry.trigger()
    assert program.document.scene.panel("architecture").table == table
