"""Where results reach the panels."""

from __future__ import annotations

from typing import ClassVar

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.panel import PanelSpec
from cnnviz.scene.document import Document
from cnnviz.scene.params import PanelParams
from cnnviz.ui import stage as stage_module
from cnnviz.ui.stage import Stage


class Params(PanelParams):
    pass


class View:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def show_result(self, result):
        self.told.append(("result", result))

    def show_error(self, message):
        self.told.append(("error", message))

    def show_busy(self, text="computing"):
        self.told.append(("busy",))
        self.busy_with = text

    def show_unchanged(self):
        self.told.append(("unchanged",))


def spec(panel_id, compute, depends=("network", "input")):
    return PanelSpec(panel_id, panel_id, "left", Params, depends, compute, "", layers=lambda *_: ())


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """No work is called slow because the machine is busy."""
    monkeypatch.setattr(stage_module, "PATIENCE_MS", 600_000)


@pytest.fixture
def make(qapp, tmp_path, handed):
    """A stage with two panels: one that follows the input, one that follows the network alone."""
    made = []

    def build(module, **named):
        document = Document()
        document.edit("network.source", handed(module))
        specs = (
            spec("test-live", lambda scene, *_: scene.input.edits.brightness),
            spec("test-still", lambda *_: "still", ("network",)),
        )
        stage = Stage(document, specs, InputPipeline(ImageStore(tmp_path)), FailuresHub(), **named)
        views = {each.id: View() for each in specs}
        for panel_id, view in views.items():
            stage.add_view(panel_id, view)
        stage.set_visible(views)
        made.append(stage)
        return document, stage, views["test-live"], views["test-still"]

    yield build
    for stage in made:
        stage.close()
        stage.deleteLater()


def test_nothing_is_computed_before_the_start(make, gated, gate):
    document, stage, live, _ = make(gated)
    document.edit("input.edits.brightness", 0.5)
    assert stage.wait_until_idle(30)
    assert (live.told, gate.passes) == ([], 0)
    stage.start()
    assert stage.wait_until_idle(30)
    assert live.told == [("result", 0.5)]
    assert stage.shown_version == document.version


@pytest.mark.parametrize("synchronous", [True, False])
def test_each_change_reaches_the_views(make, small, synchronous):
    document, stage, live, still = make(small, synchronous=synchronous)
    stage.start()
    stage.wait_until_idle(30)
    document.edit("input.edits.brightness", 0.25)
    if not synchronous:
        assert stage.wait_until_idle(30)
    assert stage.shown_version == document.version
    assert live.told[-1] == ("result", 0.25)
    assert still.told == [("result", "still"), ("unchanged",)]


def test_deliveries_are_told_after_the_views_have_shown_them(make, small):
    document, stage, live, _ = make(small)
    seen = []
    stage.delivered.connect(lambda delivery: seen.append((delivery.version, len(live.told))))
    stage.start()
    assert stage.wait_until_idle(30)
    assert seen == [(document.version, 1)]


def test_waiting_gives_up_after_its_time(make, gated, gate):
    document, stage, _, _ = make(gated)
    stage.start()
    assert stage.wait_until_idle(30)
    gate.hold()
    document.edit("input.edits.brightness", 0.5)
    assert not stage.wait_until_idle(0.05)
    gate.open.set()
    assert stage.wait_until_idle(30)


def test_long_work_is_said_once_and_taken_back_where_nothing_changed(make, gated, gate, qtbot, monkeypatch):
    monkeypatch.setattr(stage_module, "PATIENCE_MS", 20)
    document, stage, live, still = make(gated)
    stage.start()
    assert stage.wait_until_idle(30)
    live.told.clear()
    still.told.clear()
    gate.hold()
    document.edit("input.edits.brightness", 0.5)
    qtbot.waitUntil(lambda: bool(still.told))
    gate.open.set()
    assert stage.wait_until_idle(30)
    assert live.told == [("busy",), ("result", 0.5)]
    assert live.busy_with == "computing"
    assert still.told == [("busy",), ("unchanged",)]


def test_until_there_is_a_network_it_is_said_to_be_loaded(make, gated, gate, qtbot, monkeypatch):
    monkeypatch.setattr(stage_module, "PATIENCE_MS", 20)
    _, stage, live, _ = make(gated)
    gate.hold()
    stage.start()
    qtbot.waitUntil(lambda: bool(live.told))
    assert live.busy_with == "loading the network"
    gate.open.set()
    assert stage.wait_until_idle(30)


class PlayedTimer(QTimer):
    """One whose time passes when the test says so."""

    made: ClassVar[list[PlayedTimer]] = []

    def __init__(self, *parent):
        super().__init__(*parent)
        self.left = None
        self.made.append(self)

    def start(self, *interval):
        self.left = interval[0] if interval else self.interval()

    def stop(self):
        self.left = None

    def isActive(self):
        return self.left is not None

    @classmethod
    def pass_by(cls, milliseconds):
        for timer in cls.made:
            if timer.left is not None and timer.left <= milliseconds:
                timer.left = None
                timer.timeout.emit()
            elif timer.left is not None:
                timer.left -= milliseconds


def test_quick_frames_one_after_the_other_are_never_called_slow(make, small, monkeypatch):
    """A hand that goes on drawing: whenever a result comes, the scene is a step further already."""
    monkeypatch.setattr(PlayedTimer, "made", [])
    monkeypatch.setattr(stage_module, "PATIENCE_MS", 200)
    monkeypatch.setattr(stage_module, "QTimer", PlayedTimer)
    document, stage, live, _ = make(small)
    shown = []

    def draw_on(result):
        shown.append(result)
        PlayedTimer.pass_by(180)
        if len(shown) < 10:
            document.edit("input.edits.brightness", len(shown) / 100)

    live.show_result = draw_on
    stage.start()
    assert stage.wait_until_idle(30)
    assert len(shown) == 10
    assert ("busy",) not in live.told


def test_a_view_that_fails_says_so_and_holds_up_nobody(make, small):
    _, stage, live, still = make(small)
    heard = []
    stage._failures.listen(heard.append)
    live.show_result = lambda result: 1 / 0
    stage.start()
    assert stage.wait_until_idle(30)
    assert live.told == [("error", "This could not be shown: division by zero")]
    assert still.told == [("result", "still")]
    assert [each.message for each in heard] == ["Showing test-live failed: division by zero"]


def test_what_fails_after_the_views_holds_up_nobody_who_waits(make, small, qtbot):
    _, stage, _, _ = make(small)
    stage.delivered.connect(lambda delivery: 1 / 0)
    with qtbot.captureExceptions() as raised:
        stage.start()
        assert stage.wait_until_idle(30)
    assert [kind for kind, *_ in raised] == [ZeroDivisionError]


def test_what_was_posted_before_closing_is_shown_no_more(make, gated, gate):
    document, stage, live, _ = make(gated)
    stage.start()
    assert stage.wait_until_idle(30)
    live.told.clear()
    gate.hold()
    document.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    gate.open.set()
    assert stage._engine.wait_until_idle(30)  # delivered, and waiting for this thread to process it
    stage.close()
    QApplication.processEvents()
    assert live.told == []


def test_after_closing_nothing_is_shown(make, small):
    document, stage, live, _ = make(small)
    stage.start()
    assert stage.wait_until_idle(30)
    live.told.clear()
    assert stage.close()
    document.edit("input.edits.brightness", 0.5)
    QApplication.processEvents()
    assert live.told == []


def test_panels_that_vanish_with_the_window_start_no_work(make, gated, gate):
    _, stage, _, _ = make(gated)
    stage.start()
    assert stage.wait_until_idle(30)
    passes = gate.passes
    stage.close()
    stage.set_visible(())
    assert stage.wait_until_idle(30)
    assert gate.passes == passes
