"""``--set WHAT=VALUE`` of ``cnnviz inspect``: corrections of an answer, as typed at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.chain_guess import ChainGuess, table
from cnnviz.commands.errors import CommandError
from cnnviz.nets.chain_layer import CHAIN
from cnnviz.nets.public import InputStatistics

_NUMBERS = ("stride", "groups", "pooling_size", "pooling_stride")
_WORDS = ("activation", "pooling")


def corrected(candidate: Candidate, corrections: Sequence[str]) -> Candidate:
    """``candidate`` with every correction, in their order.

    Raises
    ------
    CommandError
        A correction is not of the form ``WHAT=VALUE``, or WHAT cannot be corrected, or not to VALUE.
    """
    statistics: dict[str, tuple[float, ...]] = {}
    for correction in corrections:
        what, sign, value = correction.partition("=")
        if not (sign and what and value):
            raise CommandError(f"--set {correction} is not of the form WHAT=VALUE, such as mean=0.5.")
        if what in ("mean", "std"):
            statistics[what] = _floats(what, value)
        elif what == "labels":
            candidate = replace(candidate, labels=tuple(label.strip() for label in value.split(",")))
        else:
            candidate = _in_table(candidate, what, value)
    if not statistics:
        return candidate
    before = candidate.statistics
    mean = statistics.get("mean", before.mean if before else None)
    std = statistics.get("std", before.std if before else None)
    if mean is None or std is None:
        raise CommandError("Images are normalised with both mean and std; give --set mean=… and --set std=….")
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, candidate.input_size[0]):
            raise CommandError(f"--set {name} has {len(values)} numbers for {candidate.input_size[0]} channels.")
    return replace(candidate, statistics=InputStatistics(mean, std))


def _in_table(candidate: Candidate, what: str, value: str) -> Candidate:
    """A correction of the table of a chain."""
    if candidate.architecture != CHAIN:
        raise CommandError(f"--set {what}: of {candidate.title}, only mean, std and labels can be corrected.")
    guess = table(candidate)
    try:
        return _changed(guess, what, value).applied_to(candidate)
    except (KeyError, ValueError) as error:
        if isinstance(error, CommandError):
            raise
        names = ", ".join(layer.name for layer in guess.layers)
        raise CommandError(
            f"--set {what}={value} cannot be used; WHAT is mean, std, labels, input, activation, pooling, or one of "
            f"the layers {names} with .stride, .padding, .activation, .pooling, .pooling_size or .pooling_stride."
        ) from error


def _changed(guess: ChainGuess, what: str, value: str) -> ChainGuess:
    whole: dict[str, Any] = {
        "activation": guess.with_activation,
        "pooling": guess.with_pooling,
    }
    if what in whole:
        changed: ChainGuess = whole[what](value)
        return changed
    if what == "input":
        return guess.changed(input_size=tuple(int(size) for size in value.lower().split("x")))
    layer, _, field = what.rpartition(".")
    if field == "padding":
        sizes = [int(size) for size in value.lower().split("x")]
        return guess.with_layer(layer, padding=(sizes[0], sizes[-1]))
    if field in _NUMBERS:
        return guess.with_layer(layer, **{field: int(value)})
    if field in _WORDS:
        return guess.with_layer(layer, **{field: value})
    raise KeyError(what)


def _floats(what: str, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in value.split(","))
    except ValueError as error:
        raise CommandError(
            f"--set {what}={value}: give one number, or one for each channel, such as 0.5,0.5,0.5."
        ) from error
    if not all(abs(number) < 1e6 and (what == "mean" or number > 1e-9) for number in numbers):
        raise CommandError(f"--set {what}={value} is not usable: mean is finite, std is above 0.")
    return numbers
