"""The gradient check on the open network: what it says while it runs, when it is done, and when things change."""

import pytest
import torch
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QPushButton
from torch import nn

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS, gradient_check
from cnnviz.panels.gradient_check_view import GradientCheckView
from cnnviz.scene.document import Document

PATH = "panels.gradient-check"


@pytest.fixture
def checks(handed, tmp_path, noisy):
    """Computes the panel for a document, as the engine does; gives all results of one request."""
    gradient_check._job.clear()
    document = Document()
    document.edit_many(noisy)
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())

    def open_module(module, size=(1, 8, 8), classes=3):
        document.edit("network.source", handed(module, size, classes))

    def compute(stop=lambda: False):
        request = Request(document.scene, document.version, frozenset({"gradient-check"}))
        deliveries = list(computation.run(request, lambda: False, stop))
        assert not any(each.errors for each in deliveries)
        return [each.results["gradient-check"] for each in deliveries if "gradient-check" in each.results]

    yield document, open_module, compute
    gradient_check._job.clear()


def press(document, **settings):
    started = document.scene.panel("gradient-check").started
    edits = {f"{PATH}.{name}": value for name, value in settings.items()}
    document.edit_many({**edits, f"{PATH}.running": True, f"{PATH}.started": started + 1})


def test_nothing_is_computed_before_it_is_asked_for(checks, small):
    _, open_module, compute = checks
    open_module(small)
    (result,) = compute()
    assert (result.rows, result.total, result.finished) == ((), 0, False)
    assert result.layers == ("conv", "head")


def test_it_goes_on_to_its_end_and_passes(checks, small):
    document, open_module, compute = checks
    open_module(small)
    press(document, entries=6)
    results = compute()
    assert [each.done for each in results] == sorted(each.done for each in results)
    assert results[0].done < results[-1].done == results[-1].total == 12
    assert results[-1].finished
    assert {row.layer: row.verdict for row in results[-1].rows} == {"conv": "passes", "head": "passes"}
    with torch.no_grad():
        assert results[-1].loss > 1.0  # the class that is held for least likely is taken for right
    assert all(each.dtype == torch.float32 and each.grad is None for each in small.parameters())


def test_a_planted_fault_is_found(checks, small):
    document, open_module, compute = checks
    open_module(small)
    press(document, fault="conv", entries=6)
    assert {row.layer: row.verdict for row in compute()[-1].rows} == {"conv": "fails", "head": "passes"}
    press(document, fault="head", entries=6)
    result = compute()[-1]
    assert {row.layer: row.verdict for row in result.rows} == {"conv": "fails", "head": "fails"}
    assert result.fault == "head"


def test_it_waits_while_a_hand_draws_and_goes_on_where_it_was(checks, small, monkeypatch):
    document, open_module, compute = checks
    monkeypatch.setattr(gradient_check, "AT_ONCE_S", 0.0)
    open_module(small)
    press(document, entries=4)
    assert compute(lambda: True)[-1].total == 0
    begun = iter([False, False, True])
    assert compute(lambda: next(begun))[-1].total == 8
    times = iter([False, False, False, True])
    document.edit("input.edits.noise", 0.3)
    after = compute(lambda: next(times))
    assert after[-1].old == "The input has changed since"
    done = after[-1].done
    last = compute()[-1]
    assert last.finished
    assert last.done > done


def test_what_has_changed_since_is_told_and_nothing_begins_by_itself(checks, small):
    document, open_module, compute = checks
    open_module(small)
    press(document, entries=3)
    assert compute()[-1].old == ""
    document.edit(f"{PATH}.entries", 5)
    (result,) = [each for each in compute() if each is not None][-1:]
    assert result.old == "The settings have changed since"
    assert result.total == 6
    press(document)
    assert compute()[-1].total == 10
    open_module(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    assert compute()[-1].rows == ()


def test_a_batch_with_its_own_moments(checks):
    torch.manual_seed(0)
    document, open_module, compute = checks
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    open_module(module)
    press(document, batch=True, batch_statistics=True, entries=4)
    result = compute()[-1]
    assert result.normalised
    assert result.images == 4
    assert {row.verdict for row in result.rows} <= {"passes", "zero"}
    assert torch.equal(module[1].running_mean, torch.zeros(2))


def test_the_view_says_how_it_goes(qtbot, checks, small, monkeypatch):
    document, open_module, compute = checks
    open_module(small)
    view = GradientCheckView(document)
    qtbot.addWidget(view)
    view.resize(420, 480)

    def words():
        return " ".join(each.text() for each in view.findChildren(QLabel))

    (button,) = [each for each in view.findChildren(QPushButton) if each.text() == "Check"]
    view.show_result(compute()[-1])
    assert "Press Check" in words()
    document.edit(f"{PATH}.fault", "conv")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert document.scene.panel("gradient-check").running
    results = compute()
    view.show_result(results[0])
    assert button.text() == "Cancel"
    assert "The check begins" in words()
    view.show_result(results[1])
    assert "compared" in words()
    view.show_result(results[-1])
    assert button.text() == "Check"
    assert "Planted in conv, found: conv is the last that fails" in words()
    assert view.subtitle == "1 of 2 layers fail"
    document.edit(f"{PATH}.fault", None)
    view.show_result(compute()[-1])
    assert view.state == "stale"
    monkeypatch.setattr(gradient_check, "AT_ONCE_S", 0.0)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    times = iter([False, False, False, True])
    view.show_result(compute(lambda: next(times))[-1])
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not document.scene.panel("gradient-check").running
    view.show_result(compute()[-1])
    assert "stopped" in words()
