import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage import data as skimage_data

from cnnviz.data import samples as module
from cnnviz.data.images import ImageError
from cnnviz.data.samples import sample_drawing, sample_picture, samples

DRAWINGS = [sample.name for sample in samples() if sample.kind == "drawing"]
PHOTOS = [sample.name for sample in samples() if sample.kind == "photo"]


def test_there_are_two_hands_of_each_digit_and_some_photos() -> None:
    assert len(DRAWINGS) == 20
    assert len(PHOTOS) == 8
    assert len({sample.title for sample in samples()}) == len(samples())
    assert len({sample_drawing(name) for name in DRAWINGS}) == 20


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_digit_is_laid_out_as_in_mnist(name: str) -> None:
    """White on black, within 20×20 of 28×28, its centre of mass in the middle, a pen of some two pixels."""
    digit = sample_picture(name).pixels
    assert digit.shape == (1, 28, 28)
    rows, columns = np.nonzero(digit[0] > 0.1)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20, 21)
    assert ndimage.center_of_mass(digit[0]) == pytest.approx((13.5, 13.5), abs=0.1)
    assert 30 < digit.sum() < 130  # of MNIST's digits, 98 % lie between 29 and 203
    assert digit.max() == 1


# How many regions of black a digit encloses tells most of them apart, whoever drew it.
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_digit_has_its_loops(name: str) -> None:
    digit = sample_picture(name).pixels[0]
    regions, _ = ndimage.label(np.pad(digit < 0.4, 1, constant_values=True))
    _, sizes = np.unique(regions[regions > 0], return_counts=True)
    loops = {0: {1}, 4: {0, 1}, 6: {1}, 8: {2}, 9: {1}, 2: {0, 1}}.get(int(name.split("-")[1]), {0})
    assert np.count_nonzero(sizes > 3) - 1 in loops


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_is_scikit_images(name: str) -> None:
    picture = sample_picture(name)
    expected = getattr(skimage_data, name)()
    expected = np.atleast_3d(expected).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(picture.pixels, expected, atol=2 / 255 if name == "rocket" else 1e-6)
    assert picture.name in {sample.title for sample in samples()}


def test_the_photos_are_in_scikit_images_wheel() -> None:
    files = metadata.files("scikit-image")
    assert files is not None
    bundled = {file.name for file in files if file.parent.as_posix() == "skimage/data"}
    assert {file for _, file in module._PHOTOS.values()} <= bundled


def test_an_unknown_sample_is_told() -> None:
    for get in (sample_drawing, sample_picture):
        with pytest.raises(ImageError, match=r"There is no sample “dog”: choose one of digit-0-first, .*, grass\."):
            get("dog")
    with pytest.raises(ImageError, match=r"“coffee” is a photo and has no strokes: choose a drawing\."):
        sample_drawing("coffee")


@pytest.mark.parametrize(
    "content", [None, "", "{}", '{"canvas": [28, 28], "diameter": 2, "digits": {"digit-0-first": [[]]}}']
)
def test_damaged_drawings_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    if content is not None:
        (tmp_path / "samples").mkdir()
        (tmp_path / "samples" / "digits.json").write_text(content)
    monkeypatch.setattr(module, "assets_folder", lambda: tmp_path)
    module._drawings.cache_clear()
    with pytest.raises(ImageError, match="own drawings are missing or damaged: install the program again"):
        sample_drawing("digit-0-first")


def test_what_the_window_needs_imports_nothing_heavy() -> None:
    program = """
import sys
import cnnviz.data.edits, cnnviz.data.fit, cnnviz.data.pipeline, cnnviz.data.samples, cnnviz.data.strokes
cnnviz.data.samples.samples()
cnnviz.data.samples.sample_drawing("digit-7-first")
heavy = ("torch", "skimage", "scipy", "sklearn", "matplotlib", "PyQt6", "PIL")
print(*[name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
