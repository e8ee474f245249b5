"""Tries tables worked out from shapes on labelled images: what is not in weights shows in how often they are right."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.chain_guess import ChainGuess, table
from cnnviz.checkpoints.filling import filled
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.nets.chain import Activation, Pooling
from cnnviz.nets.chain_layer import CHAIN
from cnnviz.nets.registry import build

ACTIVATIONS: tuple[Activation, ...] = ("relu", "tanh", "sigmoid")
POOLINGS: tuple[Pooling, ...] = ("max", "average")
# Images as they are in [0, 1], brought to [−1, 1], and with MNIST's or ImageNet's statistics, by channels.
STATISTICS: dict[int, tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]] = {
    1: (((0.0,), (1.0,)), ((0.5,), (0.5,)), ((0.1307,), (0.3081,))),
    3: (((0.0,), (1.0,)), ((0.5,), (0.5,)), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
}
_BATCH = 250


@dataclass(frozen=True, eq=False)
class Trial:
    """A table and the share of the images that it names rightly."""

    candidate: Candidate
    guess: ChainGuess
    accuracy: float


def variants(candidates: Iterable[Candidate], image_size: tuple[int, int]) -> Iterator[Candidate]:
    """Every candidate for images of ``image_size`` with each activation function, pooling and normalisation."""
    for candidate in candidates:
        if candidate.architecture != CHAIN or candidate.input_size[1:] != image_size:
            continue
        guess = table(candidate)
        pools = any(layer.pooling in ("max", "average") for layer in guess.layers)
        normalises = any(layer.kind == "batch_norm" for layer in guess.layers)
        choices = itertools.product(
            ACTIVATIONS,
            POOLINGS if pools else POOLINGS[:1],
            (guess, guess.with_activation_before_normalisation()) if normalises else (guess,),
            STATISTICS.get(candidate.input_size[0], (((0.0,), (1.0,)),)),
        )
        for activation, pooling, ordered, (mean, std) in choices:
            changed = ordered.with_activation(activation).with_pooling(pooling)
            yield changed.changed(mean=mean, std=std).applied_to(candidate)


def rank(
    candidates: Iterable[Candidate],
    load: Callable[[str], Tensor],
    images: LabelledImages,
    most_images: int = 500,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Trial, ...]:
    """Run tables on labelled images, the one that is right most often first.

    Parameters
    ----------
    candidates
        Chains whose images are normalised, as from :func:`variants`; those that cannot take ``images`` are left out.
    load
        Reads a tensor of the file.
    most_images
        Of ``images``, the first are used.
    cancelled
        Polled between tables.
    """
    pixels = torch.tensor(images.images[:most_images]).float() / 255
    labels = torch.tensor(images.labels[:most_images])
    trials = []
    for candidate in candidates:
        if cancelled():
            break
        accuracy = _accuracy(candidate, load, pixels, labels)
        if accuracy is not None:
            trials.append(Trial(candidate, table(candidate), accuracy))
    return tuple(sorted(trials, key=lambda trial: -trial.accuracy))


def _accuracy(candidate: Candidate, load: Callable[[str], Tensor], pixels: Tensor, labels: Tensor) -> float | None:
    if candidate.statistics is None or tuple(pixels.shape[1:]) != candidate.input_size:
        return None
    mean, std = (_column(values) for values in (candidate.statistics.mean, candidate.statistics.std))
    with torch.device("meta"):
        module = build(candidate.architecture, candidate.config)
    module = filled(module, candidate.names, load)
    right = 0
    with torch.no_grad():
        for start in range(0, len(labels), _BATCH):
            logits = module((pixels[start : start + _BATCH] - mean) / std).flatten(1)
            right += int((logits.argmax(1) == labels[start : start + _BATCH]).sum())
    return right / len(labels)


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)
