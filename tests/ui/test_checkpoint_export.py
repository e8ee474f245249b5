"""Weights saved as safetensors and their table as CSV, by the commands of the File menu."""

import csv

import pytest
import safetensors.torch
import torch
from PyQt6.QtWidgets import QFileDialog

from cnnviz.checkpoints.identify import network_path


@pytest.fixture
def program(start, scene_of, small):
    return start(scene_of(small))


def notices(program):
    return " ".join(program.window.notices.texts())


def test_a_pickled_file_is_saved_as_safetensors_with_the_same_values(program, qtbot, tmp_path, monkeypatch):
    weights = {"odd.weight": torch.randn(3, 5), "odd.bias": torch.randn(3)}
    torch.save({"state_dict": weights}, tmp_path / "odd.pt")
    program.document.edit("panels.checkpoint.path", str(tmp_path / "odd.pt"))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "safe"), ""))
    program.controller.commands["save-weights"].trigger()
    qtbot.waitUntil(lambda: "safe.safetensors" in notices(program))
    saved = safetensors.torch.load_file(tmp_path / "safe.safetensors")
    assert {name.rpartition("odd.")[2]: tensor.tolist() for name, tensor in saved.items()} == {
        name.rpartition("odd.")[2]: tensor.tolist() for name, tensor in weights.items()
    }


def test_the_table_has_a_line_for_each_tensor(program, qtbot, tmp_path, monkeypatch):
    program.document.edit("panels.checkpoint.path", str(network_path("mnist-lenet")))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "table.csv"), ""))
    program.controller.commands["save-table"].trigger()
    qtbot.waitUntil(lambda: "table.csv" in notices(program))
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + 8


def test_a_module_from_python_has_no_file_to_save(program, qtbot):
    program.controller.commands["save-weights"].trigger()
    qtbot.waitUntil(lambda: "no file" in notices(program))


def test_a_file_that_cannot_be_written_is_told(program, qtbot, tmp_path, monkeypatch):
    program.document.edit("panels.checkpoint.path", str(network_path("mnist-lenet")))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/proc/none/table.csv", ""))
    program.controller.commands["save-table"].trigger()
    qtbot.waitUntil(lambda: "cannot be written" in notices(program))
