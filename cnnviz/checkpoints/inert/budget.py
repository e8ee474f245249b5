"""What the pickles of one file may use up between them."""

from __future__ import annotations

from . import limits
from .refusal import Refusal


class Budget:
    """What is left of the limits that all pickles of one file share."""

    def __init__(self) -> None:
        self.steps = limits.STEPS
        self.containers = limits.CONTAINERS
        self.text = limits.TEXT

    def take_text(self, size: int) -> None:
        self.text -= size
        if self.text < 0:
            raise Refusal(f"its pickles hold more than {limits.TEXT >> 20} MB of text")

    def take_container(self) -> None:
        self.containers -= 1
        if self.containers < 0:
            raise Refusal(f"its pickles make more than {limits.CONTAINERS:,} lists, dictionaries and tuples")
