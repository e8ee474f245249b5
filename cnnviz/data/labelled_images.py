"""What every data set is once it is read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class DatasetError(ValueError):
    """A data set is missing, damaged or of no use; the message is one sentence for the person who asked for it."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size, and the class that each belongs to.

    Attributes
    ----------
    images
        uint8, (N, C, H, W).
    labels
        int64, (N,): indices into ``class_names``.
    class_names
        Names of the classes.
    skipped
        Files that could not be read as images.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DatasetError(f"Images must be uint8 (N, C, H, W), not {self.images.dtype} {self.images.shape}.")
        if self.labels.shape != self.images.shape[:1]:
            raise DatasetError(f"There are {self.images.shape[0]:,} images but {self.labels.size:,} labels.")
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise DatasetError(
                f"Labels go from {self.labels.min()} to {self.labels.max()}, "
                f"but the classes from 0 to {len(self.class_names) - 1}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: NDArray[np.intp]) -> "LabelledImages":
        """The images at ``indices``, in that order."""
        return LabelledImages(self.images[indices], self.labels[indices], self.class_names, self.skipped)
