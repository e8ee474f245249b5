import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import fetching
from cnnviz.data.datasets import DatasetError, has_test_split, is_at_hand, load_dataset

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="no data sets beside the checkout")


def write_idx(folder, prefix, labels, side=28):
    folder.mkdir(parents=True, exist_ok=True)
    count = len(labels)
    pixels = np.arange(count * side * side, dtype=np.uint32).astype(np.uint8).tobytes()
    images = struct.pack(">4I", 0x803, count, side, side) + pixels
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + bytes(labels))


@pytest.fixture(autouse=True)
def _no_data_folder_of_the_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("CNNVIZ_DATA_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path / "cache")
    monkeypatch.setattr(fetching, "SOURCES", dict.fromkeys(fetching.SOURCES, "http://127.0.0.1:1/"))


@pytest.mark.parametrize("subfolder", ["", "mnist"])
def test_mnist_is_found_in_the_folder_and_in_its_own(tmp_path, subfolder):
    write_idx(tmp_path / subfolder, "t10k", [4, 9])
    images = load_dataset("mnist", "test", tmp_path)
    assert images.images.shape == (2, 1, 28, 28)
    assert images.images[0, 0, 0, :3].tolist() == [0, 1, 2]
    assert [images.class_names[label] for label in images.labels] == ["4", "9"]


def test_splits_are_kept_apart_and_data_sets_named_alike_too(tmp_path):
    write_idx(tmp_path / "fashion-mnist", "train", [0, 9, 9])
    images = load_dataset("fashion-mnist", "train", tmp_path)
    assert images.class_names[images.labels[1]] == "Ankle boot"
    with pytest.raises(DatasetError, match=r"t10k-images-idx3-ubyte \(or .*\.gz\) is neither in .* fashion-mnist"):
        load_dataset("fashion-mnist", "test", tmp_path)
    with pytest.raises(DatasetError, match="nor in its folder mnist"):
        load_dataset("mnist", "train", tmp_path)


def test_the_environment_names_the_folder_and_the_argument_wins(tmp_path, monkeypatch):
    write_idx(tmp_path / "one", "t10k", [1])
    write_idx(tmp_path / "two", "t10k", [2])
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path / "one"))
    assert load_dataset("mnist", "test").labels.tolist() == [1]
    assert load_dataset("mnist", "test", tmp_path / "two").labels.tolist() == [2]


def test_what_is_at_hand_is_known_without_reading_or_fetching_it(tmp_path, monkeypatch):
    assert is_at_hand("digits")
    assert is_at_hand("shapes")
    (tmp_path / "pictures" / "cats").mkdir(parents=True)
    assert is_at_hand(f"folder:{tmp_path / 'pictures'}")
    assert not is_at_hand(f"folder:{tmp_path / 'pictures' / 'cats'}")  # in which there is no class
    assert not is_at_hand(f"folder:{tmp_path / 'nowhere'}")
    assert not is_at_hand("folder:")
    assert not is_at_hand("no such set")
    assert not is_at_hand("mnist")
    cache = fetching.cache_folder("mnist")
    write_idx(cache, "t10k", [5])
    (cache / "t10k-labels-idx1-ubyte").rename(cache / "t10k-labels-idx1-ubyte.gz")
    assert is_at_hand("mnist")
    assert not is_at_hand("mnist", tmp_path)  # a folder that is named is the only one that is looked into
    write_idx(tmp_path / "fashion-mnist", "t10k", [5])
    assert is_at_hand("fashion-mnist", tmp_path)
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path))
    assert is_at_hand("fashion-mnist")
    assert not is_at_hand("cifar10")
    (tmp_path / "cifar10").mkdir()
    assert is_at_hand("cifar10")


def test_without_a_folder_the_files_are_taken_from_the_cache(tmp_path, monkeypatch):
    cache = tmp_path / "cache" / "data" / "mnist"
    write_idx(cache, "t10k", [5])
    labels = cache / "t10k-labels-idx1-ubyte"
    (cache / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels.read_bytes()))
    files = [cache / f"t10k-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    sums = {("mnist", file.name): f"md5:{hashlib.md5(file.read_bytes()).hexdigest()}" for file in files}
    monkeypatch.setattr(fetching, "SUMS", sums)
    assert load_dataset("mnist", "test").labels.tolist() == [5]


@pytest.mark.parametrize("spec", ["mnist", "fashion-mnist", "cifar10"])
def test_what_can_be_neither_found_nor_fetched_is_said_in_one_sentence(spec):
    with pytest.raises(
        DatasetError,
        match=r"cannot be fetched from .* give its folder \(--data-dir; in the window",
    ):
        load_dataset(spec, "test")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("imagenet", "no data set 'imagenet'; choose one of digits, shapes, dots, mnist, .*, folder:PATH"),
        ("folder:PATH", "PATH is not there"),
        ("folder:", "lacks its path"),
        ("folder", "lacks its path"),
    ],
)
def test_an_unknown_data_set_is_refused(tmp_path, spec, message):
    with pytest.raises(DatasetError, match=message):
        load_dataset(spec, "test", tmp_path)


def test_a_data_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="none is not there; bring it back"):
        load_dataset("mnist", "test", tmp_path / "none")
    with pytest.raises(DatasetError, match="CIFAR-10 is neither in"):
        load_dataset("cifar10", "test", tmp_path)


def test_images_and_labels_that_do_not_fit_together_are_refused(tmp_path):
    write_idx(tmp_path, "t10k", [1, 2])
    labels = tmp_path / "t10k-labels-idx1-ubyte"
    labels.write_bytes(struct.pack(">2I", 0x801, 3) + bytes(3))
    with pytest.raises(DatasetError, match="do not fit together: There are 2 images but 3 labels"):
        load_dataset("mnist", "test", tmp_path)
    labels.write_bytes(struct.pack(">2I", 0x801, 2) + bytes([0, 10]))
    with pytest.raises(DatasetError, match="do not fit together: Labels go from 0 to 10"):
        load_dataset("mnist", "test", tmp_path)
    labels.write_bytes((tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes())
    with pytest.raises(DatasetError, match="has 3 dimensions; labels have 1"):
        load_dataset("mnist", "test", tmp_path)


def save_image(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 6, 3), value, np.uint8)).save(path)


def test_a_folder_of_classes_is_both_splits_unless_it_has_them(tmp_path):
    for name in ("cat", "dog"):
        save_image(tmp_path / "plain" / name / "1.png", 7)
        save_image(tmp_path / "split" / "train" / name / "1.png", 1)
        save_image(tmp_path / "split" / "test" / name / "1.png", 2)
    plain, split = f"folder:{tmp_path / 'plain'}", f"folder:{tmp_path / 'split'}"
    assert load_dataset(plain, "train").images.shape == (2, 3, 6, 6)
    assert load_dataset(plain, "test", shape=(1, 3, 3)).images.shape == (2, 1, 3, 3)
    assert load_dataset(split, "train").images[0, 0, 0, 0] == 1
    assert load_dataset(split, "test").images[0, 0, 0, 0] == 2
    assert not has_test_split(plain)
    assert has_test_split(split)
    assert has_test_split("mnist")


@needs_shared_data
@pytest.mark.parametrize(("spec", "mean"), [("mnist", 0.1325), ("fashion-mnist", 0.2868)])
def test_real_test_images_have_the_published_statistics(spec, mean):
    images = load_dataset(spec, "test", SHARED)
    assert images.images.shape == (10_000, 1, 28, 28)
    assert (np.bincount(images.labels) > 800).all()
    assert images.images.mean() / 255 == pytest.approx(mean, abs=1e-3)


@needs_shared_data
def test_real_cifar10_has_a_thousand_test_images_of_each_class():
    images = load_dataset("cifar10", "test", SHARED)
    assert images.images.shape == (10_000, 3, 32, 32)
    assert np.bincount(images.labels).tolist() == [1000] * 10
    assert images.skipped == ()
    # Published means of the lossless images: 0.494, 0.485, 0.450.
    np.testing.assert_allclose(images.images.mean(axis=(0, 2, 3)) / 255, [0.494, 0.485, 0.450], atol=2e-3)
