"""Arguments that more than one command takes, and their checks."""

import argparse
import math
from pathlib import Path
from typing import Any, TypeAlias

# argparse has no public name for what add_subparsers returns.
Subparsers: TypeAlias = "argparse._SubParsersAction[Any]"


def add_data_arguments(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """``--dataset`` and ``--data-dir``."""
    parser.add_argument(
        "--dataset",
        required=required,
        metavar="SET",
        help="digits, shapes, dots, mnist, fashion-mnist, cifar10, or folder:PATH with one folder of images per class",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where the data set lies, itself or in a folder of its name; default: the environment variable "
        "CNNVIZ_DATA_DIR, else the data set is fetched into the user's cache",
    )


def positive_int(text: str) -> int:
    """A whole number from 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return value


def seed(text: str) -> int:
    """A whole number that torch's generators take."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2^63 - 1")
    return value


def non_negative_float(text: str) -> float:
    """A finite number from 0."""
    value = _number(text)
    if not (0 <= value < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return value


def positive_float(text: str) -> float:
    """A finite number above 0."""
    value = _number(text)
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
