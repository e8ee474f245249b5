"""What a measure found: words for the terminal, numbers for programs, and perhaps a plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import argparse

    from cnnviz.checkpoints.open import OpenedNetwork
    from cnnviz.core.curves import Curves


@dataclass(frozen=True)
class Report:
    """What is printed, and drawn.

    Attributes
    ----------
    lines : sequence of str
        For the terminal.
    values : mapping
        For ``--json``; numbers that are not finite become null.
    table : sequence of rows
        For ``--csv``, the titles of the columns first.
    curves : Curves or None
        For ``--out``; None where there is nothing to draw.
    """

    lines: Sequence[str]
    values: Mapping[str, Any]
    table: Sequence[Sequence[object]]
    curves: Curves | None = None


Measure: TypeAlias = "Callable[[OpenedNetwork, argparse.Namespace], Report]"


def number(value: float) -> float | None:
    """A finite number for JSON or a table; None otherwise."""
    return float(value) if math.isfinite(value) else None


def shown(value: float) -> str:
    """A number for the terminal; a dash where there is none."""
    return f"{value:.4g}" if math.isfinite(value) else "–"
