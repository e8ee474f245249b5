"""For scripts and notebooks: what shifts, turns, zooms and flips do to any module's layers and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnnviz.core.choices import Direction, TransformKind
    from cnnviz.core.consistency import Coming, Consistency
    from cnnviz.core.equivariance_result import Equivariance
    from cnnviz.core.interpolation import Border
    from cnnviz.core.map_motion import Compared


def equivariance_error(
    module: nn.Module,
    images: Tensor | np.ndarray,
    shifts: Iterable[float] = range(-16, 17),
    *,
    transform: TransformKind = "shift",
    direction: Direction = "columns",
    border: Border = "wrap",
    compared: Compared = "known",
    layers: Sequence[str] | None = None,
    others: Tensor | np.ndarray | None = None,
    progress: Callable[[float], None] | None = None,
) -> Equivariance:
    """The relative error ‖f(Tx) − T f(x)‖ / ‖f(x)‖ of every layer, at every shift.

    Parameters
    ----------
    module : nn.Module
        In any mode; it runs in evaluation mode.
    images : tensor or array (N, C, H, W) or (C, H, W)
        As the module takes them, that is normalised if it wants that.
    shifts : numbers
        How far T goes: pixels to the right (or downwards, by ``direction``); of other transforms degrees
        counter-clockwise, magnifications, or 0 and 1 for a horizontal and a vertical flip.
    transform : "shift", "rotate", "zoom" or "flip"
    border : "wrap", "zeros", "edge" or "mean"
        What comes in from outside the image.
    compared : "all", "known" or "inside"
        Which cells of a map: all; those that T f(x) takes from within the map; or of these only the ones that neither
        padding nor what came in reaches.
    layers : names, optional
        All by default.
    others : tensor or array (M, C, H, W), optional
        Unrelated images for the level of chance.

    Returns
    -------
    Equivariance
        ``result[layer].mean`` and ``.spread`` are arrays over ``shifts``, ``.error`` has a row for each image,
        ``.chance`` is the error between unrelated images, and ``.reason`` says why a layer has none.

    Raises
    ------
    ValueError
        Nothing can be measured; the message says why.

    Examples
    --------
    >>> layer = torch.nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular")
    >>> module = torch.nn.Sequential(layer, torch.nn.MaxPool2d(2))
    >>> result = equivariance_error(module, torch.rand(4, 3, 16, 16), [0, 1, 2])
    >>> (result["1"].mean < 1e-5).tolist()
    [True, False, True]
    """
    from cnnviz.core.equivariance import equivariance
    from cnnviz.core.equivariance_result import Sweep
    from cnnviz.core.trace import prepare

    given = _batch(module, images)
    sweep = Sweep(transform, tuple(float(shift) for shift in shifts), direction, border)
    network = prepare(module, given[:1])
    unrelated = None if others is None else _batch(module, others)
    return equivariance(
        network, given, sweep.transforms, layers, compared=compared, others=unrelated, progress=progress
    )


def shift_consistency(
    module: nn.Module,
    images: Tensor | np.ndarray,
    largest_shift: int = 4,
    *,
    border: Coming = "wrap",
    pairs: int | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Consistency:
    """How often a classifier says the same for two shifted copies of an image, over images, with an interval.

    Parameters
    ----------
    module : nn.Module
        A classifier, in any mode; it runs in evaluation mode.
    images : tensor or array (N, C, H, W) or (C, H, W)
        As the module takes them; with the border "crop" larger by twice ``largest_shift``.
    largest_shift : int
        All whole shifts up to this many pixels, in all four directions.
    border : "wrap", "zeros", "edge", "mean" or "crop"
        What comes in from outside the image; "crop" cuts windows out of larger images, so that nothing does.
    pairs : int, optional
        Compare as many pairs of copies of each image, drawn by ``seed``; all by default.

    Returns
    -------
    Consistency
        ``.share`` with the 95 % bootstrap interval over images from ``.low`` to ``.high``, and ``.per_image``.

    Raises
    ------
    ValueError
        Nothing can be measured; the message says why.

    Examples
    --------
    >>> module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> shift_consistency(module, torch.rand(4, 3, 8, 8)).share
    1.0
    """
    from cnnviz.core.consistency import batch_for
    from cnnviz.core.consistency import shift_consistency as measure

    given = _batch(module, images)
    batch = batch_for(module, given, largest_shift if border == "crop" else 0)
    return measure(module, given, largest_shift, border=border, pairs=pairs, batch=batch, seed=seed, progress=progress)


def _batch(module: nn.Module, images: Tensor | np.ndarray) -> Tensor:
    import torch

    like = next((each for each in module.parameters() if each.is_floating_point()), torch.zeros(0))
    given = torch.as_tensor(images, dtype=like.dtype, device=like.device).detach()
    if given.ndim == 3:
        given = given[None]
    if given.ndim != 4 or not given.numel():
        raise ValueError(f"Images are (N, C, H, W) or (C, H, W), and not {tuple(given.shape)}.")
    return given
