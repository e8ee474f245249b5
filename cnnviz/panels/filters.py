"""Filters: the kernels of the selected layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.core.choices import ColourScale
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.panels.shared.kernels import as_kernels, loose_layer, owner_of_kernels
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnnviz.core.filters import FilterBank
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import LoadedNetwork, Observation

COLUMNS = 8
GAP = 1


class FiltersParams(PanelParams):
    input_channel: int | Literal["all"] | None = Field(
        None,
        description="Kernels for this input channel, or all together; none: three in colour, else the first",
    )
    scale: Literal["auto", "shared", "own"] = Field(
        "auto", description="One colour scale for all kernels, or each its own; auto: its own for kernels in colour"
    )
    loose: str | None = Field(
        None,
        max_length=4096,
        description="Which layer of a file that is no whole network; none: the first",
    )


@dataclass(frozen=True, eq=False)
class FiltersResult:
    """The kernels of ``owner``: the selected layer, or the nearest one before it that has some.

    Attributes
    ----------
    mosaic : Mosaic or None
        Signed kernels, or one matrix; None where the kernels are in colour.
    colours : array or None
        Colour kernels as uint8 ``(H, W, 3)``, tiles row by row.
    kernel : Mosaic
        The kernel of the selected channel alone, signed, in the colours that it has among the others, and its weights
        ``kernel_values`` ``(h, w)``; of one in colour their mean over the channels, in a scale of its own.
    nan, infinite : int
        How many weights of the layer are so.
    loose : tuple of (str, str)
        Of a file that is no whole network, all its layers to choose from, each with its shape in words.
    """

    selected: str
    owner: str
    shape: tuple[int, ...]
    bank: FilterBank
    mosaic: Mosaic | None
    colours: np.ndarray | None
    channel: int | None
    kernel: Mosaic
    kernel_values: np.ndarray
    input_channel: int | None
    scale: ColourScale
    nan: int
    infinite: int
    loose: tuple[tuple[str, str], ...] = ()


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> FiltersResult:
    import torch

    from cnnviz.core.filters import kernel_bank
    from cnnviz.core.mosaic import mosaic

    params = cast(FiltersParams, scene.panel("filters"))
    network = observation.network
    if network.loose:
        owner_name, weight, kind = loose_layer(network, params.loose)
    else:
        owner = owner_of_kernels(network, observation.layer)
        owner_name = owner.name
        weight, kind = as_kernels(network, owner)
    paged = weight.shape[1] if weight.dim() == 4 and kind == "Conv2d" else 0
    input_channel = _input_channel(params, paged)
    in_colour = paged == 3 and input_channel is None
    scale = ("own" if in_colour else "shared") if params.scale == "auto" else params.scale
    bank = kernel_bank(weight, kind, input_channel, scale)
    is_selected = owner_name == (observation.layer.module_path if network.loose else observation.layer.name)
    channel = min(scene.selection.channel, len(bank.norms) - 1) if is_selected else None
    # the unit of a ReLU or a pool stands for the filter that feeds it
    if channel is None and not network.loose and observation.layer.output_shape[:1] == (len(bank.norms),):
        channel = min(scene.selection.channel, len(bank.norms) - 1)
    kernel = _kernel(bank, weight, channel or 0)
    shown, colours = None, None
    if bank.form == "colour":
        colours = _colour_tiles(bank.images)
    else:
        shown = mosaic(torch.from_numpy(bank.images), columns=COLUMNS, scale=scale, signed=True, gap=GAP)
    return FiltersResult(
        owner_name if network.loose else observation.layer.name,
        owner_name,
        tuple(weight.shape),
        bank,
        shown,
        colours,
        channel,
        mosaic(kernel[None], columns=1, signed=True, gap=0) if shown is None else _alone(bank, shown, channel or 0),
        kernel.numpy(),
        input_channel,
        scale,
        int(weight.isnan().sum()),
        int(weight.isinf().sum()),
        _loose_layers(network),
    )


def _input_channel(params: FiltersParams, channels: int) -> int | None:
    """Which of ``channels`` input channels is shown; None for all together."""
    if channels == 0 or params.input_channel == "all" or (params.input_channel is None and channels == 3):
        return None
    return min(max(params.input_channel or 0, 0), channels - 1)


def _loose_layers(network: LoadedNetwork) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, "×".join(map(str, network.module.get_submodule(name).get_parameter("weight").shape)))
        for name in network.loose
    )


def _kernel(bank: FilterBank, weight: Tensor, channel: int) -> Tensor:
    """The weights ``(h, w)`` of one filter as the bank shows them: a tile, a row of a matrix, the mean of colours."""
    import torch

    if bank.form == "matrix":
        return torch.from_numpy(bank.images[0, channel : channel + 1].copy())
    if bank.form == "colour":
        return weight[channel].float().cpu().mean(0)
    return torch.from_numpy(bank.images[channel].copy())


def _alone(bank: FilterBank, shown: Mosaic, channel: int) -> Mosaic:
    """The same part of the picture as :func:`_kernel` is of the weights."""
    import numpy as np

    if bank.form == "matrix":
        top, left, height, width = channel, 0, 1, shown.tile_shape[1]
        low, high = shown.range_of(0)
    else:
        top, left, height, width = shown.tile_rect(channel)
        low, high = shown.range_of(channel)
    part = np.ascontiguousarray(shown.indices[top : top + height, left : left + width])
    return replace(shown, indices=part, tile_shape=(height, width), columns=1, count=1, gap=0, low=low, high=high)


def _colour_tiles(images: np.ndarray) -> np.ndarray:
    """Filters ``(n, h, w, 3)`` in [0, 1] as one uint8 picture, :data:`COLUMNS` in a row."""
    import numpy as np

    count, height, width, _ = images.shape
    rows = -(-count // COLUMNS)
    picture = np.zeros((rows * (height + GAP) - GAP, COLUMNS * (width + GAP) - GAP, 3), np.uint8)
    # grey stands for NaN, as in a kernel of equal weights; the panel's title counts them
    levels = np.rint(np.clip(np.nan_to_num(images, nan=0.5), 0, 1) * 255).astype(np.uint8)
    for index, image in enumerate(levels):
        row, column = divmod(index, COLUMNS)
        top, left = row * (height + GAP), column * (width + GAP)
        picture[top : top + height, left : left + width] = image
    return picture


SPEC = PanelSpec(
    id="filters",
    title="Filters",
    area="right",
    params=FiltersParams,
    depends=("network", "unit"),
    compute=compute,
    view="cnnviz.panels.filters_view:FiltersView",
    early=True,
    tip="The weights that the selected layer has learned, one kernel a filter.",
)
