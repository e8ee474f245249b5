"""Images of a folder, counted without reading them."""

import numpy as np
from PIL import Image

from cnnviz.data import folder_count
from cnnviz.data.folder_count import images_to_train_on
from cnnviz.data.folders import read_class_folders
from cnnviz.data.split import split_by_class


def filled(folder, name, count):
    (folder / name).mkdir(parents=True)
    for index in range(count):
        Image.fromarray(np.full((2, 2), index, np.uint8)).save(folder / name / f"{index}.png")


def test_it_counts_what_will_be_trained_on(tmp_path):
    filled(tmp_path, "cats", 20)
    filled(tmp_path, "dogs", 10)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "cats" / ".thumbs").write_text("")
    (tmp_path / "readme.txt").write_text("")
    train, _ = split_by_class(read_class_folders(tmp_path), 0)
    assert images_to_train_on(tmp_path) == len(train) == 24


def test_of_a_set_that_is_split_those_of_train_count(tmp_path):
    for part, count in (("train", 6), ("test", 3)):
        filled(tmp_path / part, "cats", count)
        filled(tmp_path / part, "dogs", count)
    assert images_to_train_on(tmp_path) == 12


def test_it_does_not_count_for_long_and_takes_a_missing_folder_for_none(tmp_path, monkeypatch):
    filled(tmp_path, "cats", 20)
    filled(tmp_path, "dogs", 20)
    monkeypatch.setattr(folder_count, "MOST_COUNTED", 10)
    assert images_to_train_on(tmp_path) == 8
    assert images_to_train_on(tmp_path / "nothing") == 0
