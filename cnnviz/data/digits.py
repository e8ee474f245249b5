"""Handwritten digits of 8×8 pixels, which come with scikit-learn: there is always something to train on."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from cnnviz.data.labelled_images import DatasetError, LabelledImages
from cnnviz.data.split import split_by_class

_INKED = 16  # the largest value: so many of a block's 4×4 pixels were dark


def _file() -> Path:
    """scikit-learn's own file: to import all of scikit-learn for it would take the window half a second's frames."""
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise DatasetError("scikit-learn, which the digits come with, is not installed: install the program again.")
    file = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    if not file.is_file():
        raise DatasetError("The digits of scikit-learn are not where they were: install scikit-learn again.")
    return file


def load_digits(split: Literal["train", "test"]) -> LabelledImages:
    """1,438 images to train on or 359 to test with, (1, 8, 8), bright on dark; the same ones always.

    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998; these are
    its test images, of which a fifth of each class is kept for testing here.
    """
    rows = np.loadtxt(_file(), delimiter=",", dtype=np.int64)
    images = np.rint(rows[:, :-1].reshape(-1, 1, 8, 8) * (255 / _INKED)).astype(np.uint8)
    digits = LabelledImages(images, rows[:, -1], tuple("0123456789"))
    return split_by_class(digits, seed=0)[0 if split == "train" else 1]
