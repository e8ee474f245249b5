"""``cnnviz`` itself, and what every command has in common."""

import os
import subprocess
import sys

import pytest

from cnnviz import __version__
from cnnviz.cli import COMMANDS, main
from cnnviz.commands.starting import state_folder

OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"}


def test_the_version(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"cnnviz {__version__}\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_an_example(capsys, command):
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"example: cnnviz {command}".rstrip() in text


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["--device", "abacus"], ["mnist-lenet", "cifar-net"], ["--scene"], ["--input"]]
)
def test_wrong_arguments_are_one_line_and_status_2(capsys, arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def started(*arguments: str, code: str = "", **environment: str):
    """Run the program in a process of its own; ``code`` runs before it."""
    program = f"{code}\nfrom cnnviz.cli import main\nimport sys\nsys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        env=os.environ | OFFSCREEN | environment,
        capture_output=True,
        text=True,
        timeout=250,
    )


def test_without_a_display_one_sentence_says_so():
    bare = {name: value for name, value in os.environ.items() if "DISPLAY" not in name and name != "QT_QPA_PLATFORM"}
    run = subprocess.run([sys.executable, "-m", "cnnviz"], env=bare, capture_output=True, text=True, timeout=250)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "display" in run.stderr.lower()


WHEN_SHOWN = """
import os, signal, threading
from cnnviz.ui.stage import Stage
from PyQt6.QtCore import QTimer
show = Stage._show
def shown(self, delivery):
    show(self, delivery)
    print(sorted(delivery.results), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    QTimer(self).start(50)  # Python hears a signal when it is run
Stage._show = shown
"""


def test_the_window_opens_and_a_signal_closes_it_with_the_session_saved():
    state_folder().mkdir(parents=True)
    (state_folder() / "session.json").write_text("damaged")
    run = started(code=WHEN_SHOWN)
    assert run.returncode == 0, run.stderr
    assert "activations" in run.stdout
    assert run.stderr == ""
    names = sorted(path.name for path in state_folder().glob("session*"))
    assert len(names) == 2, "the damaged session is kept aside"
    assert "session.json" in names


def test_an_error_before_the_window_is_one_line():
    run = started("missing.safetensors")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "missing.safetensors" in run.stderr
