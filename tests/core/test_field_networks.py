"""The fields of whole networks: a row for every layer, in time; and which units see a pixel."""

from fractions import Fraction

import pytest
import torch
from torch import nn

from cnnviz.checkpoints.open import open_network
from cnnviz.core.field_reach import PixelReach, Reach
from cnnviz.core.field_table import FieldRow, field_table
from cnnviz.core.graph import LayerGraph
from cnnviz.core.receptive_field import ReceptiveField, receptive_fields
from cnnviz.core.trace import prepare
from cnnviz.nets.public import PUBLIC_ARCHITECTURES


def graph_of(name: str) -> LayerGraph:
    known = PUBLIC_ARCHITECTURES[name]
    module = known.make(**known.settings).eval()
    return prepare(module, torch.zeros(1, known.settings["channels"], *known.input_height_width)).graph


@pytest.mark.parametrize(
    ("name", "size", "stride", "padding"),
    [("alexnet", 195, 32, 66), ("vgg16", 212, 32, 90), ("resnet18", 435, 32, 217)],
)
def test_networks_in_torchvisions_layout(name: str, size: int, stride: int, padding: int) -> None:
    rows = field_table(graph_of(name))
    assert not any(row.told for row in rows)
    head = next(index for index, row in enumerate(rows) if row.kind == "AdaptiveAvgPool2d")
    last = rows[head - 1]
    assert (last.size, last.stride, last.padding) == ((size, size), (stride, stride), (padding, padding))
    assert (last.size_range[0], last.varies) == ((size, size), False)
    if name == "alexnet":
        assert [row.size[0] for row in rows[:head] if row.kind in ("Conv2d", "MaxPool2d") and row.size] == [
            *(11, 19, 51, 67, 99, 131, 163, 195)
        ]
    assert rows[-1].size is not None
    assert rows[-1].size[0] > size


def test_the_table_of_resnet_50_has_every_layer() -> None:
    graph = graph_of("resnet50")
    rows = field_table(graph)
    assert [row.layer for row in rows] == list(graph.names)
    assert next(row.size for row in rows if row.layer == "layer4.2.relu3") == (427, 427)


@pytest.fixture
def checkpoints(shared_data):
    folder = shared_data / "checkpoints"
    if not folder.is_dir():
        pytest.skip("the public checkpoints are not there")
    return folder


def rows_of(path) -> tuple[FieldRow, ...]:
    opened = open_network(path)
    return field_table(prepare(opened.module, torch.zeros(1, *opened.card.input_size)).graph)


def test_the_opened_resnet_20_has_a_field_for_every_layer(checkpoints) -> None:
    rows = rows_of(checkpoints / "akamaster" / "resnet20-12fca82f.th")
    assert not any(row.told for row in rows)
    last = next(row for row in rows if row.layer == "layer3.2.relu2")
    # 3, then 2 × 2 × 3 more at stride 1, 2 (1 + 2 × 5) at 2, one of each block's at the stride before: added up by hand
    sizes = 1 + 2 + 2 * 6 * 1 + (2 * 1 + 2 * 5 * 2) + (2 * 2 + 2 * 5 * 4)
    assert (last.size, last.stride) == ((sizes, sizes), (4, 4))


def test_the_opened_u_net_has_a_field_for_every_layer(checkpoints) -> None:
    rows = rows_of(checkpoints / "bioimageio" / "unet2d_fixed_shape" / "weights.pt")
    assert not any(row.told for row in rows)
    by_name = {row.layer: row for row in rows}
    last = by_name["out_conv"]
    assert (last.size, last.whole_map_because[0]) == ((256, 256), "encoder.blocks.0.block.0")
    assert last.apart is not None
    # Bilinear doubling gives two kinds of units at each of three levels.
    assert last.apart.stride == (Fraction(1), Fraction(1))
    assert last.apart.varies
    assert last.apart.rows.size_range[0] < last.apart.rows.size_range[1] <= 140


def test_units_that_see_a_pixel_are_those_whose_field_holds_it() -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3, 2, padding=1), nn.ReLU(), nn.Upsample(scale_factor=3), nn.Conv2d(2, 2, 3), nn.MaxPool2d(3, 2)
    )
    graph = prepare(nn.Sequential(*module, nn.Flatten()), torch.zeros(1, 1, 11, 9)).graph
    fields = receptive_fields(graph)
    reach = PixelReach(fields, {layer.name: layer.output_shape for layer in graph})
    for row in range(11):
        for column in range(9):
            found = reach.of(row, column)
            for layer in graph:
                field = fields[layer.name]
                assert isinstance(field, ReceptiveField)
                if len(layer.output_shape) != 3:
                    assert layer.name not in found
                    continue
                seen = [
                    (r, c)
                    for r in range(layer.output_shape[1])
                    for c in range(layer.output_shape[2])
                    if holds(field.clipped_box(r, c), row, column)
                ]
                expected = None
                if seen:
                    rows, columns = zip(*seen, strict=True)
                    expected = Reach((min(rows), max(rows)), (min(columns), max(columns)))
                assert found.get(layer.name) == expected


def holds(box: tuple[int, int, int, int], row: int, column: int) -> bool:
    return box[0] <= row < box[0] + box[2] and box[1] <= column < box[1] + box[3]
