import csv
import io

import numpy as np
import pytest

from cnnviz.core.curves import Curves, Series, series, to_csv


def _read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_curves_over_the_same_places_share_a_column() -> None:
    x = [-1, 0, 1]
    plot = Curves("t", "shift (px)", "error", (series("conv1", x, [0.5, 0.0, 0.25]), series("conv2", x, [1, 2, 3])))
    assert _read(to_csv(plot)) == [
        ["shift (px)", "conv1", "conv2"],
        ["-1", "0.5", "1"],
        ["0", "0", "2"],
        ["1", "0.25", "3"],
    ]


def test_curves_over_other_places_bring_their_own_column() -> None:
    plot = Curves("t", "step", "loss", (series("a", [0, 1, 2], [3, 2, 1]), series("b", [0, 5], [9, 8])))
    rows = _read(to_csv(plot))
    assert rows[0] == ["step", "a", "step", "b"]
    assert rows[1:] == [["0", "3", "0", "9"], ["1", "2", "5", "8"], ["2", "1", "", ""]]


def test_a_band_is_the_value_and_its_spread_to_both_sides() -> None:
    plot = Curves("t", "x", "y", (series('mean, of "all"', [0.5], [2.0], [0.25]),))
    assert _read(to_csv(plot)) == [
        ["x", 'mean, of "all"', 'mean, of "all" (low)', 'mean, of "all" (high)'],
        ["0.5", "2", "1.75", "2.25"],
    ]


def test_every_digit_survives_and_gaps_are_empty() -> None:
    values = [1 / 3, float("nan"), 1e-300]
    rows = _read(to_csv(Curves("t", "x", "y", (series("a", [0, 1, 2], values),))))
    assert float(rows[1][1]) == values[0]
    assert rows[2][1] == ""
    assert float(rows[3][1]) == values[2]


def test_named_places_stand_under_their_names() -> None:
    plot = Curves("t", "layer", "size", (series("a", [0, 1], [1, 3]),), x_names=("input", "conv1"))
    assert [row[0] for row in _read(to_csv(plot))] == ["layer", "input", "conv1"]


def test_what_does_not_fit_together_is_refused() -> None:
    x = np.arange(3.0)
    with pytest.raises(ValueError, match="both"):
        Series("a", x, x, low=x)
    with pytest.raises(ValueError, match="places"):
        Series("a", x, np.arange(4.0))
    with pytest.raises(ValueError, match="same name"):
        Curves("t", "x", "y", (series("a", x, x), series("a", x, x)))
