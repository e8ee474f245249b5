"""The child process: what it has loaded, what it may do, and what becomes of it when it misbehaves."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnnviz.checkpoints import sandbox


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"\x80\x02}.")
    with path.open("rb") as opened:
        yield opened


def run(code, stdin):
    start = "import sys; sys.path.append(sys.argv.pop(1)); from inert import child; " + code
    command = [sys.executable, "-I", "-S", "-c", start, str(Path(sandbox.__file__).parent)]
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=20, check=False)


def test_the_child_loads_the_standard_library_and_the_reader_alone(file):
    loaded = run("print(*sorted({name.split('.')[0] for name in sys.modules}))", file).stdout.split()
    assert set(loaded) - sys.stdlib_module_names == {"inert", "__main__", "org"} & set(loaded) | {"inert"}


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
        f"import socket, subprocess; child.limit(280 << 20, 4); {deed.replace('FOLDER', str(tmp_path))}; print('done')",
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
def test_a_child_that_fails_is_a_sentence_here(code, words, file, monkeypatch):
    monkeypatch.setattr(sandbox, "_START", f"import sys; sys.path.append(sys.argv.pop(1)); from inert import child; "
                        f"child.limit(*map(int, sys.argv[1:3]))\n{code}")  # fmt: skip
    monkeypatch.setattr(sandbox, "_PATIENCE", 2.0 if "sleep" in code else 20.0)
    monkeypatch.setattr(sandbox, "_CPU_SECONDS", 1)
    begin = time.perf_counter()
    with pytest.raises(sandbox.RefusedFile, match=words):
        sandbox.plan_of(file, "weights.pt")
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 9])
def test_names_are_listed_in_words(number):
    names = [f"module.name{index}" for index in range(number)]
    told = sandbox.listed(names)
    assert all(name in told for name in names[:3])
    assert ("more" in told) == (number > 3)
    assert "and" in told or number < 2
