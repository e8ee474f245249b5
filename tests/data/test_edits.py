import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage
from skimage.transform import rotate

from cnnviz.data.edits import (
    Edits,
    apply_edits,
    geometry_is_identity,
    is_identity,
    source_position,
)

IMAGE = np.random.default_rng(0).random((3, 24, 32), np.float32)
SQUARE = np.random.default_rng(1).random((1, 28, 28), np.float32)


def spot(row: float, column: float, size: int = 64) -> np.ndarray:
    """A smooth blob, so that where it went can be measured to a fraction of a pixel."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18)[np.newaxis].astype(np.float32)


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    row, column = ndimage.center_of_mass(image[0])
    return row + 0.5, column + 0.5


def moved_by_scipy(image: np.ndarray, rows: float, columns: float, mode: str, background: float = 0) -> np.ndarray:
    return ndimage.shift(image, (0, rows, columns), order=1, mode=mode, cval=background, prefilter=False)


def test_without_edits_the_image_is_the_same() -> None:
    assert apply_edits(IMAGE, Edits()) is IMAGE
    assert is_identity(Edits())
    assert is_identity(Edits(border="wrap", noise_seed=4, occluder_size=3))


@pytest.mark.parametrize(
    ("change", "geometry"),
    [
        ({"shift_rows": 0.01}, True),
        ({"shift_columns": -1}, True),
        ({"rotation": 1}, True),
        ({"zoom": 1.1}, True),
        ({"flip_horizontal": True}, True),
        ({"flip_vertical": True}, True),
        ({"blur": 0.5}, False),
        ({"invert": True}, False),
        ({"contrast": 0.9}, False),
        ({"brightness": 0.1}, False),
        ({"noise": 0.1}, False),
        ({"occlude": True}, False),
    ],
)
def test_what_changes_the_image_is_no_identity(change: dict[str, float], geometry: bool) -> None:
    edits = Edits(**change)
    before = IMAGE.copy()
    assert not np.array_equal(apply_edits(IMAGE, edits), IMAGE)
    assert not is_identity(edits)
    assert geometry_is_identity(edits) is not geometry
    np.testing.assert_array_equal(IMAGE, before)


@given(st.integers(-32, 32), st.integers(-32, 32))
@settings(deadline=None, max_examples=40)
def test_shifts_by_whole_pixels_are_exact_copies(rows: int, columns: int) -> None:
    shift = {"shift_rows": rows, "shift_columns": columns}
    wrapped = apply_edits(IMAGE, Edits(**shift, border="wrap"))
    np.testing.assert_array_equal(wrapped, np.roll(IMAGE, (rows, columns), (1, 2)))
    plain = apply_edits(IMAGE, Edits(**shift), background=0.25)
    np.testing.assert_array_equal(plain, moved_by_scipy(IMAGE, rows, columns, "constant", 0.25))
    edge = apply_edits(IMAGE, Edits(**shift, border="edge"))
    np.testing.assert_array_equal(edge, moved_by_scipy(IMAGE, rows, columns, "nearest"))


@given(st.floats(-32, 32), st.floats(-32, 32))
@settings(deadline=None, max_examples=40)
def test_shifts_by_fractions_are_linear_interpolation(rows: float, columns: float) -> None:
    shift = {"shift_rows": rows, "shift_columns": columns}
    wrapped = apply_edits(IMAGE, Edits(**shift, border="wrap"))
    np.testing.assert_allclose(wrapped, moved_by_scipy(IMAGE, rows, columns, "grid-wrap"), atol=1e-5)
    edge = apply_edits(IMAGE, Edits(**shift, border="edge"))
    np.testing.assert_allclose(edge, moved_by_scipy(IMAGE, rows, columns, "nearest"), atol=1e-5)
    plain = apply_edits(IMAGE, Edits(**shift), background=0.6)
    np.testing.assert_allclose(plain, moved_by_scipy(IMAGE, rows, columns, "grid-constant", 0.6), atol=1e-5)


def test_a_circular_shift_loses_nothing() -> None:
    shifted = apply_edits(IMAGE, Edits(shift_rows=3.37, shift_columns=-20.8, border="wrap"))
    np.testing.assert_allclose(shifted.sum(axis=(1, 2)), IMAGE.sum(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize(("angle", "quarters"), [(90, 1), (180, 2), (-90, 3), (-180, 2)])
def test_quarter_turns_are_exact_and_counter_clockwise(angle: float, quarters: int) -> None:
    # On black even the least weight of a neighbour shows.
    sparse = np.where(SQUARE > 0.5, SQUARE, 0)
    np.testing.assert_array_equal(apply_edits(sparse, Edits(rotation=angle)), np.rot90(sparse, quarters, (1, 2)))


def test_flips_are_exact() -> None:
    np.testing.assert_array_equal(apply_edits(IMAGE, Edits(flip_horizontal=True)), IMAGE[:, :, ::-1])
    np.testing.assert_array_equal(apply_edits(IMAGE, Edits(flip_vertical=True)), IMAGE[:, ::-1])


@pytest.mark.parametrize("angle", [-145.0, 10.0, 33.3])
def test_rotation_agrees_with_scikit_image(angle: float) -> None:
    expected = rotate(IMAGE.transpose(1, 2, 0), angle, order=1, mode="edge", clip=False).transpose(2, 0, 1)
    np.testing.assert_allclose(apply_edits(IMAGE, Edits(rotation=angle, border="edge")), expected, atol=1e-4)


def test_zoom_repeats_or_averages() -> None:
    doubled = apply_edits(IMAGE, Edits(zoom=2, border="edge"))
    expected = ndimage.zoom(IMAGE, (1, 2, 2), order=1, mode="nearest", grid_mode=True)[:, 12:36, 16:48]
    np.testing.assert_allclose(doubled, expected, atol=1e-5)
    stripes = np.tile(np.float32([1, 0, 0]), (1, 96, 32))
    quarter = apply_edits(stripes, Edits(zoom=0.25, border="wrap"))
    np.testing.assert_allclose(quarter, 1 / 3, atol=0.01)  # every fourth pixel of them would be stripes again


all_edits = st.builds(
    Edits,
    shift_rows=st.floats(-6, 6),
    shift_columns=st.floats(-6, 6),
    rotation=st.floats(-180, 180),
    zoom=st.floats(0.7, 1.5),
    flip_horizontal=st.booleans(),
    flip_vertical=st.booleans(),
)


@given(all_edits, st.floats(26, 38), st.floats(26, 38))
@settings(deadline=None, max_examples=60)
def test_positions_follow_the_picture(edits: Edits, row: float, column: float) -> None:
    there = centre_of_mass(apply_edits(spot(row, column), edits))
    assert source_position(edits, 64, 64, *there) == pytest.approx((row, column), abs=0.08)


def test_positions_on_an_oblong_image() -> None:
    edits = Edits(rotation=90, shift_columns=2)
    # The right end of the middle row turns up to the top, then goes two to the right.
    assert source_position(edits, 20, 40, 0, 22) == pytest.approx((10, 30))


def test_positions_wrap_with_the_picture() -> None:
    edits = Edits(shift_rows=10, border="wrap")
    assert source_position(edits, 28, 28, 3, 5) == pytest.approx((21, 5))
    assert source_position(Edits(shift_rows=10), 28, 28, 3, 5) == pytest.approx((-7, 5))


def test_blur_keeps_the_light_and_spreads_it_by_its_deviation() -> None:
    point = np.zeros((1, 65, 65), np.float32)
    point[0, 32, 32] = 1
    blurred = apply_edits(point, Edits(blur=4))[0]
    distance = np.arange(65) - 32
    assert blurred.sum() == pytest.approx(1, abs=1e-3)
    assert np.sqrt((blurred.sum(axis=1) * distance**2).sum()) == pytest.approx(4, rel=0.01)
    np.testing.assert_allclose(blurred, blurred.T, atol=1e-7)


def test_blur_looks_over_the_border_as_geometry_does() -> None:
    # Blurring and shifting round commute only if both close the image to a ring.
    shift = Edits(shift_rows=9, shift_columns=-5, border="wrap")
    blur = Edits(blur=3, border="wrap")
    np.testing.assert_allclose(
        apply_edits(apply_edits(IMAGE, shift), blur), apply_edits(apply_edits(IMAGE, blur), shift), atol=1e-6
    )
    white = np.ones((1, 20, 20), np.float32)
    np.testing.assert_allclose(apply_edits(white, Edits(blur=3, border="edge")), 1, atol=1e-6)
    np.testing.assert_allclose(apply_edits(white, Edits(blur=3), background=1), 1, atol=1e-6)
    # On black, the pixel at an edge's middle keeps half of its Gaussian and half of that of its own centre.
    kept = 0.5 + 0.5 / (3 * np.sqrt(2 * np.pi))
    assert apply_edits(white, Edits(blur=3))[0, 0, 10] == pytest.approx(kept, abs=0.01)


def test_light_follows_its_formula_and_stays_in_range() -> None:
    edited = apply_edits(IMAGE, Edits(invert=True, contrast=1.7, brightness=-0.2))
    np.testing.assert_allclose(edited, np.clip((1 - IMAGE - 0.5) * 1.7 + 0.5 - 0.2, 0, 1), atol=1e-6)
    assert edited.min() == 0
    assert edited.dtype == np.float32
    np.testing.assert_array_equal(apply_edits(IMAGE, Edits(contrast=0)), np.full_like(IMAGE, 0.5))


def test_noise_has_its_standard_deviation_and_its_seed() -> None:
    grey = np.full((3, 128, 128), 0.5, np.float32)
    noisy = apply_edits(grey, Edits(noise=0.1, noise_seed=3))
    assert noisy.std() == pytest.approx(0.1, rel=0.02)
    assert noisy.mean() == pytest.approx(0.5, abs=0.002)
    np.testing.assert_array_equal(noisy, apply_edits(grey, Edits(noise=0.1, noise_seed=3)))
    assert not np.array_equal(noisy, apply_edits(grey, Edits(noise=0.1, noise_seed=4)))
    strong = apply_edits(IMAGE, Edits(noise=1))
    assert (strong.min(), strong.max()) == (0, 1)


def test_the_occluder_covers_its_square_last_of_all() -> None:
    edits = Edits(occlude=True, occluder_row=10, occluder_column=6, occluder_size=8, occluder_value=0.75, noise=0.2)
    edited = apply_edits(IMAGE, edits)
    np.testing.assert_array_equal(edited[:, 6:14, 2:10], 0.75)
    np.testing.assert_array_equal(edited[:, 14:], apply_edits(IMAGE, Edits(noise=0.2))[:, 14:])


def test_a_square_between_pixels_mixes_them_by_area() -> None:
    black = np.zeros((1, 8, 8), np.float32)
    edits = Edits(occlude=True, occluder_row=4.25, occluder_column=0, occluder_size=3, occluder_value=1)
    expected = np.zeros((8, 8))
    expected[2:6, 0] = 0.25, 1, 1, 0.75
    expected[2:6, 1] = expected[2:6, 0] / 2
    np.testing.assert_allclose(apply_edits(black, edits)[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "change", [{"zoom": 0.2}, {"rotation": 181}, {"shift_rows": float("nan")}, {"border": "mirror"}, {"tilt": 3}]
)
def test_values_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Edits(**change)


def test_every_field_says_what_it_does() -> None:
    assert [name for name, field in Edits.model_fields.items() if not field.description] == []
