"""The checks of ``plugins/left_behind.py``: each kind of thing left behind fails its test, and a clean test passes."""

import shutil
import subprocess
import sys
from pathlib import Path

LEAKS = """
import threading
import pytest
import torch
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QWidget

kept = []


def test_window(qtbot):
    kept.append(QWidget())


def test_timer(qapp):
    timer = QTimer()
    timer.start(10_000)
    kept.append(timer)


def test_thread():
    done = threading.Event()
    kept.append(done)
    threading.Thread(target=done.wait, args=(20,), name="idle").start()


def test_hook():
    module = torch.nn.ReLU()
    kept.append(module)
    module.register_forward_hook(lambda *_: None)


def test_clean(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.cycle = widget
    timer = QTimer(widget)
    timer.start(10_000)
    with pytest.raises(ZeroDivisionError):
        handle = torch.nn.ReLU().register_forward_hook(lambda *_: None)
        handle.remove()
        1 / 0


def test_release():
    for one in kept:
        if isinstance(one, threading.Event):
            one.set()
"""


def test_what_a_test_leaves_behind_fails_it(tmp_path):
    here = Path(__file__).parent
    shutil.copy(here / "conftest.py", tmp_path)
    watch = (here / "plugins" / "left_behind.py").read_text()
    assert "ENDS_IN_S = 5.0" in watch
    (tmp_path / "left_behind.py").write_text(watch.replace("ENDS_IN_S = 5.0", "ENDS_IN_S = 0.2"))
    (tmp_path / "test_leaking.py").write_text(LEAKS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nqt_api = pyqt6\npythonpath = .\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=250,
        cwd=tmp_path,
    )
    failed = {line.split("::")[1].split()[0] for line in run.stdout.splitlines() if line.startswith("ERROR")}
    assert failed == {"test_window", "test_timer", "test_thread", "test_hook"}, run.stdout
    for words in ("left behind: window", "left behind: running timer", "thread idle", "left behind: forward hook"):
        assert words in run.stdout
