import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.data.labelled_images import LabelledImages
from cnnviz.training.evaluate import EvaluationError, evaluate


class Threshold(nn.Module):
    """Answers "bright" where the mean of its input is above zero; anything may be given for the answer's scale."""

    def __init__(self, scale: float = 1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, batch):
        mean = batch.mean(dim=(1, 2, 3)) * self.scale
        return torch.stack([-mean, mean], dim=1)


def test_accuracy_is_the_share_of_right_answers(card):
    values = np.array([10, 200, 240, 30, 250], np.uint8)
    labels = np.array([0, 1, 0, 1, 1])
    images = LabelledImages(np.ones((5, 1, 28, 28), np.uint8) * values[:, None, None, None], labels, card.labels)
    for batch_size in (1, 2, 250):
        evaluation = evaluate(Threshold(), card, images, batch_size)
        assert evaluation.accuracy == pytest.approx(3 / 5)
        assert evaluation.samples == 5
        assert evaluation.per_class == pytest.approx({"dark": 1 / 2, "bright": 2 / 3})


def test_classes_are_matched_by_name_and_absent_ones_left_out(card, images):
    swapped = LabelledImages(images.images, 1 - images.labels, ("bright", "dark"))
    assert evaluate(Threshold(), card, swapped).accuracy == 1
    bright = images.subset(np.flatnonzero(images.labels == 1))
    assert evaluate(Threshold(), card, bright).per_class == {"bright": 1.0}


def test_outputs_without_names_are_in_the_order_of_the_classes(card, images):
    nameless = card.model_copy(update={"labels": ("class 0", "class 1")})
    assert evaluate(Threshold(), nameless, images) == evaluate(Threshold(), card, images)
    swapped = LabelledImages(images.images, images.labels, ("bright", "dark"))
    assert evaluate(Threshold(), nameless, swapped).per_class == {"bright": 1.0, "dark": 1.0}


def test_an_output_that_is_not_finite_is_wrong(card, images):
    assert evaluate(Threshold(float("nan")), card, images).accuracy == 0


def test_images_of_another_size_are_resized(card, images):
    smaller = LabelledImages(np.ascontiguousarray(images.images[:, :, :9, :11]), images.labels, images.class_names)
    assert evaluate(Threshold(), card, smaller).accuracy == 1


def test_the_module_is_left_in_evaluation_mode(card, images):
    module = Threshold().train()
    evaluate(module, card, images)
    assert not module.training


def test_images_that_do_not_fit_the_network_are_refused(card, images):
    colour = LabelledImages(np.repeat(images.images, 3, axis=1), images.labels, images.class_names)
    with pytest.raises(EvaluationError, match=r"takes images of 1 channel\(s\), those of the data set have 3"):
        evaluate(Threshold(), card, colour)
    three = LabelledImages(images.images, images.labels, ("dark", "bright", "grey"))
    with pytest.raises(EvaluationError, match="tells 2 classes apart, the data set has 3"):
        evaluate(Threshold(), card, three)
    others = LabelledImages(images.images, images.labels, ("dark", "light"))
    with pytest.raises(EvaluationError, match="class 'light' is none of the network's: dark, bright"):
        evaluate(Threshold(), card, others)
    with pytest.raises(EvaluationError, match="has no images"):
        evaluate(Threshold(), card, images.subset(np.array([], dtype=int)))
