"""Tries answers on labelled images: what is not in weights shows in how often they are right."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.chain_guess import ChainGuess, open_questions, table
from cnnviz.checkpoints.filling import filled
from cnnviz.data.labelled_images import DatasetError, LabelledImages
from cnnviz.nets.chain_layer import CHAIN, Activation, Pooling
from cnnviz.nets.registry import build

ACTIVATIONS: tuple[Activation, ...] = ("relu", "tanh", "sigmoid")
POOLINGS: tuple[Pooling, ...] = ("max", "average")
# Images as they are in [0, 1], brought to [−1, 1], and with MNIST's or ImageNet's statistics, by channels.
STATISTICS: dict[int, tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]] = {
    1: (((0.0,), (1.0,)), ((0.5,), (0.5,)), ((0.1307,), (0.3081,))),
    3: (((0.0,), (1.0,)), ((0.5,), (0.5,)), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
}
_BATCH = 250
STAGES: tuple[tuple[int | None, int], ...] = ((None, 200), (16, 1000), (8, 1_000_000))
"""How many of the best go on, and on how many images they are then tried: all on few, few on all."""


@dataclass(frozen=True, eq=False)
class Trial:
    """An answer and the share of the images that it names rightly."""

    candidate: Candidate
    guess: ChainGuess
    accuracy: float
    samples: int = 0


def variants(candidates: Iterable[Candidate], image_size: tuple[int, int]) -> Iterator[Candidate]:
    """Every chain for images of ``image_size`` with each activation function, pooling and normalisation."""
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


def normalisations(candidate: Candidate) -> Iterator[Candidate]:
    """The candidate as it is, with each of the usual normalisations."""
    guess = open_questions(candidate)
    for mean, std in STATISTICS.get(candidate.input_size[0], (((0.0,), (1.0,)),)):
        yield guess.changed(mean=mean, std=std).applied_to(candidate)


def rank(
    candidates: Iterable[Candidate],
    load: Callable[[str], Tensor],
    images: LabelledImages,
    most_images: int = 500,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Trial, ...]:
    """Run answers on labelled images, the one that is right most often first.

    Parameters
    ----------
    candidates
        Those whose images are normalised, as from :func:`variants`; those that cannot take ``images`` are left out.
    load
        Reads a tensor of the file.
    most_images
        Of ``images``, taken evenly from all of them: a folder's are sorted by class.
    cancelled
        Polled between answers.
    """
    chosen = spread(len(images), most_images)
    trials = []
    for candidate in candidates:
        if cancelled():
            break
        if candidate.statistics is None or images.images.shape[1:] != candidate.input_size:
            continue
        right = sum(correct for correct, _ in tried(candidate, load, images, chosen))
        trials.append(Trial(candidate, open_questions(candidate), right / max(len(chosen), 1), len(chosen)))
    return tuple(sorted(trials, key=lambda trial: -trial.accuracy))


class StagedTrial:
    """All answers on few images, the best on more, the best of those on all: in small steps, ranked at any time.

    Raises
    ------
    DatasetError
        Images and answers have nothing in common.
    """

    def __init__(self, candidates: Sequence[Candidate], load: Callable[[str], Tensor], images: LabelledImages) -> None:
        channels = images.images.shape[1]
        fitting = [candidate for candidate in candidates if candidate.input_size[0] == channels]
        if not fitting:
            wanted = candidates[0].input_size[0] if candidates else 0
            raise DatasetError(f"These images have {channels} channel(s), the network reads {wanted}; choose others.")
        if not len(images):
            raise DatasetError("The data set has no images; choose another.")
        self._load = load
        self._images = images
        self._trials = [Trial(candidate, open_questions(candidate), -1.0) for candidate in fitting]
        self._steps = self._run()
        counts = [(len(fitting) if most is None else min(most, len(fitting)), number) for most, number in STAGES]
        self.total = sum(count * min(number, len(images)) for count, number in counts)
        """How many images are run in all, each as often as it is."""
        self.done = 0

    def step(self) -> bool:
        """Run one batch; False when all are done."""
        return next(self._steps, None) is not None

    @property
    def ranking(self) -> tuple[Trial, ...]:
        """What was measured: those that came further first, since they were better before; the best first of these."""
        measured = [trial for trial in self._trials if trial.samples]
        return tuple(sorted(measured, key=lambda trial: (-trial.samples, -trial.accuracy)))

    def _run(self) -> Iterator[bool]:
        for most, number in STAGES:
            chosen = spread(len(self._images), number)
            entrants = [trial.candidate for trial in (self.ranking or self._trials)][:most]
            for candidate in entrants:
                right = 0
                for correct, seen in tried(candidate, self._load, self._images, chosen):
                    right += correct
                    self.done += seen
                    yield True
                self._set(candidate, right / len(chosen), len(chosen))

    def _set(self, candidate: Candidate, accuracy: float, samples: int) -> None:
        for index, trial in enumerate(self._trials):
            if trial.candidate is candidate:
                self._trials[index] = Trial(candidate, trial.guess, accuracy, samples)


def spread(count: int, most: int) -> np.ndarray:
    """At most ``most`` of ``count`` indices, evenly from first to last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)) if count else np.arange(0)


def tried(
    candidate: Candidate, load: Callable[[str], Tensor], images: LabelledImages, chosen: np.ndarray
) -> Iterator[tuple[int, int]]:
    """For each batch of the chosen images, how many are named rightly, and how many there are.

    Images of another size than the candidate's are scaled to it. Classes are matched by their names where the
    candidate has the same ones, else by their numbers. An output that is no vector is no class.
    """
    module = assembled(candidate, load)
    statistics = candidate.statistics
    mean, std = (_column(values) for values in ((statistics.mean, statistics.std) if statistics else ((0.0,), (1.0,))))
    outputs = _outputs(candidate.labels, images.class_names)[images.labels]
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        pixels = torch.from_numpy(images.images[batch]).float() / 255
        if tuple(pixels.shape[2:]) != candidate.input_size[1:]:
            pixels = F.interpolate(pixels, size=candidate.input_size[1:], mode="bilinear", antialias=True)
        with torch.no_grad():
            logits = module((pixels - mean) / std).flatten(1)
        yield int((logits.argmax(1).numpy() == outputs[batch]).sum()), len(batch)


def assembled(candidate: Candidate, load: Callable[[str], Tensor]) -> nn.Module:
    """The network of a candidate, in evaluation mode, with the tensors of the file as its weights."""
    with torch.device("meta"):
        module = build(candidate.architecture, candidate.config)
    return filled(module, candidate.names, load)


def _outputs(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Which output stands for each of the classes."""
    if len(labels) == len(set(labels)) and set(labels) == set(classes):
        return np.array([labels.index(name) for name in classes])
    return np.arange(len(classes))


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)
