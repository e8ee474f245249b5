"""What every test starts from; what none may leave behind is in ``plugins/left_behind.py``."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pytestqt.qtbot import QtBot

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if "PYTEST_XDIST_WORKER" in os.environ:
    # each process has a core: threads of several that wait for each other on the same cores take many times as long
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is, not whether the code is right.
# The same examples every time; --hypothesis-profile=searching looks for new ones.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", settings.get_profile("searching"), derandomize=True)
settings.load_profile("patient")

pytest_plugins = ["left_behind"]

ROOT = Path(__file__).resolve().parent.parent

PATIENCE_MS = 60_000
"""How long a test waits for what comes in a moment: less would say how busy the machine is, too."""


def pytest_configure(config: pytest.Config) -> None:
    # The offscreen platform says so of every window whose size is bounded, that is raised, or that is a popup.
    config.addinivalue_line("qt_log_ignore", r"This plugin does not support (propagateSizeHints|raise|grabbing)")
    # With LC_ALL=C; Qt then takes C.UTF-8.
    config.addinivalue_line("qt_log_ignore", r"Detected locale")


def pytest_collection_finish() -> None:
    # What is loaded by now stays: the collector need not walk through torch and all tests again and again.
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    """Each test begins with the same random numbers, whichever went before it in this process."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data sets: ``CNNVIZ_DATA_DIR``, else ``../shared/data`` beside the checkout."""
    named = os.environ.get("CNNVIZ_DATA_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not at {folder}; CNNVIZ_DATA_DIR names their folder")
    return folder


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders that are not there yet: for each of thousands ``mktemp`` would look through all that are there."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _own_folders(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the settings, session and caches of the person who runs it."""
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home / name.lower()))


class PatientBot(QtBot):
    """pytest-qt's, which by itself gives up after five seconds."""

    def waitUntil(self, callback: Callable[[], Any], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **named: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **named)

    def waitExposed(self, widget: Any, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp: Any, request: pytest.FixtureRequest) -> PatientBot:
    return PatientBot(request)


# Devices other than the CPU.


@pytest.fixture
def far() -> Iterator[Any]:
    """The device that is not there, in use; see ``far_device.py``."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("far_device", Path(__file__).with_name("far_device.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault("far_device", module_from_spec(spec))
    if not hasattr(module, "FarDevice"):
        spec.loader.exec_module(module)
    with module.FarDevice() as device:
        yield device


@pytest.fixture(params=["far", pytest.param("accelerator", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A device other than the CPU: one that is not there, and the machine's accelerator where it has one."""
    import torch

    if request.param == "far":
        request.getfixturevalue("far")
        return sys.modules["far_device"].FAR
    from cnnviz.core.devices import resolve_device

    found = resolve_device("auto")
    if found.type == "cpu":
        pytest.skip("this machine has no accelerator that PyTorch can use")
    # Its values have ten bits.
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return found


# Small networks, and the whole program on them. Imported within, so that tests without a window load no Qt.


@pytest.fixture
def gate() -> Iterator[Any]:
    """A module that passes its input on: a test can count passes, hold them up, or let them fail."""
    from torch import Tensor, nn

    class Gate(nn.Module):
        __module__ = "torch.nn"  # else the tracer would look into it, and leave out what is no operation on tensors

        def __init__(self) -> None:
            super().__init__()
            self.passes = 0
            self.entered = threading.Semaphore(0)
            self.open = threading.Event()
            self.open.set()
            self.error: Exception | None = None

        def forward(self, x: Tensor) -> Tensor:
            self.passes += 1
            self.entered.release()
            assert self.open.wait(30)
            if self.error is not None:
                raise self.error
            return x

        def hold(self) -> None:
            """From now on passes wait in here until `open` is set."""
            while self.entered.acquire(blocking=False):
                pass
            self.open.clear()

        def wait_for_pass(self) -> None:
            assert self.entered.acquire(timeout=30), "no pass has begun"

    made = Gate()
    yield made
    made.open.set()


@pytest.fixture
def small() -> Any:
    """One convolution, one ReLU, one pooling and one linear layer: ``(1, 1, 8, 8)`` to three classes."""
    import torch
    from torch import Tensor, nn

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, padding=1)
            self.relu = nn.ReLU()
            self.pool = nn.MaxPool2d(2)
            self.head = nn.Linear(4 * 4 * 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.pool(self.relu(self.conv(x))).flatten(1))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Small().eval()


@pytest.fixture
def gated(gate: Any, small: Any) -> Any:
    """The small network behind the gate."""
    from torch import nn

    return nn.Sequential(gate, small)


@pytest.fixture
def handed() -> Callable[..., str]:
    """Hands a module over, and gives the source by which scenes name it; ``size`` is that of its input."""

    def hand(module: Any, size: tuple[int, int, int] = (1, 8, 8), classes: int = 3, **known: Any) -> str:
        from cnnviz.checkpoints.card import NetworkCard
        from cnnviz.engine.live import hand_over

        about = {
            "labels": tuple(f"class {index}" for index in range(classes)),
            "mean": (0.0,) * size[0],
            "std": (1.0,) * size[0],
            "dataset": "",
        }
        card = NetworkCard(architecture=type(module).__name__, config={}, input_size=size, **(about | known))
        return hand_over(module, card)

    return hand


@pytest.fixture
def scene_of(handed: Callable[..., str]) -> Callable[..., Any]:
    """The scene of a first start, on a module handed over from Python."""

    def make(module: Any, size: tuple[int, int, int] = (1, 8, 8), classes: int = 3, **known: Any) -> Any:
        from cnnviz.scene import actions
        from cnnviz.scene.document import Document

        document = Document(actions.first_scene())
        actions.use_network(document, handed(module, size, classes, **known), size[0])
        return document.scene

    return make


@pytest.fixture
def settle() -> Callable[[Any], None]:
    """Waits until all that a program is asked for is computed, delivered and painted."""

    def wait(program: Any) -> None:
        assert program.stage.wait_until_idle(60)
        assert program.stage.shown_version == program.document.version

    return wait


@pytest.fixture
def latest() -> dict[str, Any]:
    """The last result that each panel was shown, by the panel's id."""
    return {}


@pytest.fixture
def start(
    qtbot: Any, tmp_path: Path, settle: Callable[[Any], None], latest: dict[str, Any]
) -> Iterator[Callable[..., Any]]:
    """Opens the program's window on a scene, computed and painted; closed after the test, which no view may fail in."""
    from cnnviz.app import Program
    from cnnviz.ui.theme import theme

    opened: list[Any] = []
    failed: list[str] = []

    def also_note(report: Callable[[BaseException, str], None], error: BaseException, doing: str) -> None:
        if doing.startswith("Showing"):
            failed.append("".join(traceback.format_exception(error)))
        report(error, doing)

    def open_window(scene: Any, *, size: tuple[int, int] = (1600, 1000), **named: Any) -> Any:
        # as its owner it would end the tests' process where a busy machine takes long over a pass
        program = Program(scene, tmp_path / "state", **({"keep_session": False, "owns_process": False} | named))
        opened.append(program)
        program.failures.report = partial(also_note, program.failures.report)
        program.stage.delivered.connect(lambda delivery: latest.update(delivery.results))
        program.window.resize(*size)
        with qtbot.waitSignal(program.window.first_painted):
            program.show()
        settle(program)
        return program

    yield open_window
    for program in opened:
        program.discard()
        end = time.monotonic() + PATIENCE_MS / 1000
        while not program.close():
            assert time.monotonic() < end, "the engine does not end"
    theme().set("dark", 1.0)
    assert not failed, failed[0]


@pytest.fixture
def pixels(qapp: Any) -> Callable[[Any], Any]:
    """What a widget shows: uint32 ``(height, width)`` of 0xFFRRGGBB."""
    import numpy as np
    from PyQt6.QtGui import QImage

    def look(widget: Any) -> Any:
        image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        memory = image.constBits().asarray(image.sizeInBytes())
        return np.frombuffer(memory, np.uint32).reshape(image.height(), -1)[:, : image.width()].copy() | 0xFF000000

    return look


@pytest.fixture
def named(qapp: Any) -> Callable[[Any, str], Any]:
    """The widget below another that a screen reader calls by this name."""
    from PyQt6.QtWidgets import QWidget

    def find(parent: Any, name: str) -> Any:
        found = [widget for widget in parent.findChildren(QWidget) if widget.accessibleName() == name]
        assert len(found) == 1, f"{len(found)} widgets are called {name!r}"
        return found[0]

    return find


@pytest.fixture
def drag(qapp: Any) -> Callable[..., None]:
    """Presses the mouse on a widget, moves it through points ``(x, y)`` of it, and releases it."""
    from PyQt6.QtCore import QPoint, Qt
    from PyQt6.QtTest import QTest

    def move(widget: Any, points: list[tuple[float, float]], button: Any = Qt.MouseButton.LeftButton) -> None:
        places = [QPoint(round(x), round(y)) for x, y in points]
        QTest.mousePress(widget, button, pos=places[0])
        for place in places[1:]:
            QTest.mouseMove(widget, place)
        QTest.mouseRelease(widget, button, pos=places[-1])

    return move
