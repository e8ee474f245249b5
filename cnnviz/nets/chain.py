"""A network that is one layer after another, built from a table."""

from collections import OrderedDict

from torch import nn

from cnnviz.nets.chain_layer import Activation, ChainLayer, Kind, Pooling

__all__ = ["Activation", "Chain", "ChainLayer", "Kind", "Pooling"]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


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
