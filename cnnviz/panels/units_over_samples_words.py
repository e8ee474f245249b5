"""Statistics of units in words: each number with its name, what it means, and what a sum of them looks like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.core.unit_statistics import UnitStatistics

TIPS = {
    "silent": "Units that are on for no sample, or maps without any cell that is: a ReLU passes nothing of them on, "
    "and no gradient comes back. On is above 0, of a sigmoid above 0.5",
    "always on": "Units that are on for every sample, or maps of which all cells are: a ReLU never acts on them",
    "ignoring the input": "Units whose standard deviation over the samples is at most 5 % of their root mean square",
    "sparsity over units": "How few units answer to one sample, on the mean: 0 all alike, 1 one alone "
    "(population sparsity of Vinje and Gallant)",
    "sparsity over samples": "To how few samples one unit answers, on the mean: 0 to all alike, 1 to one alone "
    "(lifetime sparsity); units that are always 0 are left out",
    "exactly zero": "Share of all activations",
    "near zero": "Share of all activations that are below a hundredth of the layer's root mean square, zeros included",
    "variance": "Of a unit over the samples, mean over the units",
    "mean |r|": "Correlation of two units over the samples, mean over all pairs without its sign; constant units have "
    "none and are left out",
    "pairs of |r| ≥ 0.8": "Share of the pairs of units that say nearly the same",
    "effective dimension": "Participation ratio of the covariance: 1 where all units move together, the number of "
    "units where they vary alike and independently",
    "constant": "Units without any variation but rounding: they have no correlation",
    "samples left out": "Their activations are NaN or infinite",
}

MANY = 0.2
"""From this share of the units on, "many" is said."""
SPARSE = 0.5
CORRELATED, UNCORRELATED = 0.6, 0.35
"""Mean |r| from which units are called strongly correlated, and up to which hardly."""

GOOD = "sparse over samples and over units, of high variance, uncorrelated"
BAD = "many units ignore the input, or are strongly correlated"


def number_texts(found: UnitStatistics) -> dict[str, str | None]:
    """A text for each name of `TIPS`; None where there is nothing to say."""

    def count(flags: object) -> str:
        return f"{int(flags.sum())} of {found.units}"  # type: ignore[attr-defined]

    constant = int(found.constant.sum())
    return {
        "silent": count(found.silent),
        "always on": count(found.always_on),
        "ignoring the input": count(found.ignoring),
        "sparsity over units": _ratio(found.mean_population_sparsity),
        "sparsity over samples": _ratio(found.mean_lifetime_sparsity),
        "exactly zero": _share(float(found.zeros.mean())),
        "near zero": _share(float(found.near_zeros.mean())),
        "variance": _figures(float(found.variance.mean())),
        "mean |r|": _ratio(found.mean_correlation),
        "pairs of |r| ≥ 0.8": _share(found.strongly_correlated),
        "effective dimension": f"{_figures(found.dimension)} of {found.units}",
        "constant": count(found.constant) if constant else None,
        "samples left out": str(found.left_out) if found.left_out else None,
    }


def verdict(found: UnitStatistics) -> str:
    """What strikes one about these units, in the words of lectures; without a capital and a full stop."""
    silent, ignoring, always = (float(flags.mean()) for flags in (found.silent, found.ignoring, found.always_on))
    parts = []
    if ignoring >= MANY:
        parts.append(f"{_all_or_many(ignoring)} ignore the input")
    if silent >= MANY:
        parts.append(f"{_all_or_many(silent)} are silent")
    if always >= MANY:
        parts.append(f"{_all_or_many(always)} are always on")
    r = found.mean_correlation
    if r >= CORRELATED:
        parts.append("strongly correlated")
    if not parts:
        units, samples = found.mean_population_sparsity, found.mean_lifetime_sparsity
        if units >= SPARSE and samples >= SPARSE:
            parts.append("sparse over units and over samples")
        elif units >= SPARSE or samples >= SPARSE:
            parts.append(f"sparse over {'units' if units >= SPARSE else 'samples'} alone")
        else:
            parts.append("not sparse")
        if r <= UNCORRELATED:
            parts.append("hardly correlated")
        elif not math.isnan(r):
            parts.append("somewhat correlated")
    return ", ".join(parts)


def listed(names: list[int], most: int = 12) -> str:
    """Numbers of units, the first ``most`` of them."""
    shown = ", ".join(map(str, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _all_or_many(share: float) -> str:
    return "all units" if share == 1 else "nearly all units" if share > 0.9 else "many units"


def _ratio(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.2f}"


def _share(value: float) -> str:
    return "—" if math.isnan(value) else f"{100 * value:.0f} %" if value in (0, 1) else f"{100 * value:.1f} %"


def _figures(value: float) -> str:
    """Three significant figures."""
    if math.isnan(value):
        return "—"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if -3 <= exponent < 5:
        return f"{value:.{max(2 - exponent, 0)}f}"
    power = f"{exponent}".replace("-", "−")
    return f"{value / 10.0**exponent:.2f}e{power}"
