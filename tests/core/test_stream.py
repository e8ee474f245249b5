"""Handing out outputs on the way gives what recording them gives, also of networks that work in place."""

import pytest
import torch
from torch import Tensor, nn

from cnnviz.core.trace import Cancelled, TracedNetwork, prepare

from .networks import ConcatNet, FunctionalNet, ResidualNet, ShapeDependent, ValueDependent


class OverwritesItsInput(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu_(x.mul_(2)).add_(1)


def traced(module: nn.Module, size: tuple[int, int, int]) -> tuple[TracedNetwork, Tensor]:
    torch.manual_seed(0)
    return prepare(module, torch.rand(1, *size)), torch.randn(2, *size)


@pytest.mark.parametrize(
    ("module", "size"),
    [
        (FunctionalNet(), (1, 14, 14)),
        (ResidualNet(), (3, 16, 16)),
        (ConcatNet(), (4, 8, 8)),
        (ShapeDependent(), (3, 16, 16)),
        (ValueDependent(), (1, 8, 8)),
        (OverwritesItsInput(), (1, 4, 4)),
    ],
)
def test_every_output_is_what_is_recorded(module: nn.Module, size: tuple[int, int, int]) -> None:
    network, images = traced(module, size)
    before = images.clone()
    seen: dict[str, Tensor] = {}
    network.stream(images, lambda name, value: seen.update({name: value.clone()}))
    assert torch.equal(images, before)
    recorded = network.run(images).values
    assert set(seen) == set(recorded)
    for name, value in recorded.items():
        assert torch.equal(seen[name], value), name


def test_it_is_given_up_between_layers() -> None:
    network, images = traced(FunctionalNet(), (1, 14, 14))
    seen: list[str] = []
    with pytest.raises(Cancelled):
        network.stream(images, lambda name, _: seen.append(name), cancelled=lambda: len(seen) == 3)
    assert seen == ["input", "conv1", "relu"]
