import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from cnnviz.data.idx import read_idx
from cnnviz.data.labelled_images import DatasetError

MALFORMED = Path(__file__).parents[3] / "shared" / "data" / "idx-malformed"


def header(*shape: int, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_values_come_in_the_order_of_the_file(tmp_path, pack):
    path = tmp_path / "images"
    path.write_bytes(pack(header(2, 3, 4) + bytes(range(24))))
    images = read_idx(path)
    assert images.shape == (2, 3, 4)
    assert images.dtype == np.uint8
    assert images[1, 2].tolist() == [20, 21, 22, 23]


def test_labels_have_one_dimension(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(header(3) + bytes([7, 0, 9]))
    assert read_idx(path).tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "not an IDX file"),
        (header(2, 2, kind=0x0D) + bytes(16), "IDX type 0x0d; only unsigned bytes"),
        (header(2, 3)[:7], "cut short within its header"),
        (header(2, 3) + bytes(5), "promises 6 values, more than it can hold|promises 6 values, it holds 5"),
        (header(2, 3) + bytes(7), "holds more than the 6 values"),
        (gzip.compress(header(40, 100) + bytes(3999), mtime=0), "promises 4,000 values, it holds 3,999"),
        (gzip.compress(header(10, 10) + bytes(100), mtime=0)[:-12], "damaged or cut short"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence_with_its_name(tmp_path, content, message):
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_header_that_promises_too_much_does_not_take_the_memory(tmp_path, pack):
    path = tmp_path / "images"
    path.write_bytes(pack(header(60_000, 5_000, 5_000) + bytes(100)))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="promises 1,500,000,000,000 values"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        read_idx(tmp_path / "none")
    with pytest.raises(DatasetError, match="cannot be read: Is a directory"):
        read_idx(tmp_path)


@pytest.mark.skipif(not MALFORMED.is_dir(), reason="the malformed files are not beside the checkout")
@pytest.mark.parametrize("path", sorted(MALFORMED.glob("*")), ids=lambda path: path.name)
def test_damaged_files_from_the_wild_are_refused(path):
    with pytest.raises(DatasetError, match=r"damaged or cut short|not an IDX file"):
        read_idx(path)
