"""Samples: a strip of drawings and photos to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.engine.observation import Observation

THUMBNAIL = 48


class SamplesParams(PanelParams):
    """Nothing to set: what is chosen is the input."""


@dataclass(frozen=True, eq=False)
class SampleThumbnail:
    """``image`` is ``(C, 48, 48)`` in [0, 1]."""

    name: str
    title: str
    kind: str
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class SamplesResult:
    thumbnails: tuple[SampleThumbnail, ...]


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> SamplesResult:
    """Those that suit the network first: drawings for one channel, photos for three."""
    from cnnviz.data.samples import samples

    photos_first = observation.network.card.input_size[0] == 3
    ordered = sorted(samples(), key=lambda sample: (sample.kind == "photo") != photos_first)
    return SamplesResult(tuple(_thumbnail(sample.name, sample.title, sample.kind) for sample in ordered))


@cache  # a network that follows another, as the checkpoints of a run do, must not wait for them again
def _thumbnail(name: str, title: str, kind: str) -> SampleThumbnail:
    return SampleThumbnail(name, title, kind, _picture(name, kind))


def _picture(name: str, kind: str) -> np.ndarray:
    import numpy as np

    from cnnviz.data.fit import Fit, fit_picture
    from cnnviz.data.samples import sample_drawing, sample_picture
    from cnnviz.data.strokes import Rasteriser

    if kind == "drawing":
        return Rasteriser().render(np.zeros((1, THUMBNAIL, THUMBNAIL), np.float32), sample_drawing(name))
    pixels = sample_picture(name).pixels
    return fit_picture(pixels, pixels.shape[0], THUMBNAIL, THUMBNAIL, Fit())


SPEC = PanelSpec(
    id="samples",
    title="Samples",
    area="left",
    params=SamplesParams,
    depends=("network",),
    compute=compute,
    view="cnnviz.panels.samples_view:SamplesView",
    tip="Inputs to begin with; a click puts one on the canvas.",
)
