"""What can be changed in a network, as plain values that a scene holds; ``network_edits`` carries them out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cnnviz.core.choices import PADDING_WORDS, POOLING_WORDS, BlockPart, PaddingMode, PoolingKind


@dataclass(frozen=True)
class SwapPooling:
    """Another kind of pooling in the place of a layer's own.

    Attributes
    ----------
    layer : str or None
        A layer's name; None: every pooling with a window, and in a network without any every stride. Global and
        adaptive pooling is swapped by name only, for maximum or average. In the place of a stride (of a convolution,
        or a slice with a step) the layer is taken at every cell, and then pooled.
    kind : PoolingKind
        As in ``pooling.Pooling``.
    window, stride : int or None
        None: those of the layer; where a stride is swapped, a window as large as the stride. Another window stands
        about the same centre, and what it then lacks at the border is left out, so that the map keeps its size;
        another stride changes the size of all maps that follow. A window of one cell that is blurred in the place of
        a stride is the anti-aliasing of Zhang 2019.
    padding : int or None
        Cells on every side; None: as many as keep the window about the same centre.
    sigma, taps
        As in ``pooling.Pooling``.
    """

    kind: PoolingKind
    layer: str | None = None
    window: int | None = None
    stride: int | None = None
    padding: int | None = None
    sigma: float = 1.0
    taps: int = 3
    change: Literal["swap-pooling"] = "swap-pooling"

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name, size in (("window", self.window), ("stride", self.stride)):
            if size is not None and not 1 <= size <= 32:
                raise ValueError(f"the {name} is 1 to 32 cells")
        if self.padding is not None and not 0 <= self.padding <= 16:
            raise ValueError("the padding is 0 to 16 cells")
        if not (math.isfinite(self.sigma) and 0 < self.sigma <= 100):
            raise ValueError("the width of the Gaussian lies between 0 and 100 cells")
        if not 1 <= self.taps <= 9:
            raise ValueError("the blur is 1 to 9 cells wide")

    @property
    def words(self) -> str:
        kind = POOLING_WORDS[self.kind]
        sizes = "" if self.window is None else f" {self.window}×{self.window}"
        if self.only_blurs:
            kind, sizes = "blurred", ""
        step = "" if self.stride is None else f" /{self.stride}"
        edge = "" if self.padding is None else f" pad {self.padding}"
        return f"{self.layer or 'pooling'}: {kind}{sizes}{step}{edge}"

    @property
    def only_blurs(self) -> bool:
        """Whether each window is one cell, so that nothing but the blur is left."""
        return self.window == 1 and self.kind.startswith("blur")


@dataclass(frozen=True)
class SwitchPadding:
    """What layers read beyond the border of their map; the width of the padding stays.

    Attributes
    ----------
    layer : str or None
        A layer's name; None: every convolution, pooling and layer of padding, with the padding of the blur in
        pooling that was swapped.
    mode : PaddingMode
        As torch calls them: zero, periodic, mirror, replicate.
    same : bool
        Pad convolutions that have no padding, by as much as keeps the map's size at stride 1. The maps are larger
        then; where they are flattened for a linear layer, it reads the middle of them.
    """

    mode: PaddingMode
    layer: str | None = None
    same: bool = False
    change: Literal["switch-padding"] = "switch-padding"

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    @property
    def words(self) -> str:
        where = f"{self.layer}: " if self.layer else ""
        return f"{where}padding: {PADDING_WORDS[self.mode]}{', same size' if self.same else ''}"


@dataclass(frozen=True)
class Silence:
    """One of the two that a residual block adds, left out: what is left is the block's sum.

    Attributes
    ----------
    layer : str or None
        Name of the layer that adds them; None: of every block.
    part : "branch" or "shortcut"
        Without its branch a block hands its shortcut on; without its shortcuts a residual network is a plain one.
    """

    layer: str | None = None
    part: BlockPart = "branch"
    change: Literal["silence"] = "silence"

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    @property
    def words(self) -> str:
        return f"{self.layer or 'every block'}: {self.part} silent"


NetworkChange = SwapPooling | SwitchPadding | Silence


def with_change(changes: Iterable[NetworkChange], change: NetworkChange) -> tuple[NetworkChange, ...]:
    """``changes`` and ``change``, which takes the place of earlier ones of its kind for the same layer.

    One for every layer takes the place of those for single layers, too.
    """
    return (*without_change(changes, type(change), change.layer), change)


def without_change(
    changes: Iterable[NetworkChange], kind: type[NetworkChange], layer: str | None = None
) -> tuple[NetworkChange, ...]:
    """``changes`` without those of one kind for one layer; without a layer all of the kind."""
    return tuple(each for each in changes if type(each) is not kind or (layer is not None and each.layer != layer))


def describe(changes: Iterable[NetworkChange]) -> str:
    """``"pooling: average · padding: periodic"``; nothing where there is no change."""
    return " · ".join(change.words for change in changes)
