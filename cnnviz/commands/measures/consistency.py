"""``cnnviz measure --what consistency``: how often the answer is the same for shifted copies of an image."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError
from cnnviz.commands.measures.images import black_of, measured_images
from cnnviz.commands.measures.report import Report, number

if TYPE_CHECKING:
    from cnnviz.checkpoints.open import OpenedNetwork
    from cnnviz.core.consistency import Consistency
    from cnnviz.core.curves import Curves


def measure_consistency(network: OpenedNetwork, arguments: argparse.Namespace) -> Report:
    """The share of agreeing pairs, with its interval over images."""
    from cnnviz.core.consistency import batch_for, shift_consistency
    from cnnviz.training.permuted_network import taking_images_in_order

    largest = arguments.largest_shift
    margin = largest if arguments.border == "crop" else 0
    card = network.card
    images, words = measured_images(arguments.data, arguments.images, card, arguments.data_dir, margin, in_order=True)
    module = taking_images_in_order(network.module, card.permuted_at)
    try:
        found = shift_consistency(
            module,
            images,
            largest,
            border=arguments.border,
            pairs=arguments.pairs,
            batch=batch_for(network.module, images, margin),
            black=black_of(network.card),
            seed=arguments.seed,
            progress=_tell if sys.stderr.isatty() else None,
        )
    except ValueError as error:
        raise CommandError(str(error)) from error
    values = {
        "consistency": number(found.share),
        "low": number(found.low),
        "high": number(found.high),
        "level": found.level,
        "images": found.images,
        "pairs_per_image": found.pairs,
        "largest_shift": found.largest_shift,
        "border": found.border,
        "unanswered": found.unanswered,
        "data": words,
    }
    interval = (
        f"{found.level:.0%} interval over images {found.low:.2%} … {found.high:.2%}"
        if found.images > 1
        else "no interval from a single image"
    )
    pixels = "1 pixel" if largest == 1 else f"{largest} pixels"
    lines = [
        f"{network.name}: {found.share:.2%} of pairs of shifted copies get the same answer ({interval})",
        f"{words}, shifts up to {pixels}, border {found.border}, {found.pairs:,} pairs of each image",
    ]
    if found.unanswered:
        lines.append(f"{found.unanswered} images have answers that are not finite; their pairs count as different")
    table: list[list[object]] = [["image", "share"], *([i, value] for i, value in enumerate(found.per_image.tolist()))]
    return Report(lines, values, table, _curves(network.name, found))


def _curves(name: str, found: Consistency) -> Curves:
    """The share of each image, the least first."""
    import numpy as np

    from cnnviz.core.curves import Curves, Mark, series

    places = (np.arange(found.images) + 0.5) / found.images
    return Curves(
        f"Consistency of {name}, image by image",
        "images, the least consistent first (share of all)",
        "share of pairs that agree",
        (series("share", places, np.sort(found.per_image), points=found.images < 12),),
        (Mark("y", found.share, "mean"),),
    )


def _tell(share: float) -> None:
    """The share that is done, on one line that is wiped at the end."""
    print(f"\r{share:4.0%}" if share < 1 else "\r    \r", end="", file=sys.stderr, flush=True)
