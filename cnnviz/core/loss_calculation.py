"""From what a network says of some samples to their loss, with every number on the way."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.core.choices import AnswerForm, OutputFunction

SUM_TOLERANCE = 1e-6
"""Probabilities whose sum is no further from 1 than this are those of a distribution."""


@dataclass(frozen=True, eq=False)
class LossCalculation:
    """N samples and K classes, in float64.

    Attributes
    ----------
    logits : Tensor (N, K) or None
        None where probabilities were given.
    exponentials : Tensor (N, K) or None
        exp(z − ``shift``) for the softmax, exp(−z) for the sigmoid.
    shift : Tensor (N,)
        The largest logit of a row whose exponentials would leave the range of float64, else 0; the softmax is the same.
    probabilities : Tensor (N, K)
    targets : Tensor (N, K)
        What the probabilities should be: one-hot, or smoothed.
    terms : Tensor (N, K)
        What each class adds to the cross-entropy; for the sigmoid before the mean over classes is taken.
    losses : Tensor (N,)
        Cross-entropy of each sample: the sum of the terms for the softmax, their mean for the sigmoid.
    squares : Tensor (N, K)
        (p − t)²; their sum and their mean are the two forms of the square error.
    gradient, square_gradient : Tensor (N, K)
        Of each sample's cross-entropy, and of the sum of its squares, with respect to its logits. NaN where the
        probabilities that were given are those of no logits.
    correct : Tensor (N,) of bool
        Whether the target is the likeliest class; a tie counts as wrong.
    """

    outputs: OutputFunction
    logits: Tensor | None
    exponentials: Tensor | None
    shift: Tensor
    probabilities: Tensor
    targets: Tensor
    terms: Tensor
    losses: Tensor
    squares: Tensor
    gradient: Tensor
    square_gradient: Tensor
    correct: Tensor

    @property
    def accuracy(self) -> float:
        """Share of samples whose target is the likeliest class."""
        return float(self.correct.double().mean())


def target_rows(targets: Tensor, classes: int, smoothing: float = 0.0) -> Tensor:
    """What the probabilities should be, float64 (N, K).

    Parameters
    ----------
    targets : Tensor (N,) of int64
        The right classes. With one class alone, which answers yes or no, 1 is yes.
    smoothing : float
        In [0, 1]: ``1 − smoothing`` of the one-hot code and ``smoothing / K`` for every class.

    Notes
    -----
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 7. A single yes or no
    has two classes, of which one is not written down.
    """
    if classes == 1:
        one_hot, share = targets.double()[:, None], smoothing / 2
    else:
        one_hot, share = F.one_hot(targets, classes).double(), smoothing / classes
    return one_hot * (1 - smoothing) + share


def calculate_loss(
    numbers: Tensor,
    targets: Tensor,
    given: AnswerForm = "logits",
    outputs: OutputFunction = "softmax",
    smoothing: float = 0.0,
) -> LossCalculation:
    """Work out softmax or sigmoid, cross-entropy, square error and gradients.

    Parameters
    ----------
    numbers : Tensor (N, K)
        Logits, or probabilities.
    targets : Tensor (N,) of int64
        As of :func:`target_rows`.
    """
    numbers = numbers.double()
    rows = target_rows(targets, numbers.shape[1], smoothing)
    work = _of_softmax if outputs == "softmax" else _of_sigmoid
    logits = numbers if given == "logits" else None
    exponentials, shift, probabilities, terms, known = work(numbers, logits, rows)
    squares = (probabilities - rows).square()
    gradient, square_gradient = _gradients(probabilities, rows, outputs)
    unknown = ~known[:, None].expand_as(gradient)
    return LossCalculation(
        outputs,
        logits,
        exponentials,
        shift,
        probabilities,
        rows,
        terms,
        terms.sum(dim=1) if outputs == "softmax" else terms.mean(dim=1),
        squares,
        gradient.masked_fill(unknown, torch.nan),
        square_gradient.masked_fill(unknown, torch.nan),
        _correct(probabilities, targets),
    )


_Worked = tuple[Tensor | None, Tensor, Tensor, Tensor, Tensor]
"""Exponentials, shift, probabilities, terms, and of which rows there are logits."""


def _of_softmax(numbers: Tensor, logits: Tensor | None, targets: Tensor) -> _Worked:
    nothing = torch.zeros(len(numbers), dtype=torch.float64)
    if logits is None:
        is_distribution = ((numbers.sum(dim=1) - 1).abs() <= SUM_TOLERANCE) & (numbers >= 0).all(dim=1)
        return None, nothing, numbers, _entropy(targets, numbers.log()), is_distribution
    largest = logits.max(dim=1).values
    in_range = logits.exp().sum(dim=1).isfinite() & (logits.exp().sum(dim=1) > 0)
    shift = torch.where(in_range, nothing, largest)
    terms = _entropy(targets, logits.log_softmax(dim=1))
    return (logits - shift[:, None]).exp(), shift, logits.softmax(dim=1), terms, torch.ones_like(in_range)


def _of_sigmoid(numbers: Tensor, logits: Tensor | None, targets: Tensor) -> _Worked:
    nothing = torch.zeros(len(numbers), dtype=torch.float64)
    if logits is None:
        terms = _entropy(targets, numbers.log()) + _entropy(1 - targets, (1 - numbers).log())
        return None, nothing, numbers, terms, ((numbers >= 0) & (numbers <= 1)).all(dim=1)
    terms = _entropy(targets, F.logsigmoid(logits)) + _entropy(1 - targets, F.logsigmoid(-logits))
    return (-logits).exp(), nothing, logits.sigmoid(), terms, torch.ones(len(numbers), dtype=torch.bool)


def _entropy(targets: Tensor, logarithms: Tensor) -> Tensor:
    """−t log p, and 0 where t is, whatever p is there."""
    return torch.where(targets == 0, 0.0, -targets * logarithms)


def _gradients(probabilities: Tensor, targets: Tensor, outputs: OutputFunction) -> tuple[Tensor, Tensor]:
    away = probabilities - targets
    if outputs == "sigmoid":
        return away / away.shape[1], 2 * away * probabilities * (1 - probabilities)
    shared = (probabilities * away).sum(dim=1, keepdim=True)
    return away, 2 * probabilities * (away - shared)


def _correct(probabilities: Tensor, targets: Tensor) -> Tensor:
    if probabilities.shape[1] == 1:
        answer = probabilities[:, 0]
        return torch.where(targets == 1, answer > 0.5, answer < 0.5)
    of_target = probabilities.gather(1, targets[:, None])
    return (probabilities < of_target).sum(dim=1) == probabilities.shape[1] - 1


def with_others(logits: Tensor, keep: Tensor) -> tuple[Tensor, int]:
    """Logits of the classes ``keep``, and one more for all others together, whose softmax is the sum of theirs.

    Parameters
    ----------
    logits : Tensor (K,)
    keep : Tensor of int64
        Some, but not all, of the classes.

    Returns
    -------
    Tensor (len(keep) + 1,), int
        And how many the others are.
    """
    rest = torch.ones(len(logits), dtype=torch.bool)
    rest[keep] = False
    return torch.cat([logits[keep], logits[rest].logsumexp(dim=0)[None]]), int(rest.sum())
