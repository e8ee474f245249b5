"""A data set that is read once, for whoever asks for it again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.data.labelled_images import LabelledImages
    from cnnviz.data.loading import Loading


class KeptImages:
    """The data set that was asked for last; another one that is asked for takes its place."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[str, tuple[int, int, int]], Loading] | None = None

    def result(self, spec: str, shape: tuple[int, int, int], timeout: float) -> LabelledImages | None:
        """The images, or None while they are being read, for which ``timeout`` seconds are waited.

        Parameters
        ----------
        spec : str
            As of :class:`~cnnviz.data.loading.Loading`.
        shape : (int, int, int)
            Channels, rows and columns, to which the images of a folder are brought.
        timeout : float
            In seconds.

        Raises
        ------
        DatasetError
            It cannot be had; who asks again has it looked for again.
        """
        kept = self._kept  # the engine of another window may ask for another set meanwhile
        if kept is None or kept[0] != (spec, shape):
            from cnnviz.data.loading import Loading

            kept = self._kept = ((spec, shape), Loading(spec, None, shape))
        try:
            return kept[1].result(timeout)
        except ValueError:
            self._kept = None
            raise
