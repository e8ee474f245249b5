"""The layers of a network and how data flows between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from cnnviz.core.placement import Placement

INPUT = "input"
"""Name of the layer that stands for the network's input."""

Method = Literal["torch.fx", "torch.export", "hooks"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a sliding window moves over the spatial axes, one entry per axis (rows before columns).

    Attributes
    ----------
    kernel_size, stride, dilation : tuple of int
        In pixels of the layer's input (of its output for transposed convolutions).
    padding : tuple of (int, int)
        Pixels added before and after; negative where they are cropped. ``"same"`` is resolved into numbers.
    groups : int
        Groups of channels of a convolution; 1 for pooling and padding.
    ceil_mode : bool
        Whether pooling keeps a last, incomplete window.
    padding_mode : str
        What the padding holds: "zeros" (or any other constant), "reflect", "replicate" or "circular".
    """

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1
    ceil_mode: bool = False
    padding_mode: str = "zeros"


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of a module or of a function on tensors.

    Attributes
    ----------
    name : str
        Unique in its graph: the module's path (``"layer1.0.conv2"``), with ``":2"``, ``":3"`` … for later calls of
        the same module; functions are named after their operation in the enclosing block (``"layer1.0.add"``,
        ``"flatten"``, ``"relu_1"``).
    kind : str
        Class name in ``torch.nn``, also for functions where there is one (``F.relu`` is ``"ReLU"``); else the
        operation (``"Add"``, ``"Concat"``, ``"Multiply"``); ``"Input"`` for the network's input.
    module_path : str or None
        Where the module is found in the network; None for functions.
    inputs : tuple of str
        Names of the layers whose outputs it reads, each once.
    output_shape : tuple of int
        Without the batch axis.
    parameters : int
        Weights and biases; those shared with an earlier layer are counted there.
    macs : int
        Multiply-adds for one image, in convolutions, linear layers and matrix products; other work counts as 0.
    block : tuple of str
        Paths of the enclosing containers, outermost first.
    geometry : Geometry or None
        Of convolutions, pooling and unpooling with a fixed window, and padding.
    placement : Placement or None
        What it does to positions, where it is no sliding window and that depends on how it was called.
    summary : str
        A few words for a diagram: ``"Conv 3×3 /2"``, ``"Max 2×2"``.
    """

    name: str
    kind: str
    module_path: str | None
    inputs: tuple[str, ...]
    output_shape: tuple[int, ...]
    parameters: int = 0
    macs: int = 0
    block: tuple[str, ...] = ()
    geometry: Geometry | None = None
    summary: str = ""
    placement: Placement | None = None


@dataclass(frozen=True)
class LayerGraph:
    """Layers in order of execution, the input first.

    Attributes
    ----------
    layers : tuple of Layer
    method : str
        How the layers were found; ``"hooks"`` sees modules only, not the functions between them.
    notes : tuple of str
        In words, why a better method failed, and what else the graph leaves out.
    unseen : frozenset of str
        Layers whose inputs passed through operations that the graph does not show.
    outputs : int
        How many tensors the network gives; the first is its answer.
    """

    layers: tuple[Layer, ...]
    method: Method
    notes: tuple[str, ...] = ()
    unseen: frozenset[str] = field(default=frozenset())
    outputs: int = 1

    @cached_property
    def _by_name(self) -> MappingProxyType[str, Layer]:
        return MappingProxyType({layer.name: layer for layer in self.layers})

    @cached_property
    def _consumers(self) -> MappingProxyType[str, tuple[Layer, ...]]:
        found: dict[str, list[Layer]] = {layer.name: [] for layer in self.layers}
        for layer in self.layers:
            for name in layer.inputs:
                found[name].append(layer)
        return MappingProxyType({name: tuple(layers) for name, layers in found.items()})

    def __getitem__(self, name: str) -> Layer:
        """The layer called ``name``; raises KeyError."""
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def consumers(self, name: str) -> tuple[Layer, ...]:
        """The layers that read the output of ``name``, in order of execution; raises KeyError."""
        return self._consumers[name]

    @cached_property
    def parameters(self) -> int:
        """Weights and biases of all layers, shared ones once."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def macs(self) -> int:
        """Multiply-adds of all layers for one image."""
        return sum(layer.macs for layer in self.layers)
