"""How long slow answers wait while a hand is at work."""

from __future__ import annotations

from cnnviz.engine.panel import Rest

AFTER_STROKE_S = 0.12
"""Longer than between two events of a hand that draws: what is slow begins when the stroke rests."""
AFTER_POINTER_S = 0.03


class RestBeforeRefining:
    """Tells for one panel how long its finer answer waits: longer where the input has just changed."""

    def __init__(self) -> None:
        self._image: object = None

    def after(self, image: object) -> Rest:
        """The rest before anything slow is computed of ``image``, the array of the present input."""
        moved, self._image = image is not self._image, image
        return Rest(AFTER_STROKE_S if moved else AFTER_POINTER_S)
