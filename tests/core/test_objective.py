"""The number that gradients begin with, against torch's losses and against sums written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.core.objective import Objective, form_of, one_hot, rows, targets
from cnnviz.core.trace import prepare


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1, 5), (3, 5), (2, 4, 3, 2)])
def test_the_losses_are_torchs_over_images_and_places(shape):
    logits, target = drawn(*shape), torch.arange(drawn(*shape).numel() // shape[1]) % shape[1]
    as_torch_has_it = target.reshape(shape[0], *shape[2:])
    found = Objective("cross-entropy")(logits, target)
    torch.testing.assert_close(found, F.cross_entropy(logits, as_torch_has_it))
    probabilities = Objective("cross-entropy", "probabilities")(logits.softmax(1), target)
    torch.testing.assert_close(probabilities, found)
    y = F.one_hot(as_torch_has_it, shape[1]).movedim(-1, 1)
    square = (logits.softmax(1) - y).square().sum(1).mean()
    torch.testing.assert_close(Objective("square-error")(logits, target), square)
    torch.testing.assert_close(Objective("logit")(logits, target), (logits * y).sum(1).mean())


@pytest.mark.parametrize("label", [0, 1])
def test_one_logit_answers_yes_or_no(label):
    logit, target = drawn(4, 1), torch.full((4,), label)
    y = torch.full((4,), float(label), dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(logit[:, 0], y)
    torch.testing.assert_close(Objective()(logit, target), expected)
    torch.testing.assert_close(Objective("cross-entropy", "probabilities")(logit.sigmoid(), target), expected)
    torch.testing.assert_close(Objective("square-error")(logit, target), (logit.sigmoid()[:, 0] - y).square().mean())
    torch.testing.assert_close(Objective("logit")(logit, target), logit.mean())


def test_the_gradient_of_cross_entropy_is_p_minus_y():
    logits = drawn(1, 6).requires_grad_()
    target = torch.tensor([2])
    (gradient,) = torch.autograd.grad(Objective()(logits, target), logits)
    y = torch.zeros(1, 6, dtype=torch.float64)
    y[0, 2] = 1
    torch.testing.assert_close(gradient, torch.exp(logits.detach()) / torch.exp(logits.detach()).sum() - y)
    torch.testing.assert_close(one_hot(logits, target), y)


def test_targets_are_the_class_asked_for_or_what_the_network_holds_for_likeliest():
    output = torch.tensor([[1.0, 3.0, 2.0], [0.5, -1.0, 0.0]])
    assert targets(output, "logits", "predicted").tolist() == [1, 0]
    assert targets(output, "logits", "least likely").tolist() == [0, 1]
    assert targets(output, "logits", 2).tolist() == [2, 2]
    assert targets(output, "logits", 99).tolist() == [2, 2]
    single = torch.tensor([[0.3], [-0.3]])
    assert targets(single, "logits", "predicted").tolist() == [1, 0]
    assert targets(single, "probabilities", "predicted").tolist() == [0, 0]
    assert targets(single, "logits", "least likely").tolist() == [0, 1]
    assert targets(single, "logits", 7).tolist() == [1, 1]
    maps = torch.zeros(1, 2, 2, 2)
    maps[0, 1, 0, 1] = 1
    assert targets(maps, "logits", "predicted").tolist() == [0, 1, 0, 0]
    assert rows(maps)[1].tolist() == [0, 1]


def test_the_last_layer_tells_whether_an_answer_is_made_of_probabilities():
    def form(*after):
        return form_of(prepare(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), *after), torch.zeros(1, 1, 2, 2)).graph)

    assert form() == form(nn.LogSoftmax(1)) == "logits"
    assert form(nn.Softmax(1)) == form(nn.Sigmoid()) == "probabilities"
