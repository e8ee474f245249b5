"""The sizes of a table of layers, worked out by rule without building it, and what is impossible in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from cnnviz.core.graph import INPUT, Layer, LayerGraph
from cnnviz.nets.layer_table import (
    FlattenRow,
    LayerTable,
    LinearRow,
    ResidualRow,
    Row,
    free_name,
)
from cnnviz.nets.residual_parts import residual_parts
from cnnviz.nets.table_rules import Impossible, Shape, planned_layer, times

MOST_WEIGHTS = 200_000_000
"""Of one row; a table may come from a file, which is not to fill the memory."""
MOST_VALUES = 100_000_000
"""Of the maps of one row, for one image."""


@dataclass(frozen=True)
class Remedy:
    """A change that makes a table possible at one place.

    Attributes
    ----------
    words : str
        What it does, as on a button.
    start, stop : int
        The rows that ``rows`` take the place of.
    """

    words: str
    start: int
    stop: int
    rows: tuple[Row, ...]

    def of(self, table: LayerTable) -> LayerTable:
        """The table with it."""
        return table.with_layers((*table.layers[: self.start], *self.rows, *table.layers[self.stop :]))


@dataclass(frozen=True)
class PlannedRow:
    """One row of the table with its sizes.

    Attributes
    ----------
    given, output : tuple of int or None
        Shapes without the batch axis; None where a row above is not possible.
    layers : tuple of Layer
        As ``trace.prepare`` finds them in the network that is built.
    problem : str
        Why it is not possible, and what to do; empty where it is.
    remedy : Remedy or None
    """

    row: Row
    given: Shape | None
    output: Shape | None = None
    layers: tuple[Layer, ...] = ()
    problem: str = ""
    remedy: Remedy | None = None

    @property
    def waits(self) -> bool:
        """Whether nothing can be said of it before a row above is mended."""
        return self.given is None

    @property
    def weights(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-adds for one image, in convolutions and linear layers."""
        return sum(layer.macs for layer in self.layers)


@dataclass(frozen=True)
class TablePlan:
    """A table with its sizes for images of one shape.

    Attributes
    ----------
    problem : str
        Why what comes out at the end is not one number for each class, and what to do; empty while a row is impossible.
    """

    input: Shape
    classes: int
    rows: tuple[PlannedRow, ...]
    problem: str = ""
    remedy: Remedy | None = None

    @property
    def is_possible(self) -> bool:
        return not self.problem and not any(row.problem for row in self.rows)

    @property
    def first_problem(self) -> str:
        """With the name of the row; empty where there is none."""
        wrong = next((row for row in self.rows if row.problem), None)
        return self.problem if wrong is None else f"{wrong.row.name}: {wrong.problem}"

    @property
    def graph(self) -> LayerGraph:
        """The layers up to the first that is impossible, as ``trace.prepare`` finds them in the network."""
        image = Layer(INPUT, "Input", None, (), self.input, summary="Input")
        return LayerGraph((image, *(layer for row in self.rows for layer in row.layers)), "torch.fx")


def plan_table(table: LayerTable, images: tuple[int, int, int], classes: int) -> TablePlan:
    """Shapes, weights and multiply-adds of every row.

    Parameters
    ----------
    images : (int, int, int)
        Channels, height and width of what it is given; those of the table, where it names a size, count.
    classes
        How many numbers it is to give.
    """
    height, width = table.height_width or images[1:]
    shape: Shape | None = (images[0], height, width)
    image = height, width
    before = INPUT
    rows = []
    for index, row in enumerate(table.layers):
        planned = _planned(table, index, row, shape, before, classes, image)
        rows.append(planned)
        shape = planned.output
        before = planned.layers[-1].name if planned.layers else before
    problem, remedy = _ending(table, shape, classes)
    return TablePlan((images[0], height, width), classes, tuple(rows), problem, remedy)


def _planned(
    table: LayerTable,
    index: int,
    row: Row,
    given: Shape | None,
    before: str,
    classes: int,
    image: tuple[int, int],
) -> PlannedRow:
    if given is None:
        return PlannedRow(row, None)
    try:
        layers = (
            _block(row, given, before)
            if isinstance(row, ResidualRow)
            else (planned_layer(row, given, before, classes, row.name),)
        )
    except Impossible as error:
        if isinstance(row, ResidualRow) and error.instead is not None:  # what is told is of a layer within the block
            error = _of_block(row, given, before, error)
        problem = _in_its_place(error, image)
        return PlannedRow(row, given, problem=problem, remedy=_remedy(table, index, given, error))
    output = layers[-1].output_shape
    planned = PlannedRow(row, given, output, layers)
    if planned.weights > MOST_WEIGHTS:
        much = (
            f"It would have {planned.weights:,} weights; up to {MOST_WEIGHTS:,} are made. Make the maps smaller first."
        )
        return PlannedRow(row, given, problem=much)
    if any(prod(layer.output_shape) > MOST_VALUES for layer in layers):
        much = f"Its output of {times(output)} is too large for memory; take fewer channels, or pool before it."
        return PlannedRow(row, given, problem=much)
    return planned


def _block(row: ResidualRow, given: Shape, before: str) -> tuple[Layer, ...]:
    if len(given) != 3:
        raise Impossible(f"A residual block reads maps, and gets {times(given)} numbers: move it above Flatten.")
    parts = residual_parts(row, given[0])
    body = _chain(parts.body, given, before, f"{row.name}.body")
    found, last = list(body), body[-1].name
    shape = body[-1].output_shape
    if parts.shortcut is not None:
        shortcut = _chain(parts.shortcut, given, before, f"{row.name}.shortcut")
        found += shortcut
        sources = (last, shortcut[-1].name if shortcut else before)
        last = f"{row.name}.add"
        found.append(Layer(last, "Add", None, sources, shape, block=(row.name,), summary="Add"))
    if parts.after is not None:
        found.append(_within(planned_layer(parts.after, shape, last, 1, f"{row.name}.act")))
    return tuple(found)


def _of_block(row: ResidualRow, given: Shape, before: str, error: Impossible) -> Impossible:
    """The same with a block that is possible in the place of one of its layers: one with fewer groups."""
    for groups in range(row.groups - 1, 0, -1):
        fitting = row.model_copy(update={"groups": groups})
        try:
            _block(fitting, given, before)
        except Impossible:
            continue
        words = f"Take {groups} {'group' if groups == 1 else 'groups'}"
        return Impossible(str(error), fitting, words, too_small=error.too_small)
    return Impossible(str(error), too_small=error.too_small)


def _chain(rows: Sequence[Row], given: Shape, before: str, block: str) -> list[Layer]:
    layers: list[Layer] = []
    for row in rows:
        layers.append(_within(planned_layer(row, given, before, 1, f"{block}.{row.name}")))
        given, before = layers[-1].output_shape, layers[-1].name
    return layers


def _within(layer: Layer) -> Layer:
    """The layer with the blocks that its name says it stands in."""
    parts = layer.name.split(".")[:-1]
    return replace(layer, block=tuple(".".join(parts[: depth + 1]) for depth in range(len(parts))))


def _in_its_place(error: Impossible, image: tuple[int, int]) -> str:
    """What is told of a row; of a map that is too small also what above the row would make it larger."""
    if error.too_small is None:
        return str(error)
    is_smaller = error.too_small[0] < image[0] or error.too_small[1] < image[1]
    helps = "remove a pooling or stride above" if is_smaller else "choose larger images in the line “input”"
    return f"{str(error).removesuffix('.')}, or {helps}."


def _remedy(table: LayerTable, index: int, given: Shape, error: Impossible) -> Remedy | None:
    if error.instead is not None:
        return Remedy(error.remedy, index, index + 1, (error.instead,))
    if error.needs_numbers:
        taken = {row.name for row in table.layers}
        return Remedy("Put Flatten before it", index, index, (FlattenRow(name=free_name("flatten", taken)),))
    return None


def _ending(table: LayerTable, shape: Shape | None, classes: int) -> tuple[str, Remedy | None]:
    """Whether ``shape``, which comes out at the end, is one number for each class."""
    if shape is None or shape == (classes,):
        return "", None
    taken = {row.name for row in table.layers}
    last = LinearRow(name=free_name("linear", taken), features=None)
    end = len(table.layers)
    if not table.layers:
        words = f"There is no layer yet; the last one is to give {classes} numbers, one for each class."
        rows: tuple[Row, ...] = (FlattenRow(name=free_name("flatten", taken)), last)
        return words, Remedy("Add Flatten and a linear layer", 0, 0, rows)
    if len(shape) == 3:
        words = f"It ends in maps of {times(shape)}, and has to give {classes} numbers, one for each class."
        rows = (FlattenRow(name=free_name("flatten", taken)), last)
        if shape == (classes, 1, 1):
            return words, Remedy("Add Flatten", end, end, rows[:1])
        return words, Remedy("Add Flatten and a linear layer", end, end, rows)
    words = f"It ends in {shape[0]:,} numbers, and there are {classes} classes."
    ending = table.layers[-1]
    if isinstance(ending, LinearRow):
        rows = (ending.model_copy(update={"features": None}),)
        return words, Remedy("One number for each class", end - 1, end, rows)
    return words, Remedy("Add a linear layer", end, end, (last,))
