"""A network that is one layer after another, built from a table."""

from collections import OrderedDict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

Kind = Literal["conv", "linear", "batch_norm", "prelu"]
Activation = Literal["none", "relu", "leaky_relu", "tanh", "sigmoid", "elu", "gelu", "silu"]
Pooling = Literal["none", "max", "average", "global"]

_Width = Annotated[int, Field(ge=1, le=1_048_576)]
_Window = Annotated[int, Field(ge=1, le=512)]
_Padding = Annotated[int, Field(ge=0, le=512)]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class ChainLayer(BaseModel):
    """One row of the table: a layer with weights, then an activation function, then pooling.

    Attributes
    ----------
    name : str
        Of the layer in the file that its weights come from.
    inputs, outputs : int
        Channels of a convolution, numbers of a linear layer; the same for the other kinds.
    kernel_size, padding : (int, int)
        Rows and columns; of convolutions alone.
    pooling : str
        ``"global"`` takes the average of each whole map.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    inputs: _Width
    outputs: _Width
    bias: bool = True
    kernel_size: tuple[_Window, _Window] = (1, 1)
    stride: _Window = 1
    padding: tuple[_Padding, _Padding] = (0, 0)
    groups: _Width = 1
    activation: Activation = "none"
    pooling: Pooling = "none"
    pooling_size: _Window = 2
    pooling_stride: _Window = 2

    @property
    def module_name(self) -> str:
        """Of its module in the network: dots would make it a path."""
        return self.name.replace(".", "_") or "layer"


class Chain(nn.Sequential):
    """The layers of a table, with the maps flattened before the first linear layer.

    Raises
    ------
    ValueError
        Two rows have one name, or the groups of a convolution do not divide its channels.
    """

    def __init__(self, layers: tuple[ChainLayer, ...]) -> None:
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        flat = False
        for layer in layers:
            if layer.kind == "linear" and not flat:
                flat = True
                modules["flatten"] = nn.Flatten()
            if layer.module_name in modules:
                raise ValueError(f"two layers are called {layer.module_name!r}")
            modules[layer.module_name] = _weighted(layer, flat)
            if layer.activation != "none":
                modules[f"{layer.module_name}_{layer.activation}"] = _ACTIVATIONS[layer.activation]()
            if layer.pooling != "none":
                modules[f"{layer.module_name}_pool"] = _pooling(layer)
        super().__init__(modules)


def _weighted(layer: ChainLayer, flat: bool) -> nn.Module:
    if layer.kind == "conv":
        return nn.Conv2d(
            layer.inputs,
            layer.outputs,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            groups=layer.groups,
            bias=layer.bias,
        )
    if layer.kind == "linear":
        return nn.Linear(layer.inputs, layer.outputs, layer.bias)
    if layer.kind == "prelu":
        return nn.PReLU(layer.outputs)
    return nn.BatchNorm1d(layer.outputs) if flat else nn.BatchNorm2d(layer.outputs)


def _pooling(layer: ChainLayer) -> nn.Module:
    if layer.pooling == "global":
        return nn.AdaptiveAvgPool2d(1)
    kind = nn.MaxPool2d if layer.pooling == "max" else nn.AvgPool2d
    return kind(layer.pooling_size, layer.pooling_stride)
