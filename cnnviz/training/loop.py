"""Plain supervised training, repeatable from its seed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.data.labelled_images import LabelledImages
from cnnviz.training.augmentation import augment
from cnnviz.training.preparation import to_network_input, to_unit_range
from cnnviz.training.recipes import Recipe

WARM_UP_SHARE = 0.25
START_SHARE = 0.04  # of the largest learning rate, at the first step


class TrainingDiverged(ValueError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class Step:
    """Where training is, after one batch; counted from 1."""

    epoch: int
    epochs: int
    step: int
    steps: int
    """Steps per epoch."""
    loss: float
    """Mean over the batch."""
    learning_rate: float

    @property
    def ends_epoch(self) -> bool:
        return self.step == self.steps


def train(
    module: nn.Module,
    card: NetworkCard,
    images: LabelledImages,
    recipe: Recipe,
    on_step: Callable[[Step], None] = lambda step: None,
) -> None:
    """Fit ``module`` to ``images`` in place; it is left in evaluation mode.

    The same seed, weights at the start and number of threads give the same weights at the end. The loss is the cross
    entropy; an incomplete batch at the end of an epoch is left out.

    Raises
    ------
    TrainingDiverged
        The loss of a batch is not finite.
    """
    device = next(module.parameters()).device
    batch_size = min(recipe.batch_size, len(images))
    steps = len(images) // batch_size
    generator = Generator().manual_seed(recipe.seed)
    # Convolutions on a CPU are up to a third faster with the channels innermost.
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module.train()
    optimizer = _optimizer(module, recipe)
    schedule = _schedule(optimizer, recipe, steps)
    for epoch in range(1, recipe.epochs + 1):
        for step, (batch, labels) in enumerate(_batches(images, card, recipe, batch_size, generator), start=1):
            batch = batch.to(device, memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                logits = module(batch)
            loss = F.cross_entropy(logits.float(), labels.to(device), label_smoothing=recipe.label_smoothing)
            if not torch.isfinite(loss):
                raise TrainingDiverged(
                    f"Training diverged in epoch {epoch}, step {step}: the loss is {loss.item()}; "
                    f"choose a learning rate below {recipe.learning_rate:g}."
                )
            learning_rate = float(schedule.get_last_lr()[0])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            on_step(Step(epoch, recipe.epochs, step, steps, loss.item(), learning_rate))
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    module.eval()


def _batches(
    images: LabelledImages, card: NetworkCard, recipe: Recipe, batch_size: int, generator: Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    order = torch.randperm(len(images), generator=generator).numpy()
    for start in range(0, len(order) - batch_size + 1, batch_size):
        chosen = order[start : start + batch_size]
        batch = augment(to_unit_range(images.images[chosen]), recipe.augmentations, generator)
        yield to_network_input(batch, card), torch.from_numpy(images.labels[chosen])


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    # Biases and the scales of normalisation do not overfit, and decay would only hold them back.
    groups: list[dict[str, Any]] = [
        {"params": [weights for weights in module.parameters() if weights.ndim > 1]},
        {"params": [weights for weights in module.parameters() if weights.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
    )


def _schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    total = recipe.epochs * steps
    warm_up = WARM_UP_SHARE * total if recipe.schedule == "one-cycle" else 0

    def share_of_largest(step: int) -> float:
        if step < warm_up:
            return START_SHARE + (1 - START_SHARE) * step / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (total - warm_up)))

    # torch's OneCycleLR divides by zero where there are only four steps.
    return torch.optim.lr_scheduler.LambdaLR(optimizer, share_of_largest)
