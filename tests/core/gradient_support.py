"""The pixels that have a gradient, against which fields by theory are held."""

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.core.receptive_field import ReceptiveField, receptive_fields
from cnnviz.core.trace import prepare

Box = tuple[int, int, int, int]


def positive(module: nn.Module) -> nn.Module:
    """With weights that cannot cancel each other out, so that what is connected has a gradient."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return module.double().eval()


def supports(module: nn.Module, image: Tensor, units: list[tuple[int, int]]) -> list[Box]:
    """For each unit: first row, first column, height and width of the hull of the pixels with a gradient."""
    images = image.repeat(len(units), 1, 1, 1).requires_grad_()
    output = module(images)
    chosen = [output[i].sum() if output.ndim < 4 else output[i, :, r, c].sum() for i, (r, c) in enumerate(units)]
    (gradients,) = torch.autograd.grad(torch.stack(chosen).sum(), images)
    boxes = []
    for gradient in gradients.abs().amax(1).numpy():
        # A weight of interpolation that is zero but for rounding is none.
        rows, columns = ((gradient.max(axis) > 1e-7 * gradient.max()).nonzero()[0] for axis in (1, 0))
        found = len(rows) and (int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
        boxes.append(found or (0, 0, 0, 0))
    return boxes


def contains(outer: Box, inner: Box) -> bool:
    return all(
        outer[axis] <= inner[axis] and outer[axis] + outer[axis + 2] >= inner[axis] + inner[axis + 2] for axis in (0, 1)
    )


def assert_fields(module: nn.Module, image: Tensor) -> ReceptiveField:
    """Every unit's part of the image is the support of its gradient, and theory holds it, if padding is of zeros."""
    module = positive(module)
    graph = prepare(module, image).graph
    geometries = [layer.geometry for layer in graph if layer.geometry]
    last = graph.layers[-1]
    fields = receptive_fields(graph)
    field = fields[last.name]
    if not isinstance(field, ReceptiveField):
        raise field
    height, width = last.output_shape[1:] if len(last.output_shape) == 3 else (1, 1)
    units = [(row, column) for row in range(height) for column in range(width)]
    zeros = all(geometry.padding_mode == "zeros" for geometry in geometries)
    # A branch may read rows and no columns, that is nothing; as rows and columns are told apart, its rows count still.
    joins_nothing = any(len(layer.inputs) > 1 for layer in graph) and any(
        (axis.first > axis.last).any()
        for each in fields.values()
        if isinstance(each, ReceptiveField)
        for axis in (each.rows, each.columns)
    )
    unpadded = not any(map(any, (pair for geometry in geometries for pair in geometry.padding)))
    resized = any(layer.kind == "Upsample" for layer in graph)
    for unit, expected in zip(units, supports(module, image, units), strict=True):
        found = field.clipped_box(*unit)
        if joins_nothing:
            assert expected == (0, 0, 0, 0) or contains(found, expected), f"{unit} of {module}"
            continue
        if expected == (0, 0, 0, 0):
            assert 0 in found[2:], f"{unit} of {module}"
            continue
        assert found == expected, f"{unit} of {module}"
        top, left, rows, columns = field.box(*unit)
        if zeros:
            assert contains((top, left, rows, columns), found), f"{unit} of {module}"
        # Where padding and borders are far away, theory is the support itself.
        inside = top >= 0 and left >= 0 and top + rows <= image.shape[2] and left + columns <= image.shape[3]
        if inside and unpadded and not resized and not any("Transpose" in layer.kind for layer in graph):
            assert (top, left, rows, columns) == found, f"{unit} of {module}"
    return field
