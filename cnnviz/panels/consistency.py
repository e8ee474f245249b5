"""Consistency: how often a classifier says the same of shifted copies of an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.data.kept_images import KeptImages
from cnnviz.engine.input_tensor import as_input
from cnnviz.engine.panel import Cancelled, ComputeCancelled, PanelSpec, Rest
from cnnviz.panels.shared.caveats import graph_words
from cnnviz.panels.shared.own_passes import HEAVY
from cnnviz.panels.shared.sample_inputs import sample_inputs
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.core.curves import Curves
    from cnnviz.engine.observation import LoadedNetwork, Observation

REST_S = 0.12
LOADING_S = 0.15
"""A data set that is being read is asked for this long at a time."""
SAMPLES = "samples"
FEW_PAIRS = 6
"""Of shifted copies, drawn for each image where a pass takes long; else all pairs are compared."""


class ConsistencyParams(PanelParams):
    data: str = Field(
        SAMPLES,
        pattern=r"^(samples|digits|shapes|dots|mnist|fashion-mnist|cifar10|folder:.+)$",
        max_length=4096,
        description="the images: the program's samples, a data set's test images, or folder:PATH",
    )
    shift: int = Field(4, ge=1, le=8, multiple_of=1, description="Copies are shifted by up to this many pixels")
    border: Literal["wrap", "zeros"] = Field("wrap", description="what comes in: the opposite side, or black")
    images: int = Field(200, ge=10, le=5000, multiple_of=10, description="How many images of a data set are used")
    running: bool = Field(
        False, description="measure on the data set that is chosen", json_schema_extra={"undo": "none"}
    )


@dataclass(frozen=True)
class ConsistencyRow:
    """One network's share of pairs with the same top class; the ends of its interval are NaN below two images."""

    name: str
    share: float
    low: float
    high: float
    images: int


@dataclass(frozen=True, eq=False)
class ConsistencyResult:
    """
    Attributes
    ----------
    rows : tuple of ConsistencyRow
        The network as it is, and as it was loaded where it is changed.
    pairs : int
        Compared for each image.
    done, total : int
        Images measured, of all networks together.
    waiting : bool
        A data set is chosen, and not asked to be measured.
    message : str
        Why there is nothing to measure.
    of_pixels : bool
        The network answers for every pixel.
    unanswered : int
        Images for which the network as it is gives numbers that are not finite.
    told : str
        What is to be said of the network and the images besides, in sentences.
    """

    rows: tuple[ConsistencyRow, ...] = ()
    pairs: int = 0
    done: int = 0
    total: int = 0
    curves: Curves | None = None
    waiting: bool = False
    message: str = ""
    of_pixels: bool = False
    unanswered: int = 0
    told: str = ""

    @property
    def finished(self) -> bool:
        return self.total > 0 and self.done >= self.total


@dataclass(eq=False)
class _Measured:
    """One network's share for each image so far."""

    key: tuple[object, ...]
    per_image: list[float] = field(default_factory=list)
    pairs: int = 0
    of_pixels: bool = False
    unanswered: int = 0
    images: int = 0
    """How many there are to be measured."""


_measured: list[_Measured] = []
_kept = KeptImages()


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[ConsistencyResult | Rest]:
    """Image by image, for the network as it is and as it was loaded; goes on where a newer scene interrupted it."""
    from cnnviz.core.consistency import BATCH, shift_consistency
    from cnnviz.core.execution import Cancelled as PassCancelled
    from cnnviz.training.permuted_network import taking_images_in_order

    params = cast(ConsistencyParams, scene.panel("consistency"))
    network = observation.network
    networks = [network] if network.base is network else [network, network.base]
    what = (observation.mean, observation.std, scene.input.fit.size, scene.input.fit.colour)
    of_data = (params.data, network.card.input_size, *what)
    # another window may count its networks alike
    keys = [(each.traced, each.generation, params.shift, params.border, params.images, *of_data) for each in networks]
    _measured[:] = [each for each in _measured if each.key in keys]
    known = {each.key: each for each in _measured}
    works = [known.get(key) or _Measured(key) for key in keys]
    _measured[:] = works
    show = partial(_result, works, _names(networks), graph_words(network.graph))
    if params.data != SAMPLES and not params.running:
        yield show(sum(each.images for each in works), waiting=True)
        return
    yield show(0)
    yield Rest(REST_S)
    images = None
    while images is None:
        try:
            images = _images(scene, observation, params)
        except ValueError as error:
            yield ConsistencyResult(message=str(error))
            return
        if images is None:
            yield show(0)
    note = f"{graph_words(network.graph)} {_skipped_words(params, network)}".strip()
    show = partial(_result, works, _names(networks), note)
    for work in works:
        work.images = len(images)
    black = tuple(-mean / std for mean, std in zip(observation.mean, observation.std, strict=True))
    heavy = network.graph.macs > HEAVY
    for number in range(len(images)):
        for work, each in zip(works, networks, strict=True):
            if len(work.per_image) > number:
                continue
            try:
                one = shift_consistency(
                    taking_images_in_order(each.module, each.card.permuted_at),
                    _input(images[number], observation),
                    params.shift,
                    border=params.border,
                    pairs=FEW_PAIRS if heavy else None,
                    batch=1 if each.graph.method == "hooks" else BATCH,
                    seed=number,
                    black=black,
                    resamples=1,
                    cancelled=cancelled,
                )
            except PassCancelled:
                raise ComputeCancelled from None
            except ValueError as error:
                yield ConsistencyResult(message=str(error))
                return
            work.per_image.append(one.share)
            work.pairs, work.of_pixels = one.pairs, one.cells > 1
            work.unanswered += one.unanswered
        if heavy or number % 4 == 3 or number == len(images) - 1:
            yield show(len(images) * len(works))
    yield show(len(images) * len(works))


def _names(networks: list[LoadedNetwork]) -> tuple[str, ...]:
    from cnnviz.core.network_changes import describe

    if len(networks) == 1:
        return ("as it is",)
    return (describe(networks[0].changes), "as it was loaded")


def _skipped_words(params: ConsistencyParams, network: LoadedNetwork) -> str:
    """How many files of a folder are no images that could be read."""
    found = None if params.data == SAMPLES else _kept.result(params.data, network.card.input_size, 0)
    count = 0 if found is None else len(found.skipped)
    if not count:
        return ""
    return "1 file could not be read and is left out." if count == 1 else f"{count:,} files could not be read."


def _images(scene: Scene, observation: Observation, params: ConsistencyParams) -> np.ndarray | None:
    """Images (N, C, H, W), in [0, 1] or of bytes; None while they are being read. Raises ValueError."""
    if params.data == SAMPLES:
        return sample_inputs(observation, scene.input.fit, in_order=True)
    found = _kept.result(params.data, observation.network.card.input_size, LOADING_S)
    if found is None:
        return None
    images = _spread(found.images, params.images)
    channels = observation.network.card.input_size[0]
    if images.shape[1] != channels:
        raise ValueError(
            f"The network takes images of {channels} channel(s), those of {params.data} have {images.shape[1]}; "
            "choose other images."
        )
    return images


def _spread(images: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of them, evenly spread, since a folder is in the order of its classes."""
    import numpy as np

    count = min(len(images), most)
    return images[np.linspace(0, len(images) - 1, count).round().astype(int)] if count else images


def _input(image: np.ndarray, observation: Observation) -> Tensor:
    import numpy as np

    from cnnviz.training.preparation import at_size, to_unit_range

    if image.dtype != np.uint8:
        return as_input(image[None], observation)
    return as_input(at_size(to_unit_range(image[None]), *observation.network.card.input_size[1:]), observation)


def _result(
    works: list[_Measured], names: tuple[str, ...], told: str, total: int, *, waiting: bool = False
) -> ConsistencyResult:
    import numpy as np

    from cnnviz.core.consistency import bootstrap_interval
    from cnnviz.core.curves import AS_IT_IS, AS_LOADED, Curves, Mark, series

    rows, lines, marks = [], [], []
    for work, name, hue in zip(works, names, (AS_IT_IS, AS_LOADED), strict=False):
        values = np.array(work.per_image)
        if not len(values):
            continue
        low, high = bootstrap_interval(values)
        rows.append(ConsistencyRow(name, float(values.mean()), low, high, len(values)))
        places = (np.arange(len(values)) + 0.5) / len(values)
        lines.append(series(name, places, np.sort(values), points=len(values) < 12, hue=hue))
        marks.append(Mark("y", float(values.mean()), f"mean, {name}" if len(works) > 1 else "mean"))
    label = "share of pairs that agree"
    across = "images, the least consistent first (share of all)"
    curves = Curves("Consistency, image by image", across, label, tuple(lines), tuple(marks))
    done = sum(len(work.per_image) for work in works)
    pairs = max(work.pairs for work in works)
    of_pixels = any(work.of_pixels for work in works)
    return ConsistencyResult(
        tuple(rows),
        pairs,
        done,
        total,
        curves if lines else None,
        waiting,
        of_pixels=of_pixels,
        unanswered=works[0].unanswered,
        told=told,
    )


SPEC = PanelSpec(
    id="consistency",
    title="Consistency",
    area="right",
    params=ConsistencyParams,
    depends=("network",),
    compute=compute,
    view="cnnviz.panels.consistency_view:ConsistencyView",
    tip="How often the answer stays the same when the image is shifted, over many images.",
)
