"""Reads a data set beside what else is going on: some take seconds, or have to be fetched first."""

from __future__ import annotations

import threading
from pathlib import Path

from cnnviz.data.cifar10 import read_batch
from cnnviz.data.datasets import load_dataset
from cnnviz.data.labelled_images import DatasetError, LabelledImages


class Loading:
    """A data set that is being read by a thread of its own, which ends with the program.

    Parameters
    ----------
    spec : str
        As of :func:`~cnnviz.data.datasets.load_dataset`, or ``batch:PATH`` for one binary batch of CIFAR-10.
    data_dir : Path or None
    shape : (int, int, int)
        To which the images of a folder are brought.
    """

    def __init__(self, spec: str, data_dir: Path | None, shape: tuple[int, int, int]) -> None:
        self._spec, self._data_dir, self._shape = spec, data_dir, shape
        self._images: LabelledImages | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="cnnviz-data-set", daemon=True)
        self._thread.start()

    def result(self, timeout: float) -> LabelledImages | None:
        """The images, or None where ``timeout`` seconds were not enough; raises what reading them raised."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            return None
        if self._error is not None:
            raise self._error
        return self._images

    def _read(self) -> None:
        try:
            kind, _, path = self._spec.partition(":")
            if kind == "batch":
                self._images = read_batch(Path(path).read_bytes(), path)
            else:
                self._images = load_dataset(self._spec, "test", self._data_dir, self._shape)
        except OSError as error:
            self._error = DatasetError(f"{self._spec.partition(':')[2]} cannot be read ({error.strerror}).")
        except BaseException as error:  # noqa: BLE001 - it is raised where the images are asked for
            self._error = error
