"""Every kind of pooling against torch's operators, brute force over windows, and the published blur pooling."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from cnnviz.core.choices import PADDING_WORDS
from cnnviz.core.pooling import POOLING_KINDS, Pool2d, Pooling, binomial, blur, gaussian_window, pool

EXACT = {"rtol": 0, "atol": 0}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SUMMARIES = {
    "max": lambda cells, weights: max(cells),
    "average": lambda cells, weights: sum(cells) / len(cells),
    "l2_sum": lambda cells, weights: math.sqrt(sum(c * c for c in cells)),
    "l2_mean": lambda cells, weights: math.sqrt(sum(c * c for c in cells) / len(cells)),
    "weighted": lambda cells, weights: sum(c * w for c, w in zip(cells, weights, strict=True)) / sum(weights),
}


def by_hand(maps: np.ndarray, pooling: Pooling) -> np.ndarray:
    """One map, window by window; what lies beyond the border is looked up as the padding mode says."""
    (rows, columns), (height, width) = pooling.kernel_size, maps.shape
    (top, _), (left, _) = pooling.padding
    outputs = pooling.output_size(height, width)
    found = np.zeros(outputs)
    for i, j in itertools.product(*map(range, outputs)):
        cells, weights = [], []
        for a, b in itertools.product(range(rows), range(columns)):
            y = i * pooling.stride[0] - top + a * pooling.dilation[0]
            x = j * pooling.stride[1] - left + b * pooling.dilation[1]
            inside = 0 <= y < height and 0 <= x < width
            beyond = y >= height + pooling.padding[0][1] or x >= width + pooling.padding[1][1]
            if beyond or (not inside and pooling.padding_mode == "excluded"):
                continue
            if inside:
                cells.append(maps[y, x])
            elif pooling.padding_mode == "zeros":
                cells.append(0.0)
            elif pooling.padding_mode == "circular":
                cells.append(maps[y % height, x % width])
            else:
                mode = {"reflect": "reflect", "replicate": "edge"}[pooling.padding_mode]
                cells.append(np.pad(maps, 8, mode=mode)[y + 8, x + 8])
            distance = (a - (rows - 1) / 2) ** 2 + (b - (columns - 1) / 2) ** 2
            weights.append(math.exp(-distance / (2 * pooling.sigma**2)))
        found[i, j] = SUMMARIES[pooling.kind](cells, weights)
    return found


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from(sorted(SUMMARIES)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    ceil_mode=st.booleans(),
    mode=st.sampled_from(["excluded", *PADDING_WORDS]),
    sigma=st.floats(0.3, 3),
)
def test_each_kind_is_what_its_windows_say(kind, kernel, stride, share, dilation, ceil_mode, mode, sigma):
    most = [(k - 1) // 2 * d for k, d in zip(kernel, dilation, strict=True)]
    widths = tuple((round(a * p), round(b * p)) for a, b, p in zip(share[:2], share[2:], most, strict=True))
    pooling = Pooling(kind, kernel, stride, widths, dilation, ceil_mode, mode, sigma)
    maps = noise(1, 2, 9, 8)
    found = pool(maps, pooling)
    for channel in range(2):
        expected = by_hand(maps[0, channel].numpy(), pooling)
        np.testing.assert_allclose(found[0, channel].numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 1), (4, 3, 2)])
def test_torch_gives_the_same(kernel, stride, padding, ceil_mode):
    maps = noise(2, 3, 10, 11).float()

    def found(kind, mode):
        return pool(maps, Pooling.of(kind, kernel, stride, padding, ceil_mode=ceil_mode, padding_mode=mode))

    torch.testing.assert_close(
        found("max", "excluded"), F.max_pool2d(maps, kernel, stride, padding, ceil_mode=ceil_mode), **EXACT
    )
    for mode, counted in (("zeros", True), ("excluded", False)):
        expected = F.avg_pool2d(maps, kernel, stride, padding, ceil_mode, counted)
        torch.testing.assert_close(found("average", mode), expected)
    if not padding:
        expected = F.lp_pool2d(maps, 2, kernel, stride)
        torch.testing.assert_close(pool(maps, Pooling.of("l2_sum", kernel, stride)), expected)
        torch.testing.assert_close(pool(maps, Pooling.of("l2_mean", kernel, stride)), expected / kernel)


def test_at_stride_one_scipy_gives_the_same():
    maps = noise(1, 1, 9, 7)
    image = maps[0, 0].numpy()
    for mode, other in (("circular", "wrap"), ("replicate", "nearest"), ("reflect", "mirror")):
        dense = Pooling("max", (3, 3), (1, 1), ((1, 1), (1, 1)), padding_mode=mode)
        np.testing.assert_array_equal(pool(maps, dense)[0, 0], ndimage.maximum_filter(image, 3, mode=other))
        mean = Pooling("average", (3, 3), (1, 1), ((1, 1), (1, 1)), padding_mode=mode)
        np.testing.assert_allclose(pool(maps, mean)[0, 0], ndimage.uniform_filter(image, 3, mode=other), atol=1e-12)


@pytest.mark.parametrize("taps", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_blur_pooling_is_the_published_one(taps, stride):
    """Zhang 2019, section 3.2: the maximum at stride 1, then a normalised binomial kernel at the stride, mirrored."""
    maps = noise(2, 3, 12, 13)
    rows = {1: [1], 2: [1, 1], 3: [1, 2, 1], 4: [1, 3, 3, 1], 5: [1, 4, 6, 4, 1]}
    rows |= {6: [1, 5, 10, 10, 5, 1], 7: [1, 6, 15, 20, 15, 6, 1]}
    row = torch.tensor(rows[taps], dtype=torch.float64)
    kernel = torch.outer(row, row) / row.sum() ** 2
    before, after = int((taps - 1) / 2), math.ceil((taps - 1) / 2)
    for kind, dense in (
        ("blur_max", F.max_pool2d(maps, 2, stride=1)),
        ("blur_average", F.avg_pool2d(maps, 2, stride=1)),
    ):
        padded = F.pad(dense, (before, after, before, after), mode="reflect") if taps > 1 else dense
        expected = F.conv2d(padded, kernel.expand(3, 1, taps, taps), stride=stride, groups=3)
        torch.testing.assert_close(pool(maps, Pooling.of(kind, 2, stride, taps=taps)), expected)
    torch.testing.assert_close(binomial(taps), row / row.sum())


def test_one_tap_blurs_nothing_and_leaves_plain_pooling():
    maps = noise(1, 2, 9, 9)
    for ceil_mode in (False, True):
        plain = F.max_pool2d(maps, 3, 2, 1, ceil_mode=ceil_mode)
        blurred = pool(maps, Pooling.of("blur_max", 3, 2, 1, ceil_mode=ceil_mode, taps=1))
        torch.testing.assert_close(blurred, plain, **EXACT)
        assert pool(maps, Pooling.of("blur_average", 3, 2, 1, ceil_mode=ceil_mode, taps=5)).shape == plain.shape


def test_the_blur_is_scipys_correlation():
    maps = noise(1, 1, 8, 9)
    row = binomial(5).numpy()
    expected = ndimage.correlate(maps[0, 0].numpy(), np.outer(row, row), mode="wrap")
    np.testing.assert_allclose(blur(maps, 5, mode="circular")[0, 0], expected, atol=1e-12)


def test_a_strided_convolution_is_one_of_each_channel_alone():
    maps = noise(2, 3, 9, 10)
    kernel = ((0.5, -1.0, 0.25), (2.0, 0.0, 1.0))
    expected = F.conv2d(maps, torch.tensor(kernel, dtype=maps.dtype).expand(3, 1, 2, 3), stride=(2, 1), groups=3)
    torch.testing.assert_close(pool(maps, Pooling("strided", (2, 3), (2, 1), kernel=kernel)), expected)
    torch.testing.assert_close(pool(maps, Pooling.of("strided", 3, 2)), maps[:, :, 1:8:2, 1:9:2], **EXACT)
    torch.testing.assert_close(pool(maps, Pooling.of("strided", 2)), maps[:, :, 0:8:2, 0::2], **EXACT)
    mean = pool(maps, Pooling("strided", kernel=((0.25, 0.25), (0.25, 0.25))))
    torch.testing.assert_close(mean, F.avg_pool2d(maps, 2))


def test_the_gaussian_falls_with_the_distance_from_the_centre():
    window = gaussian_window((3, 5), 0.8)
    assert window.sum() == pytest.approx(1)
    assert window[1, 2] / window[0, 2] == pytest.approx(math.exp(1 / (2 * 0.8**2)))
    maps = noise(1, 1, 6, 6)
    torch.testing.assert_close(pool(maps, Pooling.of("weighted", 2)), F.avg_pool2d(maps, 2))
    torch.testing.assert_close(pool(maps, Pooling.of("weighted", 3, sigma=1e6)), F.avg_pool2d(maps, 3))


@pytest.mark.parametrize("kind", POOLING_KINDS)
def test_gradients_are_right_and_finite(kind):
    maps = noise(1, 2, 5, 5).requires_grad_()
    pooling = Pooling.of(kind, 2, 2, 0, ceil_mode=True, padding_mode="circular")
    assert torch.autograd.gradcheck(lambda x: pool(x, pooling), maps)
    zeros = torch.zeros(1, 1, 4, 4, requires_grad=True)
    pool(zeros, Pooling.of(kind)).sum().backward()
    assert torch.isfinite(zeros.grad).all()


@pytest.mark.parametrize("kind", POOLING_KINDS)
def test_a_value_that_is_no_number_is_seen(kind):
    maps = torch.full((1, 1, 4, 4), math.nan)
    assert torch.isnan(pool(maps, Pooling.of(kind, 2))).all()


@pytest.mark.parametrize("mode", PADDING_WORDS)
@pytest.mark.parametrize("kind", POOLING_KINDS)
def test_with_periodic_padding_alone_a_wrapped_shift_by_the_stride_is_a_shift_of_the_result(kind, mode):
    maps = noise(1, 2, 12, 12)
    for window, padding in ((3, 1), (2, 0)):
        pooling = Pooling.of(kind, window, 2, padding, padding_mode=mode, blur_padding=mode)
        left, right = pool(maps.roll((4, 2), (2, 3)), pooling), pool(maps, pooling).roll((2, 1), (2, 3))
        # without padding, or where the cell that is kept lies in the middle of its window, none of it is read
        reads_padding = pooling.blurs or (padding and kind != "strided")
        assert torch.allclose(left, right) == (mode == "circular" or not reads_padding), (window, mode)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(POOLING_KINDS),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    taps=st.integers(1, 4),
)
def test_the_geometry_says_which_cells_are_read(kind, kernel, stride, dilation, taps):
    """One cell of the middle at a time, against the support of its gradient."""
    pooling = Pooling.of(kind, kernel, stride, (kernel - 1) // 2, dilation, taps=taps)
    maps = (noise(1, 1, 24, 24).abs() + 0.5).requires_grad_()
    outputs = pool(maps, Pooling(**{**_fields(pooling), "kind": _MEANS.get(kind, kind)}))
    geometry = Pool2d(pooling).layer_geometry
    at = outputs.shape[-1] // 2
    (gradient,) = torch.autograd.grad(outputs[0, 0, at, at], maps)
    reached = gradient[0, 0].abs().amax(0).nonzero().flatten().tolist()
    first = at * stride - geometry.padding[1][0]
    places = {first + step * geometry.dilation[1] for step in range(geometry.kernel_size[1])}
    assert set(reached) <= places
    assert {min(reached), max(reached)} == {min(places), max(places)}


# a maximum has the gradient of one cell alone; the mean in its place reads the same cells
_MEANS = {"max": "average", "blur_max": "blur_average"}


def _fields(pooling: Pooling) -> dict:
    return {name: getattr(pooling, name) for name in Pooling.__dataclass_fields__}


def test_a_window_that_does_not_fit_and_settings_that_mean_nothing_are_said():
    maps = torch.zeros(1, 1, 3, 3)
    with pytest.raises(ValueError, match="window of 5 does not fit a map of 3"):
        pool(maps, Pooling.of("average", 5))
    with pytest.raises(ValueError, match="window of 5 does not fit a map of 3"):
        pool(maps, Pooling.of("max", 5))
    for wrong in (
        {"kind": "median"},
        {"kernel_size": (0, 2)},
        {"padding": ((2, 2), (0, 0))},
        {"sigma": 0.0},
        {"taps": 0},
        {"kernel": ((1.0,),)},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            Pooling(**{"kind": "max", **wrong})


def test_a_layer_of_pooling_tells_its_kind():
    layer = Pool2d(Pooling.of("blur_max", 3, 2))
    assert (layer.layer_kind, layer.layer_summary) == ("BlurPool2d", "Blur max 3×3 /2")
    assert "Blur max" in repr(nn.Sequential(layer))


@pytest.mark.parametrize("kind", ["average", "weighted", "strided"])
def test_the_weights_that_are_told_are_those_that_are_used(kind):
    maps = noise(1, 1, 9, 9)
    for pooling in (Pooling.of(kind, 3, 2, sigma=0.7), Pooling.of(kind, 2, 1), Pooling.of(kind, (2, 3), 1)):
        expected = F.conv2d(maps, pooling.weights.to(maps)[None, None], stride=pooling.stride)
        torch.testing.assert_close(pool(maps, pooling), expected)
