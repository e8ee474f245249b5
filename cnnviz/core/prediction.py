"""The answer of a classifier."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class in an answer.

    Attributes
    ----------
    index : int
    label : str
    probability : float
        In [0, 1]; NaN if the logits are broken.
    logit : float
    """

    index: int
    label: str
    probability: float
    logit: float


def probabilities(logits: Tensor) -> Tensor:
    """Softmax of ``logits`` (C,), in float64; of a single logit its sigmoid, the probability of "yes".

    One logit of plus infinity takes all of the probability, several share it; with a NaN, or nothing but minus
    infinity, all are NaN.
    """
    logits = logits.detach().reshape(-1).cpu().double()
    if logits.numel() == 1:
        return torch.sigmoid(logits)
    infinite = torch.isposinf(logits)
    if bool(infinite.any()) and not bool(logits.isnan().any()):
        return infinite.double() / infinite.sum()
    return torch.softmax(logits, 0)


def top_classes(logits: Tensor, labels: Sequence[str] = (), k: int = 5) -> tuple[ClassScore, ...]:
    """The ``k`` most probable classes, the most probable first.

    Parameters
    ----------
    logits : Tensor (C,) or (1, C)
        A network's output before any softmax. Log-probabilities do as well: their softmax is what they are the
        logarithm of.
    labels : names of classes
        Where one is missing, the class is called ``"class 7"``.
    k : int

    Returns
    -------
    tuple of ClassScore
        At most ``k``. Classes with NaN come last, in their own order, so that a broken answer is shown as one.

    Raises
    ------
    ValueError
        ``logits`` holds more than one image's, or maps instead of classes.
    """
    if logits.ndim not in (1, 2) or (logits.ndim == 2 and logits.shape[0] != 1):
        raise ValueError(f"the logits of one image have the shape (C,) or (1, C), not {tuple(logits.shape)}")
    values = logits.detach().reshape(-1).cpu().double().tolist()
    shares = probabilities(logits).tolist()

    def rank(index: int) -> tuple[bool, float]:
        # By logit, since probabilities of clear answers round to the same number.
        broken = math.isnan(values[index])
        return broken, 0.0 if broken else -values[index]

    order = sorted(range(len(values)), key=rank)[: max(k, 0)]
    return tuple(ClassScore(i, labels[i] if i < len(labels) else f"class {i}", shares[i], values[i]) for i in order)
