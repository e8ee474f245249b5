"""What is said of a run while it goes on."""

from __future__ import annotations

from pathlib import Path

from cnnviz.training.client_events import Fetching, RunPhase, RunState
from cnnviz.training.run_changes import differences, run_words
from cnnviz.training.run_curve import RunCurve
from cnnviz.training.run_folder import PendingRun, read_record
from cnnviz.training.run_label import read_label
from cnnviz.training.settings import TrainingSettings

_PHASES = {
    "idle": "stopped",
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
        goes_on = fetching.what.startswith(("fetching", "reading"))
        return f"{fetching.what}, {fetching.share * 100:.0f} %" if goes_on else fetching.what
    last = curve.last_step
    if state.phase == "preparing":
        return _PHASES[state.phase]
    if last is None:
        return "not training" if state.phase == "idle" else _PHASES[state.phase]
    epoch = f"epoch {last.epoch} of {last.epochs}"
    is_done = state.phase == "idle" and state.step >= state.total_steps > 0  # the next one could not begin
    if state.phase == "finished" or is_done:
        return f"{_PHASES['finished']} · {last.epochs} epoch{'' if last.epochs == 1 else 's'}"
    return epoch if state.phase == "training" else f"{_PHASES[state.phase]} · {epoch}"


def progress(state: RunState, curve: RunCurve) -> tuple[int, int]:
    """Steps done, and of how many; while a run is prepared, none yet."""
    last = curve.last_step
    if state.phase == "preparing":
        return 0, 0
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
        if total > done and state.phase in ("training", "testing"):
            words.append(f"about {duration(left)} left")
        elif total > done and state.phase == "paused":
            words.append(f"about {duration(left)} once it goes on")
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
    """Why the run left all bounds, and what became of it; empty where it did not, or goes on because it was told to."""
    if not curve.divergences:
        return ""
    last = curve.divergences[-1]
    if not last.goes_on and curve.last_step is not None and curve.last_step.step >= last.step:
        return ""
    after = (
        f"It goes on from step {last.restored_step:,} with a learning rate of {last.learning_rate:.3g}."
        if last.goes_on
        else f"The weights are those after step {last.restored_step:,} again. Lower the rate, and press Continue."
    )
    return f"{last.reason} {after}"


def no_gradient_words(curve: RunCurve) -> str:
    """That some layers learn nothing any more, and why that is; empty where all learn."""
    names = curve.without_gradient
    if not names:
        return ""
    which = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    which = which if len(names) <= 4 else f"{len(names)} layers, {names[0]} to {names[-1]},"
    return (
        f"The gradient of {which} is exactly 0: no image changes {'it' if len(names) == 1 else 'them'} any more. "
        "Behind such layers all units are silent (a ReLU gives 0 for every image), often after steps that were too "
        "large: begin anew with a smaller learning rate."
    )


def stop_words(phase: RunPhase) -> str:
    """What the square button does; a run that is prepared, which can take minutes, has nothing to save yet."""
    return "Cancel: this run does not begin" if phase == "preparing" else "Stop and save"


def go_on_words(phase: RunPhase) -> str:
    """From where a run that rests goes on."""
    return {
        "diverged": "from the last good weights, with the learning rate that is set now",
        "finished": "up to the epochs that are set now",
        "idle": "from the step at which it was stopped",
    }.get(phase, "with the next step")


FIRST = "Press Start: the curves are drawn here while it trains, and every panel shows the network as it learns."
"""Where no run was started yet."""


def no_curve_words(phase: RunPhase, curve: RunCurve) -> str:
    """Why no curve is drawn."""
    if phase == "preparing":
        return "Network and images are made ready; before the first run of a session also the process that trains."
    return FIRST if curve.last_step is None else "Nothing of this was measured yet."


def pending_words(run: PendingRun) -> str:
    """What is written beside the button that goes on with it."""
    return f"{run_words(run.record.settings)}, step {run.step:,}"


def run_name(folder: Path, settings: TrainingSettings) -> str:
    """What the run in ``folder`` is called: by the person or the comparison, else network and data.

    Of a duplicate, what was changed is named, too.
    """
    label = read_label(folder)
    if label.name:
        return f"{label.name} ({label.comparison})" if label.comparison else label.name
    base = read_record(folder.parent / label.base) if label.base else None
    changed = differences(base.first_settings, settings) if base is not None else ()
    whole = run_words(settings)
    return ", ".join((whole, *(each for each in changed if each not in whole)))


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
