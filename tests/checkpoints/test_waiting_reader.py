"""A reader that was started ahead reads one file as any other does, and leaves when it is needed no more."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from cnnviz.checkpoints import formats, sandbox
from cnnviz.checkpoints.reader import RefusedFile, read_checkpoint

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows hands no open file over")


@pytest.fixture
def started(monkeypatch):
    """All processes that are started, of which none is left when the test is over."""
    processes = []
    start = subprocess.Popen

    class Popen(start):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    yield processes
    sandbox.leave_none_ahead()
    assert all(process.poll() is not None for process in processes)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.arange(6.0)}, path)
    return path


def values(path):
    return read_checkpoint(path).load("weight").tolist()


def test_it_reads_the_file_in_its_own_process_and_the_next_has_another(file, started):
    sandbox.start_ahead(formats.TORCH_READER)
    sandbox.start_ahead(formats.TORCH_READER)  # one waits already
    assert sandbox.is_one_ahead()
    assert values(file) == [0, 1, 2, 3, 4, 5]
    assert len(started) == 1
    assert not sandbox.is_one_ahead()
    assert values(file) == [0, 1, 2, 3, 4, 5]
    assert len(started) == 2


def test_it_has_given_up_the_same_before_it_reads(file, started, monkeypatch):
    told = (
        "import os, resource; kinds = ('NOFILE', 'FSIZE', 'NPROC', 'CORE', 'CPU'); "
        "serve(lambda data: {'limits': [resource.getrlimit(getattr(resource, f'RLIMIT_{kind}'))[0] for kind in kinds], "
        "'open': [number for number in range(64) if is_open(number)], 'environment': sorted(os.environ)})"
    )
    helper = """
from cnnviz.checkpoints.sandboxed import serve
def is_open(number):
    import os
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
"""
    command = sandbox.command
    monkeypatch.setattr(sandbox, "command", lambda reader: command(reader, f"\n{helper}\n{told}"))
    monkeypatch.setenv("SECRET", "x")
    with file.open("rb") as opened:
        cold = sandbox.plan_of(opened, str(file), formats.TORCH_READER)
        sandbox.start_ahead(formats.TORCH_READER)
        plan = sandbox.plan_of(opened, str(file), formats.TORCH_READER)
    assert len(started) == 2
    assert plan["limits"] == [3, 0, 0, 0, 4]
    assert plan["open"] == cold["open"]  # the way that the file came by is closed
    assert not {"SECRET", "HOME", "PYTHONPATH"} & set(plan["environment"])


def test_what_is_refused_is_refused_in_the_same_words(tmp_path, started):
    path = tmp_path / "hostile.pt"
    path.write_bytes(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.")
    with pytest.raises(RefusedFile) as cold:
        read_checkpoint(path)
    sandbox.start_ahead(formats.TORCH_READER)
    with pytest.raises(RefusedFile) as ahead:
        read_checkpoint(path)
    assert len(started) == 2
    assert str(ahead.value) == str(cold.value)
    assert ahead.value.refused == ("os.system",)


def test_a_crash_is_a_sentence(file, started, monkeypatch):
    command = sandbox.command
    crash = "from cnnviz.checkpoints.sandboxed import receive; receive(); import os; os.abort()"
    monkeypatch.setattr(sandbox, "command", lambda reader: command(reader, crash))
    sandbox.start_ahead(formats.TORCH_READER)
    with pytest.raises(RefusedFile, match="more time or memory"):
        read_checkpoint(file)
    assert len(started) == 1


def test_another_kind_of_file_leaves_it_waiting(tmp_path, started):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"\x08\x08")
    sandbox.start_ahead(formats.TORCH_READER)
    with path.open("rb") as opened, contextlib.suppress(RefusedFile):
        sandbox.plan_of(opened, str(path), formats.ONNX_READER)
    assert len(started) == 2
    assert sandbox.is_one_ahead()


def test_where_it_has_ended_meanwhile_the_file_is_read_all_the_same(file, started):
    sandbox.start_ahead(formats.TORCH_READER)
    started[0].kill()
    started[0].wait()
    assert values(file) == [0, 1, 2, 3, 4, 5]
    assert len(started) == 2


def test_where_none_can_be_started_files_are_read_all_the_same(file, started, monkeypatch):
    def fail(*_arguments, **_named):
        raise BlockingIOError

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", fail)
        sandbox.start_ahead(formats.TORCH_READER)
    assert not sandbox.is_one_ahead()
    assert values(file) == [0, 1, 2, 3, 4, 5]


def test_it_ends_with_a_program_that_is_killed():
    program = (
        "from cnnviz.checkpoints import formats, sandbox; import os, signal, sys; "
        "sandbox.start_ahead(formats.TORCH_READER); print(sandbox._room._waiting[1]._process.pid, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + 60
    while _is_alive(int(done.stdout)) and time.monotonic() < end:
        time.sleep(0.01)
    assert not _is_alive(int(done.stdout))


def _is_alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
