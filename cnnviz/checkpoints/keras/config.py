"""A Keras network's description, of any version, as layers and where their inputs come from; without torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, int]
"""A layer, and which of its calls."""


class NotUnderstood(Exception):
    """A description says what is not computed here; the message is a sentence."""


@dataclass(frozen=True)
class Layer:
    """One layer; ``calls`` has the inputs of each time that it is used, ``kind`` is Keras's class."""

    name: str
    kind: str
    config: Mapping[str, Any]
    calls: tuple[tuple[Place, ...], ...] = field(default=())


@dataclass(frozen=True)
class Description:
    """Layers in an order in which they can be computed, the shape of an image with its batch axis, and the outputs."""

    layers: tuple[Layer, ...]
    input_name: str
    input_shape: tuple[int | None, ...]
    outputs: tuple[Place, ...]


# What Keras 1 called otherwise.
_OLD_KINDS = {
    "Convolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "Deconvolution2D": "Conv2DTranspose",
}
_OLD_NAMES = {
    "nb_filter": "filters",
    "output_dim": "units",
    "border_mode": "padding",
    "subsample": "strides",
    "bias": "use_bias",
    "p": "rate",
    "depth_multiplier": "depth_multiplier",
}
_OLD_FORMATS = {"th": "channels_first", "tf": "channels_last"}


def describe(model: Mapping[str, Any]) -> Description:
    """Read the description of a Sequential or functional network.

    Raises
    ------
    NotUnderstood
        It is of another kind, has several inputs, or is damaged.
    """
    kind, config = model.get("class_name"), model.get("config")
    entries = config.get("layers") if isinstance(config, Mapping) else config
    if kind not in ("Sequential", "Functional", "Model") or not isinstance(entries, list):
        raise NotUnderstood(f"The network is of the class {kind!s:.60}; only Sequential and functional ones are alive.")
    layers = [_layer(entry) for entry in entries]
    if len({layer.name for layer in layers}) != len(layers):
        raise NotUnderstood("Two layers of the network have one name.")
    if kind == "Sequential":
        return _sequential(layers, config if isinstance(config, Mapping) else {})
    return _functional(layers, entries, config if isinstance(config, Mapping) else {})


def _layer(entry: Any) -> Layer:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping | list):
        raise NotUnderstood("The network's description has a layer that is none.")
    kind = str(entry.get("class_name", ""))
    registered = str(entry.get("registered_name") or "")
    if ">" in registered:  # a class of the person's own, which may be called as one of Keras's
        kind = registered
    config = dict(entry["config"]) if isinstance(entry["config"], Mapping) else {}
    name = str(config.get("name") or entry.get("name") or kind)
    return Layer(name, _OLD_KINDS.get(kind, kind), _renamed(config))


def _renamed(config: dict[str, Any]) -> dict[str, Any]:
    found = {_OLD_NAMES.get(key, key): value for key, value in config.items()}
    if "nb_row" in config and "nb_col" in config:
        found["kernel_size"] = [config["nb_row"], config["nb_col"]]
    if config.get("dim_ordering") in _OLD_FORMATS:
        found["data_format"] = _OLD_FORMATS[config["dim_ordering"]]
    return found


def _shape(layer: Layer) -> tuple[int | None, ...] | None:
    """The shape of an input layer, or the one that the first layer of a Sequential network has noted."""
    for key in ("batch_shape", "batch_input_shape"):
        shape = layer.config.get(key)
        if isinstance(shape, list) and all(size is None or isinstance(size, int) for size in shape):
            return tuple(shape)
    return None


def _sequential(layers: list[Layer], config: Mapping[str, Any]) -> Description:
    shape = _shape(layers[0]) if layers else None
    built = config.get("build_input_shape")
    if shape is None and isinstance(built, list):
        shape = tuple(size if isinstance(size, int) else None for size in built)
    if shape is None:
        raise NotUnderstood("The network does not say of what shape its images are.")
    source = "input"
    if layers[0].kind == "InputLayer":
        source = layers.pop(0).name
    chain, before = [], (source, 0)
    for layer in layers:
        chain.append(Layer(layer.name, layer.kind, layer.config, ((before,),)))
        before = (layer.name, 0)
    return Description(tuple(chain), source, shape, (before,))


def _functional(layers: list[Layer], entries: list[Any], config: Mapping[str, Any]) -> Description:
    inputs = [layer for layer in layers if layer.kind == "InputLayer"]
    if len(inputs) != 1:
        raise NotUnderstood(f"The network takes {len(inputs)} inputs, where one image is needed.")
    shape = _shape(inputs[0])
    if shape is None:
        raise NotUnderstood("The network does not say of what shape its images are.")
    waiting = {
        layer.name: Layer(layer.name, layer.kind, layer.config, _calls(entry))
        for layer, entry in zip(layers, entries, strict=True)
        if layer.kind != "InputLayer"
    }
    known = {(inputs[0].name, 0)}
    ordered: list[Layer] = []
    while waiting:
        ready = [layer for layer in waiting.values() if all(place in known for call in layer.calls for place in call)]
        if not ready:
            raise NotUnderstood(f"The layers read each other in a circle, or what is not there ({min(waiting):.60}).")
        for layer in ready:
            ordered.append(layer)
            known.update((layer.name, number) for number in range(len(layer.calls)))
            del waiting[layer.name]
    outputs = tuple(_places(config.get("output_layers")))
    if not outputs or not set(outputs) <= known:
        raise NotUnderstood("The network does not say what its outputs are.")
    return Description(tuple(ordered), inputs[0].name, shape, outputs)


def _calls(entry: Mapping[str, Any]) -> tuple[tuple[Place, ...], ...]:
    nodes = entry.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise NotUnderstood("The network's description does not say what its layers read.")
    if nodes and _is_place(nodes[0]):
        nodes = [nodes]
    return tuple(tuple(_places(node)) for node in nodes)


def _places(value: Any, depth: int = 0) -> Iterator[Place]:
    """Every ``["layer", call, tensor]`` within a description, in order; Keras 3 wraps them once more."""
    if depth > 16:
        raise NotUnderstood("The network's description is nested too deeply.")
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            value = (value.get("config") or {}).get("keras_history")
            if not _is_place(value):
                raise NotUnderstood("The network's description does not say what its layers read.")
        else:
            for part in value.values():
                yield from _places(part, depth + 1)
            return
    if _is_place(value):
        if value[2] != 0:
            raise NotUnderstood(f"The layer {value[0]:.60} has several outputs.")
        yield value[0], value[1]
    elif isinstance(value, list):
        for part in value:
            yield from _places(part, depth + 1)


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and isinstance(value[2], int)
    )


def lambdas(model: Mapping[str, Any] | None) -> list[str]:
    """The names of layers that are programs, wherever in the description they stand."""
    found: list[str] = []
    waiting: list[Any] = [model]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if part.get("class_name") == "Lambda" and isinstance(part.get("config"), Mapping):
                found.append(str(part["config"].get("name", ""))[:60])
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found
