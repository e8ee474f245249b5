"""A network worked out from the shapes of its weights: a table for the person to correct and accept."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.chain_geometry import Geometry, fitting_geometries, share
from cnnviz.checkpoints.chain_shapes import NoChain, ShapedChain, chain_in
from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.checkpoints.prefixes import SavedNetwork
from cnnviz.nets.chain_layer import CHAIN, ChainLayer

__all__ = ["ChainGuess", "by_shapes", "open_questions", "table"]

# What of an answer's likelihood is left, since activation functions and normalisation are not in the weights.
_AT_BEST = 0.5
_UNORDERED = 0.6
_ANY_GEOMETRY = 0.1


def table(candidate: Candidate) -> ChainGuess:
    """The table of an answer that was worked out from shapes.

    Raises
    ------
    ValueError
        It is an architecture, which has no table.
    """
    if candidate.architecture != CHAIN:
        raise ValueError(f"{candidate.title} is an architecture; only a chain worked out from shapes has a table")
    return open_questions(candidate)


def open_questions(candidate: Candidate) -> ChainGuess:
    """What a person can correct of any answer: of an architecture with a name, all but the rows."""
    rows = candidate.config["layers"] if candidate.architecture == CHAIN else ()
    statistics = candidate.statistics
    return ChainGuess(
        architecture=candidate.architecture,
        input_size=candidate.input_size,
        layers=TypeAdapter(tuple[ChainLayer, ...]).validate_python(rows),
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
