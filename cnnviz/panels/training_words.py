"""What is said of a run while it goes on."""

from __future__ import annotations

from pathlib import Path

from cnnviz.training.client_events import Fetching, RunState
from cnnviz.training.run_curve import RunCurve
from cnnviz.training.run_folder import PendingRun

_PHASES = {
    "idle": "not training",
    "preparing": "preparing",
    "training": "training",
    "testing": "testing",
    "paused": "paused",
    "finished": "finished",
    "diverged": "diverged",
}


def phase_words(state: RunState, curve: RunCurve, fetching: Fetching | None) -> str:
    """What the run does, in one or two words, and its epoch; while it trains that alone."""
    if fetching is not None and state.phase == "preparing":
        return f"fetching {fetching.what}, {fetching.share * 100:.0f} %"
    last = curve.last_step
    if state.phase in ("idle", "preparing") or last is None:
        return _PHASES[state.phase]
    epoch = f"epoch {last.epoch} of {last.epochs}"
    return epoch if state.phase == "training" else f"{_PHASES[state.phase]} · {epoch}"


def progress(state: RunState, curve: RunCurve) -> tuple[int, int]:
    """Steps done, and of how many."""
    last = curve.last_step
    done = max(state.step, last.step if last is not None else 0)
    return done, max(state.total_steps, done)


def pace_words(state: RunState, curve: RunCurve) -> str:
    """Step, images a second, and the time that is left."""
    last = curve.last_step
    done, total = progress(state, curve)
    if last is None or not done:
        return ""
    words = [f"step {done:,} of {total:,}"]
    if last.examples_per_second > 0:
        words.append(f"{last.examples_per_second:,.0f} images/s")
        images_a_step = last.examples / last.step
        left = (total - done) * images_a_step / last.examples_per_second
        if state.phase in ("training", "testing") and total > done:
            words.append(f"{duration(left)} left")
    return " · ".join(words)


def result_words(curve: RunCurve) -> str:
    """Loss and accuracy as they are now."""
    words = []
    if curve.last_step is not None:
        words.append(f"loss {curve.last_step.loss:.3f}")
    test = curve.last_test
    if test is not None and test.test_accuracy is not None:
        words.append(f"test {test.test_accuracy * 100:.1f} %")
    return " · ".join(words)


def divergence_words(curve: RunCurve) -> str:
    """Why the run left all bounds, and what became of it; empty where it did not."""
    if not curve.divergences:
        return ""
    last = curve.divergences[-1]
    after = (
        f"It goes on from step {last.restored_step:,} with a learning rate of {last.learning_rate:.3g}."
        if last.goes_on
        else f"The weights are those after step {last.restored_step:,} again; lower the learning rate to go on."
    )
    return f"{last.reason} {after}"


def pending_words(run: PendingRun) -> str:
    """What is written on the button that goes on with it."""
    settings = run.record.settings
    return f"Go on with {Path(settings.network.name).stem} on {data_words(settings.dataset)}, step {run.step:,}"


def data_words(dataset: str) -> str:
    """A data set's name; of a folder, the folder's."""
    kind, _, path = dataset.partition(":")
    return Path(path).name if kind == "folder" else dataset


def duration(seconds: float) -> str:
    """Rounded to what one wants to know: ``8 s``, ``3 min``, ``1 h 20 min``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
