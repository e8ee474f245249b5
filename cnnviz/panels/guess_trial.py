"""The trying of answers on labelled images, in small steps between which the window goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.core.error_words import first_line
from cnnviz.nets.chain_layer import CHAIN
from cnnviz.panels.guess_words import trial_in_words

if TYPE_CHECKING:
    from cnnviz.checkpoints.candidate import Candidate
    from cnnviz.checkpoints.chain_trial import StagedTrial
    from cnnviz.checkpoints.checkpoint import Checkpoint
    from cnnviz.data.labelled_images import LabelledImages
    from cnnviz.data.loading import Loading

# the ranking is shown anew after this many seconds
REFRESH_S = 0.15
MOST_RANKED = 8


@dataclass(frozen=True)
class Ranked:
    """An answer that was tried: in words, how many of how many images it names rightly, and the answer itself."""

    words: str
    accuracy: float
    samples: int
    guess: ChainGuess


@dataclass(frozen=True)
class TrialState:
    """How far the trying is: ``done`` of ``total`` runs of an image; ``message`` says what else there is to say."""

    done: int = 0
    total: int = 0
    ranking: tuple[Ranked, ...] = ()
    message: str = ""

    @property
    def finished(self) -> bool:
        return bool(self.message) or (self.total > 0 and self.done >= self.total)


@dataclass
class _Trying:
    """Work on one file's answers; kept, so that it goes on where a newer scene interrupted it."""

    key: tuple[object, ...]
    loading: Loading
    run: StagedTrial | None = None
    state: TrialState = field(default_factory=TrialState)


_tried: list[_Trying] = []


def forget_trial() -> None:
    """Give up what was begun; the next trial begins anew."""
    _tried.clear()


def try_answers(dataset: str, checkpoint: Checkpoint, guess: ChainGuess) -> Iterator[TrialState]:
    """The ranking so far, again and again until all is tried."""
    from cnnviz.data.loading import Loading

    stamp = checkpoint.path.stat().st_mtime_ns
    key = (str(checkpoint.path), stamp, checkpoint.network and checkpoint.network.select, dataset)
    if not _tried or _tried[0].key != key:
        _tried[:] = [_Trying(key, Loading(dataset, None, guess.input_size))]
    trying = _tried[0]
    yield trying.state
    while not trying.state.finished:
        end = time.monotonic() + REFRESH_S
        try:
            if trying.run is None:
                images = trying.loading.result(REFRESH_S)
                if images is not None:
                    trying.run = _begun(checkpoint, guess, images)
            else:
                while time.monotonic() < end and trying.run.step():
                    pass
        except (ValueError, RuntimeError) as error:
            trying.state = replace(trying.state, message=f"{first_line(error)}.")
        else:
            trying.state = _state(trying.run)
        yield trying.state


def _begun(checkpoint: Checkpoint, guess: ChainGuess, images: LabelledImages) -> StagedTrial:
    """Every answer that takes images of this size, with all that no shape tells; and the one on the table, as it is."""
    from cnnviz.checkpoints.chain_trial import StagedTrial, normalisations, variants

    assert checkpoint.contents is not None
    base = guess.base_among(checkpoint.candidates)
    answers = [candidate for candidate in checkpoint.candidates if candidate.rule != "accepted"]
    height, width = images.images.shape[2:]
    entrants = list(variants(answers, (height, width)))
    for candidate in [*answers, *([guess.applied_to(base)] if base is not None else [])]:
        if candidate.architecture != CHAIN:
            entrants += normalisations(candidate)
    own = guess.applied_to(base) if base is not None else None
    if own is not None and own.statistics is None:
        entrants += normalisations(own)
    elif own is not None:
        entrants.append(own)
    return StagedTrial(_once_each(entrants), checkpoint.contents.load, images)


def _once_each(candidates: list[Candidate]) -> list[Candidate]:
    from cnnviz.checkpoints.chain_guess import open_questions

    return list({open_questions(candidate): candidate for candidate in candidates}.values())


def _state(run: StagedTrial | None) -> TrialState:
    if run is None:
        return TrialState()
    ranking = tuple(
        Ranked(trial_in_words(trial.candidate, trial.guess), trial.accuracy, trial.samples, trial.guess)
        for trial in run.ranking[:MOST_RANKED]
    )
    return TrialState(run.done, run.total, ranking)
