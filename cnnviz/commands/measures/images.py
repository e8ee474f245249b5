"""The images that a measure is taken on, from the command's ``--data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.checkpoints.card import NetworkCard


def measured_images(
    spec: str,
    count: int,
    card: NetworkCard,
    data_dir: Path | None = None,
    margin: int = 0,
    *,
    in_order: bool = False,
) -> tuple[Tensor, str]:
    """Images (N, C, H, W), at most ``count``, ready for the network, and in words what they are.

    Parameters
    ----------
    spec
        ``samples`` for the program's own, a file with an image, or a data set as ``cnnviz evaluate`` takes it; of a
        data set, test images at even steps.
    margin
        By how many pixels on each side the images are larger than the network's input.
    in_order
        Leave the pixels in their order also for a network that learned from permuted ones.
    """
    from cnnviz.training.permuted_network import permuted_images
    from cnnviz.training.preparation import to_network_input

    channels, height, width = card.input_size
    size = channels, height + 2 * margin, width + 2 * margin
    pixels, words = _samples(count, size) if spec == "samples" else _given(spec, count, size, data_dir)
    if pixels.shape[1] != channels:
        raise CommandError(f"The network takes {channels} channel(s), but images of {spec} have {pixels.shape[1]}.")
    # The margin is part of what is resized to, so that the windows cut out of it are of the network's size.
    images = to_network_input(pixels, card.model_copy(update={"input_size": size}))
    return permuted_images(images, None if in_order else card.permuted_at), words


def black_of(card: NetworkCard) -> tuple[float, ...]:
    """What black is for the network, channel by channel."""
    return tuple(-mean / std for mean, std in zip(card.mean, card.std, strict=True))


def _samples(count: int, size: tuple[int, int, int]) -> tuple[Tensor, str]:
    import numpy as np
    import torch

    from cnnviz.data.fit import Fit, fit_picture
    from cnnviz.data.samples import sample_picture, samples

    kind = "drawing" if size[0] == 1 else "photo"
    chosen = [sample.name for sample in samples() if sample.kind == kind][:count]
    fitted = np.stack([fit_picture(sample_picture(name).pixels, *size, Fit()) for name in chosen])
    return torch.from_numpy(fitted), f"{len(chosen)} {kind}{'s' if len(chosen) > 1 else ''} of the program's own"


def _given(spec: str, count: int, size: tuple[int, int, int], data_dir: Path | None) -> tuple[Tensor, str]:
    import numpy as np
    import torch

    from cnnviz.data.datasets import DATASETS, load_dataset
    from cnnviz.data.fit import Fit, fit_picture
    from cnnviz.data.images import ImageError, open_picture
    from cnnviz.training.preparation import to_unit_range

    if spec.partition(":")[0] != "folder" and spec not in DATASETS:
        path = Path(spec)
        if not path.exists():
            known = ", ".join(DATASETS)
            raise CommandError(f"--data {spec} is no image file and no data set; give samples, a file, or {known}.")
        try:
            picture = open_picture(path)
        except ImageError as error:
            raise CommandError(str(error)) from error
        return torch.from_numpy(fit_picture(picture.pixels, *size, Fit())[None]), f"the image {path.name}"
    images = load_dataset(spec, "test", data_dir, size)
    if not len(images):
        raise CommandError(f"The data set {spec} has no images.")
    places = np.unique(np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int))
    words = f"{len(places)} test image{'s' if len(places) > 1 else ''} of {spec}"
    return to_unit_range(images.images[places]), words
