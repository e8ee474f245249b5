import pytest

from cnnviz.data.datasets import load_dataset
from cnnviz.data.kept_images import KeptImages
from cnnviz.data.labelled_images import DatasetError

SHAPE = (1, 8, 8)


def test_a_set_is_read_once_and_another_takes_its_place():
    kept = KeptImages()
    digits = kept.result("digits", SHAPE, 60)
    assert (digits.images == load_dataset("digits", "test").images).all()
    assert kept.result("digits", SHAPE, 0) is digits
    shapes = kept.result("shapes", SHAPE, 60)
    assert shapes.class_names != digits.class_names
    assert kept.result("digits", SHAPE, 60) is not digits


def test_as_many_sets_as_are_wanted_stay_and_only_folders_depend_on_the_shape():
    kept = KeptImages(2)
    digits = kept.result("digits", SHAPE, 60)
    shapes = kept.result("shapes", SHAPE, 60)
    assert kept.result("digits", (3, 32, 32), 0) is digits
    assert kept.result("shapes", SHAPE, 0) is shapes
    kept.result("dots", SHAPE, 60)
    assert kept.result("shapes", SHAPE, 0) is shapes
    assert kept.result("digits", SHAPE, 60) is not digits


def test_what_cannot_be_had_is_looked_for_again(tmp_path):
    kept, folder = KeptImages(), tmp_path / "pictures"
    with pytest.raises(DatasetError):
        kept.result(f"folder:{folder}", SHAPE, 60)
    from PIL import Image

    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (8, 8), number).save(folder / name / f"{number}.png")
    assert kept.result(f"folder:{folder}", SHAPE, 60).class_names == ("cats", "dogs")
