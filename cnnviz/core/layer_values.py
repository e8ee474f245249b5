"""What layers gave in one pass, by name."""

from typing import NoReturn

from torch import Tensor


class NotReached(ValueError, KeyError):
    """A pass through a network whose flow depends on its input did not come to a layer."""

    def __init__(self, layer: str) -> None:
        super().__init__(f"With this input the network does not come to the layer {layer}; select another, or draw on.")

    __str__ = ValueError.__str__  # KeyError's would put quotes around it


class LayerValues(dict[str, Tensor]):
    """Outputs by the names of layers; to ask for one that is not there raises :class:`NotReached`."""

    def __missing__(self, layer: str) -> NoReturn:
        raise NotReached(layer)
