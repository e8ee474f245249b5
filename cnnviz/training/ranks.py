"""Several processes that train one network together, each on its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from cnnviz.training.augmentation import Draws
from cnnviz.training.settings import SettingsError


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Without dropout and batch normalisation they come to what one process comes to with the same batches, but for
    rounding: images are changed at random alike. Each draws what dropout leaves out, and normalises by its own share.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that tests, saves and prints."""
        return self.rank == 0

    def share(self, indices: Tensor) -> Tensor:
        """This process' part of a batch; all parts are of one size."""
        size = len(indices) // self.count
        return indices[self.rank * size : (self.rank + 1) * size]

    def draws(self, generator: Generator) -> Draws:
        """The random numbers for this process' part of a batch."""
        return Draws(generator, self.rank, self.count)

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.count > 1:
            values = values.clone()
            torch.distributed.all_reduce(values)
        return values

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module whose backward pass gives the mean of all processes' gradients."""
        return nn.parallel.DistributedDataParallel(module) if self.count > 1 else module

    def check(self, batch_size: int) -> None:
        """Raises SettingsError where a batch cannot be shared out."""
        if batch_size % self.count:
            raise SettingsError(
                f"A batch of {batch_size} cannot be shared out evenly to {self.count} processes; "
                f"choose a multiple of {self.count}."
            )


ALONE = Ranks()


@contextmanager
def launched_ranks() -> Iterator[Ranks]:
    """The processes that ``torchrun`` started, joined for as long as the context lasts; else this one alone.

    Each takes the GPU of its local rank where there is one.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or "RANK" not in os.environ:
        yield ALONE
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size())
    finally:
        torch.distributed.destroy_process_group()
