"""What no test may leave behind."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

ENDS_IN_S = 5.0
"""A thread that has been told to end does so in a moment, on a busy machine in some."""


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a top-level widget, a running timer, a thread or a forward hook behind."""
    threads = set(threading.enumerate())
    windows = _windows()
    timers = _watch_timers(monkeypatch)
    hooks = _watch_hooks(monkeypatch)
    yield

    def left() -> list[str]:
        found = [f"thread {thread.name}" for thread in _left_threads(threads)]
        found += [f"window {window}" for window in _windows() - windows]
        found += [f"running timer of {timer.parent()!r}" for timer in _running(timers)]
        return found + [f"forward hook {number}" for number in _registered(hooks)]

    for way in (_delete_what_is_due, partial(gc.collect, 1), gc.collect, partial(_end, threads)):
        if not left():
            return
        way()  # what only a pending deletion or a reference cycle keeps is not left behind; the cheapest way first
        _delete_what_is_due()
    if left():
        pytest.fail("left behind: " + ", ".join(left()), pytrace=False)


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
    core = sys.modules.get("PyQt6.QtCore")
    if core is not None and core.QCoreApplication.instance() is not None:
        core.QCoreApplication.sendPostedEvents(None, core.QEvent.Type.DeferredDelete.value)


def _end(threads: set[threading.Thread]) -> None:
    for thread in _left_threads(threads):
        thread.join(timeout=ENDS_IN_S)
