"""Answers to what a file may be, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.nets.chain_layer import CHAIN, ChainLayer

if TYPE_CHECKING:
    from cnnviz.checkpoints.candidate import Candidate
    from cnnviz.checkpoints.checkpoint import Checkpoint

NORMALISATIONS: tuple[tuple[str, str, tuple[tuple[float, ...], tuple[float, ...]]], ...] = (
    ("unit", "in [0, 1]", ((0.0,), (1.0,))),
    ("centred", "in [−1, 1]", ((0.5,), (0.5,))),
    ("mnist", "MNIST’s mean and std", ((0.1307,), (0.3081,))),
    ("imagenet", "ImageNet’s mean and std", ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
)
"""Key, words, and mean and standard deviation of the usual ways to normalise images."""


def sentence(checkpoint: Checkpoint, answers: list[Candidate]) -> str:
    """What the file may be, how many ways fit, and what no shape tells."""
    best = answers[0]
    if best.architecture != CHAIN:
        known = "It is" if best.sure else "It may be"
        answer = f"{known} {best.title} ({best.confidence * 100:.0f} % sure)."
        return f"{answer} How its images are normalised is not in the weights."
    count = _count(checkpoint)
    fit = f"{count:,} ways to choose input, padding, stride and pooling fit" if count else "any geometry fits"
    return f"{best.title[0].upper()}{best.title[1:]}, from shapes alone: {fit}. The rest is in no shape."


def _count(checkpoint: Checkpoint) -> int:
    from cnnviz.checkpoints.chain_geometry import fitting_geometries
    from cnnviz.checkpoints.chain_shapes import NoChain, chain_in

    if checkpoint.network is None:
        return 0
    try:
        return fitting_geometries(chain_in(checkpoint.network)).count
    except NoChain:
        return 0


def way_in_words(candidate: Candidate) -> str:
    """How sure it is, the input, and the geometry where it is none of an architecture with a name."""
    from cnnviz.checkpoints.chain_guess import open_questions

    size = "×".join(map(str, candidate.input_size[1:]))
    sure = f"{candidate.confidence * 100:.0f} %"
    if candidate.architecture != CHAIN:
        return f"{sure} · {candidate.title} · {size}"
    convolutions = [row for row in open_questions(candidate).layers if row.kind == "conv"]
    pooled = [row for row in open_questions(candidate).layers if row.pooling != "none"]
    padding = _listed([max(row.padding) for row in convolutions])
    words = f"{sure} · {size} · padding {padding}"
    if any(row.stride > 1 for row in convolutions):
        words += f" · stride {_listed([row.stride for row in convolutions])}"
    if pooled:
        words += f" · pooling {_listed([row.pooling_size for row in pooled])} behind {_names(pooled)}"
    return words


def _listed(numbers: list[int]) -> str:
    return str(numbers[0]) if len(set(numbers)) == 1 else ", ".join(map(str, numbers))


def _names(rows: list[ChainLayer]) -> str:
    return ", ".join(row.name for row in rows) if len(rows) <= 4 else f"{len(rows)} layers"


def trial_in_words(candidate: Candidate, guess: ChainGuess) -> str:
    """What was chosen of all that no shape tells."""
    parts = []
    if guess.layers:
        functions = {row.activation for row in guess.layers} - {"none"}
        pools = {row.pooling for row in guess.layers} - {"none"}
        padding = _listed([max(row.padding) for row in guess.layers if row.kind == "conv"])
        size = "×".join(map(str, guess.input_size[1:]))
        parts += [", ".join(sorted(functions)) or "linear", ", ".join(sorted(pools)), f"{size}, padding {padding}"]
    else:
        parts.append(candidate.title)
    parts.append(normalisation_in_words(guess))
    return " · ".join(part for part in parts if part)


def normalisation_in_words(guess: ChainGuess) -> str:
    """The usual ones by what they are called."""
    if guess.mean is None or guess.std is None:
        return "not said"
    usual = {moments: words for _, words, moments in NORMALISATIONS}
    known = usual.get((guess.mean, guess.std))
    if known is not None:
        return known
    return f"mean {_numbers(guess.mean)}, std {_numbers(guess.std)}"


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values).replace("-", "−")
