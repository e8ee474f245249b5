"""What the training process makes of commands in bad moments; the run is played."""

import errno
import os
import queue
import threading

import pytest

from cnnviz.training import worker_loop
from cnnviz.training.messages import Message
from cnnviz.training.worker_loop import WorkerLoop


@pytest.fixture
def said():
    return []


@pytest.fixture
def left():
    return threading.Event()


@pytest.fixture
def resumed(monkeypatch, said, left):
    """Let a run be gone on with whose preparation is ``prepare``, and end."""

    def go_on(prepare, *, meanwhile=lambda loop: None):
        monkeypatch.setattr(worker_loop.Run, "resume", lambda folder, tell, progress: prepare())
        commands = queue.SimpleQueue()
        loop = WorkerLoop(commands, said.append, left.set)
        commands.put(Message("resume_run", {"folder": "run"}))
        thread = threading.Thread(target=loop.run)
        thread.start()
        meanwhile(loop)
        commands.put(Message("end"))
        thread.join(60)
        return [message.fields["message"] for message in said if message.kind == "failed"]

    return go_on


def test_the_end_is_not_kept_waiting_by_images_that_are_being_fetched(resumed, left):
    fetches = threading.Event()

    def fetch():
        fetches.set()
        assert left.wait(60)
        raise ValueError("left")

    def close(loop):
        assert fetches.wait(60)
        loop.hear(Message("end"))

    assert resumed(fetch, meanwhile=close) == ["left"]


def test_the_end_of_a_run_that_is_made_is_left_to_the_loop(left):
    loop = WorkerLoop(queue.SimpleQueue(), lambda message: None, left.set)
    loop.hear(Message("end"))
    assert not left.is_set()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "run/run.json"),
            "run/run.json cannot be read or written (No such file or directory); check the folder and the disk, then "
            "start again.",
        ),
        (
            KeyError("momentum"),
            "A fault that nobody foresaw stopped the run ('momentum'); start it again, or change its settings.",
        ),
        (
            SystemExit("as the module wants"),
            "A fault that nobody foresaw stopped the run (as the module wants); start it again, or change its "
            "settings.",
        ),
    ],
)
def test_what_goes_wrong_is_a_sentence(resumed, said, error, sentence):
    def fail():
        raise error

    assert resumed(fail) == [sentence]
    assert [message.fields["phase"] for message in said if message.kind == "state"] == ["preparing", "idle"]
