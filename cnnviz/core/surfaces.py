"""Functions of two numbers on which optimisers are compared, each with its gradient; without torch.

Values and gradients are written with operators alone, so that they take arrays as well as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SurfaceName = Literal["bowl", "rosenbrock", "beale", "saddle", "himmelblau", "noisy-bowl", "least-squares"]

Pair = tuple[float, float]
Function = Callable[[Any, Any], Any]
Gradient = Callable[[Any, Any], tuple[Any, Any]]


@dataclass(frozen=True, eq=False)
class Surface:
    """A function of two numbers.

    Attributes
    ----------
    note : str
        What is to be seen on it, in a sentence.
    x, y : (float, float)
        The part that is looked at.
    minima : tuple of (float, float)
        All places of the least value.
    floor : float
        The least value.
    softness : float
        Of the logarithmic scale of heights: log(1 + (value − floor) / softness).
    start, learning_rate : (float, float), float
        From where, and how fast, one begins.
    """

    title: str
    note: str
    value: Function
    gradient: Gradient
    x: Pair
    y: Pair
    minima: tuple[Pair, ...]
    start: Pair
    learning_rate: float
    floor: float = 0.0
    softness: float = 1.0
    x_label: str = "x"
    y_label: str = "y"


def _bowl(x: Any, y: Any) -> Any:
    return 0.5 * (x * x + 20.0 * y * y)


def _bowl_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return x, 20.0 * y


def _rosenbrock(x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


def _rosenbrock_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    away = y - x * x
    return -2.0 * (1.0 - x) - 400.0 * x * away, 200.0 * away


def _beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _beale_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    one, two, three = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    along = 2.0 * (one * (y - 1.0) + two * (y**2 - 1.0) + three * (y**3 - 1.0))
    return along, 2.0 * x * (one + 2.0 * two * y + 3.0 * three * y**2)


def _saddle(x: Any, y: Any) -> Any:
    return 0.5 * x * x - 0.5 * y * y + 0.125 * y**4 + 0.5


def _saddle_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return x, -y + 0.5 * y**3


def _himmelblau(x: Any, y: Any) -> Any:
    return (x * x + y - 11.0) ** 2 + (x + y * y - 7.0) ** 2


def _himmelblau_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    one, two = x * x + y - 11.0, x + y * y - 7.0
    return 4.0 * x * one + 2.0 * two, 2.0 * one + 4.0 * y * two


class _Waves:
    """Ripples of random direction, length and phase on a round bowl; the same at every start of the program."""

    COUNT, DEPTH = 10, 0.18

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        angle, length = random.uniform(0, np.pi, self.COUNT), random.uniform(0.5, 1.4, self.COUNT)
        self.along_x = 2 * np.pi / length * np.cos(angle)
        self.along_y = 2 * np.pi / length * np.sin(angle)
        self.phase = random.uniform(0, 2 * np.pi, self.COUNT)

    def _turns(self, x: Any, y: Any) -> NDArray[np.float64]:
        x, y = np.asarray(x, float)[..., None], np.asarray(y, float)[..., None]
        return np.asarray(x * self.along_x + y * self.along_y + self.phase)

    def value(self, x: Any, y: Any) -> Any:
        return 0.5 * (x * x + y * y) + self.DEPTH * np.cos(self._turns(x, y)).sum(-1)

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        steep = -self.DEPTH * np.sin(self._turns(x, y))
        return x + steep @ self.along_x, y + steep @ self.along_y


class LeastSquares:
    """The mean over 64 points (u, v) of ½ (slope · u + offset − v)², as a function of slope and offset.

    Its gradient over some of the points alone is that of a mini-batch. The points' u lie around 1, so that slope and
    offset pull at each other and the valley is long.
    """

    POINTS = 64

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.u = random.normal(1.0, 1.0, self.POINTS)
        self.v = 1.5 * self.u - 1.0 + random.normal(0.0, 1.0, self.POINTS)

    def value(self, x: Any, y: Any) -> Any:
        """Of all points together."""
        u, v = self.u, self.v
        return (
            0.5
            * (x * x * (u @ u) + y * y * len(u) + v @ v + 2 * x * y * u.sum() - 2 * x * (u @ v) - 2 * y * v.sum())
            / len(u)
        )

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Of all points together."""
        return self.batch_gradient(x, y, slice(None))

    def batch_gradient(self, x: Any, y: Any, batch: Any) -> tuple[Any, Any]:
        """Of the mean over the points ``batch``, an index into them."""
        u, v = self.u[batch], self.v[batch]
        square, mean, count = u @ u / len(u), u.sum() / len(u), len(u)
        return x * square + y * mean - u @ v / count, x * mean + y - v.sum() / count

    def minimum(self) -> Pair:
        """Slope and offset of the line of least squares."""
        slope, offset = np.polyfit(self.u, self.v, 1)
        return float(slope), float(offset)


def batches_of(points: int, size: int, seed: int = 0) -> Callable[[int], NDArray[np.int64]]:
    """The points of each mini-batch, by the step: shuffled anew in each epoch, each point once in it.

    Where ``size`` does not divide ``points``, the last batch of an epoch is smaller.
    """
    a_epoch = -(-points // size)

    @lru_cache(maxsize=4)
    def order(epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, epoch)).permutation(points)

    def batch(step: int) -> NDArray[np.int64]:
        epoch, number = divmod(step, a_epoch)
        return order(epoch)[number * size : (number + 1) * size]

    return batch


@lru_cache(maxsize=1)
def least_squares() -> LeastSquares:
    """The one data set of the surface ``least-squares``."""
    return LeastSquares()


def _lowest(function: Function, x: Pair, y: Pair) -> tuple[Pair, float]:
    """The least value in a box, found on a fine grid and refined around it."""
    for _ in range(4):
        across, down = np.linspace(*x, 241), np.linspace(*y, 241)
        values = function(across[None, :], down[:, None])
        row, column = np.unravel_index(int(values.argmin()), values.shape)
        best = float(across[column]), float(down[row])
        wide, high = (x[1] - x[0]) / 60, (y[1] - y[0]) / 60
        x, y = (best[0] - wide, best[0] + wide), (best[1] - high, best[1] + high)
    return best, float(function(*best))


def _make_surfaces() -> Mapping[SurfaceName, Surface]:
    waves, squares = _Waves(), least_squares()
    noisy_minimum, noisy_floor = _lowest(waves.value, (-3.0, 3.0), (-3.0, 3.0))
    line = squares.minimum()
    return MappingProxyType(
        {
            "bowl": Surface(
                "Ill-conditioned bowl",
                "20 times steeper in y than in x: a rate that suits one is wrong for the other.",
                _bowl, _bowl_gradient, (-5.0, 5.0), (-2.5, 2.5), ((0.0, 0.0),), (-4.5, 1.8), 0.05, softness=0.5,
            ),
            "rosenbrock": Surface(
                "Rosenbrock's valley",
                "Into the curved valley is easy, along its flat floor to (1, 1) is not.",
                _rosenbrock, _rosenbrock_gradient, (-2.0, 2.0), (-1.0, 3.0), ((1.0, 1.0),), (-1.5, 2.0), 0.001,
            ),
            "beale": Surface(
                "Beale's plateau",
                "Almost flat around steep walls; the least value lies at (3, 0.5).",
                _beale, _beale_gradient, (-4.5, 4.5), (-4.5, 4.5), ((3.0, 0.5),), (1.0, 1.5), 0.004, softness=0.2,
            ),
            "saddle": Surface(
                "Saddle between two valleys",
                "Near y = 0 the gradient leads to the saddle, where it is 0; only what leaves the ridge comes down.",
                _saddle, _saddle_gradient, (-3.0, 3.0), (-2.5, 2.5), ((0.0, 2.0**0.5), (0.0, -(2.0**0.5))),
                (-2.5, 0.01), 0.1, softness=0.2,
            ),
            "himmelblau": Surface(
                "Himmelblau's four minima",
                "Four places are equally good; where one begins, and how fast, decides which is found.",
                _himmelblau, _himmelblau_gradient, (-5.5, 5.5), (-5.5, 5.5),
                ((3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848127)),
                (-0.3, -0.9), 0.005, softness=4.0,
            ),
            "noisy-bowl": Surface(
                "Noisy bowl",
                "A bowl with random ripples: small steps stay in the first dent, momentum rolls through.",
                waves.value, waves.gradient, (-3.0, 3.0), (-3.0, 3.0), (noisy_minimum,), (-2.4, 2.0), 0.02,
                floor=noisy_floor, softness=0.5,
            ),
            "least-squares": Surface(
                "Least squares over 64 points",
                "The loss is a mean over 64 points: a mini-batch gives a quick, noisy step, all points the true one.",
                squares.value, squares.gradient, (-2.0, 4.0), (-4.5, 2.5), (line,), (-1.2, 1.8), 0.1,
                floor=float(squares.value(*line)), softness=0.1, x_label="slope", y_label="offset",
            ),
        }
    )  # fmt: skip


SURFACES: Mapping[SurfaceName, Surface] = _make_surfaces()
