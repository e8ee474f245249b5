"""An image of a data set to begin with."""

import gzip
import struct

import numpy as np
from PIL import Image

from cnnviz.data.first_picture import first_picture


def write_fashion(folder):
    images = np.arange(2 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(2, 28, 28)
    folder.mkdir()
    header = struct.pack(">4I", 0x803, 2, 28, 28)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes()))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 2) + bytes([9, 4]))
    return images


def write_folder(folder, colour):
    for name in ("ant", "bee"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (5, 4), colour).save(folder / name / "b.png")
    (folder / "ant" / "a.png").write_text("no image")


def test_of_fashion_mnist_the_first_test_image(tmp_path):
    images = write_fashion(tmp_path / "fashion-mnist")
    picture = first_picture("fashion-mnist", tmp_path)
    assert np.array_equal(picture.image, images[0])
    assert picture.label == "Ankle boot"


def test_of_a_folder_the_first_file_that_is_an_image(tmp_path):
    write_folder(tmp_path, "red")
    picture = first_picture(f"folder:{tmp_path}")
    assert picture.image == (tmp_path / "ant" / "b.png").read_bytes()
    assert (picture.label, picture.name) == ("ant", str(tmp_path / "ant" / "b.png"))


def test_of_a_folder_that_is_split_a_test_image(tmp_path):
    write_folder(tmp_path / "train", "red")
    write_folder(tmp_path / "test", "blue")
    assert first_picture(f"folder:{tmp_path}").image == (tmp_path / "test" / "ant" / "b.png").read_bytes()


def test_what_is_not_at_hand_is_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr("cnnviz.data.fetching.fetch", lambda *_: 1 / 0)
    assert first_picture("fashion-mnist", tmp_path) is None
    assert first_picture(f"folder:{tmp_path / 'gone'}") is None
    (tmp_path / "empty" / "class").mkdir(parents=True)
    assert first_picture(f"folder:{tmp_path / 'empty'}") is None
