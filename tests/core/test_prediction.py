"""Top classes against torch's softmax."""

import math

import pytest
import torch

from cnnviz.core.prediction import top_classes


def test_classes_by_falling_probability() -> None:
    logits = torch.randn(1, 12)
    found = top_classes(logits, [f"label {i}" for i in range(12)], 5)
    shares, order = logits.double().softmax(1)[0].topk(5)
    assert [score.index for score in found] == order.tolist()
    assert [score.label for score in found] == [f"label {i}" for i in order]
    assert [score.probability for score in found] == pytest.approx(shares.tolist())
    assert [score.logit for score in found] == pytest.approx(logits[0, order].tolist())


def test_log_probabilities_keep_their_probabilities() -> None:
    logits = torch.randn(6)
    expected = [score.probability for score in top_classes(logits, k=6)]
    assert [score.probability for score in top_classes(logits.log_softmax(0), k=6)] == pytest.approx(expected, rel=1e-5)


def test_missing_labels_and_fewer_classes_than_asked_for() -> None:
    found = top_classes(torch.tensor([0.0, 2.0, 1.0]), ["only"], 9)
    assert [score.label for score in found] == ["class 1", "class 2", "only"]
    assert top_classes(torch.tensor([0.0, 2.0]), k=0) == ()


def test_clear_answers_are_told_apart_by_their_logits() -> None:
    found = top_classes(torch.tensor([0.0, -900.0, 900.0, -800.0]), k=4)
    assert [score.index for score in found] == [2, 0, 3, 1]
    assert [score.probability for score in found] == [1, 0, 0, 0]


def test_a_single_logit_is_a_yes_or_no() -> None:
    (score,) = top_classes(torch.tensor([[2.0]]))
    assert score.probability == pytest.approx(1 / (1 + math.exp(-2)))


def test_broken_logits_are_told() -> None:
    found = top_classes(torch.tensor([1.0, math.nan, 3.0]), k=3)
    assert [score.index for score in found] == [2, 0, 1]
    assert all(math.isnan(score.probability) for score in found)
    infinite = top_classes(torch.tensor([math.inf, 1.0, math.inf, -math.inf]), k=4)
    assert [score.probability for score in infinite] == [0.5, 0.5, 0, 0]
    assert [score.index for score in infinite] == [0, 2, 1, 3]


@pytest.mark.parametrize("shape", [(2, 10), (1, 3, 4, 4), ()])
def test_what_is_no_answer_for_one_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="logits of one image"):
        top_classes(torch.zeros(shape))
