"""The program ends when it is told to, whatever it is doing, and says nothing."""

import os
import subprocess
import sys

import pytest

ENDED = """
import os, signal, sys, threading
from PyQt6.QtCore import QTimer
from cnnviz.app import Program
from cnnviz.engine.engine import Engine

Engine.close.__defaults__ = (60.0,)  # the engine's thread ends before the process does

start = Program.show
def show(self):
    start(self)
    def tell():
        print("torch" in sys.modules, flush=True)
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    moments = {
        "shown": lambda: tell(),
        "painted": lambda: self.window.first_painted.connect(tell),
        "importing": lambda: self.window.first_painted.connect(lambda: QTimer.singleShot(100, tell)),
        "failing": lambda: self.window.first_painted.connect(lambda: QTimer.singleShot(100, tell)),
        "computed": lambda: self.stage.delivered.connect(lambda _: tell()),
        "dialog": lambda: self.window.first_painted.connect(ask),
    }
    def ask():
        QTimer.singleShot(200, tell)
        self.controller.commands["open"].trigger()
    moments[sys.argv[2]]()
Program.show = show

if sys.argv[2] == "failing":
    from cnnviz.engine.observation import LoadedNetwork
    def fail(self, layer):
        raise KeyError(layer)
    LoadedNetwork.receptive_field = fail

from cnnviz.cli import main
print("ended", main([]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals as of POSIX")
@pytest.mark.parametrize(
    ("signal", "moment"),
    [
        *(("SIGTERM", moment) for moment in ("shown", "painted", "importing", "failing", "computed", "dialog")),
        *(("SIGINT", moment) for moment in ("importing", "dialog")),
    ],
)
@pytest.mark.slow
def test_a_signal_ends_the_program(tmp_path, signal, moment):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", ENDED, signal, moment],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "ended 0"
    assert run.stderr == ""


HELD = """
from pathlib import Path
from cnnviz.app import Program, qt_application
from cnnviz.scene.actions import first_scene
application = qt_application()
program = Program(first_scene(), Path("state"), keep_session=False, owns_process=False)
painted = []
program.window.first_painted.connect(lambda: painted.append(True))
program.show()
while not painted:
    application.processEvents()
"""


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_script_that_still_holds_the_window_ends_without_a_crash(tmp_path, closed):
    """Three times, because a fault that PyQt's own tidying up commits comes by chance."""
    code = HELD + ("program.window.close()\n" if closed else "")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"}
    runs = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            env=environment,
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ends = [(run.communicate(timeout=250)[1], run.returncode) for run in runs]
    assert ends == [("", 0)] * 3
