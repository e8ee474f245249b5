"""Invariance: curves against shift and warp, rotated detectors, pyramids and global pooling."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from skimage.transform import pyramid_gaussian
from torch import nn

from cnnviz.core.network_changes import SwapPooling
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene.document import Document

SIZE = (1, 8, 8)


@pytest.fixture
def results(tmp_path, handed, noisy):
    """All results of the panel for a module, coarse and fine; a failure that the hub hears fails the test."""

    def compute(module, size=SIZE, **edits):
        document = Document()
        document.edit("network.source", handed(module.eval(), size))
        document.edit_many(noisy | {key.replace("__", "."): value for key, value in edits.items()})
        hub = FailuresHub()
        failures = []
        hub.listen(failures.append)
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), hub)
        request = Request(document.scene, document.version, frozenset({"invariance"}))
        deliveries = list(computation.run(request, lambda: False, lambda: False))
        assert failures == []
        assert [dict(each.errors) for each in deliveries] == [{}] * len(deliveries)
        return [each.results["invariance"] for each in deliveries if "invariance" in each.results]

    return compute


def curve(result, name):
    (found,) = [each for each in result.curves.series if each.name == name]
    return dict(zip(found.x.tolist(), found.y.tolist(), strict=True))


def relative(one, other):
    return float((one - other).norm() / one.norm())


def test_every_pooling_of_the_shifted_map_as_torch_gives_it(results, seen, noisy, small):
    _, fine = results(small)
    image = seen(SIZE, noisy)
    poolings = {
        "maximum": lambda maps: F.max_pool2d(maps, 2),
        "average": lambda maps: F.avg_pool2d(maps, 2),
        "L2, root of sum": lambda maps: F.lp_pool2d(maps, 2, 2),
        "strided convolution": lambda maps: maps[..., ::2, ::2],
        "not pooled": lambda maps: maps,
    }
    for shift in (-16, -3, 0, 1, 6):
        moved = image.roll(shift, 3)
        with torch.no_grad():
            one, other = (small.relu(small.conv(each)) for each in (image, moved))
        assert curve(fine, "input pixels")[shift] == pytest.approx(relative(image, moved), abs=1e-6)
        for name, pool in poolings.items():
            assert curve(fine, name)[shift] == pytest.approx(relative(pool(one), pool(other)), abs=1e-5), name


def test_the_coarse_curves_come_first_and_lie_on_the_fine_ones(results, small):
    coarse, fine = results(small)
    assert (coarse.done, fine.done) == (9 / 33, 1)
    assert list(curve(coarse, "maximum")) == list(range(-16, 17, 4))
    assert list(curve(fine, "maximum")) == list(range(-16, 17))
    for name in ("maximum", "weighted by distance", "average, blurred"):
        whole = curve(fine, name)
        assert all(whole[x] == pytest.approx(y, abs=1e-6) for x, y in curve(coarse, name).items())


def test_the_inputs_own_shift_moves_the_line_and_not_the_curves(results, small):
    still, moved = results(small)[-1], results(small, input__edits__shift_columns=3.0)[-1]
    assert (still.cursor, moved.cursor) == (0, 3)
    for one, other in zip(still.curves.series, moved.curves.series, strict=True):
        np.testing.assert_allclose(one.y, other.y, atol=1e-6)


def test_behind_all_pooling_the_networks_of_every_kind_are_compared(results, seen, noisy, small):
    fine = results(small, selection__layer="head")[-1]
    image = seen(SIZE, noisy)
    for name, pool in (("maximum", F.max_pool2d), ("average", F.avg_pool2d)):

        def answer(x, pool=pool):
            with torch.no_grad():
                return small.head(pool(small.relu(small.conv(x)), 2).flatten(1))

        wanted = relative(answer(image), answer(image.roll(2, 3)))
        assert curve(fine, name)[2] == pytest.approx(wanted, abs=1e-5)


def test_a_swapped_pooling_before_changes_what_feeds_the_next(results, seen, noisy):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    nn.init.constant_(network[0].bias, 1.0)
    fine = results(network, selection__layer="2", changes=(SwapPooling("average", "1"),))[-1]
    image = seen(SIZE, noisy)
    with torch.no_grad():
        one, other = (F.relu(F.avg_pool2d(network[0](each), 2)) for each in (image, image.roll(1, 3)))
    assert curve(fine, "maximum")[1] == pytest.approx(relative(F.max_pool2d(one, 2), F.max_pool2d(other, 2)), abs=1e-5)


@pytest.mark.parametrize("border", ["zeros", "circular"])
def test_layers_against_shift_with_cosine(results, seen, noisy, small, border):
    edits = {"compare": "layers", "measure": "cosine", "border": border}
    fine = results(small, **{f"panels__invariance__{key}": value for key, value in edits.items()})[-1]
    assert [each.name for each in fine.curves.series] == ["input pixels", "conv", "pool", "head"]
    image = seen(SIZE, noisy)
    moved = image.roll(2, 3)
    if border == "zeros":
        moved[..., :2] = 0
    with torch.no_grad():
        one, other = small.conv(image).flatten(), small.conv(moved).flatten()
    assert curve(fine, "conv")[2] == pytest.approx(float(F.cosine_similarity(one, other, dim=0)), abs=1e-5)


def test_warps_of_growing_strength(results, seen, noisy, small):
    from cnnviz.core.warps import elastic_field

    settings = {"panels__invariance__subject": "warp", "panels__invariance__strength": 1.5}
    fine = results(small, **settings)[-1]
    image = seen(SIZE, noisy)
    rows, columns = np.mgrid[:8, :8]
    field = elastic_field(8, 8, 1.5).numpy()
    wanted = ndimage.map_coordinates(
        image[0, 0].numpy(), [rows + field[0], columns + field[1]], order=1, mode="nearest"
    )
    assert curve(fine, "input pixels")[1.5] == pytest.approx(relative(image[0, 0], torch.from_numpy(wanted)), abs=1e-5)
    (picture,) = fine.pictures
    most = max(float(image.max()), float(wanted.max()))
    np.testing.assert_allclose(picture.mosaic.indices[:, 8:] / 252 * most, wanted, atol=most / 252)
    assert fine.cursor == 1.5
    assert curve(fine, "maximum")[0] == pytest.approx(0, abs=1e-6)


def test_where_nothing_pools_the_maps_of_the_next_stride_are_pooled_in_every_way(results, seen, noisy):
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 2, 3, stride=2, padding=1)
    network = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(32, 2))
    fine = results(network)[-1]
    assert "0 at stride 1, pooled in every way; 0 itself moves on by 2 cells." in fine.words
    image = seen(SIZE, noisy)
    with torch.no_grad():
        dense = [F.conv2d(each, conv.weight, conv.bias, padding=1) for each in (image, image.roll(1, 3))]
        kept = [conv(image), conv(image.roll(1, 3))]
    assert curve(fine, "maximum")[1] == pytest.approx(relative(*(F.max_pool2d(each, 2) for each in dense)), abs=1e-5)
    assert curve(fine, "strided convolution")[1] == pytest.approx(relative(*kept), abs=1e-5)
    behind = results(network, selection__layer="3")[-1]
    assert "in networks whose strides are pooling of each kind" in behind.words
    with torch.no_grad():
        answers = [network[3](F.relu(F.avg_pool2d(each, 2)).flatten(1)) for each in dense]
    assert curve(behind, "average")[1] == pytest.approx(relative(*answers), abs=1e-5)


def test_a_map_that_is_zero_everywhere_leaves_a_gap(results, small):
    with torch.no_grad():
        small.conv.weight[:] = 0
        small.conv.bias[:] = -1
    fine = results(small)[-1]
    assert np.isnan(list(curve(fine, "maximum").values())).all()


def test_without_windows_the_layers_are_shown_and_why(results):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    fine = results(network)[-1]
    assert "no pooling with a window" in fine.words
    assert "0" in [each.name for each in fine.curves.series]


# channels


def test_the_maximum_over_quarter_turns_cannot_tell_them_apart(results):
    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv2d(1, 3, 5), nn.Flatten())
    settings = {"panels__invariance__subject": "channels", "panels__invariance__filters": 4, "selection__channel": 1}
    (found,) = results(network, **settings)
    weight = network[0].weight[1, 0].detach().numpy()
    rows, columns = np.mgrid[-2:3, -2:3]
    masked = weight * (rows**2 + columns**2 <= 6.25)
    for quarter in range(4):
        alone = float((np.rot90(masked, quarter) * masked).sum())
        assert curve(found, "the filter alone")[90 * quarter] == pytest.approx(alone, abs=1e-4)
        assert curve(found, "maximum over 4")[90 * quarter] == pytest.approx(float((masked**2).sum()), abs=1e-4)


@pytest.mark.parametrize(("filters", "said"), [(1, "nothing to choose from"), (3, "it changes less"), (24, "hardly")])
def test_what_is_said_of_the_maximum_is_what_the_curves_show(results, filters, said):
    network = nn.Sequential(nn.Conv2d(1, 1, 5), nn.Flatten())
    edge = torch.tensor([-1.0, -1.0, 0.0, 1.0, 1.0]).expand(5, 5)
    network[0].weight = nn.Parameter(edge[None, None].clone())
    (found,) = results(network, panels__invariance__subject="channels", panels__invariance__filters=filters)
    assert said in found.words
    alone, best = (np.array([*curve(found, name).values()]) for name in ("the filter alone", f"maximum over {filters}"))
    spreads = [(each.max() - each.min()) / each.max() for each in (alone, best)]
    assert ("it changes less" in found.words) == (0.15 <= spreads[1] < spreads[0])
    assert ("hardly" in found.words) == (spreads[1] < 0.15)


def test_a_filter_that_is_another_ones_turn_is_found():
    from cnnviz.panels.invariance_channels import similar

    torch.manual_seed(0)
    weight = torch.randn(5, 2, 7, 7)
    weight[3] = torch.rot90(weight[1], 1, (1, 2)) * 2.5
    number, degrees, correlation = similar(weight, 1)[0]
    assert (number, degrees) == (3, 90)
    assert correlation == pytest.approx(1, abs=1e-4)


def test_a_filter_without_a_pattern_is_refused(refused):
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Flatten())
    assert "select a convolution" in refused("invariance", network, SIZE, {"panels.invariance.subject": "channels"})


# pyramids and sizes


def test_the_pyramids_are_scikit_images_and_the_halves_torchs(results, seen, noisy):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
    size = (1, 16, 16)
    (found,) = results(network, size, panels__invariance__subject="pyramids")
    gaussian, laplacian, halved = found.pictures
    assert gaussian.labels[:3] == ("16×16", "8×8", "4×4")
    image = seen(size, noisy)
    levels = pyramid_gaussian(image[0, 0].numpy(), max_layer=2)
    for number, level in enumerate(levels):
        top, left, _, _ = gaussian.mosaic.tile_rect(number)
        shown = gaussian.mosaic.indices[top : top + level.shape[0], left : left + level.shape[1]]
        np.testing.assert_allclose(shown / 252 * gaussian.mosaic.high, level, atol=gaussian.mosaic.high / 200)
    top, left, _, _ = halved.mosaic.tile_rect(1)
    wanted = F.avg_pool2d(image, 2)[0, 0]
    np.testing.assert_allclose(
        halved.mosaic.indices[top : top + 8, left : left + 8] / 252 * halved.mosaic.high, wanted, atol=0.01
    )
    assert laplacian.kind == "signed"
    assert "gives the image back, " in found.words


def test_what_the_pyramids_give_back_is_said_in_figures_or_as_exact(results):
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    texts = []
    for noise in (0.2, 0.0):
        place = {"input__edits__noise": noise, "panels__invariance__subject": "pyramids"}
        (found,) = results(network, (1, 32, 32), **place)
        texts.append(found.words.partition("gives the image back, ")[2].partition(".")[0])
    assert re.fullmatch(r"to within [1-9]e−[789]", texts[0])  # half of the last bit of a value near 1 is 6e−8
    assert texts[1] == "exactly"  # a grey square


def test_global_pooling_at_any_size_and_why_the_dense_layer_refuses(results, seen, noisy, small):
    (found,) = results(small, panels__invariance__subject="size")
    assert "4×4 → 2×2×4 → 1×1×4" in found.words
    assert "16×16 → 8×8×4 → 1×1×4" in found.words
    assert "head has weights for 64 values" in found.words
    image = seen(SIZE, noisy)
    larger = F.interpolate(image, (16, 16), mode="bilinear", align_corners=False, antialias=True)
    with torch.no_grad():
        one, other = (small.pool(small.relu(small.conv(each))).mean((2, 3)) for each in (image, larger))
    assert curve(found, "global average")[16] == pytest.approx(relative(one, other), abs=1e-5)
    assert curve(found, "global maximum")[8] == 0


def test_a_network_of_convolutions_alone_takes_every_size(results):
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    (found,) = results(network, panels__invariance__subject="size")
    assert "takes all these sizes" in found.words


def test_kinds_of_one_family_have_one_colour_and_other_lines(results, small):
    _, fine = results(small)
    looks = {each.name: (each.hue, each.stroke) for each in fine.curves.series if not each.reference}
    assert len(looks) == len(set(looks.values())) == 8
    for one, other in (
        ("maximum", "maximum, blurred"),
        ("average", "average, blurred"),
        ("L2, root of sum", "L2, root of mean"),
    ):
        assert looks[one][0] == looks[other][0]
    assert len({hue for hue, _ in looks.values()}) == 5
    # of the warm hues one is told apart by its line, too
    assert (looks["average"][1], looks["strided convolution"][1]) == ("solid", "dash-dotted")
