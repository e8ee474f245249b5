"""The window's side with real processes: what they do when all is well, and when either of them dies."""

import os
import queue
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from cnnviz.checkpoints.open import open_network
from cnnviz.training import client as client_module
from cnnviz.training.client import TrainingClient
from cnnviz.training.client_events import (
    Answers,
    Failed,
    Lost,
    Metrics,
    RunBegun,
    RunState,
    SettingsChanged,
    Silent,
    Weights,
    WorkerReady,
)
from cnnviz.training.messages import Message
from cnnviz.training.metrics import EpochMetrics, Notice, Saved, StepMetrics
from cnnviz.training.run_folder import pending_runs, read_record, saved_steps
from cnnviz.training.settings import checked_settings

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

SETTINGS = checked_settings(
    {
        "network": {"name": "lenet", "config": {"widths": [2, 3], "hidden": 6}},
        "dataset": "digits",
        "epochs": 2,
        "batch_size": 100,
        "learning_rate": 0.01,
        "save_every": 10,
        "device": "cpu",
        "threads": 1,
    }
)
ENDLESS = SETTINGS.changed({"epochs": 100_000, "test_every": 0})


class Heard:
    """What a client told, to be waited for."""

    def __init__(self):
        self.events = []
        self._queue = queue.SimpleQueue()

    def __call__(self, event):
        self.events.append(event)
        self._queue.put(event)

    def wait(self, kind, condition=lambda event: True, seconds=100):
        """The next event of this kind that nobody has waited for."""
        end = time.monotonic() + seconds
        while True:
            event = self._queue.get(timeout=max(end - time.monotonic(), 0.01))
            if isinstance(event, kind) and condition(event):
                return event

    def phase(self, phase):
        return self.wait(RunState, lambda event: event.phase == phase)

    def none(self, kind, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                event = self._queue.get(timeout=left)
            except queue.Empty:
                return
            assert not isinstance(event, kind), event


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def client(heard):
    client = TrainingClient(heard)
    yield client
    client.close()


def test_a_run_is_told_of_from_the_first_step_to_the_last(client, heard, tmp_path):
    client.start(SETTINGS, tmp_path / "run", command="as tested")
    assert heard.wait(WorkerReady).threads >= 1
    begun = heard.wait(RunBegun)
    assert (begun.train_images, begun.test_images, begun.device) == (1438, 359, "cpu")
    assert begun.card.labels == tuple("0123456789")
    start = heard.wait(Weights)
    assert start.step == 0
    client.acknowledge()
    heard.phase("finished")
    figures = [figure for event in heard.events if isinstance(event, Metrics) for figure in event.events]
    assert [figure.step for figure in figures if isinstance(figure, StepMetrics)] == list(range(1, 29))
    assert [figure.epoch for figure in figures if isinstance(figure, EpochMetrics)] == [1, 2]
    assert [event.step for event in heard.events if isinstance(event, Saved)] == [0, 10, 20, 28]
    client.acknowledge()
    client.stop()
    heard.phase("idle")
    last = [event for event in heard.events if isinstance(event, Weights)][-1]
    saved = open_network(tmp_path / "run" / "step-00000028.safetensors").module.state_dict()
    assert last.step == 28
    assert last.arrays().keys() == saved.keys()
    assert all(np.array_equal(array, saved[name].numpy()) for name, array in last.arrays().items())
    assert not any(isinstance(event, Failed | Lost | Notice) for event in heard.events)


def test_pause_single_steps_change_and_stop(client, heard, tmp_path):
    client.start(ENDLESS, tmp_path / "run", paused=True)
    assert heard.phase("paused").step == 0
    for step in (1, 2):
        client.step()
        assert heard.phase("paused").step == step
    client.change({"learning_rate": 0.02, "schedule": "constant"})
    assert heard.wait(SettingsChanged).settings.learning_rate == 0.02
    client.step(3)
    assert heard.wait(Metrics).events[-1].learning_rate == 0.02
    assert heard.phase("paused").step == 5
    client.change({"seed": 4})
    assert "The seed of a run cannot change" in heard.wait(Failed).message
    client.change({"learning_rate": -1})
    assert "must be above 0" in heard.wait(Failed).message
    client.resume()
    heard.phase("training")
    heard.wait(Metrics, lambda event: event.events[-1].step > 20)
    client.pause()
    paused = heard.phase("paused")
    heard.none(Metrics, 0.5)
    client.stop()
    heard.phase("idle")
    assert saved_steps(tmp_path / "run")[-1] == paused.step
    assert read_record(tmp_path / "run").status == "stopped"
    assert read_record(tmp_path / "run").settings.learning_rate == 0.02


def test_weights_come_one_at_a_time_and_not_too_often(client, heard):
    client.start(ENDLESS)
    heard.wait(Weights)
    heard.none(Weights, 1.0)
    began = time.monotonic()
    for _ in range(8):
        client.acknowledge()
        heard.wait(Weights)
    assert time.monotonic() - began > 0.5


def test_a_killed_worker_is_told_and_the_run_goes_on_in_another(client, heard, tmp_path):
    client.start(ENDLESS, tmp_path / "run")
    heard.wait(Saved, lambda event: event.step >= 20)
    first = client.process_id
    os.kill(first, signal.SIGKILL)
    lost = heard.wait(Lost)
    assert "ended by the system" in lost.message
    assert "go on from its last checkpoint" in lost.message
    assert client.process_id is None
    (pending,) = pending_runs(tmp_path)
    assert pending.step >= 20
    client.resume_run(pending.folder, paused=True)
    assert heard.phase("paused").step == pending.step
    assert client.process_id not in (None, first)


def test_a_worker_that_cannot_start_is_told_with_its_last_words(heard, monkeypatch):
    monkeypatch.setattr(
        client_module.sys, "executable", "/bin/false" if os.path.exists("/bin/false") else sys.executable
    )
    client = TrainingClient(heard)
    client.warm_up()
    assert "ended unexpectedly (status 1)" in heard.wait(Lost).message
    client.close()


def test_what_cannot_be_started_is_said_and_the_worker_stays(client, heard, tmp_path):
    client.start(SETTINGS.changed({"batch_size": 5000}))
    assert "only 1,438 images to train on" in heard.wait(Failed).message
    process = client.process_id
    client.start(SETTINGS.changed({"dataset": f"folder:{tmp_path / 'gone'}"}))
    assert "is not there; bring it back" in heard.wait(Failed).message
    client.resume_run(tmp_path)
    assert "holds no run" in heard.wait(Failed).message
    client._send(Message("dance"))
    assert "no command 'dance'" in heard.wait(Notice).message
    client._send(Message("start", {"settings": 3}))
    heard.wait(Failed)
    client.start(SETTINGS.changed({"epochs": 1}))
    heard.phase("finished")
    assert client.process_id == process


def test_a_worker_whose_window_dies_saves_and_ends(tmp_path):
    window = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from cnnviz.training.client import TrainingClient
        from cnnviz.training.client_events import Metrics
        from cnnviz.training.settings import TrainingSettings

        def heard(event):
            if isinstance(event, Metrics) and event.events[-1].step > 30:
                print(client.process_id, event.events[-1].step, flush=True)

        client = TrainingClient(heard)
        settings = TrainingSettings.model_validate_json({ENDLESS.changed({"save_every": 0}).model_dump_json()!r})
        client.start(settings, Path({str(tmp_path / "run")!r}))
        time.sleep(300)
        """
    )
    with subprocess.Popen([sys.executable, "-c", window], stdout=subprocess.PIPE, text=True) as process:
        worker, step = map(int, process.stdout.readline().split())
        process.kill()
    for _ in range(1000):
        (pending,) = pending_runs(tmp_path) or (None,)
        if pending is not None and not alive(worker):
            break
        time.sleep(0.05)
    assert not alive(worker)
    assert pending.step >= step


def alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    try:  # one that nobody has waited for yet is over all the same
        with open(f"/proc/{process_id}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def test_training_yields_while_the_person_draws(client, heard):
    client.start(ENDLESS)
    heard.wait(Metrics, lambda event: event.events[-1].step > 5)
    client.busy(True)
    time.sleep(0.7)
    seen = [figure.step for event in heard.events if isinstance(event, Metrics) for figure in event.events]
    time.sleep(2)
    client.busy(False)
    now = [figure.step for event in heard.events if isinstance(event, Metrics) for figure in event.events]
    assert len(now) - len(seen) <= 6
    heard.wait(Metrics, lambda event: event.events[-1].step > now[-1] + 10)


def test_the_client_loads_no_torch():
    heavy = "torch", "sklearn", "scipy"
    code = f"import sys, cnnviz.training.client; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_worker_that_was_stopped_is_told_and_can_be_ended(client, heard, tmp_path, monkeypatch):
    client.start(ENDLESS, tmp_path / "run")
    heard.wait(Saved, lambda event: event.step >= 20)
    monkeypatch.setattr(client_module, "_ASK_SECONDS", 0.1)
    monkeypatch.setattr(client_module, "_SILENT_SECONDS", 2.0)
    os.kill(client.process_id, signal.SIGSTOP)
    heard.wait(Silent)
    os.kill(client.process_id, signal.SIGCONT)
    heard.wait(Answers)
    os.kill(client.process_id, signal.SIGSTOP)
    heard.wait(Silent)
    client.end_now()
    assert "was ended, as it did not answer" in heard.wait(Lost).message
    assert pending_runs(tmp_path)[0].step >= 20


def test_closing_does_not_wait_for_a_worker_that_was_stopped(heard, tmp_path, monkeypatch):
    client = TrainingClient(heard)
    client.start(ENDLESS, tmp_path / "run")
    heard.phase("training")
    monkeypatch.setattr(client_module, "_ASK_SECONDS", 0.1)
    monkeypatch.setattr(client_module, "_SILENT_AT_THE_END_SECONDS", 1.0)
    process = client.process_id
    os.kill(process, signal.SIGSTOP)
    began = time.monotonic()
    client.close()
    assert not alive(process)
    assert time.monotonic() - began < client_module._PATIENCE_TO_SAVE / 2
