import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.data.image_store import ImageStore
from cnnviz.data.images import ImageError, open_picture, picture_from_array

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "session" / "images")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(RGB).save(path)
    return path


def test_a_file_comes_back_by_its_sha256(store: ImageStore, photo: Path) -> None:
    sha256 = store.keep(photo.read_bytes())
    assert sha256 == hashlib.sha256(photo.read_bytes()).hexdigest() == store.keep_file(photo)
    kept = store.open(sha256, "photo.png")
    np.testing.assert_array_equal(kept.pixels, open_picture(photo).pixels)
    assert kept.name == "photo.png"
    assert [path.name for path in store.folder.iterdir()] == [f"{sha256}.image"]


@pytest.mark.parametrize(
    "array",
    [
        RGB,
        RGB[:, :, 0],
        RGB[:, :, :1],
        np.dstack([RGB, RGB[:, :, 0]]),
        RGB[::-1, ::2],
        RGB[:, :, 0].astype(np.uint16) * 257,
        np.random.default_rng(1).normal(size=(5, 6)),
        np.float32([[0.1, np.nan]]),
        RGB > 99,
    ],
)
def test_arrays_come_back_to_the_last_bit(store: ImageStore, array: np.ndarray) -> None:
    expected = picture_from_array(array, "pasted")
    kept = store.open(store.keep(array), "pasted")
    np.testing.assert_array_equal(kept.pixels, expected.pixels)
    assert kept.notes == expected.notes


def test_what_is_no_image_is_not_kept(store: ImageStore, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ImageError, match="is no image that can be read"):
        store.keep_file(tmp_path / "text.png")
    with pytest.raises(ImageError, match="is no image"):
        store.keep(np.zeros((2, 2), complex))
    assert not store.folder.exists()


def test_a_missing_picture_is_told(store: ImageStore) -> None:
    with pytest.raises(ImageError, match=r"“cat.jpg” is no longer kept in .*: open the picture again\."):
        store.open("0" * 64, "cat.jpg")


def test_a_damaged_picture_is_told_and_mended_by_keeping_it_again(store: ImageStore, photo: Path) -> None:
    sha256 = store.keep_file(photo)
    path = store.folder / f"{sha256}.image"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ImageError, match=r"What was kept of “photo.png” is damaged: open the picture again\."):
        store.open(sha256, "photo.png")
    store.keep_file(photo)
    assert store.open(sha256).pixels.shape == (3, 12, 17)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "ABC", "0" * 63])
def test_no_other_file_is_opened(store: ImageStore, name: str) -> None:
    with pytest.raises(ImageError, match="is named by no SHA-256"):
        store.open(name)


def test_a_folder_that_cannot_be_made_is_told(photo: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot be kept in .*: make room there or give it permission"):
        ImageStore(photo / "below").keep(photo.read_bytes())
