"""The checkpoints of the run that the open network is of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from cnnviz.engine.observation import Observation

MOST_CHECKPOINTS = 25
"""Of longer runs so many, evenly spread."""


@dataclass(frozen=True, eq=False)
class RunCheckpoint:
    """Weights by the module's names, and what the checkpoint is called."""

    weights: Mapping[str, Tensor]
    title: str


def checkpoints_of(observation: Observation) -> Iterator[RunCheckpoint]:
    """One after the other, in the order of the run.

    Raises
    ------
    ValueError
        The network is of no run, or its folder holds fewer than three of its checkpoints.
    """
    import numpy as np

    from cnnviz.checkpoints.refilling import names_in, weights_like
    from cnnviz.checkpoints.run_folder import RunFile, files_of, main_files

    network = observation.network
    folder, own = _folder(network.source)
    if folder is None:
        raise ValueError("The open network is of no run; open the folder of one, or choose random directions.")
    paths = main_files(files_of(folder))
    if len(paths) > MOST_CHECKPOINTS:
        paths = [paths[at] for at in np.linspace(0, len(paths) - 1, MOST_CHECKPOINTS).round().astype(int)]
    names = names_in(own or paths[-1], network.module, network.choice.select) if paths else {}
    count = 0
    for path in paths:
        weights = weights_like(path, names, network.module, network.card)
        if weights is not None:
            count += 1
            yield RunCheckpoint(weights.tensors, RunFile(path).title)
    if count < 3:
        raise ValueError(
            f"{folder} holds {count} checkpoints of this network; the path of a run takes three. "
            "Choose random directions."
        )


def _folder(source: str) -> tuple[Path | None, Path | None]:
    """Of the run that a source names, and the file where it names one."""
    kind, _, name = source.partition(":")
    if kind == "training":
        return Path(name), None
    return (Path(name).parent, Path(name)) if kind == "file" else (None, None)
