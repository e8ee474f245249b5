"""What ``cnnviz inspect`` prints: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.chain_guess import table
from cnnviz.checkpoints.chain_trial import Trial
from cnnviz.checkpoints.checkpoint import Checkpoint
from cnnviz.checkpoints.comparison import Comparison
from cnnviz.nets.chain import ChainLayer
from cnnviz.nets.chain_layer import CHAIN

_MOST_ANSWERS = 5
_MOST_TRIALS = 10


def print_checkpoint(checkpoint: Checkpoint, *, as_json: bool) -> None:
    """One file."""
    if as_json:
        print(json.dumps(as_dictionary(checkpoint), allow_nan=False))
        return
    if checkpoint.layers:
        rows = [
            (
                layer.name or "(nameless)",
                layer.type,
                _shape(layer.output_shape),
                _count(layer.parameters),
                _count(layer.macs),
            )
            for layer in checkpoint.layers
        ]
        _print_table(("layer", "type", "output", "weights", "multiply-adds"), rows)
        print()
    if checkpoint.status == "partial":
        _print_answers(checkpoint)
    if checkpoint.contents is not None and checkpoint.contents.metadata:
        print(f"beside it: {_printable(', '.join(map(str, checkpoint.contents.metadata)), 200)}")
    print(f"{checkpoint.status}: {_printable(checkpoint.message, 4000)}")


def as_dictionary(checkpoint: Checkpoint) -> dict[str, Any]:
    """The JSON object; its keys are documented in the README."""
    entries = checkpoint.contents.entries if checkpoint.contents is not None else ()
    return {
        "status": checkpoint.status,
        "format": checkpoint.format,
        "architecture": checkpoint.architecture,
        "confidence": checkpoint.confidence,
        "parameters": checkpoint.parameters,
        "tensors": [{"name": entry.name, "shape": list(entry.shape), "dtype": entry.dtype} for entry in entries],
        "layers": [
            {
                "name": layer.name,
                "type": layer.type,
                "output_shape": None if layer.output_shape is None else list(layer.output_shape),
                "parameters": layer.parameters,
                "macs": layer.macs,
            }
            for layer in checkpoint.layers
        ],
        "refused": list(checkpoint.refused),
        "message": checkpoint.message,
        "trustable": checkpoint.trustable,
        "networks": list(checkpoint.networks),
        "candidates": [
            {
                "architecture": candidate.architecture,
                "title": candidate.title,
                "confidence": candidate.confidence,
                "reasons": list(candidate.reasons),
                "input_size": list(candidate.input_size),
            }
            for candidate in checkpoint.candidates
        ],
    }


def print_comparison(first: Checkpoint, second: Checkpoint, comparison: Comparison, *, as_json: bool) -> None:
    """Two files, the most changed layer first."""
    if as_json:
        result = {
            "verdict": comparison.verdict,
            "parameters": [first.parameters, second.parameters],
            "layers": [
                {
                    "name": change.layer,
                    "relative_change": change.relative_change if math.isfinite(change.relative_change) else None,
                }
                for change in comparison.changes
            ],
            "other_shapes": list(comparison.other_shapes),
            "only_first": list(comparison.only_first),
            "only_second": list(comparison.only_second),
        }
        print(json.dumps(result, allow_nan=False))
        return
    rows = [(change.layer, f"{change.relative_change:.2%}") for change in comparison.changes]
    if rows:
        _print_table(("layer", "relative change"), rows)
        print()
    for title, names in (
        ("other shapes", comparison.other_shapes),
        (f"only in {first.path}", comparison.only_first),
        (f"only in {second.path}", comparison.only_second),
    ):
        if names:
            print(f"{title}: {_printable(', '.join(names), 2000)}")
    print(
        f"{first.path} and {second.path}: {comparison.verdict} ({first.parameters:,} and {second.parameters:,} weights)"
    )


def print_trials(trials: Sequence[Trial], numbers: Mapping[Candidate, int]) -> None:
    """Tables by how many images they name rightly; ``numbers`` says of which answer each is a variant."""
    print()
    if not trials:
        print("No chain takes images of the size of this data set.")
        return
    rows = [
        (
            f"{trial.accuracy:.1%}",
            str(numbers[trial.candidate]),
            _words({layer.activation for layer in trial.guess.layers}),
            _words({layer.pooling for layer in trial.guess.layers}),
            *(" ".join(f"{value:g}" for value in values or ()) for values in (trial.guess.mean, trial.guess.std)),
        )
        for trial in trials[:_MOST_TRIALS]
    ]
    _print_table(("right", "answer", "activation", "pooling", "mean", "std"), rows)
    print(f"{len(trials)} choices were tried; take one with --accept --answer N --set activation=… --set mean=… …")


def _words(found: set[Any]) -> str:
    return " ".join(sorted(found - {"none"})) or "none"


def _print_answers(checkpoint: Checkpoint) -> None:
    if not checkpoint.candidates:
        return
    for number, candidate in enumerate(checkpoint.candidates[:_MOST_ANSWERS], 1):
        size = "×".join(map(str, candidate.input_size))
        print(f"answer {number}: {candidate.title} for images of {size}, {candidate.confidence:.0%} sure")
        for reason in candidate.reasons:
            print(f"    {_printable(reason, 400)}")
    print()
    best = checkpoint.candidates[0]
    if best.architecture != CHAIN:
        return
    rows = [_chain_row(layer) for layer in table(best).layers]
    _print_table(("answer 1", "kind", "channels", "kernel", "stride", "padding", "activation", "pooling"), rows)
    print()


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shown = [titles, *([_printable(cell, 60) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(titles))]
    for row in shown:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _printable(text: str, most: int) -> str:
    """Names come from the file: what would steer the terminal is replaced."""
    clean = "".join(character if character.isprintable() else "�" for character in text)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"


def _chain_row(layer: ChainLayer) -> tuple[str, ...]:
    moves = layer.kind == "conv"
    window = f" {layer.pooling_size}/{layer.pooling_stride}" if layer.pooling in ("max", "average") else ""
    return (
        layer.name or "(nameless)",
        layer.kind,
        f"{layer.inputs} → {layer.outputs}",
        _shape(layer.kernel_size) if moves else "",
        str(layer.stride) if moves else "",
        _shape(layer.padding) if moves else "",
        layer.activation,
        f"{layer.pooling}{window}",
    )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else "×".join(map(str, shape))


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
