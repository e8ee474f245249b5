"""``cnnviz measure``: figures of a network that a panel shows, without a window."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from importlib import import_module
from pathlib import Path

from cnnviz.commands.arguments import Subparsers, positive_int, seed
from cnnviz.commands.errors import CommandError
from cnnviz.commands.measures.changes import add_change_arguments, changed
from cnnviz.commands.measures.report import Measure, Report

MEASURES = {
    "receptive-field": "cnnviz.commands.measures.receptive_field:measure_receptive_field",
    "effective-field": "cnnviz.commands.measures.effective_field:measure_effective_field",
    "equivariance": "cnnviz.commands.measures.equivariance:measure_equivariance",
    "pooling": "cnnviz.commands.measures.pooling:measure_pooling",
    "consistency": "cnnviz.commands.measures.consistency:measure_consistency",
}
"""What can be measured, and the function that does it, imported when it is asked for."""

_OF = {
    "layer": ("receptive-field", "effective-field", "equivariance", "pooling"),
    "data": ("effective-field", "equivariance", "pooling", "consistency"),
    "data_dir": ("effective-field", "equivariance", "pooling", "consistency"),
    "images": ("effective-field", "equivariance", "pooling", "consistency"),
    "transform": ("equivariance",),
    "strengths": ("equivariance",),
    "direction": ("equivariance", "pooling"),
    "border": ("equivariance", "consistency"),
    "cells": ("equivariance",),
    "largest_shift": ("consistency",),
    "pairs": ("consistency",),
    "seed": ("consistency",),
}
"""Which measures an option is of; the others would not heed it."""


def add_measure_command(subparsers: Subparsers) -> None:
    """Declare ``cnnviz measure`` and its options."""
    parser = subparsers.add_parser(
        "measure",
        help="measure what a network sees, and what shifts do to it",
        description="Measure a network: how much of the input its units see, by theory (receptive-field) and by "
        "gradients (effective-field); how little pooled maps change with a shift (pooling); how far each layer is from "
        "moving along with the image (equivariance); how often the answer stays the same (consistency).",
        epilog="example: cnnviz measure cifar-net --what equivariance --layer pool2 --out pool2.svg; "
        "cnnviz measure mnist-lenet --what consistency --data digits --images 100 --json",
    )
    parser.add_argument("network", metavar="NETWORK", help="mnist-lenet, cifar-net, tiny-vgg, or a file of weights")
    parser.add_argument("--what", required=True, choices=tuple(MEASURES), help="what to measure")
    parser.add_argument("--layer", metavar="NAME", help="one layer alone; default all, or the last that fits")
    add_change_arguments(parser)
    images = parser.add_argument_group("images")
    images.add_argument(
        "--data",
        default="samples",
        metavar="SPEC",
        help="samples (the default), an image file, digits, shapes, dots, mnist, fashion-mnist, cifar10, folder:PATH",
    )
    images.add_argument("--data-dir", type=Path, metavar="DIR", help="where the data set lies, as for evaluate")
    images.add_argument("--images", type=positive_int, default=8, metavar="N", help="how many at most; default 8")
    moves = parser.add_argument_group("transforms")
    moves.add_argument(
        "--transform",
        choices=("shift", "rotate", "zoom", "flip"),
        default="shift",
        help="of equivariance; the other measures shift",
    )
    moves.add_argument(
        "--strengths",
        type=_strengths,
        metavar="LIST",
        help="pixels, degrees or factors, as --strengths=-1,0,1 or FIRST:LAST:STEP; of flips 0 (horizontal) and 1",
    )
    moves.add_argument(
        "--direction",
        choices=("rows", "columns", "both"),
        default="columns",
        help="of shifts, of equivariance and pooling",
    )
    moves.add_argument(
        "--border",
        choices=("wrap", "zeros", "edge", "mean", "crop"),
        default="wrap",
        help="what comes in from outside, of equivariance and consistency; crop, for consistency alone, cuts windows "
        "out of larger images",
    )
    moves.add_argument(
        "--cells",
        choices=("all", "known", "inside"),
        default="known",
        help="of each map: all cells; those taken from within it; or those that padding and what comes in do not reach",
    )
    moves.add_argument("--largest-shift", type=positive_int, default=4, metavar="N", help="of consistency; default 4")
    moves.add_argument("--pairs", type=positive_int, metavar="N", help="of consistency: drawn pairs; default all")
    moves.add_argument("--seed", type=seed, default=0, metavar="N", help="of drawn pairs and intervals; default 0")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the result as one JSON object")
    output.add_argument("--csv", action="store_true", help="print the numbers as a table")
    parser.add_argument("--out", type=Path, metavar="FIGURE", help="draw the curves into a file .png or .svg, or .csv")
    parser.set_defaults(run=run_measure, defaults={name: parser.get_default(name) for name in _OF})


def run_measure(arguments: argparse.Namespace) -> int:
    """Measure, and print the result in words, as JSON or as a table; draw the figure."""
    from cnnviz.checkpoints.open import open_network
    from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory

    _check_options(arguments)
    if arguments.out is not None:
        _check_out(arguments.out)
    keep_freed_memory(FOR_PASSES)
    network, changes = changed(open_network(arguments.network), arguments)
    module, _, name = MEASURES[arguments.what].partition(":")
    measure: Measure = getattr(import_module(module), name)
    report = measure(network, arguments)
    if arguments.out is not None:
        _draw(report, arguments.out)
    if arguments.json:
        print(json.dumps({"network": network.name, "changes": changes, **report.values}))
    elif arguments.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(report.table)
    else:
        print("\n".join([*changes, *report.lines]))
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    for name, measures in _OF.items():
        if arguments.what not in measures and getattr(arguments, name) != arguments.defaults[name]:
            option = f"--{name.replace('_', '-')}"
            raise CommandError(f"{option} is of {' and '.join(measures)}, not of {arguments.what}; leave it away.")


def _check_out(path: Path) -> None:
    if path.suffix.lower() not in (".png", ".svg", ".csv"):
        raise CommandError(f"{path} does not end in .png, .svg or .csv; give a name that does.")
    if not path.absolute().parent.is_dir():
        raise CommandError(f"There is no folder {path.absolute().parent}; make it first.")


def _draw(report: Report, path: Path) -> None:
    from cnnviz.data.atomic import write_atomically

    if path.suffix.lower() == ".csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(report.table)
        content = out.getvalue().encode()
    elif report.curves is None:
        raise CommandError("This measure has no curve to draw; leave --out away, or give it a name that ends in .csv.")
    else:
        # Drawn into memory, whatever display there may be.
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        os.environ["QT_LOGGING_RULES"] = "qt.qpa.*=false;default.warning=false"
        from cnnviz.ui.preflight import display_problem

        problem = display_problem(need_window=False)
        if problem is not None:
            raise CommandError(problem)
        from cnnviz.app import qt_application
        from cnnviz.ui.figure import CurveFigure, rendered

        qt_application()
        content = rendered(CurveFigure(report.curves), path.suffix)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}); check the folder and the disk.") from error


def _strengths(text: str) -> tuple[float, ...]:
    """``1,2,3`` or ``FIRST:LAST:STEP``."""
    try:
        if ":" in text:
            first, last, step = (float(part) for part in text.split(":"))
            count = int((last - first) / step + 1e-9) + 1
            values = tuple(first + number * step for number in range(count)) if count <= 1000 else ()
        else:
            values = tuple(float(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError, OverflowError):
        values = ()
    if not 0 < len(values) <= 1000 or not all(abs(value) < 1e6 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a list such as -1,0,1 nor FIRST:LAST:STEP")
    return values
