"""The panels: one concept each, two files each (what is computed, and the widget)."""

from cnnviz.engine.panel import PanelSpec
from cnnviz.panels import (
    activations,
    chain_builder,
    checkpoint,
    compare,
    epochs,
    equivariance,
    filters,
    guess,
    input,
    invariance,
    network,
    padding,
    pooling,
    prediction,
    receptive_field,
    samples,
    unit,
)

PANELS: tuple[PanelSpec, ...] = (
    input.SPEC,
    samples.SPEC,
    prediction.SPEC,
    network.SPEC,
    activations.SPEC,
    filters.SPEC,
    unit.SPEC,
    checkpoint.SPEC,
    compare.SPEC,
    epochs.SPEC,
    guess.SPEC,
    receptive_field.SPEC,
    chain_builder.SPEC,
    pooling.SPEC,
    invariance.SPEC,
    equivariance.SPEC,
    padding.SPEC,
)
