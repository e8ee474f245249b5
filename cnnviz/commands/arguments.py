"""Arguments that more than one command takes, and their checks."""

import argparse
import math
from pathlib import Path
from typing import Any, TypeAlias

# argparse has no public name for what add_subparsers returns.
Subparsers: TypeAlias = "argparse._SubParsersAction[Any]"


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """``--dataset`` and ``--data-dir``."""
    parser.add_argument(
        "--dataset",
        required=True,
        metavar="SET",
        help="mnist, fashion-mnist, cifar10, or folder:PATH with one folder of images per class",
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


def positive_float(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
