"""Losses with all their steps, against torch's own functions, autograd, and published figures."""

import math

import pytest
import torch
import torch.nn.functional as F

from cnnviz.core.loss_calculation import calculate_loss, with_others
from cnnviz.core.loss_examples import EXAMPLES

LOGITS = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
LABELS = torch.tensor([0, 3, 2, 1, 1])


def of_example(name):
    example = EXAMPLES[name]
    numbers, targets = torch.tensor(example.numbers), torch.tensor(example.targets)
    return calculate_loss(numbers.double(), targets, example.given, example.outputs)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_and_cross_entropy_are_torchs(smoothing):
    found = calculate_loss(LOGITS, LABELS, smoothing=smoothing)
    torch.testing.assert_close(found.probabilities, LOGITS.softmax(dim=1))
    torch.testing.assert_close(found.exponentials / found.exponentials.sum(1, keepdim=True), found.probabilities)
    expected = F.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing, reduction="none")
    torch.testing.assert_close(found.losses, expected)
    torch.testing.assert_close(found.terms.sum(dim=1), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_sigmoid_and_binary_cross_entropy_are_torchs(smoothing):
    found = calculate_loss(LOGITS, LABELS, outputs="sigmoid", smoothing=smoothing)
    target = F.one_hot(LABELS, 4).double() * (1 - smoothing) + smoothing / 4
    expected = F.binary_cross_entropy_with_logits(LOGITS, target, reduction="none")
    torch.testing.assert_close(found.terms, expected)
    torch.testing.assert_close(found.losses, expected.mean(dim=1))
    torch.testing.assert_close(1 / (1 + found.exponentials), LOGITS.sigmoid())


@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
def test_square_errors_are_torchs(outputs):
    found = calculate_loss(LOGITS, LABELS, outputs=outputs)
    probabilities = LOGITS.softmax(dim=1) if outputs == "softmax" else LOGITS.sigmoid()
    one_hot = F.one_hot(LABELS, 4).double()
    assert found.squares.mean().item() == pytest.approx(F.mse_loss(probabilities, one_hot).item())
    assert found.squares.sum().item() == pytest.approx(F.mse_loss(probabilities, one_hot, reduction="sum").item())


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
def test_gradients_are_autograds(outputs, smoothing):
    for what in ("losses", "squares"):
        logits = LOGITS.clone().requires_grad_()
        found = calculate_loss(logits, LABELS, outputs=outputs, smoothing=smoothing)
        getattr(found, what).sum().backward()
        by_hand = found.gradient if what == "losses" else found.square_gradient
        torch.testing.assert_close(by_hand.detach(), logits.grad)


def test_the_lectures_table():
    found = of_example("lecture")
    assert found.losses.tolist() == pytest.approx([-math.log(0.4), -math.log(0.4), -math.log(0.1)])
    assert found.correct.tolist() == [True, True, False]
    assert found.accuracy == pytest.approx(2 / 3)


def test_published_figures_of_two_networks_that_are_right_equally_often():
    """McCaffrey, "Why You Should Use Cross-Entropy Error Instead Of Classification Error", 2013."""
    worse, better = of_example("lecture"), of_example("surer")
    assert worse.accuracy == better.accuracy
    assert [round(float(each.losses.mean()), 2) for each in (worse, better)] == [1.38, 0.64]
    assert [round(float(each.squares.sum(1).mean()), 2) for each in (worse, better)] == [0.81, 0.34]


def test_who_knows_nothing_pays_the_logarithm_of_the_number_of_classes():
    found = of_example("uniform")
    assert found.losses.tolist() == pytest.approx([math.log(4)] * 2)
    assert found.correct.tolist() == [False, False]  # a tie is no answer


def test_the_square_errors_gradient_dies_where_cross_entropys_does_not():
    found = of_example("confident")
    assert found.gradient[-1].abs().max() > 0.99
    assert found.square_gradient[-1].abs().max() < 1e-4


def test_one_output_answers_yes_or_no():
    found = of_example("binary")
    p = 1 / (1 + math.exp(-2))
    assert found.losses[:2].tolist() == pytest.approx([-math.log(p), -math.log(1 - p)])
    assert found.correct.tolist() == [True, False, True]
    smoothed = calculate_loss(torch.tensor([[2.0]]), torch.tensor([1]), outputs="sigmoid", smoothing=0.2)
    assert smoothed.targets.item() == pytest.approx(0.9)


def test_large_logits_are_shifted_and_change_nothing():
    large = LOGITS.clone()
    large[1] += 2000
    large[2] -= 2000
    found, plain = calculate_loss(large, LABELS), calculate_loss(LOGITS, LABELS)
    torch.testing.assert_close(found.probabilities, plain.probabilities)
    torch.testing.assert_close(found.losses, plain.losses)
    assert found.exponentials.isfinite().all()
    assert found.shift.tolist() == [0, large[1].max(), large[2].max(), 0, 0]


def test_probabilities_that_are_no_distribution_have_no_logits():
    numbers = torch.tensor([[0.5, 0.5], [0.5, 0.6], [1.5, -0.5]], dtype=torch.float64)
    found = calculate_loss(numbers, torch.tensor([0, 0, 0]), "probabilities")
    assert found.gradient.isnan().all(dim=1).tolist() == [False, True, True]
    assert found.losses[1].item() == pytest.approx(-math.log(0.5))


def test_an_impossible_target_costs_infinitely_much_and_a_certain_one_nothing():
    numbers = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    found = calculate_loss(numbers, torch.tensor([1, 0]), "probabilities")
    assert found.losses.tolist() == [math.inf, 0]


def test_the_others_have_together_the_probability_that_they_have():
    logits = LOGITS.flatten()
    keep = torch.tensor([3, 11, 5])
    joined, others = with_others(logits, keep)
    assert others == 17
    expected = logits.softmax(dim=0)
    torch.testing.assert_close(joined.softmax(dim=0)[:3], expected[keep])
    assert joined.softmax(dim=0)[3].item() == pytest.approx(1 - expected[keep].sum().item())
