"""``cnnviz.receptive_field``."""

import doctest
from fractions import Fraction

import pytest
from torch import nn

import cnnviz
from cnnviz.core import module_fields
from cnnviz.nets.public import PUBLIC_ARCHITECTURES


def test_the_public_function_tells_size_stride_and_padding_of_each_layer() -> None:
    module = PUBLIC_ARCHITECTURES["alexnet"].make(channels=3, classes=10)
    fields = cnnviz.receptive_field(module)
    pool = fields["features.12"]
    assert (pool.size, pool.stride, pool.padding) == ((195, 195), (32, 32), (66, 66))
    assert list(fields)[:3] == ["input", "features.0", "features.1"]
    assert module.training


def test_rows_and_columns_may_differ_and_strides_be_fractions() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, (3, 5), (2, 1), (1, 0)), nn.Upsample(scale_factor=(3, 1))).double()
    field = cnnviz.receptive_field(module, (1, 12, 20))["1"]
    assert (field.size, field.stride, field.padding) == ((3, 5), (Fraction(2, 3), 1), (1, 0))
    assert field.varies


def test_the_example_of_the_docstring() -> None:
    results = doctest.testmod(module_fields)
    assert (results.attempted, results.failed) == (2, 0)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((3, 32), r"input_size is \(channels, rows, columns\), such as \(3, 224, 224\), and not \(3, 32\)"),
        ((3, 0, 32), "input_size is"),
        ((1, 32, 32), r"does not run on an image of 1×32×32: .* 3 channels.*; pass another input_size"),
        ((3, 2, 2), "does not run on an image of 3×2×2: .*; pass another input_size"),
    ],
)
def test_sizes_that_do_not_fit_are_told(size: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cnnviz.receptive_field(nn.Conv2d(3, 1, 5), size)
