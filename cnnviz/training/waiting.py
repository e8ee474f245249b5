"""How threads wait for each other where others want the processor as well; to be settled before torch is imported."""

from __future__ import annotations

import os

SPINS = 20_000
"""Turns that a thread of GNU OpenMP waits for the others before it sleeps: some tenths of a millisecond.

By default it is 300,000, longer than a frame of the window takes: a thread that has done its half of a convolution
keeps a core from the one that it waits for. On two cores shared with other programs training was ten times slower so.
"""


def wait_briefly() -> None:
    """Let threads that wait for each other sleep soon, unless the person has set how they wait."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
