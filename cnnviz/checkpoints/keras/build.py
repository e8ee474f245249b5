"""From the description of a Keras network and its weights to a live one."""

import re
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.keras.config import Description, Layer, NotUnderstood
from cnnviz.checkpoints.keras.layers import LAYERS
from cnnviz.checkpoints.keras.plan import KerasPlan
from cnnviz.checkpoints.keras.stage import Flow, Stage
from cnnviz.checkpoints.onnx.module import NodeNetwork, Step
from cnnviz.checkpoints.onnx.operators.call import MISFITS, Unsupported
from cnnviz.core.error_words import first_line

_USUAL_SIZES = (224, 28, 32, 64, 128, 256, 299, 512, 16, 8)
_LARGEST_SIDE = 65_536
_MOST_ACTIVATION = 4 << 30
_KEEPS_PLANES = ("Flatten", "Reshape", "Rescaling", "Dropout")


def channels_first(description: Description) -> bool:
    """Whether the network's maps have their channels first, as torch's do."""
    formats = {
        layer.config.get("data_format")
        for layer in description.layers
        if layer.config.get("data_format") in ("channels_first", "channels_last") and layer.kind != "Flatten"
    }
    if len(formats) > 1:
        raise NotUnderstood("The network has channels first in some layers, and last in others.")
    return formats == {"channels_first"}


def candidates(description: Description, asked: Sequence[int] | None) -> Iterator[tuple[int, ...]]:
    """Sizes of an image ``(C, H, W)`` that fit what the file says, the likeliest first."""
    if asked is not None:
        yield tuple(asked)
        return
    sizes = list(description.input_shape[1:])
    if len(sizes) == 2:  # pictures without a channel
        sizes = [1, *sizes]
    elif len(sizes) == 3 and not channels_first(description):
        sizes = [sizes[2], *sizes[:2]]
    if any(size is not None and not 0 < size <= _LARGEST_SIDE for size in sizes):
        raise NotUnderstood(f"The network's images have the shape {sizes}.")
    for usual in _USUAL_SIZES if None in sizes else (0,):
        yield tuple(usual if size is None else size for size in sizes)


def build_module(
    description: Description,
    plan: KerasPlan,
    load: Callable[[str], Tensor],
    size: Sequence[int],
    notes: list[str],
) -> nn.Module:
    """The network for images of ``size``.

    Raises
    ------
    NotUnderstood
        A layer, or what one is asked for, is missing here.
    """
    _refuse_unknown(description)
    builder = _Builder(description, plan, load, notes)
    builder.feed(size)
    for layer in description.layers:
        builder.add(layer)
    return builder.finish()


def _refuse_unknown(description: Description) -> None:
    for layer in description.layers:
        if layer.kind == "Lambda":
            raise NotUnderstood(f"The layer '{layer.name:.60}' is a Lambda, which is a program, and is not run.")
    missing = sorted({layer.kind for layer in description.layers} - LAYERS.keys())
    if missing:
        names = ", ".join(f"{kind:.60}" for kind in missing[:10])
        raise NotUnderstood(f"cnnviz does not compute the layers that the network has: {names}.")


class _Builder:
    def __init__(
        self, description: Description, plan: KerasPlan, load: Callable[[str], Tensor], notes: list[str]
    ) -> None:
        self._description = description
        self._weights = plan["weights"]
        self._load = load
        self._notes = notes
        self._version = int(plan["version"][:1]) if plan["version"][:1].isdigit() else 2
        self._flipped = plan["backend"] == "theano"
        self._channels_first = channels_first(description)
        self._flows: dict[str, Flow] = {}
        self._modules: dict[str, nn.Module] = {}
        self._steps: list[Step] = []
        self._input = f"{description.input_name}:0"
        if self._version == 1 and not plan["backend"] and self._channels_first:
            notes.append("The file does not say whether Theano made it, which turned its filters around.")

    def feed(self, size: Sequence[int]) -> None:
        if len(self._description.input_shape) == 3:
            readers = [
                layer.kind
                for layer in self._description.layers
                if any((self._description.input_name, 0) in call for call in layer.calls)
            ]
            if not set(readers) <= set(_KEEPS_PLANES):
                raise NotUnderstood("The network reads lines of features, and no images.")
        self._flows[self._input] = Flow(torch.empty((1, *size), device="meta"))

    def add(self, layer: Layer) -> None:
        weights = [self._load(name) for name in self._weights.get(layer.name, ())]
        weights = [tensor.float() if tensor.is_floating_point() else tensor for tensor in weights]
        paths: list[tuple[str, nn.Module]] = []
        shapes: list[torch.Size] = []
        for number, call in enumerate(layer.calls):
            inputs = [self._flows[f"{name}:{index}"] for name, index in call]
            stage = self._stage(layer, inputs, weights)
            if number == 0:
                paths = [(self._name(f"{layer.name}{ending}"), module) for ending, module in stage.parts]
                self._modules.update(paths)
                shapes = [flow.shape.shape for flow in inputs]
            elif shapes != [flow.shape.shape for flow in inputs]:
                raise stage.refuse("it is used for maps of several sizes")
            self._connect(layer, number, call, [path for path, _ in paths], stage.flow)

    def _stage(self, layer: Layer, inputs: list[Flow], weights: list[Tensor]) -> Stage:
        name, version = layer.name[:60], self._version
        stage = Stage(name, layer.config, inputs, weights, version, self._channels_first, self._flipped)
        try:
            LAYERS[layer.kind](stage)
        except Unsupported as error:
            raise stage.refuse(str(error)) from error
        except MISFITS as error:
            raise stage.refuse(f"it does not fit what it is given ({first_line(error):.200})") from error
        if stage.flow.shape.numel() * 4 > _MOST_ACTIVATION:
            raise stage.refuse(f"it gives {stage.flow.shape.numel() * 4 / 2**30:,.0f} GiB for one image")
        return stage

    def _connect(
        self, layer: Layer, number: int, call: Sequence[tuple[str, int]], paths: list[str], flow: Flow
    ) -> None:
        sources = tuple(f"{name}:{index}" for name, index in call)
        for position, path in enumerate(paths):
            last = position == len(paths) - 1
            target = f"{layer.name}:{number}" if last else f"{layer.name}:{number}:{position}"
            self._steps.append(Step(path, sources, (target,)))
            sources = (target,)
        self._flows[f"{layer.name}:{number}"] = flow

    def _name(self, name: str) -> str:
        """A path of one part, that no module has yet."""
        base = re.sub(r"\W+", "_", name)[:60].strip("_") or "layer"
        base = f"{base}_" if hasattr(nn.Module(), base) else base
        path, number = base, 1
        while path in self._modules:
            number += 1
            path = f"{base}_{number}"
        return path

    def finish(self) -> nn.Module:
        outputs = list(dict.fromkeys(f"{name}:{index}" for name, index in self._description.outputs))
        if self._input in outputs:
            raise NotUnderstood("The network gives its images back as they are.")
        if any(self._flows[output].order is not None for output in outputs):
            self._notes.append("Its output is a flattened map, whose values come in torch's order.")
        return NodeNetwork(list(self._modules.items()), self._steps, self._input, outputs).eval()
