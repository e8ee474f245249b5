"""The program: document, engine and window, joined."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from weakref import WeakSet, finalize

from PyQt6 import sip
from PyQt6.QtCore import QCoreApplication, QEvent, QObject, Qt, QThread, QTimer, pyqtSignal
from PyQt6.QtWidgets import QApplication

from cnnviz import __version__
from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.delivery import Delivery
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene.document import Document
from cnnviz.scene.models import NetworkChoice, Scene
from cnnviz.ui.background import Background
from cnnviz.ui.closing_sign import wait_until
from cnnviz.ui.controller import Controller
from cnnviz.ui.frame_clock import FrameClock
from cnnviz.ui.main_window import MainWindow
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.reader_ahead import ReaderAhead
from cnnviz.ui.session import SAVING, SessionKeeper
from cnnviz.ui.stage import Stage
from cnnviz.ui.theme import theme
from cnnviz.ui.training_session import TrainingSession
from cnnviz.ui.unsaved import ask_about_unsaved, say_unsaved

# the engine's Python work hands the interpreter to the UI thread after at most this long
SWITCH_INTERVAL_S = 0.0005


_application: QApplication | None = None
_programs: WeakSet[Program] = WeakSet()


def qt_application() -> QApplication:
    """The QApplication of this process, made when there is none, and kept as long as the process lives."""
    global _application
    present = QApplication.instance()
    if isinstance(present, QApplication):
        return present
    application = _application = QApplication([sys.argv[0] if sys.argv else "cnnviz"])
    application.setApplicationName("cnnviz")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("cnnviz")
    # a stroke keeps every point that the pointer went through; the attribute counts only once the application exists
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents, False)
    return application


def run_until_closed(program: Program) -> int:
    """Run Qt's event loop as long as the window is open; returns the exit status.

    The window itself ends the loop: of a window that closes while torch is being imported on the engine's thread Qt
    says that it was the last one, and does not quit.
    """
    application = qt_application()
    by_itself = application.quitOnLastWindowClosed()
    application.setQuitOnLastWindowClosed(False)
    program.window.closing.connect(QCoreApplication.exit)
    try:
        return application.exec()
    finally:
        application.setQuitOnLastWindowClosed(by_itself)


def loop_runs() -> bool:
    """Whether an event loop of Qt's is running on this thread, as in a notebook with its Qt integration on."""
    thread = QThread.currentThread()
    return thread is not None and thread.loopLevel() > 0


def _leave_at_once() -> None:
    """End the process: a thread inside a forward pass at interpreter exit aborts it, one that reads holds it up."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as of a program without a terminal
            with suppress(OSError):
                stream.flush()
    os._exit(0)


@cache
def _end_in_order() -> None:
    """From the first window on, see to it that the interpreter ends without a crash, whatever is still open or held."""
    finalize(_close_and_delete, int).atexit = False  # with the first one weakref registers its handler: before ours
    atexit.register(_close_and_delete)


def _close_and_delete() -> None:
    """Close windows that are still open, and delete Qt's objects before PyQt does, holding all of them meanwhile.

    PyQt deletes what is left as it walks through its table of objects: where that frees another one, as a slot's
    closure goes with its sender, the walk steps into freed memory. This is registered after PyQt's own, and so runs
    before it; and before weakref's, which would take from torch what a thread of ours that imports it still needs.
    """
    gc.unfreeze()  # what is frozen is not among the collector's objects
    held = [thing for thing in gc.get_objects() if issubclass(type(thing), QObject)]
    stopped = [program.close() for program in _programs]
    if not all(stopped):
        _leave_at_once()
    for thing in held:
        if not sip.isdeleted(thing) and sip.ispyowned(thing) and not isinstance(thing, QCoreApplication):
            sip.delete(thing)


class Program(QObject):
    """One window with its document and engine.

    Parameters
    ----------
    scene : Scene
    state_folder : Path
        Where opened images and the session are kept.
    synchronous : bool
        Compute on the calling thread: for screenshots and tests.
    keep_session : bool
        Save the scene while it changes and when the window closes.
    owns_process : bool
        The process ends with the window: when work does not stop, it goes with it. A caller of one's own goes on, and
        has its memory kept as it likes.
    """

    _failed = pyqtSignal(object)

    def __init__(
        self,
        scene: Scene,
        state_folder: Path,
        *,
        synchronous: bool = False,
        keep_session: bool = True,
        owns_process: bool = True,
    ) -> None:
        super().__init__()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self.failures = FailuresHub()
        self.document = Document(scene)
        self.images = ImageStore(state_folder / "images")
        self.window = MainWindow()
        self.clock = FrameClock(self)
        self.background = Background(self.failures, self)
        self.stage = Stage(
            self.document, PANELS, InputPipeline(self.images), self.failures, synchronous=synchronous, parent=self
        )
        self.training = TrainingSession(self.document, self.failures, self.stage.refresh, parent=self)
        self._trains = not synchronous
        self._reader_ahead = ReaderAhead(self.background, self)
        if not synchronous:
            self.stage.delivered.connect(self._reader_ahead.take)
        theme().set(scene.appearance.theme, scene.appearance.font_scale)
        self.window.add_panels((spec, partial(self._view, spec.id, spec.view)) for spec in PANELS)
        self.controller = Controller(self.window, self.document, self.stage, self.images, self.background, self.clock)
        self.session = SessionKeeper(self.document, self.window, state_folder / "session.json", self.background)
        self._keep_session = keep_session
        self._owns_process = owns_process
        self._closed = False
        self._is_told_to_end = False
        self.window.restore_layout(scene.layout)
        self.window.seen_changed.connect(self._look)
        self.window.painted.connect(lambda: self.clock.painted(self.stage.shown_version))
        self._timed: NetworkChoice | None = None
        self.stage.delivered.connect(self._time_from)
        self.window.painted.connect(self.training.painted)
        self.stage.delivered.connect(self.training.take)
        self.window.closing.connect(lambda: self.close(asks=not self._is_told_to_end))
        self.document.changed.connect(self._on_changed)
        self._failed.connect(self.window.notices.show_failure)
        self.failures.listen(self._failed.emit)
        _programs.add(self)
        _end_in_order()

    def show(self) -> None:
        """Show the window; the engine starts once it has been painted."""
        self.window.first_painted.connect(self._start)
        self.window.show()

    def show_computed(self) -> None:
        """Show the window with everything computed and painted: for screenshots."""
        self.window.show()
        self._start()
        self.stage.wait_until_idle()

    def close(self, *, asks: bool = False) -> bool:
        """Save the session and stop the engine; False while a forward pass is still running, which nothing can stop.

        Where something cannot be saved, the person is asked what to do if it ``asks``, and else told. What does not
        end goes with the process, where the program owns it; elsewhere at the interpreter's end.
        """
        if self._closed:
            return self.stage.close()
        self._closed = True
        self.training.close()
        # before the session: one that is being saved in the background must not come after it
        finished = self.background.close()
        self._reader_ahead.close()
        unsaved = self.session.save_now() if self._keep_session else ""
        self.document.changed.disconnect()
        stopped = self.stage.close()
        wait_until(self.training.has_closed, "Saving the training run. The program ends when that is done.")
        others = [sentence for doing, sentence in self.background.unwritten.items() if doing != SAVING]
        others += filter(None, [self.training.unsaved])
        if asks:
            ask_about_unsaved(unsaved, others, self.session, lambda: self._is_told_to_end)
        else:
            say_unsaved(filter(None, [unsaved, *others]))
        if self._owns_process and not (stopped and finished):
            _leave_at_once()
        return stopped

    def close_soon(self) -> None:
        """Close the window from the event loop: for signals, which may come in the midst of anything."""
        self._is_told_to_end = True
        QTimer.singleShot(0, self.window.close)

    def discard(self) -> None:
        """Close the window and free all that belongs to it."""
        self.window.close()
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    def leave_start_behind(self) -> None:
        """From the first result on, keep Python's collector from walking through torch and the window in mid-stroke."""

        def freeze() -> None:
            self.stage.delivered.disconnect(freeze)
            gc.freeze()  # with what is garbage by now, a megabyte: collecting it would hold the first picture up
            gc.enable()

        self.stage.delivered.connect(freeze)

    def _view(self, panel_id: str, path: str) -> PanelView:
        module, _, name = path.partition(":")
        view: PanelView = getattr(import_module(module), name)(self.document)
        self.stage.add_view(panel_id, view)
        view.attach(self.training)
        return view

    def _start(self) -> None:
        if self._owns_process:
            keep_freed_memory(FOR_PASSES)
        self._look()
        self.stage.start()

    def _look(self) -> None:
        self.window.build_seen()
        visible = self.window.visible_panels()
        self.stage.set_visible(visible)
        if self._trains and "training" in visible:
            self._trains = False
            self.training.warm_up()

    def _time_from(self, delivery: Delivery) -> None:
        """No frame is what first shows a network, which may come long after the scene has named it."""
        network = delivery.network
        if network is not None and network.choice != self._timed:
            self._timed = network.choice
            self.clock.restart(delivery.version)

    def _on_changed(self, old: Scene, new: Scene) -> None:
        if old.network != new.network:
            self.clock.restart(self.document.version)
        if old.appearance != new.appearance:
            theme().set(new.appearance.theme, new.appearance.font_scale)
        elif not _came_along(old, new):  # nor is a new look a frame of the network's
            self.clock.edited(self.document.version)
        if self._keep_session:
            self.session.touch()


def _came_along(old: Scene, new: Scene) -> bool:
    """Whether the change is an input that a network brought with it: nobody's edit."""
    return new.example and (not old.example or old.input.base is not new.input.base)


def install_hooks(failures: FailuresHub) -> Callable[[], None]:
    """Send every unforeseen error to the hub; without this an error in a slot would abort the program.

    Returns what takes the hooks back, unless others have been set since.
    """
    before = sys.excepthook, threading.excepthook

    def on_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        failures.report(error, "Something in the window")

    def on_thread_error(args: threading.ExceptHookArgs) -> None:
        on_error(args.exc_type, args.exc_value or RuntimeError("unknown"), args.exc_traceback)

    def take_back() -> None:
        if sys.excepthook is on_error:
            sys.excepthook = before[0]
        if threading.excepthook is on_thread_error:
            threading.excepthook = before[1]

    sys.excepthook, threading.excepthook = on_error, on_thread_error
    return take_back
