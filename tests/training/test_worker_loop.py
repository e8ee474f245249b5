"""What the process that trains does with its commands, played on this thread."""

import queue

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folders
from cnnviz.training.messages import Message
from cnnviz.training.settings import checked_settings
from cnnviz.training.worker_loop import WorkerLoop


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Two classes of twenty pictures, of which each is told when it is read."""
    monkeypatch.setattr(folders, "_TOLD_EVERY", 1)
    for number, name in enumerate(("dark", "bright")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for each in range(20):
            pixels = np.full((12, 12), 200 * number + each, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{each:02}.png")
    return tmp_path / "pictures"


def start(pictures, folder, epochs=1):
    network = {"name": "lenet", "config": {"widths": [2, 2], "hidden": 4}}
    settings = checked_settings(
        {"network": network, "dataset": f"folder:{pictures}", "epochs": epochs, "batch_size": 8, "device": "cpu"}
    )
    return Message("start", {"settings": settings.model_dump(mode="json"), "folder": str(folder)})


class Played:
    """A window that gives commands, and others once it has heard of so much progress."""

    def __init__(self, *commands, then=(), at=3):
        self.commands = queue.SimpleQueue()
        for command in commands:
            self.commands.put(command)
        self._then, self._at = then, at
        self.heard = []

    def send(self, message):
        self.heard.append(message)
        if message.kind == "progress" and len(self.of("progress")) == self._at:
            for command in self._then:
                self.commands.put(command)
        finished = message.kind == "state" and message.fields["phase"] == "finished"
        if finished:
            self.commands.put(None)

    def of(self, kind):
        return [message for message in self.heard if message.kind == kind]

    def phases(self):
        return [message.fields["phase"] for message in self.of("state")]

    def run(self):
        WorkerLoop(self.commands, self.send).run()
        return self


def test_a_run_is_cancelled_while_its_images_are_read_and_leaves_nothing(pictures, tmp_path):
    window = Played(start(pictures, tmp_path / "run"), then=(Message("busy", {"busy": False}), Message("stop"), None))
    window.run()
    assert len(window.of("progress")) == 3, "no picture more is read"
    assert window.phases() == ["preparing", "idle", "idle"]
    assert not window.of("begun")
    assert not window.of("failed")
    assert not (tmp_path / "run").exists()


def test_after_a_run_was_cancelled_the_next_one_begins(pictures, tmp_path):
    again = start(pictures, tmp_path / "second")
    window = Played(start(pictures, tmp_path / "first"), then=(Message("stop"), again)).run()
    assert window.phases()[:3] == ["preparing", "idle", "idle"]
    assert [message.fields["folder"] for message in window.of("begun")] == [str(tmp_path / "second")]
    assert window.phases()[-1] == "finished"
    assert not (tmp_path / "first").exists()


@pytest.mark.parametrize("end", [Message("end"), None], ids=["told to end", "connection gone"])
def test_a_window_that_closes_waits_for_no_images(pictures, tmp_path, end):
    window = Played(start(pictures, tmp_path / "run"), then=(end,)).run()
    assert len(window.of("progress")) == 3
    assert not (tmp_path / "run").exists()


def test_what_is_asked_for_while_a_run_is_prepared_has_its_turn(pictures, tmp_path):
    changes = Message("change", {"changes": {"learning_rate": 0.125}})
    window = Played(start(pictures, tmp_path / "run"), then=(changes,)).run()
    assert [message.fields["settings"]["learning_rate"] for message in window.of("changed")] == [0.125]
    assert window.phases()[-1] == "finished"
