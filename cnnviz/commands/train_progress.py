"""What ``cnnviz train`` says while it trains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from cnnviz.training.metrics import Divergence, EpochMetrics, Notice, RunEvent, Saved, StepMetrics

_BAR = 24
_INTERVAL = 0.1


class ProgressLine:
    """One line with a bar that is overwritten at a terminal, and one line per epoch that stays.

    Parameters
    ----------
    stream
        None says nothing.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.diverged: Divergence | None = None
        """The last divergence that was told of."""
        self._stream = stream
        self._shown = 0.0
        self._begun = time.monotonic()
        self._total = self._first = 0
        self._step: StepMetrics | None = None

    def begin(self, total: int, done: int) -> None:
        """Count from here: ``done`` of ``total`` steps are made."""
        self._total, self._first, self._begun = total, done, time.monotonic()

    def tell(self, event: RunEvent | Saved | Notice) -> None:
        """Show what happened."""
        from cnnviz.training.metrics import Divergence, EpochMetrics, Notice, StepMetrics

        if isinstance(event, Divergence):
            self.diverged = event
            if event.goes_on:
                self._line(
                    f"{event.reason.rstrip('.')}: back to step {event.restored_step}, rate {event.learning_rate:g}"
                )
        elif isinstance(event, Notice):
            self._line(event.message)
        elif isinstance(event, EpochMetrics):
            self._line(self._epoch(event))
        elif isinstance(event, StepMetrics):
            self._step = event
            if self._stream is not None and self._stream.isatty() and time.monotonic() - self._shown > _INTERVAL:
                self._shown = time.monotonic()
                print(f"\r{self._bar(event)}", end="\x1b[K", file=self._stream, flush=True)

    def _bar(self, step: StepMetrics) -> str:
        share = step.step / max(self._total, step.step)
        filled = round(share * _BAR)
        done = max(step.step - self._first, 1)
        left = (time.monotonic() - self._begun) / done * max(self._total - step.step, 0)
        return (
            f"epoch {step.epoch}/{step.epochs} {'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}  "
            f"loss {step.loss:.3f}  right {step.accuracy:.0%}  rate {step.learning_rate:.2g}  "
            f"{step.examples_per_second:,.0f} images/s  {left:.0f} s left"
        )

    def _epoch(self, epoch: EpochMetrics) -> str:
        step = self._step
        place = f"  step {step.step_in_epoch}/{step.steps_per_epoch}" if step is not None else ""
        epochs = step.epochs if step is not None else epoch.epoch
        test = f"  test {epoch.test_accuracy:.2%}" if epoch.test_accuracy is not None else ""
        elapsed = time.monotonic() - self._begun
        return (
            f"epoch {epoch.epoch}/{epochs}{place}  loss {epoch.train_loss:.3f}  "
            f"train {epoch.train_accuracy:.2%}{test}  {elapsed:.0f} s"
        )

    def _line(self, text: str) -> None:
        if self._stream is not None:
            clear = "\r\x1b[K" if self._stream.isatty() else ""
            print(f"{clear}{text}", file=self._stream, flush=True)
