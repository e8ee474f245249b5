"""A network worked out from the shapes of its weights: a table for the person to correct and accept."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.chain_geometry import Geometry, fitting_geometries, share
from cnnviz.checkpoints.chain_shapes import NoChain, ShapedChain, chain_in
from cnnviz.checkpoints.prefixes import SavedNetwork
from cnnviz.nets.chain import Activation, ChainLayer, Pooling
from cnnviz.nets.public import InputStatistics
from cnnviz.nets.registry import CHAIN

# What of an answer's likelihood is left, since activation functions and normalisation are not in the weights.
_AT_BEST = 0.5
_UNORDERED = 0.6
_ANY_GEOMETRY = 0.1

_Size = Annotated[int, Field(ge=1, le=65_536)]


class ChainGuess(BaseModel):
    """The table: what the weights tell, and what a person has to say of them.

    Tables do not change; each method gives a new one, which is checked.

    Attributes
    ----------
    input_size : (int, int, int)
        Channels, height, width.
    layers : tuple of ChainLayer
        In the order of the network; the editable columns are ``stride``, ``padding``, ``activation``, ``pooling``,
        ``pooling_size`` and ``pooling_stride``.
    mean, std : tuple of float or None
        What images in [0, 1] are normalised with, one number or one for each channel; None while nobody has said so.
    labels : tuple of str
        Names of the classes; empty where they are not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input_size: tuple[_Size, _Size, _Size]
    layers: tuple[ChainLayer, ...] = Field(min_length=1)
    mean: tuple[float, ...] | None = None
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    labels: tuple[str, ...] = ()

    def changed(self, **changes: Any) -> ChainGuess:
        """With other values in its fields; raises pydantic's ValidationError, a ValueError, for wrong ones."""
        return type(self).model_validate({**self.model_dump(), **changes})

    def with_layer(self, name: str, **changes: Any) -> ChainGuess:
        """With other values in the row of the layer called ``name``.

        Raises
        ------
        KeyError
            There is no such row.
        ValueError
            A value is not of its kind.
        """
        rows = [layer.model_dump() for layer in self.layers]
        for row in rows:
            if row["name"] == name:
                row.update(changes)
                return self.changed(layers=rows)
        raise KeyError(name)

    def with_activation(self, activation: Activation) -> ChainGuess:
        """With this function in place of every other."""
        rows = [
            layer.model_copy(update={"activation": activation}) if layer.activation != "none" else layer
            for layer in self.layers
        ]
        return self.changed(layers=[row.model_dump() for row in rows])

    def with_activation_before_normalisation(self) -> ChainGuess:
        """With each activation function that follows a normalisation in front of it instead."""
        rows = [layer.model_dump() for layer in self.layers]
        for row, following in itertools.pairwise(rows):
            if following["kind"] == "batch_norm" and row["kind"] in ("conv", "linear"):
                row["activation"], following["activation"] = following["activation"], row["activation"]
        return self.changed(layers=rows)

    def with_pooling(self, pooling: Pooling) -> ChainGuess:
        """With this kind of pooling where there is maximum or average pooling."""
        rows = [
            layer.model_copy(update={"pooling": pooling}) if layer.pooling in ("max", "average") else layer
            for layer in self.layers
        ]
        return self.changed(layers=[row.model_dump() for row in rows])

    def applied_to(self, candidate: Candidate) -> Candidate:
        """The answer that this table, which was made from ``candidate`` and corrected, is."""
        known = self.mean is not None and self.std is not None
        return replace(
            candidate,
            config={"layers": [layer.model_dump(mode="json") for layer in self.layers]},
            input_size=self.input_size,
            statistics=InputStatistics(self.mean or (), self.std or ()) if known else None,
            labels=self.labels,
        )


def table(candidate: Candidate) -> ChainGuess:
    """The table of an answer that was worked out from shapes.

    Raises
    ------
    ValueError
        It is an architecture, which has no table.
    """
    if candidate.architecture != CHAIN:
        raise ValueError(f"{candidate.title} is an architecture; only a chain worked out from shapes has a table")
    layers = TypeAdapter(tuple[ChainLayer, ...]).validate_python(candidate.config["layers"])
    statistics = candidate.statistics
    return ChainGuess(
        input_size=candidate.input_size,
        layers=layers,
        mean=statistics.mean if statistics else None,
        std=statistics.std if statistics else None,
        labels=candidate.labels,
    )


def by_shapes(network: SavedNetwork) -> tuple[Candidate, ...]:
    """The likeliest chains of layers whose weights these are, best first.

    Raises
    ------
    NoChain
        There is none; says why.
    """
    chain = chain_in(network)
    fitting = fitting_geometries(chain)
    if not fitting.likeliest:
        linear = next(layer for layer in chain.layers if layer.kind == "linear")
        raise NoChain(
            f"no usual image size, padding and pooling leads to the {linear.inputs} numbers of '{linear.name}'"
        )
    names = {
        f"{layer.module_name}.{kind}": network.entries[f"{layer.name}.{kind}" if layer.name else kind].name
        for layer in chain.layers
        for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        if (f"{layer.name}.{kind}" if layer.name else kind) in network.entries
    }
    costs = [way.cost for way in fitting.likeliest]
    return tuple(
        Candidate(
            architecture=CHAIN,
            config={"layers": [layer.model_dump(mode="json") for layer in _rows(chain, way)]},
            confidence=round(_confidence(chain, fitting.count, share(costs, index)), 4),
            reasons=_reasons(chain, way, fitting.count, index),
            names=names,
            rule="chain",
            title=f"a chain of {len(chain.layers)} layers" if len(chain.layers) > 1 else "a single layer",
            input_size=(chain.layers[0].inputs, way.image_size, way.image_size),
        )
        for index, way in enumerate(fitting.likeliest)
    )


def _rows(chain: ShapedChain, way: Geometry) -> list[ChainLayer]:
    """The table's rows: activation functions between all layers, pooling where ``way`` has it."""
    rows = list(chain.layers)
    steps = iter(way.steps)
    convolutions = [index for index, row in enumerate(rows) if row.kind == "conv"]
    ends = _ends_of_groups(rows)
    for index, row in enumerate(rows):
        changes: dict[str, object] = {}
        end = ends[index]
        last = end == len(rows) - 1
        if index == end and not last and row.kind != "prelu" and chain.gaps[index] != 0:
            changes["activation"] = "relu"
        rows[index] = row.model_copy(update=changes)
    for index in convolutions:
        step = next(steps)
        rows[index] = rows[index].model_copy(update={"stride": step.stride, "padding": step.padding})
        pooling: dict[str, object] = {}
        if step.pooling_size > 1:
            pooling = {"pooling": "max", "pooling_size": step.pooling_size, "pooling_stride": step.pooling_stride}
        if way.global_pooling and index == convolutions[-1]:
            pooling = {"pooling": "global"}
        rows[ends[index]] = rows[ends[index]].model_copy(update=pooling)
    return rows


def _ends_of_groups(rows: Sequence[ChainLayer]) -> list[int]:
    """For each row, the last of its group: a layer with the normalisation and PReLU behind it."""
    ends = [0] * len(rows)
    end = len(rows) - 1
    for index in range(len(rows) - 1, -1, -1):
        ends[index] = end
        if rows[index].kind in ("conv", "linear"):
            end = index - 1
    return ends


def _confidence(chain: ShapedChain, count: int, part: float) -> float:
    return (_AT_BEST * part if count else _ANY_GEOMETRY) * (1.0 if chain.ordered else _UNORDERED)


def _reasons(chain: ShapedChain, way: Geometry, count: int, index: int) -> tuple[str, ...]:
    reasons = ["Each of its layers reads what the one before gives."] if len(chain.layers) > 1 else []
    if not chain.ordered:
        reasons.append("Their order, and where normalisation stands, follows from the channels, not from the names.")
    size = f"{way.image_size}×{way.image_size}"
    if count:
        reasons.append(
            f"Ways to choose image size, padding, stride and pooling that fit: {count:,}; this one, for images of "
            f"{size}, ranks {index + 1}."
        )
    else:
        reasons.append(f"Any image size, padding, stride and pooling fits; images of {size} are as good as any.")
    reasons.append(
        "Activation functions (here ReLU), the kind of pooling and the normalisation are not in the weights."
    )
    return tuple(reasons)
