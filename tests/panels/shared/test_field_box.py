"""The box of a unit's field, as panels draw it."""

import pytest
import torch
from torch import nn

from cnnviz.core.trace import prepare
from cnnviz.engine.observation import LoadedNetwork
from cnnviz.panels.shared.field_box import unit_field


def loaded(*layers: nn.Module) -> LoadedNetwork:
    traced = prepare(nn.Sequential(*layers), torch.zeros(1, 1, 12, 12))
    return LoadedNetwork("", None, None, traced, torch.device("cpu"), 0)  # type: ignore[arg-type]


def test_a_field_at_the_border_has_a_part_in_padding() -> None:
    network = loaded(nn.Conv2d(1, 2, 5, stride=2, padding=2))
    field = unit_field(network, "0", 0, 3)
    assert field is not None
    assert (field.row, field.column, field.height, field.width) == (-2, 4, 5, 5)
    assert (field.text, field.clipped, field.padding) == ("5×5 px, stride 2", (0, 4, 3, 5), ((-2, 4, 2, 5),))


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ((nn.Conv2d(1, 1, 3), nn.InstanceNorm2d(1)), "3×3 px, stride 1; 1 looks at the whole map"),
        ((nn.MaxPool2d(3), nn.Upsample(scale_factor=2)), "3×3 px, stride 3/2 on average"),
        ((nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)), "12×12 px, shared by all units"),
        ((nn.Conv2d(1, 1, (3, 1), (2, 1)),), "3×1 px, stride 2 × 1"),
    ],
)
def test_what_is_said_of_it(layers: tuple[nn.Module, ...], text: str) -> None:
    field = unit_field(loaded(*layers), str(len(layers) - 1), 0, 0)
    assert field is not None
    assert field.text == text


def test_there_is_none_where_no_pixel_reaches_the_unit_or_nothing_is_known() -> None:
    unread = loaded(nn.ConvTranspose2d(1, 1, 1, stride=2))
    assert unit_field(unread, "0", 1, 1) is None
    assert unit_field(unread, "0", 2, 2) is not None
    assert unit_field(loaded(nn.FractionalMaxPool2d(2, 3)), "0", 0, 0) is None
