"""Small jobs off the UI thread."""

import threading

import pytest

from cnnviz.engine.failures import FailuresHub
from cnnviz.ui import background as background_module
from cnnviz.ui.background import Background


@pytest.fixture
def heard():
    return []


@pytest.fixture
def background(qapp, heard):
    hub = FailuresHub()
    hub.listen(heard.append)
    background = Background(hub)
    yield background
    background.close()


def test_a_job_runs_elsewhere_and_its_result_arrives_on_the_calling_thread(background, qtbot):
    arrived = []
    background.run(threading.get_ident, lambda there: arrived.append((there, threading.get_ident())), "Doing")
    qtbot.waitUntil(lambda: bool(arrived))
    ((there, here),) = arrived
    assert here == threading.get_ident() != there


def test_jobs_are_done_in_order(background, qtbot):
    arrived = []
    for number in range(20):
        background.run(lambda number=number: number, arrived.append, "Doing")
    qtbot.waitUntil(lambda: len(arrived) == 20)
    assert arrived == list(range(20))


@pytest.mark.parametrize(
    ("error", "words", "severity"),
    [
        (ValueError("This is no image; choose another."), "This is no image; choose another.", "warning"),
        (OSError(28, "No space left on device"), "Saving failed: No space left on device.", "warning"),
        (RuntimeError("surprise"), "Saving failed: surprise", "error"),
    ],
)
def test_what_goes_wrong_is_told_in_plain_words(background, heard, qtbot, error, words, severity):
    def job():
        raise error

    background.run(job, lambda _: heard.append("then"), "Saving")
    qtbot.waitUntil(lambda: bool(heard))
    (failure,) = heard
    assert (failure.message, failure.severity) == (words, severity)
    assert ("Traceback" in failure.details) == (severity == "error")


def test_closing_finishes_what_was_begun(background):
    done = []
    go_on = threading.Event()
    background.run(lambda: (go_on.wait(30), done.append(1)), lambda _: None, "Doing")
    background.run(lambda: done.append(2), lambda _: None, "Doing")
    go_on.set()
    assert background.close()
    assert done == [1, 2]


def test_a_result_that_comes_after_closing_is_nobodys(background, qapp):
    arrived = []
    background.run(lambda: 1, arrived.append, "Doing")
    background.close()
    qapp.processEvents()
    assert arrived == []


def test_closing_leaves_behind_what_only_reads(background, qapp, monkeypatch):
    monkeypatch.setattr("cnnviz.ui.background.PATIENCE_S", 0.05)
    go_on, done = threading.Event(), []
    background.run(lambda: go_on.wait(30), done.append, "Reading", only_reads=True)
    background.run(lambda: done.append("never begun"), lambda _: None, "Reading more", only_reads=True)
    assert not background.close()
    go_on.set()
    assert background.close()
    qapp.processEvents()
    assert done == []


def test_what_fails_to_be_written_while_it_is_closed_is_known_at_once(background):
    go_on = threading.Event()

    def write():
        go_on.wait(30)
        raise OSError(28, "No space left on device")

    def read():
        raise OSError(2, "No such file")

    background.run(write, lambda _: None, "Saving a.png")
    background.run(lambda: None, lambda _: None, "Saving b.png")
    background.run(read, lambda _: None, "Opening c.png", only_reads=True)
    threading.Timer(0.1, go_on.set).start()
    assert background.close()
    assert background.unwritten == {"Saving a.png": "Saving a.png failed: No space left on device."}


def test_what_waits_behind_a_long_reading_is_written_before_the_program_closes(background, monkeypatch):
    monkeypatch.setattr(background_module, "PATIENCE_S", 0.05)
    begun, end, written = threading.Event(), threading.Event(), []
    background.run(lambda: (begun.set(), end.wait(60)), lambda _: None, "Reading", only_reads=True)
    assert begun.wait(60)

    def fail():
        raise OSError(28, "No space left on device")

    for number in range(3):
        background.run(lambda number=number: written.append(number), lambda _: None, f"Writing {number}")
    background.run(fail, lambda _: None, "Saving a.svg")
    try:
        assert not background.close(), "the reading goes on"
        assert written == [0, 1, 2]
        assert background.unwritten == {"Saving a.svg": "Saving a.svg failed: No space left on device."}
    finally:
        end.set()
