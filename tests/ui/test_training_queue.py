"""Runs in turn: what begins when, and what is left where something ends. The process that trains is played here."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QObject, pyqtSignal

import cnnviz.panels  # noqa: F401  registers the parameters of the panels
from cnnviz.engine.failures import FailuresHub
from cnnviz.scene.document import Document
from cnnviz.training.client_events import RunBegun, RunState
from cnnviz.training.run_label import RunLabel, read_label
from cnnviz.training.run_queue import read_queue
from cnnviz.training.settings import checked_settings
from cnnviz.ui.training_queue import TrainingQueue


class PlayedSession(QObject):
    """A session whose process does what the test says."""

    changed = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.state, self.run, self.trouble = RunState("idle"), None, ""
        self.started = []

    @property
    def phase(self):
        return self.state.phase

    @property
    def goes_on(self):
        return self.phase in ("preparing", "training", "testing", "paused")

    def start(self, *, folder):
        self.started.append(folder)
        self.trouble = ""
        self.to("preparing")

    def fail(self, why):
        self.trouble = why
        self.to("idle")

    def begin(self):
        folder = self.started[-1]
        folder.mkdir(parents=True)
        self.run = RunBegun(None, checked_settings({}), str(folder), "cpu", 1, 1, ())
        self.changed.emit()
        self.to("training")

    def to(self, phase):
        self.state = RunState(phase)
        self.changed.emit()


@pytest.fixture
def session(qapp):
    return PlayedSession()


@pytest.fixture
def document():
    return Document()


@pytest.fixture
def queue(session, document, tmp_path):
    queue = TrainingQueue(session, document, FailuresHub(), tmp_path / "runs")
    yield queue
    queue.close()


@pytest.fixture
def three(queue, qtbot):
    """Three runs that wait, of which the first has been sent to the process."""
    ids = queue.add([(checked_settings({"epochs": n}), RunLabel(name=f"run {n}")) for n in (1, 2, 3)])
    qtbot.waitUntil(lambda: queue.starting == ids[0])
    return ids


def waiting(queue):
    on_disk = [run.id for run in read_queue(queue.folder).waiting]
    assert on_disk == [run.id for run in queue.runs]
    return on_disk


def present_epochs(document):
    return document.scene.panel("training").settings.epochs


def test_runs_are_trained_one_after_the_other(session, queue, three, document, qtbot):
    for number, run_id in enumerate(three, 1):
        qtbot.waitUntil(lambda run_id=run_id: queue.starting == run_id)
        assert present_epochs(document) == number
        assert waiting(queue) == list(three[number - 1 :]), "it waits until it has begun"
        session.begin()
        assert waiting(queue) == list(three[number:])
        assert read_label(queue.folder / run_id).name == f"run {number}"
        session.to("testing")
        session.to("finished" if number != 2 else "diverged")
    qtbot.waitUntil(lambda: not queue.goes)
    assert [folder.name for folder in session.started] == list(three)


def test_a_run_that_is_on_is_waited_for(session, queue, qtbot):
    session.to("training")
    queue.add([(checked_settings({}), RunLabel())])
    qtbot.wait(30)
    assert session.started == []
    session.to("finished")
    qtbot.waitUntil(lambda: len(session.started) == 1)


@pytest.mark.parametrize("begun", [False, True], ids=["before it began", "while it trained"])
def test_where_one_ends_early_the_others_wait_for_a_word(session, queue, three, qtbot, begun):
    if begun:
        session.begin()
    session.to("idle")
    assert not queue.goes
    qtbot.wait(30)
    assert len(session.started) == 1
    assert waiting(queue) == list(three[1:] if begun else three)
    queue.go_on()
    qtbot.waitUntil(lambda: len(session.started) == 2)
    assert session.started[1].name == three[1 if begun else 0]


def test_one_that_cannot_begin_is_set_aside_with_why_and_the_next_one_begins(session, queue, three, document, qtbot):
    first, second, third = three
    session.fail("The images are gone.")
    qtbot.waitUntil(lambda: queue.starting == second)
    assert waiting(queue) == [second, third, first], "nothing is lost"
    assert [run.trouble for run in queue.runs] == ["", "", "The images are gone."]
    assert present_epochs(document) == 2
    session.begin()
    session.to("finished")
    qtbot.waitUntil(lambda: queue.starting == third)
    session.fail("There is no memory.")
    qtbot.waitUntil(lambda: not queue.goes)
    assert [run.trouble for run in queue.runs] == ["The images are gone.", "There is no memory."]
    assert [folder.name for folder in session.started] == [first, second, third], "none is tried over and over"
    (fourth,) = queue.add([(checked_settings({}), RunLabel())])
    qtbot.waitUntil(lambda: queue.starting == fourth)
    session.begin()
    session.to("finished")
    qtbot.waitUntil(lambda: not queue.goes)
    queue.try_again()
    qtbot.waitUntil(lambda: queue.starting == first)
    assert [run.trouble for run in queue.runs] == ["", ""]
    session.begin()
    assert waiting(queue) == [third]


def test_what_waits_is_there_for_the_next_window_which_begins_nothing_by_itself(session, queue, three, document, qtbot):
    session.begin()
    queue.close()
    later = PlayedSession()
    again = TrainingQueue(later, document, FailuresHub(), queue.folder)
    again.load()
    assert [run.id for run in again.runs] == list(three[1:])
    assert [run.settings.epochs for run in again.runs] == [2, 3]
    qtbot.wait(30)
    assert later.started == []
    again.go_on()
    qtbot.waitUntil(lambda: [folder.name for folder in later.started] == [three[1]])
    again.close()
    session.changed.connect(queue._on_session)  # that it can be closed once more


def test_order_pause_and_removal(session, queue, three, qtbot):
    queue.move_up(three[2])
    assert waiting(queue) == [three[0], three[2], three[1]]
    queue.move_up(three[0])
    queue.remove(three[0])
    assert waiting(queue)[0] == three[0], "one that is being prepared stays"
    queue.remove(three[1])
    queue.rename(three[2], RunLabel(name="last"))
    queue.pause()
    session.begin()
    session.to("finished")
    qtbot.wait(30)
    assert waiting(queue) == [three[2]]
    assert read_queue(queue.folder).waiting[0].label.name == "last"


def test_what_another_window_took_is_not_trained_twice(session, queue, three, qtbot):
    session.begin()
    path = queue.folder / "queue.json"
    path.write_text(read_queue(queue.folder).without(three[1]).model_dump_json())
    session.to("finished")
    qtbot.waitUntil(lambda: queue.starting == three[2])


def test_a_run_by_hand_is_among_those_that_are_drawn(session, queue, document, tmp_path):
    session.started.append(tmp_path / "runs" / "by-hand")
    session.begin()
    assert document.scene.panel("runs").shown is None, "the newest are drawn anyhow"
    document.edit("panels.runs.shown", ("one",))
    session.started.append(tmp_path / "runs" / "another")
    session.begin()
    assert document.scene.panel("runs").shown == ("one", "another")


def test_a_full_disk_is_told(session, queue, monkeypatch):
    told = []
    queue._failures.listen(told.append)
    monkeypatch.setattr("cnnviz.ui.training_queue.write_queue", _no_room)
    queue.pause()
    queue.add([(checked_settings({}), RunLabel())])
    assert "queue of runs cannot be written" in told[0].message


def _no_room(folder: Path, queue):
    raise OSError(28, "No space left on device")
