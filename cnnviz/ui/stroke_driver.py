"""Draws on the canvas and drags sliders as a hand would, and times what the window does with it: for benchmarks."""

from __future__ import annotations

import math
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from PyQt6.QtCore import QEvent, QEventLoop, QObject, QPointF, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QGuiApplication, QMouseEvent
from PyQt6.QtWidgets import QApplication, QWidget

from cnnviz.ui.frame_clock import FrameClock
from cnnviz.ui.input_canvas import InputCanvas
from cnnviz.ui.slider import SliderTrack

STEP_TIMEOUT_MS = 10_000


def spiral(steps: int) -> Iterator[tuple[float, float]]:
    """Points of a pen that covers the canvas, as fractions (down, across) of it."""
    for index in range(steps):
        angle = index / steps * 6 * math.pi
        radius = 0.06 + 0.36 * index / steps
        yield 0.5 + radius * math.sin(angle), 0.5 + radius * math.cos(angle)


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Let Qt's event loop run, as it does in the program, until something is so; False where it does not come to be."""
    loop, look = QEventLoop(), QTimer()
    end = time.monotonic() + seconds
    look.timeout.connect(lambda: loop.quit() if is_so() or time.monotonic() > end else None)
    look.start(20)
    loop.exec()
    look.stop()
    return is_so()


class _Driver(QObject):
    """Does one thing after the other and waits, without spinning, for the paint that contains each of them."""

    def __init__(self, clock: FrameClock, version: Callable[[], int]) -> None:
        super().__init__()
        self._version = version
        self._loop = QEventLoop()
        self._wanted = -1
        self._painted_at = 0.0
        self._shown = 0
        clock.framed.connect(self._on_frame)

    def _timed(self, act: Callable[[], object]) -> float:
        begun = time.perf_counter()
        act()
        self._wait_for(self._version())
        return (self._painted_at - begun) * 1e3

    def _wait_for(self, version: int) -> None:
        self._wanted = version
        give_up = QTimer()
        give_up.setSingleShot(True)
        give_up.timeout.connect(self._loop.quit)
        give_up.start(STEP_TIMEOUT_MS)
        self._painted_at = math.nan
        self._loop.exec()
        self._wanted = -1

    def _on_frame(self, version: int, milliseconds: float) -> None:
        if 0 <= self._wanted <= version:
            self._painted_at = time.perf_counter()
            self._shown += 1
            self._loop.quit()


class SliderDriver(_Driver):
    """Drags the handle of a slider by the mouse."""

    def __init__(self, track: SliderTrack, clock: FrameClock, version: Callable[[], int]) -> None:
        super().__init__(clock, version)
        self._track = track

    def drag(self, ticks: Sequence[int]) -> list[float]:
        """Milliseconds from each mouse event to the end of its paint, one for each value; NaN where none came."""
        _send_mouse(self._track, QEvent.Type.MouseButtonPress, self._track.handle_centre())
        times = [self._timed(partial(self._move_to, tick)) for tick in ticks]
        _send_mouse(self._track, QEvent.Type.MouseButtonRelease, self._track.handle_centre())
        return times

    def _move_to(self, tick: int) -> None:
        _send_mouse(self._track, QEvent.Type.MouseMove, self._track.handle_centre(tick))


class StrokeDriver(_Driver):
    """Sends mouse events to a canvas."""

    def __init__(self, canvas: InputCanvas, clock: FrameClock, version: Callable[[], int]) -> None:
        super().__init__(clock, version)
        self._canvas = canvas

    def draw(self, steps: int) -> tuple[list[float], int]:
        """Milliseconds from each mouse event to the end of its paint, and how many of them were painted at all."""
        self._shown = 0
        points = list(spiral(steps + 1))
        self._send(QEvent.Type.MouseButtonPress, points[0])
        times = [self._timed(partial(self._send, QEvent.Type.MouseMove, point)) for point in points[1:]]
        self._send(QEvent.Type.MouseButtonRelease, points[-1])
        return times, self._shown

    def _send(self, kind: QEvent.Type, point: tuple[float, float]) -> None:
        rect = self._canvas.image_rect()
        at = QPointF(rect.x() + point[1] * rect.width(), rect.y() + point[0] * rect.height())
        _send_mouse(self._canvas, kind, at)


def _send_mouse(widget: QWidget, kind: QEvent.Type, at: QPointF) -> None:
    """What the left button or the pointer does at a place of ``widget``."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == QEvent.Type.MouseMove else left
    buttons = none if kind == QEvent.Type.MouseButtonRelease else left
    event = QMouseEvent(
        kind, at, QPointF(widget.mapToGlobal(at.toPoint())), button, buttons, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(widget, event)


class Heartbeat(QObject):
    """Asks the UI thread for a sign of life every few milliseconds and notes how long each one took."""

    EVERY_S = 0.004

    _beat = pyqtSignal(float)

    def __init__(self) -> None:
        super().__init__()
        self.delays_ms: list[float] = []
        self._stop = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cnnviz-heartbeat", daemon=True)
        self._beat.connect(self._answer)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._answered.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self.EVERY_S):
            self._answered.clear()
            self._beat.emit(time.perf_counter())
            self._answered.wait(5)

    def _answer(self, asked: float) -> None:
        self.delays_ms.append((time.perf_counter() - asked) * 1e3)
        self._answered.set()


def real_pointer_points(canvas: InputCanvas, steps: int, points_drawn: Callable[[], int]) -> tuple[int, int] | None:
    """Drag the X server's own pointer over the canvas; positions sent, and those that became points of the stroke.

    None where there is no X server or no xdotool.
    """
    tool = shutil.which("xdotool")
    if tool is None or QGuiApplication.platformName() != "xcb":
        return None
    rect = canvas.image_rect()
    pixels: list[tuple[int, int]] = []
    for down, across in spiral(steps):
        inside = QPointF(rect.x() + across * rect.width(), rect.y() + down * rect.height()).toPoint()
        at = canvas.mapToGlobal(inside)
        if not pixels or pixels[-1] != (at.x(), at.y()):
            pixels.append((at.x(), at.y()))
    words = ["mousemove", *map(str, pixels[0]), "mousedown", "1"]
    for x, y in pixels[1:]:
        words += ["mousemove", str(x), str(y), "sleep", "0.004"]
    words += ["mouseup", "1"]
    before = points_drawn()
    process = subprocess.Popen([tool, *words])
    loop = QEventLoop()
    watch = QTimer()
    watch.timeout.connect(lambda: loop.quit() if process.poll() is not None else None)
    watch.start(20)
    loop.exec()
    settle = QTimer()
    settle.setSingleShot(True)
    settle.timeout.connect(loop.quit)
    settle.start(300)
    loop.exec()
    return len(pixels), points_drawn() - before
