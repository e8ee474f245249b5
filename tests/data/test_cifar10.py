import io
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import cifar10
from cnnviz.data.cifar10 import BINARY_ARCHIVE, CLASS_NAMES, JPEG_ARCHIVE, read_batch, read_cifar10
from cnnviz.data.labelled_images import DatasetError


def record(label: int, red: int, green: int, blue: int) -> bytes:
    return bytes([label]) + bytes([red]) * 1024 + bytes([green]) * 1024 + bytes([blue]) * 1024


def write_archive(path, members: dict[str, bytes]):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def jpeg(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), value, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_record_is_a_label_and_three_planes():
    ramp = bytes(range(256)) * 12
    images = read_batch(record(3, 10, 20, 30) + bytes([9]) + ramp, "batch")
    assert images.labels.tolist() == [3, 9]
    assert images.images.shape == (2, 3, 32, 32)
    assert images.images[0, :, 5, 5].tolist() == [10, 20, 30]
    assert images.images[1, 0, 1].tolist() == list(range(32, 64))
    assert images.class_names[3] == "cat"


def test_batches_of_the_training_split_are_joined_in_their_order(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"data_batch_{number}.bin").write_bytes(record(number, number, 0, 0))
    (folder / "test_batch.bin").write_bytes(record(0, 99, 0, 0))
    assert read_cifar10(tmp_path, "train").labels.tolist() == [1, 2, 3, 4, 5]
    assert read_cifar10(folder, "test").images[0, 0, 0, 0] == 99


def test_an_incomplete_set_of_batches_is_not_taken_for_the_data_set(tmp_path):
    (tmp_path / "data_batch_1.bin").write_bytes(record(1, 1, 0, 0))
    assert read_cifar10(tmp_path, "train") is None


def test_the_official_archive_is_read_in_the_order_of_its_batches(tmp_path):
    members = {f"cifar-10-batches-bin/data_batch_{n}.bin": record(n, n, 0, 0) for n in (3, 1, 5, 2, 4)}
    write_archive(tmp_path / BINARY_ARCHIVE, {"cifar-10-batches-bin/readme.html": b"<html>", **members})
    assert read_cifar10(tmp_path, "train").labels.tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(DatasetError, match=r"lacks test_batch\.bin"):
        read_cifar10(tmp_path, "test")


def test_the_jpeg_archive_is_sorted_and_its_damaged_members_are_listed(tmp_path):
    write_archive(
        tmp_path / JPEG_ARCHIVE,
        {
            "train/dog/0002.jpg": jpeg(20),
            "test/dog/0001.jpg": jpeg(200),
            "train/cat/0007.jpg": jpeg(70),
            "train/dog/0001.jpg": jpeg(10),
            "train/frog/0001.jpg": b"not a picture",
            "train/notes.txt": b"about",
        },
    )
    images = read_cifar10(tmp_path, "train")
    assert [CLASS_NAMES[label] for label in images.labels] == ["cat", "dog", "dog"]
    np.testing.assert_allclose(images.images.mean(axis=(1, 2, 3)), [70, 10, 20], atol=2)
    assert images.skipped == ("train/frog/0001.jpg",)


def test_the_jpeg_archive_is_decoded_once_and_says_how_far_it_is(tmp_path, monkeypatch):
    told = []
    behind = np.random.default_rng(0).bytes(10_000)
    members = {f"train/cat/{number:04}.jpg": jpeg(number) + behind[number:] for number in range(100)}
    write_archive(tmp_path / JPEG_ARCHIVE, {**members, "test/dog/0001.jpg": jpeg(9)})
    first = read_cifar10(tmp_path, "train", lambda what, share: told.append((what, share)))
    assert {what for what, _ in told} == {f"reading {JPEG_ARCHIVE}"}
    shares = [share for _, share in told]
    assert shares == sorted(set(shares))
    assert 0 <= shares[0] < 0.5 < shares[-1] <= 1
    monkeypatch.setattr(cifar10, "decode", lambda *_: pytest.fail("decoded again"))
    assert read_cifar10(tmp_path, "train") is first
    monkeypatch.undo()
    assert len(read_cifar10(tmp_path, "test")) == 1
    write_archive(tmp_path / JPEG_ARCHIVE, {"train/dog/0001.jpg": jpeg(10)})
    os.utime(tmp_path / JPEG_ARCHIVE, (1, 1))
    assert len(read_cifar10(tmp_path, "train")) == 1  # another archive in its place


def test_class_folders_are_read(tmp_path):
    for index, name in enumerate(CLASS_NAMES):
        (tmp_path / "test" / name).mkdir(parents=True)
        (tmp_path / "test" / name / "0000.jpg").write_bytes(jpeg(index))
    images = read_cifar10(tmp_path, "test")
    assert images.labels.tolist() == list(range(10))
    assert images.class_names == CLASS_NAMES
    assert read_cifar10(tmp_path, "train") is None


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "0 bytes"), (record(1, 0, 0, 0)[:-1], "3,072 bytes are not a whole number"), (record(10, 0, 0, 0), "10")],
)
def test_a_damaged_batch_is_refused(data, message):
    with pytest.raises(DatasetError, match=message):
        read_batch(data, "batch")


@pytest.mark.parametrize("name", [BINARY_ARCHIVE, JPEG_ARCHIVE])
def test_a_damaged_archive_is_refused(tmp_path, name):
    write_archive(tmp_path / name, {"train/cat/0001.jpg": jpeg(1) + np.random.default_rng(0).bytes(50_000)})
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="damaged or cut short"):
        read_cifar10(tmp_path, "train")
    (tmp_path / name).write_bytes(b"no archive")
    with pytest.raises(DatasetError, match="damaged or cut short"):
        read_cifar10(tmp_path, "train")


def test_an_archive_without_images_is_refused(tmp_path):
    write_archive(tmp_path / JPEG_ARCHIVE, {"readme.txt": b"nothing here"})
    with pytest.raises(DatasetError, match="has no images named test/CLASS"):
        read_cifar10(tmp_path, "test")
