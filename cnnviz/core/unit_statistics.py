"""What the units of a layer do over many samples: sparse, silent, always on, ignoring the input, correlated."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

IGNORES = 0.05
"""A unit whose standard deviation is at most this share of its root mean square says the same of every sample."""
CONSTANT = 1e-5
"""Below this share the variation is rounding, and a correlation with it means nothing."""
NEAR_ZERO = 0.01
"""Of the root mean square of the whole layer."""
STRONG = 0.8
"""From this |r| on a correlation is called strong."""

_MIDDLES = {"Sigmoid": 0.5, "Hardsigmoid": 0.5}


def on_threshold(kind: str) -> float:
    """The value above which a unit of a layer of this kind is on: 0, as for a ReLU; of a sigmoid its middle."""
    return _MIDDLES.get(kind, 0.0)


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """Numbers about U units over N samples.

    Attributes
    ----------
    threshold : float
        A unit is on where its activation is above this.
    left_out : int
        Samples with activations that are not finite; they are in no other number.
    mean, variance, root_mean_square : array (U,)
        Over the samples as they are (divided by N).
    zeros, near_zeros : array (U,)
        Shares of the samples: exactly zero; nearer to zero than a hundredth of the layer's root mean square.
    on, wholly_on : array (U,)
        Shares of the samples for which the unit is on. Where it stands for a whole map: for which any cell of it is on,
        and for which all are.
    lifetime_sparsity : array (U,)
        Of each unit over the samples, 0 (the same for all) to 1 (one sample alone); NaN for a unit that is always 0.
    population_sparsity : array (N,)
        Of each sample over the units; NaN where all units are 0.
    correlation : array (U, U)
        Pearson's r; NaN in the rows and columns of constant units.
    dimension : float
        Participation ratio of the covariance, 1 (all units move together) to U (independent, of equal variance); NaN
        where nothing varies.

    Notes
    -----
    Sparsity is that of Vinje and Gallant, "Sparse Coding and Decorrelation in Primary Visual Cortex During Natural
    Vision", Science, 2000: ``(1 − a) / (1 − 1/n)`` with the activity ratio ``a = mean(|x|)² / mean(x²)`` of Treves and
    Rolls, 1991. They had firing rates; of activations below zero the size counts here. The names "lifetime" and
    "population" are those of Willmore and Tolhurst, 2001. The participation ratio ``(Σ λ)² / Σ λ²`` of the eigenvalues
    of the covariance is that of Gao et al., "A Theory of Multineuronal Dimensionality, Dynamics and Measurement", 2017.
    """

    threshold: float
    left_out: int
    mean: Values
    variance: Values
    root_mean_square: Values
    zeros: Values
    near_zeros: Values
    on: Values
    wholly_on: Values
    lifetime_sparsity: Values
    population_sparsity: Values
    correlation: Values
    dimension: float

    @property
    def samples(self) -> int:
        return len(self.population_sparsity)

    @property
    def units(self) -> int:
        return len(self.mean)

    def of_units(self, chosen: NDArray[np.intp]) -> UnitStatistics:
        """The same with the units in another order; ``chosen`` (U,) names all of them."""
        arrays = ("mean", "variance", "root_mean_square", "zeros", "near_zeros", "on", "wholly_on", "lifetime_sparsity")
        ordered = {name: getattr(self, name)[chosen] for name in arrays}
        return replace(self, **ordered, correlation=self.correlation[np.ix_(chosen, chosen)])

    @cached_property
    def silent(self) -> Flags:
        """On for no sample, in no cell; (U,)."""
        silent: Flags = self.on == 0
        return silent

    @cached_property
    def always_on(self) -> Flags:
        """On for every sample, in all cells; (U,)."""
        always: Flags = self.wholly_on == 1
        return always

    @cached_property
    def ignoring(self) -> Flags:
        """Hardly changing from sample to sample, see `IGNORES`; constant units are among them; (U,)."""
        return np.sqrt(self.variance) <= IGNORES * self.root_mean_square

    @cached_property
    def constant(self) -> Flags:
        """Without any variation but rounding; (U,)."""
        return _constant(self.variance, self.root_mean_square)

    @cached_property
    def pairs(self) -> Values:
        """|r| of every pair of units that vary, each pair once."""
        varying = np.flatnonzero(~self.constant)
        rows, columns = np.triu_indices(len(varying), 1)
        return np.abs(self.correlation[varying[rows], varying[columns]])

    @property
    def mean_correlation(self) -> float:
        """Mean |r| over the pairs of units that vary; NaN where there is no pair."""
        return float(self.pairs.mean()) if len(self.pairs) else math.nan

    @property
    def strongly_correlated(self) -> float:
        """Share of those pairs whose |r| is at least `STRONG`; NaN where there is no pair."""
        return float((self.pairs >= STRONG).mean()) if len(self.pairs) else math.nan

    @property
    def mean_lifetime_sparsity(self) -> float:
        """Over the units that are not always 0; NaN where there is none."""
        return _mean_known(self.lifetime_sparsity)

    @property
    def mean_population_sparsity(self) -> float:
        """Over the samples for which any unit is not 0; NaN where there is none."""
        return _mean_known(self.population_sparsity)


def unit_statistics(
    activations: ArrayLike, threshold: float = 0.0, *, lows: ArrayLike | None = None, highs: ArrayLike | None = None
) -> UnitStatistics:
    """Describe units by their activations over samples.

    Parameters
    ----------
    activations : array (samples, units)
        Up to the sizes of float32, whose squares are worked out in float64.
    threshold : float
        A unit is on where its activation is above this.
    lows, highs : array (samples, units), optional
        Where an activation stands for a whole map, by its mean for example: the smallest and the largest value of the
        map, which tell what is on.

    Raises
    ------
    ValueError
        The activations are no such matrix, or those of no sample are finite.
    """
    values = np.asarray(activations, np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"Statistics of units need activations (samples, units), not an array of {values.shape}.")
    finite = np.isfinite(values).all(axis=1)
    if not finite.any():
        raise ValueError("For no sample are the activations of all units finite: the weights have run away.")
    left_out = int(len(values) - finite.sum())
    smallest, largest = (values if each is None else np.asarray(each, np.float64) for each in (lows, highs))
    values, smallest, largest = values[finite], smallest[finite], largest[finite]
    mean = values.mean(axis=0)
    centred = values - mean
    variance = np.square(centred).mean(axis=0)
    square = np.square(values)
    root_mean_square = np.sqrt(square.mean(axis=0))
    covariance = centred.T @ centred / len(values)
    near = NEAR_ZERO * math.sqrt(float(square.mean()))
    return UnitStatistics(
        threshold,
        left_out,
        mean,
        variance,
        root_mean_square,
        (values == 0).mean(axis=0),
        (np.abs(values) <= near).mean(axis=0),
        (largest > threshold).mean(axis=0),
        (smallest > threshold).mean(axis=0),
        sparsity(values, axis=0),
        sparsity(values, axis=1),
        _correlation(covariance, _constant(variance, root_mean_square)),
        participation_ratio(covariance),
    )


def sparsity(activations: ArrayLike, axis: int) -> Values:
    """Sparsity along ``axis``, see :class:`UnitStatistics`: 0 where all are equally strong, 1 where one alone is not 0.

    NaN where all are 0, or where there is only one.
    """
    sizes = np.abs(np.asarray(activations, np.float64))
    count = sizes.shape[axis]
    power = np.square(sizes).mean(axis=axis)
    known = (power > 0) & (count > 1)
    ratio = np.square(sizes.mean(axis=axis)) / np.where(known, power, 1.0)
    found: Values = np.where(known, np.clip((1 - ratio) / (1 - 1 / max(count, 2)), 0.0, 1.0), np.nan)
    return found


def participation_ratio(covariance: ArrayLike) -> float:
    """``(Σ λ)² / Σ λ²`` of the eigenvalues of a covariance (U, U), from its trace and its norm; NaN where it is 0."""
    matrix = np.asarray(covariance, np.float64)
    reach = float(np.abs(matrix).max(initial=0.0))
    if reach == 0:
        return math.nan
    matrix = matrix / reach
    return float(np.trace(matrix) ** 2 / np.square(matrix).sum())


def _constant(variance: Values, root_mean_square: Values) -> Flags:
    constant: Flags = np.sqrt(variance) <= CONSTANT * root_mean_square
    return constant


def _correlation(covariance: Values, constant: Flags) -> Values:
    deviation = np.sqrt(np.diag(covariance))
    deviation[constant] = np.nan
    found: Values = np.clip(covariance / np.outer(deviation, deviation), -1.0, 1.0)
    varying = np.flatnonzero(~constant)
    found[varying, varying] = 1.0
    return found


def _mean_known(values: Values) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
