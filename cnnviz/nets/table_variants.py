"""Tables that differ from another in one respect, for comparisons: all rows that stay keep their names."""

from __future__ import annotations

from math import gcd
from typing import Literal, get_args

from cnnviz.core.choices import PoolingKind
from cnnviz.nets.layer_table import (
    ActivationRow,
    BlockOrder,
    ConvolutionRow,
    LayerTable,
    LinearRow,
    Normalisation,
    NormalisationRow,
    PoolingRow,
    ResidualRow,
    Row,
    free_name,
)

PoolingChange = PoolingKind | Literal["none"]


def without_normalisation(table: LayerTable) -> LayerTable:
    """Every normalisation left out; convolutions and linear layers before one get a bias in place of its shift."""
    kept: list[Row] = []
    last_weighted: int | None = None
    for row in table.layers:
        if isinstance(row, NormalisationRow):
            if last_weighted is not None:
                kept[last_weighted] = kept[last_weighted].model_copy(update={"bias": True})
            continue
        if isinstance(row, ResidualRow):
            row = row.model_copy(update={"normalisation": "none"})
        if isinstance(row, ConvolutionRow | LinearRow):
            last_weighted = len(kept)
        elif not isinstance(row, ActivationRow):
            last_weighted = None
        kept.append(row)
    return table.with_layers(kept)


def with_normalisation(
    table: LayerTable,
    normalisation: Normalisation = "batch",
    place: Literal["before", "after"] = "before",
) -> LayerTable:
    """Normalisation at every activation that follows a convolution or a linear layer, and in every residual block.

    Parameters
    ----------
    place
        Before or after the activation. A normalisation that is there already keeps its name, and is moved. Instance
        normalisation is for maps: linear layers get none.
    """
    names = _normalisation_names(table)
    taken = {row.name for row in table.layers}
    order: BlockOrder = "conv-norm-act" if place == "before" else "conv-act-norm"
    made: list[Row] = []
    weighted: ConvolutionRow | LinearRow | None = None
    for row in table.layers:
        if isinstance(row, NormalisationRow):
            continue
        if isinstance(row, ResidualRow):
            kept = row.order == "norm-act-conv" and place == "before"
            groups = gcd(row.channels, 8)
            made.append(
                row.model_copy(
                    update={
                        "normalisation": normalisation,
                        "order": row.order if kept else order,
                        "groups": groups if row.normalisation != normalisation else row.groups,
                    }
                )
            )
            weighted = None
            continue
        fits = weighted is not None and (normalisation != "instance" or isinstance(weighted, ConvolutionRow))
        if isinstance(row, ActivationRow) and fits:
            assert weighted is not None
            name = names.get(weighted.name) or free_name("normalisation", taken)
            taken.add(name)
            new = _normalisation_row(name, normalisation, weighted)
            made += [new, row] if place == "before" else [row, new]
        else:
            made.append(row)
        weighted = row if isinstance(row, ConvolutionRow | LinearRow) else None
    return table.with_layers(made)


def _normalisation_names(table: LayerTable) -> dict[str, str]:
    """Which normalisation follows a layer with weights, at once or after its activation."""
    found: dict[str, str] = {}
    last: str | None = None
    for row in table.layers:
        if isinstance(row, NormalisationRow) and last is not None:
            found[last] = row.name
        if not isinstance(row, ActivationRow):
            last = row.name if isinstance(row, ConvolutionRow | LinearRow) else None
    return found


def _normalisation_row(name: str, kind: Normalisation, before: ConvolutionRow | LinearRow) -> NormalisationRow:
    width = before.channels if isinstance(before, ConvolutionRow) else before.features
    return NormalisationRow(name=name, normalisation=kind, groups=gcd(width or 1, 8))


def without_residual(table: LayerTable) -> LayerTable:
    """Every skip removed: the branches stay with the same weights, so that the network is its plain twin."""
    return table.with_layers(
        row.model_copy(update={"skip": False}) if isinstance(row, ResidualRow) else row for row in table.layers
    )


def with_residual(table: LayerTable) -> LayerTable:
    """Every residual block with its skip."""
    return table.with_layers(
        row.model_copy(update={"skip": True}) if isinstance(row, ResidualRow) else row for row in table.layers
    )


def with_pooling(table: LayerTable, kind: PoolingChange) -> LayerTable:
    """Another kind of pooling in every window; windows, strides and padding stay, global pooling does too.

    Parameters
    ----------
    kind
        ``"strided"`` puts a learned convolution there, each channel on its own, so that all sizes stay (Springenberg
        et al., "Striving for Simplicity", 2015, join the channels as well). ``"none"`` leaves pooling out: all maps
        after it are larger, and a linear layer has more weights.

    Raises
    ------
    ValueError
        There is no such pooling.
    """
    if kind == "none":
        return table.with_layers(row for row in table.layers if not isinstance(row, PoolingRow))
    if kind not in get_args(PoolingKind):
        raise ValueError(
            f"there is no pooling called {kind!r}; choose none or one of {', '.join(get_args(PoolingKind))}"
        )
    return table.with_layers(_pooled(row, kind) if isinstance(row, PoolingRow) else row for row in table.layers)


def _pooled(row: PoolingRow, kind: PoolingKind) -> PoolingRow:
    return row.model_copy(update={"pooling": kind, "ceil_mode": row.ceil_mode and kind != "strided"})
