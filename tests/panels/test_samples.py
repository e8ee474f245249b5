"""Samples: thumbnails of what a click brings."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from skimage import data
from torch import nn

from cnnviz.data.samples import sample_drawing, samples
from cnnviz.data.strokes import Rasteriser
from cnnviz.panels.samples import THUMBNAIL


def flat(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * 64, 2))


@pytest.mark.parametrize(("channels", "first"), [(1, "drawing"), (2, "drawing"), (3, "photo"), (4, "drawing")])
def test_what_suits_the_network_comes_first(computed, channels, first):
    kinds = [thumbnail.kind for thumbnail in computed("samples", flat(channels), (channels, 8, 8)).thumbnails]
    assert kinds[0] == first
    assert len(kinds) == len(samples())
    assert len([1 for one, other in pairwise(kinds) if one != other]) == 1


def test_thumbnails_are_what_the_samples_are(computed):
    thumbnails = {each.name: each for each in computed("samples", flat(1), (1, 8, 8)).thumbnails}
    for name, thumbnail in thumbnails.items():
        assert thumbnail.image.shape[1:] == (THUMBNAIL, THUMBNAIL), name
        assert 0 <= thumbnail.image.min() < thumbnail.image.max() <= 1
    seven = Rasteriser().render(np.zeros((1, 48, 48), np.float32), sample_drawing("digit-7-first"))
    np.testing.assert_array_equal(thumbnails["digit-7-first"].image, seven)
    cat = torch.from_numpy(data.chelsea() / 255).permute(2, 0, 1).float()
    side = min(cat.shape[1:])
    top, left = (cat.shape[1] - side) // 2, (cat.shape[2] - side) // 2
    middle = cat[:, top : top + side, left : left + side][None]
    small = torch.nn.functional.interpolate(middle, (48, 48), mode="bilinear", antialias=True)[0]
    assert np.abs(thumbnails["chelsea"].image - small.numpy()).mean() < 0.03
