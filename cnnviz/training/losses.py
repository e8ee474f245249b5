"""What training makes small: one number for a batch, from the network's outputs and the right classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.training.choices import Loss


def batch_loss(kind: Loss, logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """The mean over the batch of the loss of each image.

    Parameters
    ----------
    logits
        (N, K), before any softmax.
    labels
        int64, (N,), indices of classes.
    smoothing
        In [0, 1]: the target is ``1 - smoothing`` of the one-hot code and ``smoothing / K`` for every class.

    Notes
    -----
    ``cross-entropy`` is of the softmax of the logits. ``binary-cross-entropy`` takes each class for a question of its
    own, with the sigmoid of its logit, and is the mean over classes. The square errors are between the softmax of the
    logits and the target: summed over classes, or their mean.
    """
    return LOSS_FUNCTIONS[kind](logits, labels, smoothing)


def loss_of_guessing(kind: Loss, classes: int) -> float:
    """The loss of a network that says the same of every class: logits that are all zero, one-hot targets."""
    if kind == "cross-entropy":
        return math.log(max(classes, 2))
    if kind == "binary-cross-entropy":
        return math.log(2)
    total = (classes - 1) / classes
    return total if kind == "square-error-sum" else total / classes


def _cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def _binary_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, _target(logits, labels, smoothing))


def _square_error_sum(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return (logits.softmax(dim=1) - _target(logits, labels, smoothing)).square().sum(dim=1).mean()


def _square_error_mean(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return (logits.softmax(dim=1) - _target(logits, labels, smoothing)).square().mean()


def _target(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    one_hot = torch.zeros_like(logits).scatter_(1, labels[:, None], 1.0)
    return one_hot * (1 - smoothing) + smoothing / logits.shape[1]


LOSS_FUNCTIONS: Mapping[Loss, Callable[[Tensor, Tensor, float], Tensor]] = MappingProxyType(
    {
        "cross-entropy": _cross_entropy,
        "binary-cross-entropy": _binary_cross_entropy,
        "square-error-mean": _square_error_mean,
        "square-error-sum": _square_error_sum,
    }
)
