"""Guess: what a file may be where its weights do not tell all; to be corrected, tried on images, and accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.nets.chain_layer import ChainLayer
from cnnviz.panels.guess_trial import TrialState, forget_trial, try_answers
from cnnviz.panels.guess_words import sentence, way_in_words
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from cnnviz.checkpoints.chain_sizes import RowSize
    from cnnviz.checkpoints.checkpoint import Checkpoint
    from cnnviz.engine.observation import LoadedNetwork, Observation


class GuessParams(PanelParams):
    draft: ChainGuess | None = Field(None, description="the corrected answer; none: the likeliest, as it is")
    dataset: str = Field(
        "mnist",
        pattern=r"^(mnist|fashion-mnist|cifar10|(folder|batch):.+)$",
        max_length=4096,
        description="the labelled images that answers are tried on: a set's name, folder:PATH, or batch:PATH",
    )
    trying: bool = Field(
        False, description="try all answers on labelled images, and rank them", json_schema_extra={"undo": "none"}
    )


@dataclass(frozen=True)
class GuessResult:
    """An answer, what follows from it, and the others that there are.

    Attributes
    ----------
    nothing : str
        Why there is nothing to guess; empty where there is.
    sentence : str
        What the file may be, and how many ways fit.
    ways : tuple of (str, ChainGuess)
        All answers in words, best first.
    way : int or None
        The one of ``ways`` that ``guess`` has the layers and the input of.
    guess : ChainGuess or None
    rows : tuple of (ChainLayer, RowSize)
        The table; empty for an architecture with a name.
    problem : str
        Why the answer cannot be accepted as it stands; empty where it can.
    check : str
        How the output for the input that is stored beside the file compares with the stored one.
    accepted : bool
        Whether exactly this answer is kept for the file and shown alive.
    """

    nothing: str = ""
    sentence: str = ""
    ways: tuple[tuple[str, ChainGuess], ...] = ()
    way: int | None = None
    guess: ChainGuess | None = None
    rows: tuple[tuple[ChainLayer, RowSize], ...] = ()
    problem: str = ""
    check: str = ""
    accepted: bool = False
    trial: TrialState | None = None


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[GuessResult]:
    """First the table; then the check against stored arrays; then, bit by bit, the ranking on labelled images."""
    params = cast(GuessParams, scene.panel("guess"))
    checkpoint = _looked_at(observation.network)
    nothing = _nothing(observation.network, checkpoint)
    if checkpoint is None or nothing:
        yield GuessResult(nothing)
        return
    result = _result(params.draft, checkpoint)
    yield result
    if not result.problem:
        check = _check(checkpoint, cast(ChainGuess, result.guess))
        if check:
            result = replace(result, check=check)
            yield result
    if not params.trying:
        forget_trial()
        return
    for state in try_answers(params.dataset, checkpoint, cast(ChainGuess, result.guess)):
        yield replace(result, trial=state)


def _looked_at(network: LoadedNetwork) -> Checkpoint | None:
    from cnnviz.checkpoints.identify import is_own
    from cnnviz.checkpoints.recent import look_at

    kind, _, name = network.source.partition(":")
    if kind != "file" or is_own(Path(name)):
        return None
    return look_at(Path(name), network.choice.select)


def _nothing(network: LoadedNetwork, checkpoint: Checkpoint | None) -> str:
    """Why there is nothing to guess of this network."""
    if checkpoint is None:
        return f"{network.name} says itself what it is: there is nothing to guess. Open a file of weights alone."
    if checkpoint.candidates:
        return ""
    if checkpoint.module is not None:
        return (
            "This file holds its graph: there is nothing to guess but how its images are normalised, which the Input "
            "panel asks for."
        )
    return checkpoint.message.replace(str(checkpoint.path), checkpoint.path.name)


def _result(draft: ChainGuess | None, checkpoint: Checkpoint) -> GuessResult:
    from cnnviz.checkpoints.chain_guess import open_questions
    from cnnviz.checkpoints.chain_sizes import row_sizes

    kept = [candidate for candidate in checkpoint.candidates if candidate.rule == "accepted"]
    answers = [candidate for candidate in checkpoint.candidates if candidate.rule != "accepted"] or kept
    if draft is not None and draft.base_among(checkpoint.candidates) is None:
        draft = None  # it was of another file
    guess = draft or open_questions(checkpoint.candidates[0])
    tables = [open_questions(candidate) for candidate in answers]
    sizes = row_sizes(guess)
    way = next((index for index, each in enumerate(tables) if _same_layers(each, guess)), None)
    return GuessResult(
        sentence=sentence(checkpoint, answers),
        ways=tuple((way_in_words(candidate), each) for candidate, each in zip(answers, tables, strict=True)),
        way=way,
        guess=guess,
        rows=tuple(zip(guess.layers, sizes, strict=True)),
        problem=_problem(guess, sizes),
        accepted=checkpoint.module is not None and bool(kept) and guess == open_questions(kept[0]),
    )


def _same_layers(one: ChainGuess, other: ChainGuess) -> bool:
    def geometry(guess: ChainGuess) -> list[object]:
        return [
            (row.stride, row.padding, row.pooling != "none", row.pooling_size, row.pooling_stride)
            for row in guess.layers
        ]

    same_input = one.input_size == other.input_size or not one.layers
    return one.architecture == other.architecture and same_input and geometry(one) == geometry(other)


def _problem(guess: ChainGuess, sizes: tuple[RowSize, ...]) -> str:
    for row, size in zip(guess.layers, sizes, strict=True):
        if size.problem:
            return f"{row.name}: {size.problem}"
    if (guess.mean is None) != (guess.std is None):
        return "Images are normalised with both mean and std: give the other one too, or neither."
    channels = guess.input_size[0]
    for name, values in (("mean", guess.mean), ("std", guess.std)):
        if values is not None and len(values) not in (1, channels):
            return f"{name} has {len(values)} numbers for {channels} channels: give one, or one for each."
    last = sizes[-1].output if sizes else None
    if guess.labels and last is not None and len(guess.labels) != last[0]:
        return f"There are {len(guess.labels)} labels for {last[0]} outputs: give as many, or none."
    return ""


def _check(checkpoint: Checkpoint, guess: ChainGuess) -> str:
    """How the answer does on the input and output that are stored beside the file; empty where there are none."""
    from cnnviz.checkpoints.chain_trial import assembled
    from cnnviz.checkpoints.stored_arrays import check_stored_arrays

    base = guess.base_among(checkpoint.candidates)
    if base is None or checkpoint.contents is None or not any(checkpoint.path.parent.glob("*input.npy")):
        return ""
    try:
        module = assembled(guess.applied_to(base), checkpoint.contents.load)
    except (ValueError, RuntimeError):
        return ""
    check = check_stored_arrays(module, checkpoint.path.parent)
    if check is None:
        return ""
    if check.largest_difference < 1e-3:
        return check.sentence
    return f"The output stored in {check.output_name} is missed by {check.largest_difference:.2g}: something is wrong."


SPEC = PanelSpec(
    id="guess",
    title="Guess",
    area="centre",
    params=GuessParams,
    depends=("network",),
    compute=compute,
    view="cnnviz.panels.guess_view:GuessView",
    tip="What a file of weights may be, worked out from shapes: correct it, try it on images, accept it.",
)
