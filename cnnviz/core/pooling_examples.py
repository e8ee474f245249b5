"""The lectures' examples of pooling, as numbers; without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cnnviz.core.choices import PoolingKind

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class PoolingExample:
    """Numbers to pool, and how.

    Attributes
    ----------
    title, note : str
        What it is called, and what is to be seen, in a sentence.
    detector : rows of numbers
        The detector stage, which is pooled.
    shifted : rows of numbers, optional
        The same after the input moved by one pixel to the right; new values come in at the left.
    kind, kernel_size, stride, padding
        As in ``pooling.Pooling``; what lies beyond the border is left out.
    """

    title: str
    note: str
    detector: Rows
    shifted: Rows | None = None
    kind: PoolingKind = "max"
    kernel_size: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (0, 0)

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of ``pooling.Pooling.of``."""
        return {
            "kind": self.kind,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
        }


EXAMPLES: Mapping[str, PoolingExample] = MappingProxyType(
    {
        "blocks": PoolingExample(
            "2×2 blocks",
            "The largest of each 2×2 block: 6 8 / 3 4.",
            ((1, 1, 2, 4), (5, 6, 7, 8), (3, 2, 1, 0), (1, 2, 3, 4)),
        ),
        "shift": PoolingExample(
            "Shift by one pixel",
            "Every detector value changes, only half of the pooled ones: Goodfellow, Bengio and Courville, Deep "
            "Learning, figure 9.8.",
            ((0.1, 1.0, 0.2, 0.1),),
            ((0.3, 0.1, 1.0, 0.2),),
            kernel_size=(1, 3),
            stride=(1, 1),
            padding=(0, 1),
        ),
        "filter-1": PoolingExample(
            "Worked example, filter 1",
            "Its 2×2 maxima are 3 0 / 3 1: the 4×4 map of filter 1 on the 6×6 image.",
            ((3, -1, -3, -1), (-3, 1, 0, -3), (-3, -3, 0, 1), (3, -2, -2, -1)),
        ),
        "filter-2": PoolingExample(
            "Worked example, filter 2",
            "Its 2×2 maxima are −1 1 / 0 3: the 4×4 map of filter 2 on the 6×6 image.",
            ((-1, -1, -1, -1), (-1, -1, -2, 1), (-1, -1, -2, 1), (-1, 0, -4, 3)),
        ),
    }
)
