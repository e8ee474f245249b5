"""How often a network names images rightly."""

from dataclasses import dataclass

import torch
from torch import nn

from cnnviz.checkpoints.card import NetworkCard, numbered_labels
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.training.preparation import to_network_input, to_unit_range


class EvaluationError(ValueError):
    """A network cannot be evaluated on these images."""


@dataclass(frozen=True)
class Evaluation:
    """Shares of images whose class gets the largest output."""

    accuracy: float
    samples: int
    per_class: dict[str, float]
    """By class of the images; classes of which there is none are left out."""


@torch.inference_mode()
def evaluate(module: nn.Module, card: NetworkCard, images: LabelledImages, batch_size: int = 250) -> Evaluation:
    """Accuracy of ``module``, which is put into evaluation mode, on ``images``.

    Images of another height and width are resized. An output that is not finite counts as wrong. Outputs are matched
    with the classes of the images by name; those of a network that does not name them are taken to be in their order.

    Raises
    ------
    EvaluationError
        There are no images, or their channels or classes are not those of the network.
    """
    to_output = _outputs_of_classes(card, images)
    device = next(module.parameters()).device
    module.eval()
    is_right = torch.zeros(len(images), dtype=torch.bool)
    expected = to_output[torch.tensor(images.labels)]
    for start in range(0, len(images), batch_size):
        batch = slice(start, start + batch_size)
        logits = module(to_network_input(to_unit_range(images.images[batch]), card).to(device)).cpu()
        is_right[batch] = (logits.argmax(dim=1) == expected[batch]) & logits.isfinite().all(dim=1)
    named = dict(zip(to_output.tolist(), images.class_names, strict=True))
    per_class = {
        named[output]: is_right[expected == output].double().mean().item()
        for output in range(len(card.labels))
        if (expected == output).any()
    }
    return Evaluation(is_right.double().mean().item(), len(images), per_class)


def _outputs_of_classes(card: NetworkCard, images: LabelledImages) -> torch.Tensor:
    """Index of the output that stands for each class of the images; (classes,)."""
    if len(images) == 0:
        raise EvaluationError("The data set has no images.")
    channels = images.images.shape[1]
    if channels != card.input_size[0]:
        raise EvaluationError(
            f"The network takes images of {card.input_size[0]} channel(s), those of the data set have {channels}."
        )
    if len(images.class_names) != len(card.labels):
        raise EvaluationError(
            f"The network tells {len(card.labels)} classes apart, the data set has {len(images.class_names)}."
        )
    if card.labels == numbered_labels(len(card.labels)):
        return torch.arange(len(card.labels))
    if set(images.class_names) != set(card.labels):
        unknown = next(name for name in images.class_names if name not in card.labels)
        raise EvaluationError(f"The data set's class '{unknown}' is none of the network's: {', '.join(card.labels)}.")
    return torch.tensor([card.labels.index(name) for name in images.class_names])
