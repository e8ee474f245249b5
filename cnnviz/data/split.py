"""Keeps images back for testing, where a data set does not say which."""

from __future__ import annotations

import numpy as np

from cnnviz.data.folder_count import TEST_SHARE
from cnnviz.data.labelled_images import DatasetError, LabelledImages


def split_by_class(images: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Images to train on and images to test with: of each class a fifth, drawn at random, at least one of each two.

    The same seed gives the same parts. Both keep the order of ``images``.

    Raises
    ------
    DatasetError
        No class has two images.
    """
    random = np.random.default_rng(seed)
    kept_back = np.zeros(len(images), dtype=bool)
    for label in range(len(images.class_names)):
        members = random.permutation(np.flatnonzero(images.labels == label))
        count = max(round(TEST_SHARE * len(members)), 1) if len(members) > 1 else 0
        kept_back[members[:count]] = True
    if not kept_back.any():
        raise DatasetError(
            f"{len(images)} images are too few to keep one of each class back for testing; add some to each class."
        )
    return images.subset(np.flatnonzero(~kept_back)), images.subset(np.flatnonzero(kept_back))
