import pytest

from cnnviz.ui.beside_frames import BesideFrames


@pytest.fixture
def done():
    return []


@pytest.fixture
def beside(qapp, done):
    made = BesideFrames(150, lambda: done.append("done"))
    yield made
    made.stop()


def test_while_no_frame_comes_it_is_done_at_each_interval(qtbot, beside, done):
    qtbot.waitUntil(lambda: len(done) >= 3)


def test_while_frames_come_it_is_done_with_one_of_them(qtbot, beside, done):
    frames = []
    for _ in range(60):
        before = len(done)
        beside.frame()
        frames.append(len(done) - before)
        between = len(done)
        qtbot.wait(10)
        assert len(done) == between, "between frames nothing is done"
    assert 2 <= sum(frames) < len(frames) / 2


def test_what_is_due_when_frames_end_is_done_without_one(qtbot, beside, done):
    beside.frame()
    done.clear()
    qtbot.waitUntil(lambda: done != [])
