import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.segmentation import flood

from cnnviz.data import strokes as module
from cnnviz.data.strokes import FILL_TOLERANCE, Drawing, Rasteriser, Stroke

BLACK = np.zeros((1, 28, 28), np.float32)
HOOK = ((4.3, 20.1), (6.0, 9.5), (15.2, 8.8), (22.7, 17.3), (12.0, 24.9))


def draw(base: np.ndarray, *strokes: Stroke, canvas: tuple[int, int] | None = None) -> np.ndarray:
    height, width = canvas or base.shape[1:]
    return Rasteriser().render(base, Drawing(height=height, width=width, strokes=strokes))


def dense_line(points: tuple[tuple[float, float], ...]) -> np.ndarray:
    return np.concatenate([np.asarray(points[:1])] + [np.linspace(a, b, 2000) for a, b in itertools.pairwise(points)])


@pytest.mark.parametrize("points", [HOOK, ((11.3, 17.8),)])
@pytest.mark.parametrize("diameter", [1.0, 2.2, 7.5])
def test_coverage_is_the_distance_to_the_line(points: tuple[tuple[float, float], ...], diameter: float) -> None:
    distance, _ = cKDTree(dense_line(points)).query(np.mgrid[:28, :28].reshape(2, -1).T + 0.5)
    expected = np.clip(diameter / 2 + 0.5 - distance.reshape(28, 28), 0, 1)
    np.testing.assert_allclose(draw(BLACK, Stroke(points=points, diameter=diameter))[0], expected, atol=2e-3)


@pytest.mark.parametrize("points", [HOOK, ((11.3, 17.8),)])
@pytest.mark.parametrize("diameter", [2.0, 5.0, 9.0])
def test_anti_aliasing_comes_close_to_supersampling(points: tuple[tuple[float, float], ...], diameter: float) -> None:
    fine = 15
    line = np.ones((28 * fine, 28 * fine), bool)
    line[tuple((dense_line(points) * fine).astype(int).T)] = False
    inside = ndimage.distance_transform_edt(line) <= diameter * fine / 2
    share = inside.reshape(28, fine, 28, fine).mean(axis=(1, 3))
    drawn = draw(BLACK, Stroke(points=points, diameter=diameter))[0]
    assert np.abs(drawn - share).max() < 0.22  # reached where two segments meet and at a small dot's rim
    # The soft rim of a dot adds π / 12 of a pixel whatever its size.
    assert drawn.sum() == pytest.approx(share.sum(), rel=0.03, abs=0.3)


def test_a_line_thinner_than_a_pixel_fades_in_proportion() -> None:
    one = draw(BLACK, Stroke(points=HOOK, diameter=1.0))
    for diameter in (0.5, 0.1):
        np.testing.assert_allclose(draw(BLACK, Stroke(points=HOOK, diameter=diameter)), one * diameter, atol=1e-6)


def test_joints_and_crossings_leave_no_seam() -> None:
    there_and_back = Stroke(points=(*HOOK, *HOOK[::-1]), diameter=3.3)
    np.testing.assert_allclose(draw(BLACK, there_and_back), draw(BLACK, Stroke(points=HOOK, diameter=3.3)), atol=1e-5)
    straight = ((14.0, 4.0), (14.0, 24.0))
    in_pieces = tuple((14.0, float(column)) for column in range(4, 25))
    np.testing.assert_allclose(
        draw(BLACK, Stroke(points=in_pieces, diameter=2.6)),
        draw(BLACK, Stroke(points=straight, diameter=2.6)),
        atol=1e-5,
    )


def test_a_stroke_through_the_borders_is_the_middle_of_a_larger_one() -> None:
    points = ((-5.0, 3.0), (14.0, 33.5), (30.7, 12.0), (9.0, -6.0))
    larger = np.zeros((1, 68, 68), np.float32)
    moved = tuple((row + 20, column + 20) for row, column in points)
    np.testing.assert_allclose(
        draw(BLACK, Stroke(points=points, diameter=4.0)),
        draw(larger, Stroke(points=moved, diameter=4.0))[:, 20:48, 20:48],
        atol=1e-5,
    )


def test_points_outside_the_canvas_leave_the_picture() -> None:
    far = ((-40.0, 10.0), (-90_000.0, 10.0), (50.0, 60.0))
    np.testing.assert_array_equal(draw(BLACK, Stroke(points=far[:2], diameter=6.0)), BLACK)
    np.testing.assert_array_equal(draw(BLACK, Stroke(tool="fill", points=((28.0, 3.0),))), BLACK)
    np.testing.assert_array_equal(draw(BLACK, Stroke(tool="fill", points=((-0.1, 3.0),))), BLACK)


def test_a_dot_is_round_and_in_its_place() -> None:
    dot = draw(BLACK, Stroke(points=((10.5, 17.5),), diameter=5.0))[0]
    rows, columns = np.mgrid[:28, :28]
    assert (rows * dot).sum() / dot.sum() == pytest.approx(10)
    assert (columns * dot).sum() / dot.sum() == pytest.approx(17)
    np.testing.assert_array_equal(dot, np.roll(dot, (7, -7), (0, 1)).T)
    assert dot[10, 17] == 1
    assert dot[10, 14] == 0


def test_colour_is_blended_over_what_lies_below() -> None:
    below = np.random.default_rng(0).random((3, 28, 28), np.float32)
    coverage = draw(BLACK, Stroke(points=HOOK, diameter=3.0))[0]
    drawn = draw(below, Stroke(points=HOOK, diameter=3.0, colour=(0.9, 0.1, 0.4)))
    for channel, value in enumerate((0.9, 0.1, 0.4)):
        np.testing.assert_allclose(drawn[channel], below[channel] * (1 - coverage) + value * coverage, atol=1e-6)
    np.testing.assert_array_equal(drawn[:, coverage == 0], below[:, coverage == 0])


def test_a_colour_on_a_grey_canvas_is_its_luminance() -> None:
    dot = draw(BLACK, Stroke(points=((14.5, 14.5),), diameter=5.0, colour=(1.0, 0.5, 0.0)))
    assert dot[0, 14, 14] == pytest.approx(0.299 + 0.587 / 2)


def test_the_eraser_brings_back_the_base() -> None:
    below = np.random.default_rng(1).random((3, 28, 28), np.float32)
    ink = Stroke(points=HOOK, diameter=6.0, colour=(1, 0, 0))
    rubbed = draw(below, ink, Stroke(tool="eraser", points=HOOK, diameter=9.0))
    np.testing.assert_allclose(rubbed, below, atol=1e-6)
    half = draw(below, ink, Stroke(tool="eraser", points=((6.0, 9.5),), diameter=4.0))
    np.testing.assert_array_equal(half[:, 6, 9], below[:, 6, 9])
    np.testing.assert_allclose(half[:, 22, 17], (1, 0, 0), atol=1e-6)


def test_fill_takes_the_connected_region() -> None:
    ring = Stroke(points=((6, 6), (6, 20), (20, 20), (20, 6), (6, 6)), diameter=2.0)
    outline = draw(BLACK, ring)
    filled = draw(BLACK, ring, Stroke(tool="fill", points=((13.2, 13.9), (0, 0)), colour=(0.5, 0.5, 0.5)))
    region = flood(outline[0], (13, 13), tolerance=FILL_TOLERANCE, connectivity=1)
    assert 100 < region.sum() < 200
    np.testing.assert_array_equal(filled[0], np.where(region, np.float32(0.5), outline[0]))


def test_a_drawing_is_rendered_at_another_size() -> None:
    large = np.zeros((1, 112, 112), np.float32)
    expected = draw(large, Stroke(points=tuple((4 * r, 4 * c) for r, c in HOOK), diameter=8.8))
    np.testing.assert_allclose(draw(large, Stroke(points=HOOK, diameter=2.2), canvas=(28, 28)), expected, atol=1e-4)


def test_axes_are_scaled_apart_and_the_brush_stays_round() -> None:
    wide = np.zeros((1, 28, 112), np.float32)
    expected = draw(wide, Stroke(points=tuple((r, 4 * c) for r, c in HOOK), diameter=6.0))
    np.testing.assert_allclose(draw(wide, Stroke(points=HOOK, diameter=3.0), canvas=(28, 28)), expected, atol=1e-4)


coordinates = st.tuples(st.floats(-8, 24), st.floats(-8, 24))
strokes = st.builds(
    Stroke,
    tool=st.sampled_from(["brush", "brush", "eraser", "fill"]),
    colour=st.tuples(*[st.sampled_from([0.0, 0.3, 1.0])] * 3),
    diameter=st.floats(0.2, 7),
    points=st.lists(coordinates, min_size=1, max_size=5).map(tuple),
)
drawings = st.lists(strokes, max_size=5).map(lambda some: Drawing(height=16, width=16, strokes=tuple(some)))


@settings(max_examples=80, deadline=None)
@given(drawings, st.sampled_from([1, 3]))
def test_point_by_point_equals_from_scratch(drawing: Drawing, channels: int) -> None:
    base = np.linspace(0, 1, channels * 12 * 20, dtype=np.float32).reshape(channels, 12, 20)
    rasteriser = Rasteriser()
    handed_out = [(rasteriser.render(base, Drawing(height=16, width=16)), base.copy())]
    growing = Drawing(height=16, width=16)
    for stroke in drawing.strokes:
        growing = growing.begun(stroke.model_copy(update={"points": stroke.points[:1]}))
        for row, column in stroke.points[1:]:
            result = rasteriser.render(base, growing)
            handed_out.append((result, result.copy()))
            growing = growing.extended(row, column)
    assert growing == drawing
    np.testing.assert_array_equal(rasteriser.render(base, growing), Rasteriser().render(base, drawing))
    for result, as_it_was in handed_out:
        np.testing.assert_array_equal(result, as_it_was)


@settings(max_examples=60, deadline=None)
@given(st.lists(drawings, min_size=2, max_size=4))
def test_any_drawing_may_follow_any_other(some: list[Drawing]) -> None:
    base = np.full((1, 16, 16), 0.2, np.float32)
    rasteriser = Rasteriser()
    for drawing in [*some, *(d.model_copy(update={"strokes": d.strokes[:1]}) for d in some)]:
        np.testing.assert_array_equal(rasteriser.render(base, drawing), Rasteriser().render(base, drawing))


def test_undo_goes_back_further_than_pictures_are_kept() -> None:
    rng = np.random.default_rng(2)
    drawing = Drawing(height=28, width=28)
    rasteriser = Rasteriser()
    for _ in range(30):
        drawing = drawing.begun(Stroke(points=tuple(map(tuple, rng.uniform(0, 28, (3, 2)).tolist())), diameter=2.0))
        rasteriser.render(BLACK, drawing)
    for count in range(29, -1, -1):
        shorter = drawing.model_copy(update={"strokes": drawing.strokes[:count]})
        np.testing.assert_array_equal(rasteriser.render(BLACK, shorter), Rasteriser().render(BLACK, shorter))


def test_a_step_back_draws_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing(height=28, width=28)
    rasteriser = Rasteriser()
    for row in range(8):
        drawing = drawing.begun(Stroke(points=((row * 3.0, 3.0), (row * 3.0, 25.0))))
    rasteriser.render(BLACK, drawing)
    shorter = [drawing.model_copy(update={"strokes": drawing.strokes[:count]}) for count in (7, 5, 4)]
    expected = [Rasteriser().render(BLACK, some) for some in shorter]
    monkeypatch.delattr(module, "_segment_coverage")
    for some, picture in zip(shorter, expected, strict=True):
        np.testing.assert_array_equal(rasteriser.render(BLACK, some), picture)


def test_another_base_or_size_is_seen() -> None:
    rasteriser = Rasteriser()
    drawing = Drawing(height=28, width=28, strokes=(Stroke(points=HOOK),))
    rasteriser.render(BLACK, drawing)
    grey = np.full((3, 14, 14), 0.5, np.float32)
    np.testing.assert_array_equal(rasteriser.render(grey, drawing), Rasteriser().render(grey, drawing))
    halved = drawing.model_copy(update={"height": 56, "width": 56})
    np.testing.assert_array_equal(rasteriser.render(grey, halved), Rasteriser().render(grey, halved))


def test_an_equal_drawing_is_answered_with_the_same_array() -> None:
    rasteriser = Rasteriser()
    first = rasteriser.render(BLACK, Drawing(height=28, width=28, strokes=(Stroke(points=HOOK),)))
    assert rasteriser.render(BLACK, Drawing(height=28, width=28, strokes=(Stroke(points=HOOK),))) is first
    assert BLACK.max() == 0


@pytest.mark.parametrize(
    "field",
    [
        {"points": ()},
        {"points": ((1.0, float("nan")),)},
        {"points": ((1e6, 0.0),)},
        {"diameter": 0},
        {"colour": (1.2, 0, 0)},
        {"tool": "spray"},
    ],
)
def test_a_stroke_refuses(field: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Stroke(**{"points": ((1.0, 1.0),), **field})


def test_an_added_point_is_validated() -> None:
    stroke = Stroke(points=((1.0, 1.0),))
    assert stroke.extended(2, 3).points == ((1.0, 1.0), (2.0, 3.0))
    with pytest.raises(ValidationError):
        stroke.extended(float("inf"), 0)


def test_a_base_of_another_shape_is_told() -> None:
    with pytest.raises(ValueError, match=r"of shape \(C, H, W\), not on one of shape \(28, 28\)"):
        Rasteriser().render(BLACK[0], Drawing(height=28, width=28))
