import numpy as np
import pytest

from cnnviz.data.labelled_images import DatasetError, LabelledImages


def images(count, dtype=np.uint8):
    return np.arange(count, dtype=dtype)[:, None, None, None] * np.ones((1, 1, 2, 2), dtype)


def test_a_subset_keeps_images_and_labels_together():
    whole = LabelledImages(images(4), np.array([0, 1, 1, 0]), ("a", "b"), ("a/x",))
    part = whole.subset(np.array([2, 0]))
    assert part.images[:, 0, 0, 0].tolist() == [2, 0]
    assert part.labels.tolist() == [1, 0]
    assert part.class_names == ("a", "b")
    assert part.skipped == ("a/x",)
    assert len(part) == 2


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (images(2, np.float32), [0, 1], "must be uint8"),
        (images(2)[:, 0], [0, 1], r"must be uint8 \(N, C, H, W\)"),
        (images(2), [0], "2 images but 1 labels"),
        (images(2), [0, 2], "Labels go from 0 to 2, but the classes from 0 to 1"),
        (images(2), [-1, 0], "Labels go from -1"),
    ],
)
def test_what_does_not_fit_together_is_refused(pixels, labels, message):
    with pytest.raises(DatasetError, match=message):
        LabelledImages(pixels, np.array(labels), ("a", "b"))
