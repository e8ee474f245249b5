"""Data sets that are read once, for whoever asks for them again and again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.data.labelled_images import LabelledImages
    from cnnviz.data.loading import Loading


class KeptImages:
    """The ``most`` data sets that were asked for last; another one takes the place of the one asked for first."""

    def __init__(self, most: int = 1) -> None:
        self._most = most
        self._kept: list[tuple[tuple[object, ...], Loading]] = []

    def result(
        self, spec: str, shape: tuple[int, int, int], timeout: float, folder: Path | None = None
    ) -> LabelledImages | None:
        """The images, or None while they are being read, for which ``timeout`` seconds are waited.

        Parameters
        ----------
        spec : str
            As of :class:`~cnnviz.data.loading.Loading`.
        shape : (int, int, int)
            Channels, rows and columns, to which the images of a folder are brought; others are as they are.
        timeout : float
            In seconds.
        folder : Path, optional
            Where the data set lies.

        Raises
        ------
        DatasetError
            It cannot be had; who asks again has it looked for again.
        """
        key = (spec, folder, shape if spec.startswith("folder:") else None)
        kept = self._kept  # the engine of another window may ask for another set meanwhile
        loading = next((each for known, each in kept if known == key), None)
        if loading is None:
            from cnnviz.data.loading import Loading

            loading = Loading(spec, folder, shape)
            self._kept = [(key, loading), *kept[: self._most - 1]]
        try:
            return loading.result(timeout)
        except ValueError:
            self._kept = [each for each in self._kept if each[1] is not loading]
            raise
