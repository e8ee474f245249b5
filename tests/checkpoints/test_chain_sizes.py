"""Sizes along a table against what torch computes, and impossible rows against where torch fails."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.checkpoints.chain_sizes import row_sizes
from cnnviz.checkpoints.chain_table import ChainGuess
from cnnviz.nets.chain import Chain
from cnnviz.nets.chain_layer import ChainLayer

POOLINGS = st.sampled_from(["none", "max", "average", "global"])


@st.composite
def chains(draw):
    rows = []
    channels = 1
    for index in range(draw(st.integers(1, 4))):
        outputs = draw(st.integers(1, 3))
        rows.append(
            ChainLayer(
                name=f"c{index}",
                kind="conv",
                inputs=channels,
                outputs=outputs,
                kernel_size=(draw(st.integers(1, 5)), draw(st.integers(1, 5))),
                stride=draw(st.integers(1, 3)),
                padding=(draw(st.integers(0, 2)), draw(st.integers(0, 2))),
                pooling=draw(POOLINGS),
                pooling_size=draw(st.integers(1, 4)),
                pooling_stride=draw(st.integers(1, 3)),
            )
        )
        channels = outputs
    rows.append(ChainLayer(name="l", kind="linear", inputs=draw(st.integers(1, 80)), outputs=2))
    size = (1, draw(st.integers(1, 14)), draw(st.integers(1, 14)))
    return ChainGuess(input_size=size, layers=tuple(rows))


@settings(deadline=None, max_examples=150)
@given(chains())
def test_sizes_are_those_of_torch(guess):
    sizes = row_sizes(guess)
    images = torch.zeros(1, *guess.input_size)
    failed = False
    for row, size in zip(guess.layers, sizes, strict=True):
        if failed:
            assert size.output is None
            assert not size.problem
            continue
        try:
            images = Chain((row,))(images)
        except RuntimeError:
            failed = True
            assert size.output is None
            assert size.problem
        else:
            assert size.output == tuple(images.shape[1:])


def test_a_linear_layer_says_what_maps_it_needs():
    conv = ChainLayer(name="a", kind="conv", inputs=1, outputs=16, kernel_size=(5, 5))
    linear = ChainLayer(name="b", kind="linear", inputs=400, outputs=10)
    guess = ChainGuess(input_size=(1, 8, 8), layers=(conv, linear))
    assert [size.output for size in row_sizes(guess)] == [(16, 4, 4), None]
    assert "5×5" in row_sizes(guess)[1].problem
    assert row_sizes(guess.with_layer("a", padding=(1, 1)).changed(input_size=(1, 7, 7)))[1].output == (10,)


def test_a_kernel_that_is_too_large_says_how_much_padding_helps():
    conv = ChainLayer(name="a", kind="conv", inputs=3, outputs=1, kernel_size=(7, 7))
    guess = ChainGuess(input_size=(3, 4, 4), layers=(conv,))
    assert "pad by 2" in row_sizes(guess)[0].problem
    assert row_sizes(guess.with_layer("a", padding=(2, 2)))[0].output == (1, 2, 2)
    assert "channels" in row_sizes(guess.changed(input_size=(1, 9, 9)))[0].problem
