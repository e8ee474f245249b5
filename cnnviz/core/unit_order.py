"""In which order units, and samples, stand beside each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnviz.core.choices import UnitOrder
from cnnviz.core.unit_statistics import UnitStatistics

Indices = NDArray[np.intp]

_MOST_FOR_BEST_LEAVES = 160
"""Beyond so many units the best order of a tree's leaves takes longer than it is worth."""


def order_of_units(
    order: UnitOrder, activations: NDArray[np.floating], labels: NDArray[np.integer], statistics: UnitStatistics
) -> Indices:
    """A permutation of the units.

    Parameters
    ----------
    order : str
        ``as-is``; ``variance``, the largest first; ``class``, by the class for which each is strongest on the mean;
        ``correlation``, units of similar |r| beside each other, constant ones last.
    activations : array (samples, units)
    labels : array (samples,) of int
        The class of each sample.
    """
    count = activations.shape[1]
    if order == "variance":
        return np.argsort(-statistics.variance, kind="stable")
    if order == "class":
        best, lead = preferred_classes(activations, labels)
        return np.lexsort((-lead, best))
    if order == "correlation":
        return _by_correlation(statistics)
    return np.arange(count)


def preferred_classes(
    activations: NDArray[np.floating], labels: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The class with the largest mean activation of each unit, and by how much it leads the mean over all classes.

    ``activations`` is (samples, units), ``labels`` (samples,); both results are (units,). Classes without a sample
    are none.
    """
    present = np.unique(labels)
    means = np.stack([activations[labels == label].astype(np.float64).mean(axis=0) for label in present])
    best = means.argmax(axis=0)
    return present[best].astype(np.intp), means.max(axis=0) - means.mean(axis=0)


def _by_correlation(statistics: UnitStatistics) -> Indices:
    """Average linkage of the distances 1 − |r|; of the leaves' orders that in which neighbours are most alike."""
    varying = np.flatnonzero(~statistics.constant)
    constant = np.flatnonzero(statistics.constant)
    if len(varying) < 3:
        return np.concatenate([varying, constant])
    from scipy.cluster.hierarchy import leaves_list, linkage

    tree = linkage(1 - statistics.pairs, "average", optimal_ordering=len(varying) <= _MOST_FOR_BEST_LEAVES)
    return np.concatenate([varying[leaves_list(tree)], constant])


def balanced_choice(labels: NDArray[np.integer], most: int) -> Indices:
    """At most ``most`` places of ``labels`` (N,), the classes in turn, each class evenly spread over its members.

    Any beginning of it has about as many samples of each class, so that a few say roughly what all will.
    """
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    shares = _fair_shares([len(each) for each in members], most)
    ranks, places = [], []
    for each, share in zip(members, shares, strict=True):
        spread = each[np.linspace(0, len(each) - 1, share).round().astype(np.intp)] if share else each[:0]
        places.append(_far_apart(spread))
        ranks.append(np.arange(share))
    if not places:
        return np.zeros(0, np.intp)
    order = np.argsort(np.concatenate(ranks), kind="stable")
    return np.concatenate(places)[order]


def _fair_shares(sizes: list[int], most: int) -> list[int]:
    """As equal as the sizes allow, adding up to ``most`` or to all there are."""
    shares = [0] * len(sizes)
    left = min(most, sum(sizes))
    while left:
        open_classes = [index for index, size in enumerate(sizes) if shares[index] < size]
        each = max(left // len(open_classes), 1)
        for index in open_classes:
            taken = min(each, sizes[index] - shares[index], left)
            shares[index] += taken
            left -= taken
    return shares


def _far_apart(spread: Indices) -> Indices:
    """The same in an order of which any beginning is spread over the whole."""
    count = len(spread)
    if count < 3:
        return spread
    stride = next(step for step in range(max(round(count * 0.618), 1), count + 1) if np.gcd(step, count) == 1)
    return spread[np.arange(count) * stride % count]
