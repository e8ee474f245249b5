"""Handwritten digits of 8×8 pixels, which come with scikit-learn: there is always something to train on."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cnnviz.data.labelled_images import LabelledImages
from cnnviz.data.split import split_by_class

_INKED = 16  # the largest value: so many of a block's 4×4 pixels were dark


def load_digits(split: Literal["train", "test"]) -> LabelledImages:
    """1,438 images to train on or 359 to test with, (1, 8, 8), bright on dark; the same ones always.

    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998; these are
    its test images, of which a fifth of each class is kept for testing here.
    """
    from sklearn import datasets

    loaded = datasets.load_digits()
    images = np.rint(loaded.images * (255 / _INKED)).astype(np.uint8)[:, None]
    digits = LabelledImages(images, loaded.target.astype(np.int64), tuple("0123456789"))
    return split_by_class(digits, seed=0)[0 if split == "train" else 1]
