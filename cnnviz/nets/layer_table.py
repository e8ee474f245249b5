"""A network as a table of layers: its rows as plain values, without torch.

``table_plan`` works out the sizes of a table, ``table_network`` builds it, ``table_variants`` makes others of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from cnnviz.core.choices import PaddingMode, PoolingKind
from cnnviz.data.frozen import Frozen

LAYER_TABLE = "layer-table"
"""The architecture whose settings are a :class:`LayerTable`, with ``channels`` and ``classes`` beside."""

Kind = Literal[
    "convolution",
    "normalisation",
    "activation",
    "pooling",
    "dropout",
    "residual",
    "flatten",
    "linear",
    "global-pooling",
]
Normalisation = Literal["batch", "layer", "instance", "group"]
Activation = Literal[
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid"
]
BlockForm = Literal["like", "bottleneck"]
BlockOrder = Literal["conv-norm-act", "conv-act-norm", "norm-act-conv"]

MOST_ROWS = 400
MOST_CONVOLUTIONS = 6
"""In the branch of a residual block."""
LARGEST_WIDTH = 65_536
LARGEST_WINDOW = 512

_Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
_Step = Annotated[int, Field(ge=1, le=LARGEST_WINDOW)]
_Margin = Annotated[int, Field(ge=0, le=LARGEST_WINDOW)]
_Pair = tuple[_Step, _Step]
_Margins = tuple[_Margin, _Margin]
_Share = Annotated[float, Field(ge=0, lt=1)]

_RESERVED = """
T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
eval extend extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half insert ipu
load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters pop
register_backward_hook register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
set_submodule share_memory state_dict to to_empty train training type xpu zero_grad input network
"""
RESERVED_NAMES = frozenset(_RESERVED.split())
"""What torch's modules, or the program's graphs, call other things."""


class _Row(Frozen):
    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$",
        description="of the layer, as long as it is in the table: by it the layer's random start is drawn",
    )

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError(f"a layer cannot be called '{name}'; add a number")
        return name


class ConvolutionRow(_Row):
    """A two-dimensional convolution."""

    kind: Literal["convolution"] = "convolution"
    channels: _Width | None = Field(32, description="maps that it gives; none: one for each class")
    kernel_size: _Pair = Field((3, 3), description="rows and columns of its window")
    stride: _Pair = Field((1, 1), description="cells from one window to the next")
    padding: _Margins | Literal["same"] = Field(
        (0, 0), description="cells added at each border; same: as keeps the size at stride 1"
    )
    dilation: _Pair = Field((1, 1), description="cells from one weight to the next")
    groups: _Width = Field(1, description="groups of channels that do not see each other")
    bias: bool = Field(True, description="a number added to each map")
    padding_mode: PaddingMode = Field("zeros", description="what the added cells hold")


class NormalisationRow(_Row):
    """A normalisation of maps, or of numbers in one row."""

    kind: Literal["normalisation"] = "normalisation"
    normalisation: Normalisation = Field("batch", description="over which values mean and spread are taken")
    groups: _Width = Field(4, description="groups of channels; of group normalisation alone")
    affine: bool = Field(True, description="a learned scale and shift for each channel")


class ActivationRow(_Row):
    """A non-linearity."""

    kind: Literal["activation"] = "activation"
    function: Activation = Field("relu", description="applied to each value")
    slope: float = Field(0.01, ge=0, le=1, description="below zero; of leaky ReLU alone")


class PoolingRow(_Row):
    """Padding and what ceil mode adds are left out of every summary; "strided" is learned, each channel on its own."""

    kind: Literal["pooling"] = "pooling"
    pooling: PoolingKind = Field("max", description="how a window becomes one number")
    window: _Pair = Field((2, 2), description="rows and columns")
    stride: _Pair = Field((2, 2), description="cells from one window to the next")
    padding: _Margins = Field((0, 0), description="cells added at each border, which count for nothing")
    ceil_mode: bool = Field(False, description="keep a last window that is not whole")
    sigma: float = Field(1.0, gt=0, le=100, description="width of the Gaussian in cells; of weighted pooling alone")
    taps: int = Field(3, ge=1, le=9, description="width of the blur in cells; of blur pooling alone")

    @model_validator(mode="after")
    def _strided_ends_on_the_map(self) -> Self:
        if self.pooling == "strided" and self.ceil_mode:
            raise ValueError("a strided convolution has no ceil mode")
        return self


class DropoutRow(_Row):
    """Values are left out at random while it is trained."""

    kind: Literal["dropout"] = "dropout"
    probability: _Share = Field(0.5, description="with which a value is left out in training")
    whole_maps: bool = Field(False, description="leave out whole maps instead of single values")


class ResidualRow(_Row):
    """f(x) + x, where f has some convolutions; a 1×1 convolution takes x to another size where that is asked for.

    Attributes
    ----------
    order
        ``"conv-norm-act"``: as in He et al. 2015, with an activation after the sum. ``"norm-act-conv"``: He et al.,
        "Identity Mappings in Deep Residual Networks", 2016; nothing follows the sum, so that a silenced branch leaves
        x itself. ``"conv-act-norm"``: normalisation after the activation, nothing after the sum.
    skip
        Without it the block is f(x): plain layers with the same weights.
    form
        ``"bottleneck"``: a 1×1 convolution to ``inner`` maps, one with the window, which has the stride, and a 1×1
        convolution to ``channels``, as in torchvision's ResNet-50 (He et al. 2015 have the stride in the first).
    """

    kind: Literal["residual"] = "residual"
    form: BlockForm = Field("like", description="whether all convolutions are alike, or two of 1×1 enclose one")
    inner: _Width = Field(8, description="maps between the convolutions of 1×1; of a bottleneck alone")
    channels: _Width = Field(32, description="maps that it gives")
    convolutions: int = Field(
        2, ge=1, le=MOST_CONVOLUTIONS, description="how many the branch has; a bottleneck has three"
    )
    kernel_size: Literal[1, 3, 5, 7] = Field(
        3, description="of all convolutions, of a bottleneck the middle one; padded so that the size stays"
    )
    stride: _Step = Field(1, description="of the first convolution, of a bottleneck the middle one")
    normalisation: Normalisation | Literal["none"] = Field("batch", description="beside each convolution")
    groups: _Width = Field(4, description="of group normalisation alone")
    function: Activation = Field("relu", description="activation")
    order: BlockOrder = Field("conv-norm-act", description="of what stands in the branch")
    skip: bool = Field(True, description="add the block's input to what the branch gives")


class FlattenRow(_Row):
    """All maps in one row of numbers."""

    kind: Literal["flatten"] = "flatten"


class LinearRow(_Row):
    """A fully connected layer, on numbers in one row."""

    kind: Literal["linear"] = "linear"
    features: _Width | None = Field(64, description="numbers that it gives; none: one for each class")
    bias: bool = Field(True, description="a number added to each")


class GlobalPoolingRow(_Row):
    """One number of each whole map."""

    kind: Literal["global-pooling"] = "global-pooling"
    pooling: Literal["average", "max"] = Field("average", description="what of each whole map is kept")


Row = (
    ConvolutionRow
    | NormalisationRow
    | ActivationRow
    | PoolingRow
    | DropoutRow
    | ResidualRow
    | FlattenRow
    | LinearRow
    | GlobalPoolingRow
)

ROW_TYPES: Mapping[Kind, type[Row]] = MappingProxyType(
    {
        "convolution": ConvolutionRow,
        "normalisation": NormalisationRow,
        "activation": ActivationRow,
        "pooling": PoolingRow,
        "dropout": DropoutRow,
        "residual": ResidualRow,
        "flatten": FlattenRow,
        "linear": LinearRow,
        "global-pooling": GlobalPoolingRow,
    }
)

_STEMS: Mapping[Kind, str] = MappingProxyType(
    {
        "convolution": "conv",
        "normalisation": "norm",
        "activation": "act",
        "pooling": "pool",
        "dropout": "drop",
        "residual": "block",
        "flatten": "flatten",
        "linear": "fc",
        "global-pooling": "global_pool",
    }
)


class LayerTable(Frozen):
    """The layers of a network from its input to its output.

    Attributes
    ----------
    height_width : (int, int) or None
        Of the images it takes; None: as the data have them.
    """

    layers: tuple[Annotated[Row, Field(discriminator="kind")], ...] = Field((), max_length=MOST_ROWS)
    height_width: _Pair | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        for row in self.layers:
            if row.name in seen:
                raise ValueError(f"two layers are called '{row.name}'")
            seen.add(row.name)
        return self

    def with_layers(self, layers: Iterable[Row]) -> LayerTable:
        """The same with other rows; raises ValueError where two of them have one name."""
        return LayerTable(layers=tuple(layers), height_width=self.height_width)


def architecture_title(name: str) -> str:
    """What a person calls an architecture; of a table of layers, which has no name, ``"own layers"``."""
    return "own layers" if name == LAYER_TABLE else name


def free_name(kind: Kind, taken: Collection[str]) -> str:
    """``"conv3"``: a name for a new row that no other has, so that all others keep theirs."""
    stem = _STEMS[kind]
    if kind in ("flatten", "global-pooling") and stem not in taken:
        return stem
    number = 1
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def new_row(kind: Kind, taken: Collection[str], **fields: object) -> Row:
    """A row of a kind, with a name that is free."""
    return ROW_TYPES[kind].model_validate({"name": free_name(kind, taken), **fields})
