"""What the training process does: commands in, figures and weights out, and a step whenever nothing else is due."""

from __future__ import annotations

import queue
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cnnviz.core.error_words import first_line
from cnnviz.training.messages import Message
from cnnviz.training.metrics import (
    Divergence,
    EpochMetrics,
    Notice,
    RunEvent,
    Saved,
    StepMetrics,
    TestProgress,
    fields_of,
)
from cnnviz.training.run import Run
from cnnviz.training.settings import SettingsError, checked_settings
from cnnviz.training.waiting import BriefWaits
from cnnviz.training.weights_file import WeightsWriter

METRICS_SECONDS = 0.1
"""Between two messages of figures: the window draws them no more often."""
WEIGHTS_SECONDS = 0.1
WEIGHTS_SHARE = 0.05
"""Of the time, at most, that goes into copying weights."""
BUSY_SECONDS = 2.0
"""Between two steps while the person draws: each takes the cores from a frame, and its weights go to all panels."""


class _Cancelled(Exception):
    """The run that is being prepared is not wanted any more."""


class WorkerLoop:
    """Does one thing after another, on one thread.

    Parameters
    ----------
    commands
        None is the end: save and return.
    send
        Takes messages for the window; never waits.
    leave
        Ends the process at once: called on the thread that hears of the end while a run is being prepared, when there
        is nothing to save and fetching images may take minutes.
    """

    def __init__(
        self,
        commands: queue.SimpleQueue[Message | None],
        send: Callable[[Message], None],
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self._commands = commands
        self._send = send
        self._leave_at_once = leave
        self._preparing = self._ends = False
        self._ahead: deque[Message | None] = deque()
        """Commands that came while a run was prepared, and have their turn after that."""
        self._run: Run | None = None
        self._goes = False
        self._steps = 0
        """To be made although paused."""
        self._busy = False
        self._events: list[StepMetrics | EpochMetrics | TestProgress | Divergence] = []
        self._told = 0.0
        self._weights_wanted = True
        self._weights_due = 0.0
        self._weights_step = -1
        self._while_shown = BriefWaits()
        """The window shows the weights that were sent last, and takes a core for that."""
        self._do: dict[str, Callable[[Message], None]] = {
            "start": self._start,
            "resume_run": self._resume_run,
            "pause": lambda message: self._pause(),
            "resume": lambda message: self._resume(),
            "step": lambda message: self._single_step(int(message.fields.get("steps", 1))),
            "stop": lambda message: self._stop(),
            "change": self._change,
            "save": lambda message: self._save(),
            "busy": self._set_busy,
            "acknowledge": lambda message: self._acknowledge(),
        }

    def run(self) -> None:
        """Until the connection ends."""
        self._send(Message("ready", {"torch": torch.__version__, "threads": torch.get_num_threads()}))
        while True:
            try:
                message = self._ahead.popleft() if self._ahead else self._commands.get(timeout=self._patience())
            except queue.Empty:
                self._work()
                continue
            if message is None or message.kind == "end":
                break
            self._obey(message)
        if self._run is not None:
            self._run.close(killed=True)
        self._while_shown.end(wait=True)

    def hear(self, message: Message) -> None:
        """A command has come in; called on another thread, and before the command's turn between two steps."""
        if message.kind == "acknowledge":
            self._while_shown.end()
        elif message.kind == "end":
            self._ends = True  # before the look, as `_prepared` looks after having said that it prepares
            if self._preparing:
                self._leave_at_once()

    def _patience(self) -> float | None:
        """How long to wait for a command before the next step."""
        if not self._works():
            return None
        return BUSY_SECONDS if self._busy and self._steps == 0 else 0.0

    def _works(self) -> bool:
        return self._run is not None and not self._run.trainer.over and (self._goes or self._steps > 0)

    def _obey(self, message: Message) -> None:
        do = self._do.get(message.kind)
        if do is None:
            self._send(Message("notice", {"message": f"There is no command '{message.kind}'."}))
            return
        self._guarded(lambda: do(message))

    def _work(self) -> None:
        self._guarded(self._advance)

    def _guarded(self, action: Callable[[], None]) -> None:
        """An error ends what was being done, never the process."""
        try:
            action()
        except torch.OutOfMemoryError:
            self._fail("The device has no memory left for the run; choose a smaller batch, or the device cpu.", "")
        except ValueError as error:
            self._fail(str(error), traceback.format_exc())
        except OSError as error:
            what = error.filename or "A file of the run"
            words = f"{what} cannot be read or written ({error.strerror or first_line(error)}); check the folder and "
            self._fail(f"{words}the disk, then start again.", traceback.format_exc())
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it is, the person must hear of it
            words = f"A fault that nobody foresaw stopped the run ({first_line(error)}); start it again, or change its "
            self._fail(f"{words}settings.", traceback.format_exc())

    def _fail(self, message: str, details: str) -> None:
        self._goes, self._steps = False, 0
        self._tell_events()
        self._send(Message("failed", {"message": message, "details": details}))
        self._tell_state()

    def _advance(self) -> None:
        run = self._run
        assert run is not None
        before = run.trainer.step
        run.advance()
        if run.trainer.step > before:
            self._steps = max(self._steps - 1, 0)
        if time.monotonic() - self._told > METRICS_SECONDS:
            self._tell_events()
        self._send_weights()
        if run.trainer.over or not self._works():
            self._rest()

    def _start(self, message: Message) -> None:
        settings = checked_settings(message.fields["settings"])
        self._leave()
        folder = message.fields.get("folder")
        self._begin(
            lambda: Run.start(
                settings,
                Path(folder) if folder else None,
                self._tell,
                command=str(message.fields.get("command", "")),
                progress=self._tell_progress,
            ),
            bool(message.fields.get("paused", False)),
        )

    def _resume_run(self, message: Message) -> None:
        folder = Path(message.fields["folder"])
        self._leave()
        self._begin(
            lambda: Run.resume(folder, self._tell, progress=self._tell_progress),
            bool(message.fields.get("paused", False)),
        )

    def _begin(self, make: Callable[[], Run], paused: bool) -> None:
        self._send(Message("state", {"phase": "preparing"}))
        try:
            self._run = run = self._prepared(make)
        except _Cancelled:
            self._tell_state()
            return
        self._goes, self._steps = not paused, 0
        self._weights_step = -1
        self._weights = WeightsWriter(run.trainer.module)
        prepared = run.prepared
        fields = {
            "card": prepared.data.card.model_dump(mode="json"),
            "settings": run.trainer.settings.model_dump(mode="json"),
            "folder": str(run.folder) if run.folder is not None else "",
            "device": str(run.trainer.device),
            "train_images": len(prepared.data.train),
            "test_images": len(prepared.data.test),
            "skipped": list(prepared.skipped),
        }
        self._send(Message("begun", fields))
        self._tell_state()
        self._weights_wanted, self._weights_due = True, 0.0
        self._send_weights()

    def _prepared(self, make: Callable[[], Run]) -> Run:
        self._preparing = True
        try:
            if self._ends:
                self._leave_at_once()
            return make()
        finally:
            self._preparing = False

    def _pause(self) -> None:
        self._goes, self._steps = False, 0
        self._rest()

    def _resume(self) -> None:
        self._goes = True
        self._tell_state()

    def _single_step(self, steps: int) -> None:
        self._goes, self._steps = False, max(steps, 1)

    def _stop(self) -> None:
        self._rest()
        self._leave()
        self._tell_state()

    def _change(self, message: Message) -> None:
        run = self._run
        if run is None:
            return
        over = run.trainer.over
        try:
            settings = run.trainer.settings.changed(message.fields["changes"])
            run.change(settings)
        except SettingsError as error:  # the run goes on as before
            self._send(Message("failed", {"message": str(error), "details": ""}))
            return
        if over and not run.trainer.over:
            self._goes = True
        self._send(Message("changed", {"settings": settings.model_dump(mode="json")}))
        self._tell_state()

    def _save(self) -> None:
        if self._run is not None:
            self._run.save()
            self._run.settle()

    def _set_busy(self, message: Message) -> None:
        self._busy = bool(message.fields.get("busy"))
        if self._run is not None:
            self._run.trainer.pause()

    def _acknowledge(self) -> None:
        self._while_shown.end()
        self._weights_wanted = True
        if not self._works():
            self._weights_due = 0.0
            self._send_weights()

    def _leave(self) -> None:
        """Save the run that there is and let it go."""
        if self._run is not None:
            run, self._run = self._run, None
            self._goes, self._steps = False, 0
            run.close()

    def _rest(self) -> None:
        """After the last step for now: the window gets all that there is."""
        if self._run is None:
            return
        self._run.trainer.pause()
        self._run.settle()
        self._tell_events()
        self._weights_due = 0.0
        self._send_weights()
        self._tell_state()

    def _tell(self, event: RunEvent | Saved | Notice) -> None:
        if isinstance(event, Notice):
            self._send(Message("notice", asdict(event)))
        elif isinstance(event, Saved):
            self._send(Message("saved", asdict(event)))
        else:
            self._events.append(event)

    def _tell_progress(self, what: str, share: float) -> None:
        """Raises _Cancelled where the run was stopped, or the window closed, before it began."""
        while not self._commands.empty():
            self._ahead.append(self._commands.get())
        if any(message is None or message.kind in ("stop", "end") for message in self._ahead):
            raise _Cancelled
        self._send(Message("progress", {"what": what, "share": share}))

    def _tell_events(self) -> None:
        self._told = time.monotonic()
        if self._events:
            events = [fields_of(event) for event in self._events]
            self._events.clear()
            self._send(Message("metrics", {"events": events}))

    def _tell_state(self) -> None:
        fields: dict[str, Any] = {"phase": "idle"}
        if self._run is not None:
            trainer = self._run.trainer
            phase = trainer.phase if trainer.over or self._works() else "paused"
            fields = {"phase": phase, "step": trainer.step, "total_steps": trainer.total_steps, "epoch": trainer.epoch}
        self._send(Message("state", fields))

    def _send_weights(self) -> None:
        """The next only once the last was taken, ten times a second at most, and seldom where they are large."""
        run = self._run
        if run is None or not self._weights_wanted or time.monotonic() < self._weights_due:
            return
        if run.trainer.step == self._weights_step:
            return
        started = time.monotonic()
        payload = self._weights.file()
        self._weights_step, self._weights_wanted = run.trainer.step, False
        taken = time.monotonic() - started
        self._weights_due = started + max(WEIGHTS_SECONDS, taken / WEIGHTS_SHARE)
        if self._works():
            self._while_shown.begin()
        self._send(Message("weights", {"step": run.trainer.step, "epoch": run.trainer.epoch}, payload))
