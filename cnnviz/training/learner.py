"""A network, its optimiser and its images on one device: the passes of training, without any order of things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from cnnviz.core.devices import resolve_device
from cnnviz.training.device_data import TrainingData
from cnnviz.training.dropout import dropout_of
from cnnviz.training.losses import batch_loss
from cnnviz.training.measurement import WeightsBefore
from cnnviz.training.metrics import LayerMetrics
from cnnviz.training.optimizers import apply_settings, make_optimizer, set_learning_rate
from cnnviz.training.ranks import Ranks
from cnnviz.training.settings import SettingsError, TrainingSettings
from cnnviz.training.state import load_network, load_optimizer, optimizer_state


@dataclass(frozen=True, eq=False)
class Pass:
    """What came of a batch of one process."""

    loss: Tensor
    """Mean over the batch, to go backward from."""
    sums: Tensor
    """float32, (2,): the loss summed over the batch, and how many images were named rightly."""


class Learner:
    """Changes a module in place, batch by batch."""

    def __init__(self, module: nn.Module, data: TrainingData, settings: TrainingSettings, ranks: Ranks) -> None:
        check(settings, len(data.train), module, ranks)
        self.module = module
        self.data = data
        self.device = _device(settings)
        self._settings = settings
        self._ranks = ranks
        self._place()
        self._optimizer = make_optimizer(module, settings)

    def forward(self, indices: Tensor, generator: Generator) -> Pass:
        """The forward pass over this process' share of a batch of training images."""
        settings = self._settings
        if not self.module.training:
            self.module.train()
        inputs, labels = self.data.training_batch(
            self._ranks.share(indices), settings.augmentations, self._ranks.draws(generator), self.device
        )
        with dropout_of(self.module, settings.dropout):
            logits = self._logits(inputs)
        loss = batch_loss(settings.loss, logits, labels, settings.label_smoothing)
        return Pass(loss, torch.stack([loss.detach() * len(labels), (logits.argmax(dim=1) == labels).sum()]))

    def update(
        self, loss: Tensor, learning_rate: float, measure: bool
    ) -> tuple[float, tuple[LayerMetrics, ...]] | None:
        """The backward pass and a step; where they are measured, the norm of the gradient and each layer's share."""
        set_learning_rate(self._optimizer, learning_rate)
        self._optimizer.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        before = None
        if measure:
            self._scaler.unscale_(self._optimizer)
            before = WeightsBefore.of(self.module)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return before.compare() if before is not None else None

    @torch.no_grad()
    def test(self, chosen: slice) -> Tensor:
        """float64, (2,), on the CPU: the loss of these test images, summed, and how many are named rightly.

        In float32, so that the accuracy is that which the finished network has anywhere.
        """
        if self.module.training:
            self.module.eval()
        inputs, labels = self.data.test_batch(chosen, self.device)
        logits = self.module(inputs.contiguous(memory_format=self._layout))
        loss = batch_loss(self._settings.loss, logits, labels) * len(labels)
        right = ((logits.argmax(dim=1) == labels) & logits.isfinite().all(dim=1)).sum()
        return torch.stack([loss.double(), right.double()]).cpu()

    def change(self, settings: TrainingSettings) -> None:
        """Go on with other settings; raises SettingsError, and leaves all as it was."""
        check(settings, len(self.data.train), self.module, self._ranks)
        before, self._settings = self._settings, settings
        device = _device(settings)
        kinds = ("channels_last", "precision")
        if device != self.device or any(getattr(settings, name) != getattr(before, name) for name in kinds):
            self._move(device, before)
        if settings.optimizer != before.optimizer:
            self._optimizer = make_optimizer(self.module, settings)
        apply_settings(self._optimizer, settings)

    def _move(self, device: torch.device, before: TrainingSettings) -> None:
        """Go on on ``device``, or where that has no room, with the settings before where it was."""
        was, self.device = self.device, device
        tensors, numbers = self.memory()
        try:
            self._place()
            self._remember(before, tensors, numbers)
        except torch.OutOfMemoryError as error:
            self._settings, self.device = before, was
            self._place()
            self._remember(before, tensors, numbers)
            raise SettingsError(f"{device.type.upper()} has no room for the run; it goes on on {was.type}.") from error

    def _remember(
        self, settings: TrainingSettings, tensors: Mapping[str, Tensor], numbers: Mapping[str, dict[str, float]]
    ) -> None:
        """Let an optimiser of the weights where they are now know what the one before did."""
        self._optimizer = make_optimizer(self.module, settings)
        load_optimizer(self._optimizer, tensors, numbers["optimizer"])
        if numbers["scaler"] and self._scaler.is_enabled():
            self._scaler.load_state_dict(numbers["scaler"])

    def memory(self) -> tuple[dict[str, Tensor], dict[str, dict[str, float]]]:
        """What optimiser and scaling of the gradient remember."""
        tensors, numbers = optimizer_state(self._optimizer)
        return tensors, {"optimizer": numbers, "scaler": self._scaler.state_dict()}

    def recall(
        self, network: Mapping[str, Tensor], tensors: Mapping[str, Tensor], numbers: Mapping[str, dict[str, float]]
    ) -> None:
        """Put weights and memory back."""
        load_network(self.module, network)
        load_optimizer(self._optimizer, tensors, numbers["optimizer"])
        if numbers["scaler"] and self._scaler.is_enabled():
            self._scaler.load_state_dict(numbers["scaler"])

    def _logits(self, inputs: Tensor) -> Tensor:
        inputs = inputs.contiguous(memory_format=self._layout)
        name = self._settings.precision
        if name == "float32":
            plain: Tensor = self._forward(inputs)
            return plain.float()
        with torch.autocast(self.device.type, getattr(torch, name)):
            logits: Tensor = self._forward(inputs)
        return logits.float()

    def _place(self) -> None:
        """Bring network and images to the device."""
        # Convolutions are up to a third faster with the channels innermost, on a CPU too.
        self._layout = torch.channels_last if self._settings.channels_last else torch.contiguous_format
        self.module.to(self.device).to(memory_format=self._layout)  # type: ignore[call-overload]
        self.data = self.data.to(self.device)
        self._forward = self._ranks.wrapped(self.module)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._settings.precision == "float16")


def check(settings: TrainingSettings, count: int, module: nn.Module, ranks: Ranks) -> None:
    """Raises SettingsError where settings do not fit so many training images, the network, the device or the ranks."""
    if settings.batch_size > count:
        raise SettingsError(
            f"The batch size is {settings.batch_size}, but there are only {count:,} images to train on; "
            f"choose {count} or less."
        )
    ranks.check(settings.batch_size)
    normalises = any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in module.modules())
    if normalises and settings.batch_size // ranks.count < 2:
        raise SettingsError("Batch normalisation needs two images or more in each step; choose a larger batch.")
    if settings.precision == "float16" and _device(settings).type != "cuda":
        raise SettingsError("The precision float16 needs a CUDA device; choose bfloat16 or float32.")
    with dropout_of(module, settings.dropout):
        pass


def _device(settings: TrainingSettings) -> torch.device:
    try:
        return resolve_device(settings.device)
    except ValueError as error:
        raise SettingsError(str(error)) from error
