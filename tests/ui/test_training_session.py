"""The session of training: images that are taken away, and a disk that is full. Its process is played here."""

import errno
import os
from types import SimpleNamespace

import pytest

import cnnviz.panels  # noqa: F401  registers the parameters of the panels
from cnnviz.checkpoints.card import NetworkCard
from cnnviz.engine.failures import FailuresHub
from cnnviz.scene.document import Document
from cnnviz.training import client
from cnnviz.training.client_events import Answers, Failed, Lost, RunBegun, RunState, Silent
from cnnviz.training.metrics import Notice, Saved
from cnnviz.training.settings import checked_settings
from cnnviz.ui import data_watch, training_session
from cnnviz.ui.training_session import TrainingSession


class PlayedClient:
    """A process that says what the test says."""

    process_id = None

    def __init__(self, say):
        self.say = say

        self.changes = []

    def start(self, settings, folder, *, paused):
        pass

    def stop(self):
        self.stops = True

    def change(self, changes):
        self.changes.append(dict(changes))

    def end_now(self):
        self.say(Lost.of(-9, "", ended=True))

    def close(self):
        pass


@pytest.fixture
def session(qapp, tmp_path, monkeypatch):
    monkeypatch.setattr(training_session, "TrainingClient", PlayedClient)
    monkeypatch.setattr(data_watch, "LOOKS_EVERY_S", 0.02)
    failures = FailuresHub()
    session = TrainingSession(Document(), failures, lambda: None, tmp_path / "runs")
    session.heard = []
    failures.listen(session.heard.append)
    yield session
    session.close()
    assert session.has_closed(60)


@pytest.fixture
def trains_on(session):
    def begin(dataset):
        card = NetworkCard(
            architecture="lenet", config={}, labels=("a", "b"), input_size=(1, 8, 8), mean=(0,), std=(1,), dataset="x"
        )
        session.start()
        client = session._connected()
        client.say(RunBegun(card, checked_settings({"dataset": dataset}), "", "cpu", 10, 10, ()))
        client.say(RunState("training"))
        return client

    return begin


def test_images_that_are_taken_away_are_told_and_the_run_goes_on(session, trains_on, tmp_path, qtbot):
    pictures = tmp_path / "pictures"
    (pictures / "cats").mkdir(parents=True)
    client = trains_on(f"folder:{pictures}")
    qtbot.wait(60)
    assert session.data_gone == ""
    pictures.rename(tmp_path / "elsewhere")
    qtbot.waitUntil(lambda: bool(session.data_gone))
    assert str(pictures) in session.data_gone
    assert session.goes_on
    assert [each.message for each in session.heard] == [session.data_gone]
    (tmp_path / "elsewhere").rename(pictures)
    qtbot.waitUntil(lambda: not session.data_gone)
    assert session.heard[-1].severity == "info"
    assert "there again" in session.heard[-1].message
    client.say(RunState("finished"))
    qtbot.waitUntil(lambda: not session.goes_on)
    (pictures / "cats").rmdir()
    qtbot.wait(80)
    assert len(session.heard) == 2  # of a run that is over nothing depends on them


def test_what_is_still_said_of_a_run_that_could_not_begin_does_not_end_the_next(session, qtbot):
    session.start()
    client = session._connected()
    client.say(RunState("preparing"))
    client.say(Failed("The images are gone.", ""))
    qtbot.waitUntil(lambda: session.phase == "idle")
    assert session.trouble == "The images are gone."
    session.start()
    client.say(RunState("idle"))  # it was under way when the next run was asked for
    qtbot.wait(30)
    assert session.phase == "preparing"
    client.say(RunState("preparing"))
    client.say(RunState("idle"))
    qtbot.waitUntil(lambda: session.phase == "idle")


def test_a_run_can_be_cancelled_while_it_is_prepared(session, qtbot):
    session.start()
    client = session._connected()
    client.say(RunState("preparing"))
    assert not session.cancelling
    session.stop()
    assert client.stops
    assert session.cancelling
    client.say(RunState("idle"))
    qtbot.waitUntil(lambda: session.phase == "idle")
    assert not session.cancelling
    assert session.trouble == ""
    session.start()
    assert not session.cancelling


def test_what_cannot_be_saved_is_said_until_it_can_be(session, trains_on, qtbot):
    client = trains_on("digits")
    client.say(Notice("There is no room.", unsaved=True))
    qtbot.waitUntil(lambda: session.unsaved == "There is no room.")
    assert session.heard[-1].severity == "warning"
    client.say(Notice("Something else."))
    qtbot.waitUntil(lambda: session.heard[-1].message == "Something else.")
    assert session.heard[-1].severity == "info"
    assert session.unsaved
    client.say(Saved(20, "step-20"))
    qtbot.waitUntil(lambda: not session.unsaved)


def test_what_cannot_be_saved_as_the_program_closes_is_known_when_the_process_has_gone(session, trains_on):
    client = trains_on("digits")
    lost = ("The curve cannot be written.", "Step 20 cannot be saved.", "The curve cannot be written.")
    client.close = lambda: [client.say(Notice(words, unsaved=True)) for words in lost]
    session.close()
    assert session.has_closed(60)
    assert session.unsaved == "The curve cannot be written.\n\nStep 20 cannot be saved."


def test_what_can_be_saved_again_as_the_program_closes_is_not_spoken_of(session, trains_on, qtbot):
    client = trains_on("digits")
    client.say(Notice("There is no room.", unsaved=True))
    qtbot.waitUntil(lambda: bool(session.unsaved))
    client.close = lambda: client.say(Saved(20, "step-20"))
    session.close()
    assert session.has_closed(60)
    assert not session.unsaved


def test_a_run_that_was_let_go_is_as_far_as_it_came(session, trains_on, qtbot):
    client = trains_on("digits")
    client.say(RunState("training", 52, 440, 2))
    client.say(RunState("idle"))
    qtbot.waitUntil(lambda: session.phase == "idle")
    assert session.state == RunState("idle", 52, 440, 2)
    session.start()
    client.say(Failed("There is no such data set.", ""))
    qtbot.waitUntil(lambda: bool(session.trouble))
    assert session.state == RunState("idle", 52, 440, 2)


def test_a_run_that_diverged_or_is_done_goes_on_with_what_is_set_now(session, trains_on, qtbot):
    path = "panels.training.settings"
    client = trains_on("digits")
    assert not session.can_carry_on
    client.say(RunState("diverged", 1, 440, 0))
    qtbot.waitUntil(lambda: session.phase == "diverged")
    assert session.can_carry_on
    session._document.edit(f"{path}.learning_rate", 0.003)
    session.carry_on()
    assert client.changes == [{"learning_rate": 0.003}]
    session.carry_on()
    assert client.changes[1:] == [{}]
    client.say(RunState("finished", 440, 440, 20))
    qtbot.waitUntil(lambda: session.phase == "finished")
    assert not session.can_carry_on
    session._document.edit(f"{path}.epochs", session.settings.epochs + 5)
    assert session.can_carry_on
    session._document.edit(f"{path}.seed", 7)
    assert not session.can_carry_on


def test_files_that_were_left_out_are_listed(session, trains_on, qtbot):
    client = trains_on("digits")
    client.say(Notice("2 files are left out: a/1.png …", details="a/1.png\nb/2.png"))
    qtbot.waitUntil(lambda: bool(session.heard))
    assert (session.heard[0].severity, session.heard[0].details) == ("warning", "a/1.png\nb/2.png")


def test_images_that_are_made_by_the_program_are_not_looked_after(session, trains_on, qtbot):
    trains_on("digits")
    qtbot.waitUntil(lambda: session.goes_on and session.run is not None)
    qtbot.wait(60)
    assert session._data._thread is None
    assert session.heard == []


def test_a_process_that_cannot_be_started_is_told_and_not_waited_for(qtbot, tmp_path, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(client, "tempfile", SimpleNamespace(TemporaryDirectory=full))
    failures, heard = FailuresHub(), []
    failures.listen(heard.append)
    session = TrainingSession(Document(), failures, lambda: None, tmp_path / "runs")
    session.warm_up()
    assert heard == []
    session.start()
    qtbot.waitUntil(lambda: bool(heard))
    assert "cannot be started (No space left on device); make room" in heard[0].message
    assert (session.phase, session.trouble) == ("idle", heard[0].message)
    session.close()
    assert session.has_closed(60)


def test_a_process_that_does_not_answer_is_told_and_can_be_ended(session, trains_on):
    client = trains_on("digits")
    client.say(Silent())
    assert session.heard[-1].message == session.silent
    assert "press Stop" in session.silent
    client.say(Answers())
    assert session.silent == ""
    assert session.goes_on
    client.say(Silent())
    session.stop()
    assert (session.silent, session.phase) == ("", "idle")
    assert "did not answer" in session.trouble
