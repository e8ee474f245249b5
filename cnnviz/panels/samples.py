"""Samples: a strip of images to begin with: of the network's own data set where it is at hand, drawings and photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cnnviz.engine.panel import Cancelled, PanelSpec, Rest
from cnnviz.panels.shared.labelled_samples import AUTO, data_choice, labelled_samples
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.data.samples import Sample
    from cnnviz.engine.observation import LoadedNetwork, Observation
    from cnnviz.panels.shared.labelled_samples import DataChoice, LabelledSamples

THUMBNAIL = 48
OF_THE_DATA = 10
"""Images of the data set: one or two of each class."""
LOOKS_AGAIN_S = 0.1


class SamplesParams(PanelParams):
    """Nothing to set: what is chosen is the input."""


@dataclass(frozen=True, eq=False)
class SampleThumbnail:
    """``image`` is ``(C, 48, 48)`` in [0, 1]; ``label`` is the class of an image of a data set.

    ``pixels``, uint8 (H, W) or (H, W, 3), are those of an image of a data set; None where ``name`` says it all.
    """

    name: str
    title: str
    kind: str
    image: np.ndarray
    label: str = ""
    pixels: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class SamplesResult:
    thumbnails: tuple[SampleThumbnail, ...]


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[SamplesResult | Rest]:
    """Those that suit the network first: of its data set, then drawings for one channel, photos for three.

    Photos are grey until they have been read.
    """
    from cnnviz.data.samples import samples

    network = observation.network
    photos_first = network.card.input_size[0] == 3
    ordered = sorted(samples(), key=lambda sample: (sample.kind == "photo") != photos_first)
    if not _kept:  # the first picture of the program waits for nothing that is to be read
        yield _with(ordered, ())
        yield Rest(LOOKS_AGAIN_S)
    choice = data_choice(AUTO, network, scene)
    found = _read(choice, network) if choice.is_networks_own else ()
    yield _with(ordered, found or ())
    missing = [sample for sample in ordered if sample.name not in _kept]
    while missing or found is None:
        if missing:
            _keep(missing.pop(0))
        elif (found := _read(choice, network)) is None:
            yield Rest(LOOKS_AGAIN_S)
            continue
        yield _with(ordered, found or ())


def _with(ordered: Sequence[Sample], found: tuple[SampleThumbnail, ...]) -> SamplesResult:
    return SamplesResult((*found, *map(_at_once, ordered)))


def _read(choice: DataChoice, network: LoadedNetwork) -> tuple[SampleThumbnail, ...] | None:
    """Of the data set; None while it is being read, nothing where that fails: panels that need it say why."""
    from cnnviz.data.datasets import DatasetError

    try:
        found = labelled_samples(choice, network, OF_THE_DATA, 0.0)
    except DatasetError:
        return ()
    return None if found is None else _of_data(found)


_made: list[tuple[LabelledSamples, tuple[SampleThumbnail, ...]]] = []
"""Of the data set that was asked for last."""


def _of_data(found: LabelledSamples) -> tuple[SampleThumbnail, ...]:
    if not _made or _made[0][0] is not found:
        _made[:] = [(found, tuple(_of_image(found, index) for index in range(len(found))))]
    return _made[0][1]


def _of_image(found: LabelledSamples, index: int) -> SampleThumbnail:
    import numpy as np

    from cnnviz.data.fit import Fit, fit_picture

    pixels = found.images[index]
    pixels = pixels if len(pixels) == 3 else pixels[:1]
    name, label = found.choice.name_of(int(found.numbers[index])), found.class_names[found.labels[index]]
    whole = np.ascontiguousarray(pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0])
    small = fit_picture(pixels.astype(np.float32) / 255, len(pixels), THUMBNAIL, THUMBNAIL, Fit())
    return SampleThumbnail(name, f"{name}: “{label}”", "data", small, label, whole)


_kept: dict[str, SampleThumbnail] = {}
"""A network that follows another, as the checkpoints of a run do, must not wait for them again."""


def _at_once(sample: Sample) -> SampleThumbnail:
    import numpy as np

    if sample.kind == "drawing" and sample.name not in _kept:
        _keep(sample)
    grey = np.full((1, THUMBNAIL, THUMBNAIL), 0.5, np.float32)
    return _kept.get(sample.name) or SampleThumbnail(sample.name, sample.title, sample.kind, grey)


def _keep(sample: Sample) -> None:
    _kept[sample.name] = SampleThumbnail(sample.name, sample.title, sample.kind, _picture(sample))


def _picture(sample: Sample) -> np.ndarray:
    import numpy as np

    from cnnviz.data.fit import Fit, fit_picture
    from cnnviz.data.samples import sample_drawing, sample_picture
    from cnnviz.data.strokes import Rasteriser

    if sample.kind == "drawing":
        return Rasteriser().render(np.zeros((1, THUMBNAIL, THUMBNAIL), np.float32), sample_drawing(sample.name))
    pixels = sample_picture(sample.name).pixels
    return fit_picture(pixels, pixels.shape[0], THUMBNAIL, THUMBNAIL, Fit())


SPEC = PanelSpec(
    id="samples",
    title="Samples",
    area="left",
    params=SamplesParams,
    depends=("network",),
    compute=compute,
    weights=lambda scene: False,
    view="cnnviz.panels.samples_view:SamplesView",
    tip="Inputs to begin with; a click puts one on the canvas. First come test images of the data set that the network "
    "learned from, where it is at hand.",
)
