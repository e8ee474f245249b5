"""What every test starts from, and what none may leave behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    # The offscreen platform says so of every window whose size is bounded, that is raised, or that is a popup.
    config.addinivalue_line("qt_log_ignore", r"This plugin does not support (propagateSizeHints|raise|grabbing)")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data sets: ``CNNVIZ_DATA_DIR``, else ``../shared/data`` beside the checkout."""
    named = os.environ.get("CNNVIZ_DATA_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not at {folder}; CNNVIZ_DATA_DIR names their folder")
    return folder


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the settings, session and caches of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home / name.lower()))


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a top-level widget, a running timer, a thread or a forward hook behind."""
    threads = set(threading.enumerate())
    windows = _windows()
    timers = _watch_timers(monkeypatch)
    hooks = _watch_hooks(monkeypatch)
    yield
    if not (_left_threads(threads) or _windows() - windows or _running(timers) or _registered(hooks)):
        return
    _delete_what_is_due()  # what only a reference cycle or a pending deletion keeps is not left behind
    left = [f"thread {thread.name}" for thread in _left_threads(threads)]
    left += [f"window {window}" for window in _windows() - windows]
    left += [f"running timer of {timer.parent()!r}" for timer in _running(timers)]
    left += [f"forward hook {number}" for number in _registered(hooks)]
    if left:
        pytest.fail("left behind: " + ", ".join(left), pytrace=False)


def _left_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t not in before and t.is_alive() and not t.daemon]


def _windows() -> set[Any]:
    widgets = sys.modules.get("PyQt6.QtWidgets")
    if widgets is None or widgets.QApplication.instance() is None:
        return set()
    # A menu or a dialog with a parent goes when that goes.
    return {widget for widget in widgets.QApplication.topLevelWidgets() if widget.parent() is None}


def _watch_timers(monkeypatch: pytest.MonkeyPatch) -> weakref.WeakSet[Any]:
    started: weakref.WeakSet[Any] = weakref.WeakSet()
    core = sys.modules.get("PyQt6.QtCore")
    if core is not None:
        start = core.QTimer.start

        def watched(timer: Any, *interval: Any) -> None:
            started.add(timer)
            start(timer, *interval)

        monkeypatch.setattr(core.QTimer, "start", watched)
    return started


def _running(timers: weakref.WeakSet[Any]) -> list[Any]:
    from_qt = sys.modules.get("PyQt6.sip")
    return [timer for timer in timers if not from_qt.isdeleted(timer) and timer.isActive()] if from_qt else []


def _watch_hooks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, int]]:
    """Every hook registered from now on: a weak reference to the module's hooks, and the hook's number there."""
    made: list[tuple[Any, int]] = []
    hooks = sys.modules.get("torch.utils.hooks")
    if hooks is not None:
        construct = hooks.RemovableHandle.__init__

        def watched(handle: Any, *arguments: Any, **named: Any) -> None:
            construct(handle, *arguments, **named)
            made.append((handle.hooks_dict_ref, handle.id))

        monkeypatch.setattr(hooks.RemovableHandle, "__init__", watched)
    return made


def _registered(hooks: list[tuple[Any, int]]) -> list[int]:
    """Those that are still on a module that is still there."""
    return [number for on_module, number in hooks if number in (on_module() or ())]


def _delete_what_is_due() -> None:
    gc.collect()
    core = sys.modules.get("PyQt6.QtCore")
    if core is not None and core.QCoreApplication.instance() is not None:
        core.QCoreApplication.sendPostedEvents(None, core.QEvent.Type.DeferredDelete.value)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=0.5)
