import queue
import subprocess
import sys
import threading

import pytest
import torch

from cnnviz.training import waiting
from cnnviz.training.messages import Message
from cnnviz.training.settings import checked_settings
from cnnviz.training.waiting import CROWDED, FREE, LOOK_SECONDS, BriefWaits, ThreadWaits, waited_for_cores
from cnnviz.training.worker_loop import WorkerLoop

TEAM = "lets others wait briefly"


pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there threads share a step by GNU's")


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Machine:
    """A clock, and threads that wait for a share of it."""

    def __init__(self):
        self.now = self.waited = 0.0

    def pass_by(self, seconds, share):
        self.now += seconds
        self.waited += seconds * share * 2


def looking(machine):
    return ThreadWaits(lambda: machine.waited, lambda: machine.now)


def team():
    return [thread for thread in threading.enumerate() if thread.name == TEAM]


def test_threads_wait_briefly_while_the_cores_are_crowded():
    machine = Machine()
    waits = looking(machine)
    machine.pass_by(LOOK_SECONDS, CROWDED - 0.01)
    waits.look()
    assert not waits.brief
    machine.pass_by(LOOK_SECONDS / 2, 1)
    waits.look()
    assert not waits.brief, "it looks twice a second"
    machine.pass_by(LOOK_SECONDS / 2, 1)
    waits.look()
    assert waits.brief
    assert len(team()) == 1
    machine.pass_by(LOOK_SECONDS, (CROWDED + FREE) / 2)
    waits.look()
    assert waits.brief, "between both thresholds all stays as it is"
    machine.pass_by(LOOK_SECONDS, FREE - 0.01)
    waits.look()
    assert not waits.brief
    assert team() == []


def test_a_run_that_ends_leaves_no_thread():
    machine = Machine()
    waits = looking(machine)
    machine.pass_by(1, 1)
    waits.look()
    waits.close()
    waits.close()
    assert team() == []


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_what_the_person_has_settled_stays(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    machine = Machine()
    waits = looking(machine)
    machine.pass_by(1, 1)
    waits.look()
    assert not waits.brief


def test_nothing_is_done_where_nobody_knows():
    now = iter((0.0, 1.0, 2.0))
    waits = ThreadWaits(lambda: None, lambda: next(now))
    waits.look()
    assert not waits.brief


def test_one_thread_waits_for_no_other():
    torch.set_num_threads(1)
    machine = Machine()
    waits = looking(machine)
    machine.pass_by(1, 1)
    waits.look()
    assert not waits.brief


CROWD = """
import os, threading, time
core = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {core})
from cnnviz.training.waiting import waited_for_cores
if waited_for_cores() is None: raise SystemExit(3)
before, start = waited_for_cores(), time.perf_counter()
rival = os.fork()
while time.perf_counter() - start < 0.6: pass
if rival == 0: os._exit(0)
print((waited_for_cores() - before) / (time.perf_counter() - start))
os.waitpid(rival, 0)
"""


def test_two_programs_on_one_core_each_wait_for_a_good_part_of_the_time():
    done = subprocess.run([sys.executable, "-c", CROWD], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("this kernel does not count what threads wait for")
    assert 0.25 < float(done.stdout) <= 1.0


def test_the_sleeping_team_does_not_change_what_the_threads_work_out():
    machine = Machine()
    layer = torch.nn.Conv2d(3, 16, 5)
    images = torch.randn(64, 3, 28, 28)
    alone = layer(images)
    waits = looking(machine)
    machine.pass_by(1, 1)
    waits.look()
    assert waits.brief
    assert torch.equal(layer(images), alone)
    waits.close()
    assert waited_for_cores() is None or waited_for_cores() > 0


def test_brief_waits_end_on_another_thread_and_leave_none_behind():
    waits = BriefWaits()
    waits.begin()
    waits.begin()
    assert len(team()) == 1
    (asleep,) = team()
    ends = threading.Thread(target=waits.end)
    ends.start()
    ends.join()
    asleep.join(60)
    assert not waits.begun
    assert team() == []


class Window:
    """Hears what a training process says, and notes how its threads wait when weights come."""

    def __init__(self):
        self.commands = queue.SimpleQueue()
        self.weights = queue.SimpleQueue()
        self.loop = WorkerLoop(self.commands, self.hear)

    def hear(self, message):
        if message.kind == "weights":
            self.weights.put(len(team()))

    def say(self, kind, **fields):
        self.loop.hear(Message(kind, fields))
        self.commands.put(Message(kind, fields))


def test_threads_wait_briefly_from_the_weights_until_the_window_has_shown_them(monkeypatch):
    # on a busy machine there would be a team for its sake too
    monkeypatch.setattr(waiting, "waited_for_cores", lambda: None)
    window = Window()
    settings = checked_settings({"network": {"name": "lenet"}, "dataset": "digits", "device": "cpu", "threads": 2})
    training = threading.Thread(target=window.loop.run)
    training.start()
    try:
        window.say("start", settings=settings.model_dump(mode="json"), folder="")
        for _ in range(3):
            assert window.weights.get(timeout=200) == 1
            asleep = team()
            window.loop.hear(Message("acknowledge"))  # comes in while a step is being made
            for thread in asleep:
                thread.join(60)
            assert team() == []
            window.commands.put(Message("acknowledge"))
        window.say("pause")
    finally:
        window.commands.put(None)
        training.join(60)
    assert team() == []
