"""The newest weights of the run that trains now, by the source under which a scene speaks of it.

A scene names a run by its folder, ``training:FOLDER``. While the run goes on, its weights come from here, as the bytes
that its process sent; once it is over, the network is that of the folder's last checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from cnnviz.checkpoints.card import NetworkCard

KIND = "training"


@dataclass(frozen=True)
class TrainingWeights:
    """A network in the midst of its training.

    Attributes
    ----------
    step : int
        Steps done; the weights of a later offer of one run need not have more, since a run can go back.
    number : int
        Of the offer; each has a higher one than those before.
    data : bytes
        A safetensors file.
    """

    card: NetworkCard
    step: int
    number: int
    data: bytes = field(repr=False)


_offered: dict[str, TrainingWeights] = {}


def source_of(folder: str | Path) -> str:
    """How a scene names the run in ``folder``."""
    return f"{KIND}:{folder}"


def folder_of(source: str) -> Path | None:
    """The folder of the run that a scene names; None where the source is none."""
    kind, _, name = source.partition(":")
    return Path(name) if kind == KIND else None


def run_title(card: NetworkCard) -> str:
    """What the network of a run is called."""
    from cnnviz.nets.layer_table import architecture_title

    return f"{architecture_title(card.architecture)} on {card.dataset.removeprefix('folder:')}"


def checkpoint_title(path: Path, card: NetworkCard) -> str:
    """What the network in ``path`` is called: one that a run kept by the run and its step, another by its file."""
    from cnnviz.training.run_folder import step_of

    step = step_of(path)
    return path.stem if step is None else f"{run_title(card)}, step {step:,}"


def last_checkpoint(source: str) -> Path | None:
    """The run's last network on disk; None where the source is no run or has none."""
    from cnnviz.training.run_folder import network_path, saved_steps

    folder = folder_of(source)
    steps = saved_steps(folder) if folder is not None else ()
    return network_path(folder, steps[-1]) if folder is not None and steps else None


def offer(source: str, card: NetworkCard, step: int, data: bytes) -> int:
    """Let these be the weights of the run from now on; those of other runs are let go.

    Parameters
    ----------
    source : str
        Of the run, as :func:`source_of` names it.
    step : int
        Steps trained so far.
    data : bytes
        A state dict in safetensors' format.

    Returns
    -------
    int
        The number of the offer, which grows.
    """
    number = max((each.number for each in _offered.values()), default=0) + 1
    weights = TrainingWeights(card, step, number, data)
    for other in tuple(_offered):
        if other != source:
            del _offered[other]
    _offered[source] = weights
    return number


def newest(source: str) -> TrainingWeights | None:
    """What was offered last of this run."""
    return _offered.get(source)


def withdraw(source: str) -> None:
    """The run's process is ended: from now on its network is its last checkpoint."""
    _offered.pop(source, None)


def build_module(weights: TrainingWeights) -> nn.Module:
    """The network of its card with these weights."""
    from cnnviz.nets.registry import build
    from cnnviz.training.weights_file import WeightsReader

    module = build(weights.card.architecture, weights.card.config)
    WeightsReader(module).fill(weights.data)
    return module.eval()
