"""The chain of layers that the shapes of weights make, or why they make none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnviz.checkpoints.fingerprints import is_counter
from cnnviz.checkpoints.prefixes import SavedNetwork
from cnnviz.nets.chain_layer import ChainLayer, Kind

_MOST_LAYERS = 400
_MOST_STEPS = 20_000


class NoChain(ValueError):
    """The weights make no chain of layers; the message says why, as the end of a sentence."""


@dataclass(frozen=True)
class ShapedChain:
    """Layers one after another, with what shapes tell of them and nothing else.

    Attributes
    ----------
    layers : tuple of ChainLayer
        Without activation functions and pooling, with padding 0 and stride 1.
    gaps : tuple of int or None
        For each layer, how many modules without weights come after it, where the names are numbers in a sequence.
    ordered : bool
        Whether the names tell the order; else layers follow one another by their channels alone.
    """

    layers: tuple[ChainLayer, ...]
    gaps: tuple[int | None, ...]
    ordered: bool


def chain_in(network: SavedNetwork) -> ShapedChain:
    """The chain that the weights of ``network`` make.

    Raises
    ------
    NoChain
        There are other layers than convolutions, linear layers, batch normalisation and PReLU, or they branch.
    """
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, entry in network.entries.items():
        if not is_counter(name):
            layer, _, kind = name.rpartition(".")
            shapes.setdefault(layer, {})[kind] = entry.shape
    if len(shapes) > _MOST_LAYERS:
        raise NoChain(f"it has {len(shapes)} layers, too many to try how they are joined")
    layers = [_layer(name, tensors) for name, tensors in shapes.items()]
    joined = [layer for layer in layers if layer.kind in ("conv", "linear")]
    if not any(layer.kind == "conv" for layer in joined):
        if len(joined) != len(layers) or not layers:
            raise NoChain("it has no convolution over images")
        raise NoChain(f"it has no convolution, but linear layers that read {joined[0].inputs:,} numbers and no image")
    ordered = _follow_on(joined)
    if ordered is None:
        _explain_branches(joined)
    by_name = ordered == [_with_groups(layer, before) for layer, before in _with_previous(joined)]
    numbered = _numbers(list(shapes))
    if by_name and numbered is not None:
        grouped = {layer.name: layer for layer in ordered or ()}
        rows = [grouped.get(layer.name, layer) for layer in layers]
    else:
        rows = _with_norms(ordered or [], [layer for layer in layers if layer.kind in ("batch_norm", "prelu")])
    _check_norms(rows)
    gaps = _gaps(rows, numbered)
    return ShapedChain(tuple(rows), gaps, by_name)


def _layer(name: str, tensors: Mapping[str, tuple[int, ...]]) -> ChainLayer:
    """What a layer with tensors of these shapes is."""
    called = f"'{name}'" if name else "its nameless layer"
    weight = tensors.get("weight", ())
    kinds = frozenset(tensors)
    if any(size == 0 for size in weight):
        raise NoChain(f"{called} has a weight of shape {weight}, without a number in it")
    bias = "bias" in kinds
    if bias and len(weight) > 1 and tensors["bias"] != weight[:1]:
        raise NoChain(f"{called} has a bias of shape {tensors['bias']} beside a weight of shape {weight}")
    if kinds <= {"weight", "bias"} and len(weight) == 4 and max(weight[2:]) <= 512:
        rows, columns = weight[2:]
        return _checked(name, "conv", weight[1], weight[0], bias, (rows, columns))
    if kinds <= {"weight", "bias"} and len(weight) == 2:
        return _checked(name, "linear", weight[1], weight[0], bias)
    normalises = kinds == {"weight", "bias", "running_mean", "running_var"} and len(set(tensors.values())) == 1
    if normalises and len(weight) == 1:
        return _checked(name, "batch_norm", weight[0], weight[0], bias)
    if kinds == {"weight"} and len(weight) == 1:
        return _checked(name, "prelu", weight[0], weight[0], False)
    listed = ", ".join(f"{kind} {shape}" for kind, shape in tensors.items())
    raise NoChain(f"{called} ({listed}) is none of the layers that make a chain")


def _checked(
    name: str, kind: Kind, inputs: int, outputs: int, bias: bool, kernel_size: tuple[int, int] = (1, 1)
) -> ChainLayer:
    if max(inputs, outputs) > 1_048_576:
        raise NoChain(f"'{name}' reads or gives more than a million numbers")
    return ChainLayer(name=name, kind=kind, inputs=inputs, outputs=outputs, bias=bias, kernel_size=kernel_size)


def _with_previous(layers: Sequence[ChainLayer]) -> list[tuple[ChainLayer, ChainLayer | None]]:
    return list(zip(layers, [None, *layers[:-1]], strict=True))


def _with_groups(layer: ChainLayer, before: ChainLayer | None) -> ChainLayer:
    """A depthwise convolution reads all channels that come to it, though its weight has one."""
    if layer.kind != "conv" or before is None or before.kind != "conv" or layer.inputs == before.outputs:
        return layer
    if layer.inputs == 1 and layer.outputs % before.outputs == 0:
        return layer.model_copy(update={"inputs": before.outputs, "groups": before.outputs})
    return layer


def _joins(before: ChainLayer, after: ChainLayer) -> bool:
    if after.kind == "conv":
        return before.kind == "conv" and _with_groups(after, before).inputs == before.outputs
    if before.kind == "linear":
        return after.inputs == before.outputs
    return after.inputs % before.outputs == 0


def _follow_on(layers: list[ChainLayer]) -> list[ChainLayer] | None:
    """The layers so that each reads what the one before gives: in the order given, else the first order found."""
    if not all(_joins(before, after) for after, before in _with_previous(layers) if before is not None):
        found = _search(layers)
        if found is None:
            return None
        layers = found
    return [_with_groups(layer, before) for layer, before in _with_previous(layers)]


def _search(layers: list[ChainLayer]) -> list[ChainLayer] | None:
    # A depth-first search for a path through all layers; the number of steps is bounded, since it may take for ever.
    steps = 0
    # Images have one or three channels; a circle of layers could else be entered anywhere.
    convolutions = [layer for layer in layers if layer.kind == "conv"]
    start = sorted(convolutions, key=lambda layer: layer.inputs not in (1, 3))
    stack: list[list[ChainLayer]] = [[layer] for layer in reversed(start)]
    while stack and steps < _MOST_STEPS:
        steps += 1
        path = stack.pop()
        if len(path) == len(layers):
            return path
        taken = {layer.name for layer in path}
        following = [layer for layer in layers if layer.name not in taken and _joins(path[-1], layer)]
        stack.extend([*path, layer] for layer in reversed(following))
    return None


def _explain_branches(layers: Sequence[ChainLayer]) -> None:
    convolutions = [layer for layer in layers if layer.kind == "conv"]
    pointwise = [layer for layer in convolutions if layer.kernel_size == (1, 1)]
    inputs = [layer.inputs for layer in layers]
    if len(pointwise) == len(layers) and len({layer.outputs for layer in layers}) == 1 and len(layers) > 1:
        raise NoChain(
            f"its {len(layers)} layers are 1×1 convolutions that each read other maps ({', '.join(map(str, inputs))} "
            f"channels) and give {layers[0].outputs}: they belong on the maps of another network, which the file "
            "does not hold"
        )
    for reader, other in ((one, two) for i, one in enumerate(layers) for two in layers[i + 1 :]):
        feeding = [layer for layer in layers if layer not in (reader, other) and _joins(layer, reader)]
        if reader.inputs == other.inputs and reader.kind == other.kind and len(feeding) == 1:
            raise NoChain(
                f"'{reader.name}' and '{other.name}' both read the {reader.inputs} channels that only "
                f"'{feeding[0].name}' gives: it branches, and shapes do not tell how"
            )
    for after, before in _with_previous(layers):
        if before is not None and not _joins(before, after):
            raise NoChain(
                f"'{after.name}' reads {after.inputs} channels, but '{before.name}' before it gives {before.outputs}, "
                "and no other order joins all layers"
            )
    raise NoChain("its layers join in too many ways")


def _with_norms(joined: list[ChainLayer], norms: list[ChainLayer]) -> list[ChainLayer]:
    """Normalisation and PReLU behind the layers that they fit: of the same number in the name, else the last."""
    behind: dict[str, list[ChainLayer]] = {layer.name: [] for layer in joined}
    for norm in norms:
        fitting = [layer for layer in joined if norm.outputs in (layer.outputs, 1)]
        if not fitting:
            raise NoChain(f"'{norm.name}' has {norm.outputs} channels, which no layer gives")
        same_number = [layer for layer in fitting if _number(layer.name) == _number(norm.name)]
        chosen = same_number[0] if len(same_number) == 1 else fitting[-1]
        behind[chosen.name].append(norm)
    return [row for layer in joined for row in (layer, *behind[layer.name])]


def _number(name: str) -> str:
    digits = re.findall(r"\d+", name)
    return digits[-1] if digits else ""


def _check_norms(rows: Sequence[ChainLayer]) -> None:
    channels = 0
    for row in rows:
        if row.kind in ("conv", "linear"):
            channels = row.outputs
        elif row.outputs not in (channels, 1 if row.kind == "prelu" else channels):
            raise NoChain(f"'{row.name}' has {row.outputs} channels, but {channels or 'no'} channels come to it")


def _numbers(names: Sequence[str]) -> dict[str, tuple[str, int]] | None:
    """Each name's sequence and number in it, where all end in a number: the names of an ``nn.Sequential``."""
    numbers = {}
    for name in names:
        sequence, _, number = name.rpartition(".")
        if not number.isascii() or not number.isdigit() or len(number) > 4:
            return None
        numbers[name] = (sequence, int(number))
    return numbers


def _gaps(rows: Sequence[ChainLayer], numbers: Mapping[str, tuple[str, int]] | None) -> tuple[int | None, ...]:
    if numbers is None:
        return (None,) * len(rows)
    gaps: list[int | None] = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        if following is None:
            gaps.append(None)
            continue
        (sequence, number), (next_sequence, next_number) = numbers[row.name], numbers[following.name]
        gaps.append(next_number - number - 1 if sequence == next_sequence and next_number > number else None)
    return tuple(gaps)
