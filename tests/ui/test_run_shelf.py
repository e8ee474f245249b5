"""Renaming and deleting runs, of which one may still be held by the process that trains."""

import pytest
from PyQt6.QtCore import QFile, QObject, pyqtSignal

from cnnviz.engine.failures import FailuresHub
from cnnviz.training.client_events import RunBegun, RunState
from cnnviz.training.run_folder import LOCK_FILE
from cnnviz.training.run_label import RunLabel, read_label
from cnnviz.training.run_lock import RunLock
from cnnviz.training.settings import checked_settings
from cnnviz.ui.run_shelf import RunShelf


class PlayedSession(QObject):
    """A session that notes what it is asked for."""

    changed = pyqtSignal()

    def __init__(self):
        super().__init__()
        self.state, self.run = RunState("idle"), None
        self.stopped, self.forgotten = 0, []

    @property
    def phase(self):
        return self.state.phase

    @property
    def goes_on(self):
        return self.phase == "training"

    def stop(self):
        self.stopped += 1

    def forget(self, folder):
        self.forgotten.append(folder)

    def to(self, phase):
        self.state = RunState(phase)
        self.changed.emit()


@pytest.fixture
def session(qapp):
    return PlayedSession()


@pytest.fixture
def told():
    return []


@pytest.fixture
def shelf(session, told):
    hub = FailuresHub()
    hub.listen(lambda failure: told.append(failure.message))
    return RunShelf(session, hub)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    return folder


def trains(session, folder, phase):
    session.run = RunBegun(None, checked_settings({}), str(folder), "cpu", 1, 1, ())
    session.to(phase)


def test_a_run_is_moved_to_the_trash(shelf, session, folder, tmp_path, monkeypatch, qtbot):
    monkeypatch.setattr(QFile, "moveToTrash", lambda path: (folder.rename(tmp_path / "trash") is not None, ""))
    with qtbot.waitSignal(shelf.changed):
        shelf.delete(folder)
    assert (tmp_path / "trash" / "run.json").exists()
    assert session.forgotten == [folder]


def test_without_a_trash_the_person_is_asked_and_then_it_is_gone(shelf, folder, monkeypatch, qtbot):
    monkeypatch.setattr(QFile, "moveToTrash", lambda path: (False, ""))
    with qtbot.waitSignal(shelf.not_in_trash) as asked:
        shelf.delete(folder)
    assert asked.args == [folder]
    assert folder.exists()
    with qtbot.waitSignal(shelf.changed):
        shelf.delete(folder, for_good=True)
    assert not folder.exists()


def test_one_that_is_trained_stays(shelf, session, folder, told):
    trains(session, folder, "training")
    shelf.delete(folder)
    assert (session.stopped, folder.exists()) == (0, True)
    assert "stop it" in told[0]


def test_one_that_is_over_is_first_let_go_by_its_process(shelf, session, folder, qtbot):
    trains(session, folder, "finished")
    shelf.delete(folder, for_good=True)
    assert (session.stopped, folder.exists()) == (1, True)
    with qtbot.waitSignal(shelf.changed):
        session.to("idle")
    assert not folder.exists()


def test_one_of_another_process_stays(shelf, folder, told):
    with RunLock(folder / LOCK_FILE):
        shelf.delete(folder)
    assert "Another process" in told[0]
    assert folder.exists()


def test_what_cannot_be_done_is_told(shelf, folder, told, monkeypatch, qtbot):
    shelf.rename(folder, RunLabel(name="mine"))
    assert read_label(folder).name == "mine"
    monkeypatch.setattr("cnnviz.ui.run_shelf.write_label", _refuse)
    monkeypatch.setattr("cnnviz.ui.run_shelf.delete_run", _refuse)
    shelf.rename(folder, RunLabel(name="other"))
    with qtbot.waitSignal(shelf.changed):
        shelf.delete(folder, for_good=True)
    assert [text.split(" in ")[0] for text in told] == [
        "The name cannot be written",
        f"{folder} cannot be deleted (Permission denied).",
    ]


def _refuse(*_):
    raise OSError(13, "Permission denied")
