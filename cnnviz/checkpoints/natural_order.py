"""The order in which people sort names with numbers in them."""

from __future__ import annotations

import re


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts ``layer2`` before ``layer10``."""
    parts = re.split(r"([0-9]{1,18})", name)
    return [(0, int(part), "") if number % 2 else (1, 0, part) for number, part in enumerate(parts)]
