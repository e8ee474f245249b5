import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cnnviz.training.choices import LOSSES
from cnnviz.training.losses import batch_loss, loss_of_guessing

LOGITS = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])


def by_hand(kind, logits, labels, smoothing):
    """The formulas, image by image and class by class."""
    classes = logits.shape[1]
    losses = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total = sum(math.exp(value) for value in row)
        loss = 0.0
        for index, value in enumerate(row):
            target = (1 - smoothing) * (index == label) + smoothing / classes
            softmax, sigmoid = math.exp(value) / total, 1 / (1 + math.exp(-value))
            loss += {
                "cross-entropy": -target * math.log(softmax),
                "binary-cross-entropy": -(target * math.log(sigmoid) + (1 - target) * math.log(1 - sigmoid)) / classes,
                "square-error-sum": (softmax - target) ** 2,
                "square-error-mean": (softmax - target) ** 2 / classes,
            }[kind]
        losses.append(loss)
    return sum(losses) / len(losses)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("kind", LOSSES)
def test_losses_are_their_formulas(kind, smoothing):
    assert batch_loss(kind, LOGITS, LABELS, smoothing).item() == pytest.approx(by_hand(kind, LOGITS, LABELS, smoothing))


@pytest.mark.parametrize("kind", LOSSES)
def test_the_loss_of_guessing_is_that_of_equal_logits(kind):
    for classes in (2, 5, 10):
        labels = torch.arange(classes)
        expected = batch_loss(kind, torch.zeros(classes, classes), labels).item()
        assert loss_of_guessing(kind, classes) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_of_cross_entropy_is_probability_minus_target():
    logits = LOGITS.clone().requires_grad_()
    batch_loss("cross-entropy", logits, LABELS).backward()
    expected = (LOGITS.softmax(dim=1) - F.one_hot(LABELS, 5)) / len(LABELS)
    np.testing.assert_allclose(logits.grad, expected, atol=1e-12)
