"""What a person says of a file whose weights do not tell all: a table to be corrected and accepted; without torch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cnnviz.nets.chain_layer import CHAIN, Activation, ChainLayer, Pooling

if TYPE_CHECKING:
    from cnnviz.checkpoints.candidate import Candidate

_Size = Annotated[int, Field(ge=1, le=8_192)]


class ChainGuess(BaseModel):
    """The table: what the weights tell, and what a person has to say of them.

    Tables do not change; each method gives a new one, which is checked.

    Attributes
    ----------
    architecture : str
        ``"chain"``, or one with a name, which has no rows: there the input and the labels alone are open.
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

    architecture: str = CHAIN
    input_size: tuple[_Size, _Size, _Size]
    layers: tuple[ChainLayer, ...] = ()
    mean: tuple[float, ...] | None = None
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    labels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _rows_where_there_is_a_chain(self) -> Self:
        if (self.architecture == CHAIN) != bool(self.layers):
            raise ValueError("a chain has rows, and nothing else has")
        return self

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

    def base_among(self, candidates: Iterable[Candidate]) -> Candidate | None:
        """The first answer that this table can be a correction of: with the same architecture, and layers' names."""
        names = [layer.name for layer in self.layers]
        for candidate in candidates:
            if candidate.architecture == self.architecture and names == _names(candidate):
                return candidate
        return None

    def applied_to(self, candidate: Candidate) -> Candidate:
        """The answer that this table, which was made from ``candidate`` and corrected, is."""
        from cnnviz.nets.public import InputStatistics

        known = self.mean is not None and self.std is not None
        is_chain = self.architecture == CHAIN
        return replace(
            candidate,
            config={"layers": [layer.model_dump(mode="json") for layer in self.layers]}
            if is_chain
            else candidate.config,
            input_size=self.input_size,
            statistics=InputStatistics(self.mean or (), self.std or ()) if known else None,
            labels=self.labels,
        )


def _names(candidate: Candidate) -> list[str]:
    rows = candidate.config.get("layers") if candidate.architecture == CHAIN else None
    return [row["name"] for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []  # type: ignore[misc]
