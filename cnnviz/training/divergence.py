"""Notices that training has left all bounds."""

from __future__ import annotations

import math

EXPLOSION = 10.0
"""A loss this many times that of guessing, or of the first step where that was larger, is an explosion."""
MOST_CUTS = 20
"""So often in a run the learning rate is cut after a divergence; then the run is over."""
GOOD_EVERY = 50
"""Steps between two looks at which weights are kept as the last good ones."""
GOOD_LOSS = 1.5
"""Weights are good whose loss is at most this many times that of guessing, or of the first step."""


def what_is_wrong(loss: float, reference: float, step: int, learning_rate: float) -> str:
    """Why a run of this loss diverges, in a sentence that says what to do; empty where it does not.

    Parameters
    ----------
    loss, reference : float
        Of this step, and that of guessing or of the first step.
    step : int
        From 1.
    learning_rate : float
        Of this step.
    """
    if math.isfinite(loss) and loss <= EXPLOSION * reference:
        return ""
    if math.isnan(loss):
        what = "the loss is not a number"
    elif math.isinf(loss):
        what = "the loss is infinite"
    else:
        what = f"the loss is {_rounded(loss)}, {_rounded(loss / reference)} times what it was at the start"
    if step == 1:
        return (
            f"Training cannot begin: {what}, before any weight was changed; start from other weights, or with the "
            "precision float32."
        )
    return f"Training diverged in step {step}: {what}; choose a learning rate below {_rounded(learning_rate)}."


def _rounded(value: float) -> str:
    """To two digits: more say nothing where all explodes."""
    return f"{float(f'{value:.2g}'):,.0f}" if 100 <= value < 1e9 else f"{value:.2g}"
