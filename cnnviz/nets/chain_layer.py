"""One row of the table that a chain of layers is built from; without torch."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

CHAIN = "chain"
"""An architecture whose only setting, ``layers``, is a list of rows as in :class:`ChainLayer`."""

Kind = Literal["conv", "linear", "batch_norm", "prelu"]
Activation = Literal["none", "relu", "leaky_relu", "tanh", "sigmoid", "elu", "gelu", "silu"]
Pooling = Literal["none", "max", "average", "global"]

_Width = Annotated[int, Field(ge=1, le=1_048_576)]
_Window = Annotated[int, Field(ge=1, le=512)]
_Padding = Annotated[int, Field(ge=0, le=512)]


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
