import pytest
from PyQt6.QtCore import QTimer

from cnnviz.ui import beside_frames
from cnnviz.ui.beside_frames import BesideFrames


@pytest.fixture
def done():
    return []


@pytest.fixture
def tick(monkeypatch):
    """The interval's end, which comes when the test says so: between two frames a busy machine may take any time."""
    timers = []

    class PlayedTimer(QTimer):
        def start(self):
            timers.append(self)

    monkeypatch.setattr(beside_frames, "QTimer", PlayedTimer)
    return lambda: timers[0].timeout.emit()


@pytest.fixture
def beside(qapp, done):
    made = BesideFrames(150, lambda: done.append("done"))
    yield made
    made.stop()


def test_while_no_frame_comes_it_is_done_at_each_interval(qtbot, beside, done):
    qtbot.waitUntil(lambda: len(done) >= 3)


def test_while_frames_come_it_is_done_with_one_of_them(tick, beside, done):
    beside.frame()
    for number in range(5):
        tick()
        assert len(done) == number, "between frames nothing is done"
        beside.frame()
        assert len(done) == number + 1
        beside.frame()
        assert len(done) == number + 1, "once in an interval"


def test_what_is_due_when_frames_end_is_done_without_one(tick, beside, done):
    beside.frame()
    tick()
    assert done == []
    tick()
    assert done == ["done"]
    beside.frame()
    assert done == ["done"]
