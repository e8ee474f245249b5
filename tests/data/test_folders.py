import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folders
from cnnviz.data.folders import decode, read_class_folders
from cnnviz.data.images import ImageError, open_picture
from cnnviz.data.labelled_images import DatasetError

NOISE = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)


def encoded(array: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, kind)
    return buffer.getvalue()


def write(folder, name, array):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(encoded(array))


def plain(value, height=4, width=5):
    return np.full((height, width, 3), value, np.uint8)


def test_classes_are_the_folders_in_alphabetical_order(tmp_path):
    write(tmp_path, "dog/1.png", plain(10))
    write(tmp_path, "cat/2.png", plain(30))
    write(tmp_path, "cat/1.png", plain(20))
    images = read_class_folders(tmp_path)
    assert images.class_names == ("cat", "dog")
    assert images.labels.tolist() == [0, 0, 1]
    assert images.images.shape == (3, 3, 4, 5)
    assert images.images[:, 0, 0, 0].tolist() == [20, 30, 10]
    assert images.skipped == ()


def test_channels_come_first_and_in_order():
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(decode(encoded(array)), np.moveaxis(array, 2, 0))


def test_grey_images_have_one_channel_unless_colour_is_wanted(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert decode(encoded(grey)).shape == (1, 3, 4)
    assert decode(encoded(grey), (3, 3, 4)).shape == (3, 3, 4)
    write(tmp_path, "a/1.png", grey)
    write(tmp_path, "b/1.png", plain(9, 3, 4))
    mixed = read_class_folders(tmp_path)
    assert mixed.images.shape == (2, 3, 3, 4)
    np.testing.assert_array_equal(mixed.images[0], np.stack([grey] * 3))


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "LA", "CMYK"])
def test_every_mode_is_brought_to_colour(mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    array = decode(encoded(plain(255), kind, mode), (3, 4, 5))
    assert array.shape == (3, 4, 5)
    assert array.min() >= 254


def test_sixteen_bits_are_scaled_to_eight():
    array = np.array([[0, 257, 65535]], dtype=np.uint16)
    assert decode(encoded(array))[0].tolist() == [[0, 1, 255]]


def test_a_wide_image_is_cut_evenly_to_the_wanted_shape():
    array = np.zeros((8, 24), np.uint8)
    array[:, :8] = 50
    array[:, 8:16] = 100
    array[:, 16:] = 150
    assert (decode(encoded(array), (1, 8, 8)) == 100).all()
    smaller = decode(encoded(array), (1, 4, 4)).astype(int)
    assert (smaller[:, :, 1:3] == 100).all()
    np.testing.assert_array_equal(smaller + smaller[:, :, ::-1], 200)


def test_a_photo_taken_sideways_is_turned_upright():
    image = Image.fromarray(np.array([[0, 255]], np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # rotate by 90° clockwise
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif.tobytes())
    assert decode(buffer.getvalue())[0].tolist() == [[0], [255]]


@pytest.mark.parametrize(
    "data",
    [b"", b"no image", encoded(NOISE)[:600], encoded(NOISE, "JPEG")[:700]],
    ids=["empty", "text", "png", "jpeg"],
)
def test_what_is_no_image_is_refused(data):
    with pytest.raises(ImageError):
        decode(data)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded():
    with pytest.raises(ImageError, match="9000×9000"):
        decode(encoded(np.zeros((9000, 9000), np.uint8)))


def test_unreadable_files_are_skipped_and_listed(tmp_path):
    write(tmp_path, "a/1.png", plain(1))
    write(tmp_path, "b/1.png", plain(2))
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    (tmp_path / "b" / "0.png").write_bytes(b"")
    (tmp_path / "b" / ".hidden").write_bytes(b"")
    images = read_class_folders(tmp_path)
    assert images.skipped == ("a/notes.txt", "b/0.png")
    assert images.labels.tolist() == [0, 1]


def test_images_of_different_sizes_need_a_shape(tmp_path):
    write(tmp_path, "a/1.png", plain(1, 4, 5))
    write(tmp_path, "b/1.png", plain(2, 9, 7))
    with pytest.raises(DatasetError, match="differ in size, for example 5×4 and 7×9"):
        read_class_folders(tmp_path)
    assert read_class_folders(tmp_path, (3, 6, 6)).images.shape == (2, 3, 6, 6)


def test_folders_of_no_use_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="is not there"):
        read_class_folders(tmp_path / "none")
    with pytest.raises(DatasetError, match="has no class with readable images"):
        read_class_folders(tmp_path)
    write(tmp_path, "a/1.png", plain(1))
    (tmp_path / "b").mkdir()
    with pytest.raises(DatasetError, match="has only the class 'a' with readable images"):
        read_class_folders(tmp_path)


def test_how_far_the_reading_of_many_files_is_is_told(tmp_path):
    for number in range(60):
        write(tmp_path, f"a/{number}.png", plain(1, 2, 2))
        write(tmp_path, f"b/{number}.png", plain(2, 2, 2))
    told = []
    read_class_folders(tmp_path, None, lambda *word: told.append(word))
    assert told == [(f"reading {tmp_path.name}", 0.0), (f"reading {tmp_path.name}", 100 / 120)]


def test_what_may_not_be_read_is_skipped_and_listed(tmp_path, monkeypatch):
    for name in ("a/1.png", "b/1.png", "locked/1.png"):
        write(tmp_path, name, plain(1))
    (tmp_path / "b" / "odd").write_bytes(b"")
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def refusing(call, refused):
        def wrapped(path, **named):
            if Path(path).name == refused:
                raise denied
            return call(path, **named)

        return wrapped

    monkeypatch.setattr(os, "listdir", refusing(os.listdir, "locked"))
    monkeypatch.setattr(os, "stat", refusing(os.stat, "odd"))  # as of links in /proc not even the kind may be asked
    images = read_class_folders(tmp_path)
    assert images.class_names == ("a", "b")
    assert images.skipped == ("locked", "b/odd")


def test_a_folder_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "listdir", denied)
    with pytest.raises(DatasetError, match=r"cannot be read .* ask for permission"):
        read_class_folders(tmp_path)


def test_a_file_far_larger_than_memory_is_looked_at_and_not_read(tmp_path):
    for name in ("a/1.png", "b/1.png"):
        write(tmp_path, name, plain(1))
    with (tmp_path / "a" / "film.mp4").open("wb") as film:
        film.truncate(1 << 42)  # takes no room on the disk
    assert read_class_folders(tmp_path).skipped == ("a/film.mp4",)


def test_a_folder_of_other_things_is_given_up_after_a_while(tmp_path, monkeypatch):
    for number in range(1_200):
        (file := tmp_path / f"{'ab'[number % 2]}/{number}.txt").parent.mkdir(exist_ok=True)
        file.write_text("no image")
    write(tmp_path, "c/1.png", plain(1))
    looked_at = []
    monkeypatch.setattr(folders, "open_picture", lambda file: (looked_at.append(file), open_picture(file))[1])
    with pytest.raises(DatasetError, match=r"first 1,000 files .* is an image .* one folder of images per class"):
        read_class_folders(tmp_path)
    assert len(looked_at) == 1_000
