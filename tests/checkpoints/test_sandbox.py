"""The child process: what it has loaded, what it may do, and what becomes of it when it misbehaves."""

import subprocess
import sys
from pathlib import Path

import pytest

from cnnviz.checkpoints import formats, sandbox
from cnnviz.checkpoints.leaving import FileLeft, left_when


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"\x80\x02}.")
    with path.open("rb") as opened:
        yield opened


READERS = {"torch": formats.TORCH_READER, "onnx": formats.ONNX_READER, "keras": formats.KERAS_READER}


def run(code, stdin, reader=formats.TORCH_READER):
    command = sandbox.command(reader, code)
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.parametrize("format", ["torch", "onnx"])
def test_the_child_loads_the_standard_library_and_the_reader_alone(format, file):
    code = "print(*{'.'.join(name.split('.')[:2]) for name in sys.modules})"
    loaded = set(run(code, file, READERS[format]).stdout.split())
    own = {"cnnviz", "cnnviz.checkpoints"}
    assert {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names} - {"__main__"} == own


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize(
    "deed",
    [
        "open('/etc/hostname')",
        "open('FOLDER/new', 'w')",
        "__import__('os').fork()",
        "__import__('socket').socket()",
        "bytearray(1 << 30)",
        "__import__('subprocess').run(['true'])",
    ],
)
def test_the_child_has_given_up_the_means_to_do_harm(deed, file, tmp_path):
    done = run(
        "import socket, subprocess; from cnnviz.checkpoints.sandboxed import limit; "
        f"limit(280 << 20, 4); {deed.replace('FOLDER', str(tmp_path))}; print('done')",
        file,
    )
    if "fork" in deed and "done" in done.stdout:
        pytest.skip("this user may start as many processes as it likes")
    assert "done" not in done.stdout
    assert any(word in done.stderr for word in ("OSError", "MemoryError", "BlockingIOError"))
    assert list(tmp_path.iterdir()) == [Path(file.name)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "more time or memory"),
        ("raise SystemExit(1)", "does not understand"),
        ("bytearray(1 << 62)", "does not understand"),
        ("import time; time.sleep(60)", "takes far longer"),
        ("while True: pass", "more time or memory"),
    ],
    ids=["crash", "failure", "memory", "sleep", "loop"],
)
@pytest.mark.parametrize("format", READERS)
def test_a_child_that_fails_is_a_sentence_here(format, code, words, file, monkeypatch, soon):
    deed = f"from cnnviz.checkpoints.sandboxed import limit; limit(1 << 31, int(sys.argv[2]))\n{code}"
    started = sandbox.command
    monkeypatch.setattr(sandbox, "command", lambda reader: started(reader, deed))
    monkeypatch.setattr(sandbox, "_PATIENCE", 0.5 if "sleep" in code else 100.0)
    monkeypatch.setattr(sandbox, "_CPU_SECONDS", 1)
    with soon(10), pytest.raises(sandbox.RefusedFile, match=words) as refusal:
        sandbox.plan_of(file, "weights.pt", READERS[format])
    assert str(refusal.value).endswith("get the file again, or open another.")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize("format", READERS)
def test_every_reader_has_given_up_the_same_before_it_reads(format, file, monkeypatch):
    """The real start, with a reader that tells what it still may do."""
    told = (
        "import os, resource; kinds = ('NOFILE', 'FSIZE', 'NPROC', 'CORE', 'CPU'); "
        "serve(lambda data: {'limits': [resource.getrlimit(getattr(resource, f'RLIMIT_{kind}'))[0] for kind in kinds], "
        "'memory': resource.getrlimit(resource.RLIMIT_AS)[0], 'environment': sorted(os.environ)})"
    )
    monkeypatch.setenv("SECRET", "x")
    started = sandbox.command
    monkeypatch.setattr(
        sandbox, "command", lambda reader: started(reader, f"from cnnviz.checkpoints.sandboxed import serve; {told}")
    )
    plan = sandbox.plan_of(file, "weights.pt", READERS[format])
    assert plan["limits"] == [3, 0, 0, 0, 4]
    assert plan["memory"] < 2 << 30
    assert not {"SECRET", "HOME", "USER", "PYTHONPATH"} & set(plan["environment"])


@pytest.mark.parametrize("format", READERS)
def test_the_child_of_a_file_that_nobody_wants_any_more_is_ended(format, file, monkeypatch):
    """Its reader would take an hour, for which nobody waits."""
    started, children = sandbox.command, []
    start = subprocess.Popen

    def begun(*arguments, **named):
        children.append(start(*arguments, **named))
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", begun)
    monkeypatch.setattr(sandbox, "command", lambda reader: started(reader, "import time; time.sleep(3600)"))
    monkeypatch.setattr(sandbox, "_PATIENCE", 3600.0)
    with pytest.raises(FileLeft), left_when(lambda: bool(children)):
        sandbox.plan_of(file, "weights.pt", READERS[format])
    assert [child.poll() is None for child in children] == [False]


@pytest.mark.parametrize("format", READERS)
def test_an_empty_file_starts_no_process(format, tmp_path, monkeypatch):
    (tmp_path / "empty").touch()
    monkeypatch.setattr(sandbox, "command", None)
    with (tmp_path / "empty").open("rb") as file, pytest.raises(sandbox.RefusedFile, match="it is empty"):
        sandbox.plan_of(file, "empty", READERS[format])


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 9])
def test_names_are_listed_in_words(number):
    names = [f"module.name{index}" for index in range(number)]
    told = sandbox.listed(names)
    assert all(name in told for name in names[:3])
    assert ("more" in told) == (number > 3)
    assert "and" in told or number < 2
