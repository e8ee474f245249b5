"""Digits drawn with strokes, rather than scanned like those of MNIST, are recognised however they are drawn."""

import numpy as np
import pytest
import torch

from cnnviz.checkpoints.open import open_network
from cnnviz.data.samples import sample_drawing, samples
from cnnviz.data.strokes import Rasteriser
from cnnviz.training.preparation import to_network_input

DRAWINGS = tuple(sample.name for sample in samples() if sample.kind == "drawing")


def drawn(name, diameter=2.2, scale=1.0, angle=0.0, shift=(0.0, 0.0)):
    """A drawing with its points turned, scaled and shifted about the canvas' centre, drawn with another pen."""
    drawing = sample_drawing(name)
    centre = np.array([drawing.height, drawing.width]) / 2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strokes = []
    for stroke in drawing.strokes:
        points = (np.array(stroke.points) - centre) @ turn.T + centre + shift
        strokes.append(stroke.model_copy(update={"diameter": diameter, "points": tuple(map(tuple, points.tolist()))}))
    black = np.zeros((1, drawing.height, drawing.width), np.float32)
    return Rasteriser().render(black, drawing.model_copy(update={"strokes": tuple(strokes)}))


def share_recognised(images, digits):
    network = open_network("mnist-lenet")
    with torch.inference_mode():
        logits = network.module(to_network_input(torch.tensor(np.stack(images)), network.card))
    return (logits.argmax(dim=1) == torch.tensor(digits)).double().mean().item()


@pytest.mark.parametrize("diameter", [1.0, 1.5, 2.2, 3.0, 4.0, 5.0])
def test_pens_of_every_width(diameter):
    digits = [int(name.split("-")[1]) for name in DRAWINGS]
    assert share_recognised([drawn(name, diameter) for name in DRAWINGS], digits) >= 0.95


def test_off_centre_tilted_larger_and_smaller_all_at_once():
    random = np.random.default_rng(0)
    images, digits = [], []
    for name in DRAWINGS * 10:
        images.append(
            drawn(
                name,
                diameter=random.uniform(1.4, 4),
                scale=random.uniform(0.7, 1.1),
                angle=random.uniform(-0.25, 0.25),
                shift=random.uniform(-4, 4, 2),
            )
        )
        digits.append(int(name.split("-")[1]))
    assert share_recognised(images, digits) >= 0.95
