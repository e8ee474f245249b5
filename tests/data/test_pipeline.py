from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from cnnviz.data import pipeline as module
from cnnviz.data.edits import Edits
from cnnviz.data.fit import Fit
from cnnviz.data.image_store import ImageStore
from cnnviz.data.images import ImageError
from cnnviz.data.pipeline import InputPipeline
from cnnviz.data.pixel_order import pixel_permutation
from cnnviz.data.samples import sample_drawing, sample_picture
from cnnviz.data.source import Base, Blank, InputImage, Photo, SamplePhoto
from cnnviz.data.strokes import Drawing, Stroke

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
DOT = Stroke(points=((4.5, 6.5),), diameter=3.0, colour=(1.0, 0.0, 0.0))


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture
def pipeline(store: ImageStore) -> InputPipeline:
    return InputPipeline(store)


@pytest.fixture
def photo(tmp_path: Path, store: ImageStore) -> Photo:
    path = tmp_path / "photo.png"
    Image.fromarray(RGB).save(path)
    return Photo(path=str(path), sha256=store.keep_file(path))


def test_a_blank_canvas_has_its_value(pipeline: InputPipeline) -> None:
    rendered = pipeline.render(InputImage(base=Blank(value=0.25)), 3, 28, 30)
    for stage in (rendered.fitted, rendered.drawn, rendered.edited):
        np.testing.assert_array_equal(stage, np.full((3, 28, 30), 0.25, np.float32))
    assert rendered.source == (3, 28, 30)
    assert rendered.notes == ()


def test_a_drawing_shifted_by_one_is_shifted_by_one_pixel(pipeline: InputPipeline) -> None:
    image = InputImage(drawing=sample_drawing("digit-7-first"), edits=Edits(shift_columns=1))
    rendered = pipeline.render(image, 1, 28, 28)
    digit = sample_picture("digit-7-first").pixels
    np.testing.assert_array_equal(rendered.drawn, digit)
    np.testing.assert_array_equal(rendered.edited[:, :, 1:], digit[:, :, :-1])
    np.testing.assert_array_equal(rendered.edited[:, :, 0], 0)


def test_what_a_shift_brings_in_is_the_canvas(pipeline: InputPipeline) -> None:
    rendered = pipeline.render(InputImage(base=Blank(value=0.75), edits=Edits(shift_rows=3.5, rotation=20)), 1, 28, 28)
    np.testing.assert_allclose(rendered.edited, 0.75, atol=1e-6)


def test_a_photo_goes_through_every_stage(pipeline: InputPipeline, photo: Photo) -> None:
    """Crop 40×60 to its middle 40×40, average 2×2, draw a red dot, mirror, invert: all by hand."""
    image = InputImage(
        base=photo,
        drawing=Drawing(height=20, width=20, strokes=(DOT,)),
        edits=Edits(flip_horizontal=True, invert=True),
        fit=Fit(size="crop"),
    )
    rendered = pipeline.render(image, 3, 20, 20)
    middle = RGB[:, 10:50].transpose(2, 0, 1).astype(np.float64) / 255
    triangle = np.array([1, 3, 3, 1]) / 8  # two pixels of the coarser image wide
    inner = sum(
        triangle[i] * triangle[j] * middle[:, 1 + i : 33 + i : 2, 1 + j : 33 + j : 2]
        for i in range(4)
        for j in range(4)
    )
    np.testing.assert_allclose(rendered.fitted[:, 1:17, 1:17], inner, atol=1e-5)
    np.testing.assert_allclose(rendered.drawn[:, 4, 6], (1, 0, 0), atol=1e-6)
    np.testing.assert_array_equal(rendered.drawn[:, 10:], rendered.fitted[:, 10:])
    np.testing.assert_allclose(rendered.edited, 1 - rendered.drawn[:, :, ::-1], atol=1e-6)
    assert rendered.source == (3, 40, 60)
    assert rendered.edited.dtype == np.float32


def test_a_sample_photo_for_a_grey_network(pipeline: InputPipeline) -> None:
    rendered = pipeline.render(InputImage(base=SamplePhoto(name="astronaut")), 1, 64, 64)
    luminance = np.tensordot((0.299, 0.587, 0.114), sample_picture("astronaut").pixels, 1)
    assert rendered.fitted.shape == (1, 64, 64)
    assert rendered.fitted.mean() == pytest.approx(luminance.mean(), abs=2e-3)
    assert rendered.source == (3, 512, 512)


def test_the_notes_are_those_of_the_picture(pipeline: InputPipeline, store: ImageStore) -> None:
    photo = Photo(path="pasted", sha256=store.keep(RGB[:, :, 0].astype(np.uint16) * 256))
    assert pipeline.render(InputImage(base=photo), 1, 8, 8).notes == ("16-bit grey scaled to [0, 1]",)


def test_only_what_changed_is_done_again(
    pipeline: InputPipeline, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("open_photo", "fit_picture", "apply_edits"):
        work = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, work=work, name=name: (done.append(name), work(*args))[1])

    def steps(image: InputImage) -> list[str]:
        done.clear()
        pipeline.render(image, 3, 20, 20)
        return list(done)

    image = InputImage(base=photo, drawing=Drawing(height=20, width=20, strokes=(DOT,)), edits=Edits(blur=1))
    assert steps(image) == ["open_photo", "fit_picture", "apply_edits"]
    assert steps(image) == []
    assert steps(InputImage.model_validate_json(image.model_dump_json())) == []
    assert steps(image.model_copy(update={"fit": Fit(normalise="none")})) == []
    longer = image.model_copy(update={"drawing": image.drawing.extended(9, 9)})
    assert steps(longer) == ["apply_edits"]
    assert steps(longer.model_copy(update={"edits": Edits(invert=True)})) == ["apply_edits"]
    assert steps(image.model_copy(update={"fit": Fit(size="pad")})) == ["fit_picture", "apply_edits"]
    assert steps(image.model_copy(update={"base": Blank(value=0.5)})) == ["apply_edits"]
    assert steps(image) == ["open_photo", "fit_picture", "apply_edits"]


def test_a_brush_event_leaves_what_was_handed_out(pipeline: InputPipeline) -> None:
    image = InputImage(drawing=Drawing(height=28, width=28, strokes=(DOT,)))
    first = pipeline.render(image, 1, 28, 28)
    before = first.drawn.copy()
    second = pipeline.render(image.model_copy(update={"drawing": image.drawing.extended(20, 20)}), 1, 28, 28)
    np.testing.assert_array_equal(first.drawn, before)
    np.testing.assert_array_equal(first.edited, before)
    assert second.fitted is first.fitted
    assert second.drawn[0, 12, 14] > before[0, 12, 14]


def test_another_network_is_another_size(pipeline: InputPipeline, photo: Photo) -> None:
    image = InputImage(base=photo, drawing=Drawing(height=20, width=20, strokes=(DOT,)))
    for channels, height, width in [(3, 20, 20), (1, 28, 28), (4, 32, 16), (3, 20, 20)]:
        rendered = pipeline.render(image, channels, height, width)
        again = InputPipeline(pipeline._store).render(image, channels, height, width)
        assert rendered.edited.shape == (channels, height, width)
        np.testing.assert_array_equal(rendered.edited, again.edited)


def test_pixels_are_permuted_last_and_only_for_a_network_that_learned_from_such(
    pipeline: InputPipeline, photo: Photo
) -> None:
    image = InputImage(base=photo, edits=Edits(shift_rows=1))
    plain = pipeline.render(image, 1, 6, 9)
    assert plain.ordered is plain.edited
    permuted = pipeline.render(image, 1, 6, 9, (6, 9))
    assert permuted.ordered is plain.edited
    flat, order = plain.edited.reshape(-1), pixel_permutation(6, 9)
    assert permuted.edited.reshape(-1).tolist() == [flat[index] for index in order]
    assert pipeline.render(image, 1, 6, 9, (6, 9)).edited is permuted.edited


def test_a_photo_lost_from_the_store_is_read_from_its_file(
    pipeline: InputPipeline, photo: Photo, store: ImageStore
) -> None:
    (store.folder / f"{photo.sha256}.image").unlink()
    rendered = pipeline.render(InputImage(base=photo), 3, 40, 60)
    np.testing.assert_allclose(rendered.fitted, RGB.transpose(2, 0, 1) / 255, atol=1e-6)


def test_a_photo_lost_altogether_is_told_and_the_next_input_works(
    pipeline: InputPipeline, photo: Photo, store: ImageStore
) -> None:
    (store.folder / f"{photo.sha256}.image").unlink()
    Image.fromarray(255 - RGB).save(photo.path)  # another picture by the same name is not taken for it
    with pytest.raises(ImageError, match=r"“photo.png” is no longer kept in .*: open the picture again\."):
        pipeline.render(InputImage(base=photo), 3, 40, 60)
    assert pipeline.render(InputImage(base=Blank(value=1)), 1, 2, 2).edited.min() == 1


@pytest.mark.parametrize("base", [Blank(value=0.5), Photo(path="a.png", sha256="0" * 64), SamplePhoto(name="camera")])
def test_an_input_comes_back_from_json(base: Blank | Photo | SamplePhoto) -> None:
    image = InputImage(base=base, drawing=sample_drawing("digit-2-second"), edits=Edits(zoom=2), fit=Fit(size="pad"))
    assert InputImage.model_validate_json(image.model_dump_json()) == image
    assert hash(image) == hash(image.model_copy())


@pytest.mark.parametrize(
    "base",
    [
        {"kind": "film"},
        {"kind": "photo", "path": "a", "sha256": "../a"},
        {"kind": "blank", "value": 2},
        {"kind": "blank", "name": "camera"},
    ],
)
def test_a_base_refuses(base: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Base).validate_python(base)
