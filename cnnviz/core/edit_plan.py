"""Which layers changes of a network concern, and what is to stand there."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from torch import nn

from cnnviz.core.choices import PaddingMode, PoolingKind
from cnnviz.core.graph import Geometry, Layer, LayerGraph
from cnnviz.core.network_changes import NetworkChange, Silence, SwapPooling, SwitchPadding
from cnnviz.core.padding import MiddleFlatten, Pad2d, PaddedConv2d, Widths, same_widths
from cnnviz.core.pooled_convolution import PooledConv2d
from cnnviz.core.pooling import Pool2d, PooledSlice, Pooling, PoolPadding
from cnnviz.core.residual_blocks import OneOfTwo, residual_blocks
from cnnviz.core.subsampling import subsampling


class CannotChange(ValueError):
    """A change that does not fit the network; the message says why, and what fits."""


@dataclass(frozen=True)
class AdaptiveEdit:
    """Another adaptive pooling; torch has those two."""

    kind: PoolingKind
    output_size: tuple[int | None, int | None]


@dataclass(frozen=True)
class SliceEdit:
    """A pooling in the place of a slice."""

    pooling: Pooling


@dataclass(frozen=True)
class PadEdit:
    """A padding layer with another mode, or other widths."""

    widths: Widths
    mode: PaddingMode


@dataclass(frozen=True)
class ConvEdit:
    """A convolution that pads otherwise; with ``pooling`` it moves on by one cell, and that pooling follows."""

    widths: Widths
    mode: PaddingMode
    pooling: Pooling | None = None


@dataclass(frozen=True)
class MiddleEdit:
    """A flattening of maps that may have grown: of the middle, as large as they were."""

    size: tuple[int, int]


@dataclass(frozen=True)
class Nothing:
    """A layer whose work another does now."""


@dataclass(frozen=True)
class SumEdit:
    """A sum of two that hands one of them on: the first or the second, 0 or 1."""

    kept: int


Edit = Pooling | AdaptiveEdit | SliceEdit | PadEdit | ConvEdit | MiddleEdit | Nothing | SumEdit


@dataclass
class Plan:
    """What is to stand in the place of layers, by their names, and sentences about those that stay."""

    edits: dict[str, Edit] = field(default_factory=dict)
    left: tuple[str, ...] = ()


_OWN_KINDS: dict[str, PoolingKind] = {"MaxPool2d": "max", "AvgPool2d": "average", "LPPool2d": "l2_sum"}
_ADAPTIVE = ("AdaptiveMaxPool2d", "AdaptiveAvgPool2d")
_PADS = ("Pad", "ZeroPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d")


def make_plan(module: nn.Module, graph: LayerGraph, changes: Sequence[NetworkChange]) -> Plan:
    """Work out what ``changes`` come to; raises CannotChange."""
    planner = _Planner(module, graph)
    for change in changes:
        if isinstance(change, SwapPooling):
            planner.swap(change)
    for change in changes:
        if isinstance(change, SwitchPadding):
            planner.switch(change)
        elif isinstance(change, Silence):
            planner.silence(change)
    return planner.plan


def replacement(edit: Edit, module: nn.Module | None) -> nn.Module:
    """The module that ``edit`` asks for; ``module``, a copy of the one that stood there, may become it."""
    if isinstance(edit, Pooling):
        return Pool2d(edit).eval()
    if isinstance(edit, AdaptiveEdit):
        kind = nn.AdaptiveMaxPool2d if edit.kind == "max" else nn.AdaptiveAvgPool2d
        return kind(edit.output_size).eval()
    if isinstance(edit, SliceEdit):
        return PooledSlice(edit.pooling).eval()
    if isinstance(edit, PadEdit):
        return Pad2d(edit.widths, edit.mode).eval()
    if isinstance(edit, MiddleEdit):
        return MiddleFlatten(edit.size).eval()
    if isinstance(edit, Nothing):
        return nn.Identity().eval()
    if isinstance(edit, SumEdit):
        return OneOfTwo(edit.kept).eval()
    return _padded_conv(module, edit)


def _padded_conv(module: nn.Module | None, edit: ConvEdit) -> nn.Module:
    """A copy of a convolution, made to pad otherwise; its weights stay shared."""
    if type(module) is nn.Conv2d:
        conv: PaddedConv2d = object.__new__(PaddedConv2d if edit.pooling is None else PooledConv2d)
        vars(conv).update(vars(module))
        conv.padding_mode, conv.widths = edit.mode, edit.widths
        if isinstance(conv, PooledConv2d) and edit.pooling is not None:
            conv.pooling = edit.pooling
        return conv
    assert isinstance(module, nn.Conv2d)
    # A class of its own, which reads what torch's own code would.
    (top, bottom), (left, right) = edit.widths
    module.padding_mode = edit.mode
    module._reversed_padding_repeated_twice = [left, right, top, bottom]
    module.padding = (top, left) if (top, left) == (bottom, right) else "same"
    return module


class _Planner:
    def __init__(self, module: nn.Module, graph: LayerGraph) -> None:
        self._module = module
        self._graph = graph
        self.plan = Plan()

    def swap(self, change: SwapPooling) -> None:
        if change.layer is not None:
            self._swap_one(self._layer(change.layer), change)
            return
        refusals = []
        windows = [each for each in self._graph if "Pool" in each.kind and not each.kind.startswith("Adaptive")]
        for layer in windows or [each for each in self._graph if subsampling(each, self._graph)]:
            try:
                self._swap_one(layer, change)
            except CannotChange as error:
                refusals.append(str(error))
        if not self.plan.edits:
            raise CannotChange(refusals[0] if refusals else self._no_windows())
        self.plan.left += tuple(refusals)

    def _no_windows(self) -> str:
        words = "The network has no pooling with a window, and no stride that pooling could take the place of"
        adaptive = next((layer.name for layer in self._graph if layer.kind in _ADAPTIVE), None)
        return f"{words}." if adaptive is None else f"{words}; {adaptive} can be swapped by its name."

    def _swap_one(self, layer: Layer, change: SwapPooling) -> None:
        if layer.kind in _ADAPTIVE:
            self.plan.edits[layer.name] = self._adaptive(layer, change)
            return
        own = self._own_pooling(layer)
        # windows in the place of a stride touch each other, as those of pooling do by default
        usual = own.kernel_size if "Pool" in layer.kind else own.stride
        window = usual if change.window is None else (change.window, change.window)
        stride = own.stride if change.stride is None else (change.stride, change.stride)
        (top, bottom), (left, right) = about_the_centre(own, window)
        if change.padding is not None:
            top = bottom = left = right = change.padding
        rows, columns = self._lent_padding(layer, change.kind)
        try:
            pooling = replace(
                own,
                kind=change.kind,
                kernel_size=window,
                stride=stride,
                padding=((top + rows[0], bottom + rows[1]), (left + columns[0], right + columns[1])),
                sigma=change.sigma,
                taps=change.taps,
            )
        except ValueError as error:
            raise CannotChange(f"{layer.name}: {error}.") from error
        if layer.kind == "Conv2d" and layer.geometry is not None:
            above, beside = layer.geometry.padding
            mode = cast(PaddingMode, layer.geometry.padding_mode)
            self.plan.edits[layer.name] = ConvEdit((above, beside), mode, pooling)
        else:
            self.plan.edits[layer.name] = SliceEdit(pooling) if layer.kind == "Slice" else pooling

    def _adaptive(self, layer: Layer, change: SwapPooling) -> AdaptiveEdit:
        if change.kind not in ("max", "average"):
            raise CannotChange(
                f"{layer.name} pools to a size of its own, without a fixed window; it can be swapped for maximum or "
                "average."
            )
        if self._gives_places(layer):
            raise CannotChange(_places_are_needed(layer))
        size = getattr(self._module_of(layer), "output_size", layer.output_shape[-2:])
        rows, columns = size if isinstance(size, tuple | list) else (size, size)
        return AdaptiveEdit(change.kind, (rows, columns))

    def switch(self, change: SwitchPadding) -> None:
        layers = list(self._graph) if change.layer is None else [self._layer(change.layer)]
        found = False
        for layer in layers:
            edit = self._switched(layer, change)
            if edit is not None:
                found = True
                self.plan.edits[layer.name] = edit
        if found:
            if change.same and change.layer is None:
                self._keep_flattened_sizes()
            return
        where = "The network" if change.layer is None else change.layer
        more = "" if change.same else '; ask for "same" padding to have its convolutions pad'
        raise CannotChange(f"{where} has no padding, so there is nothing to switch{more}.")

    def _keep_flattened_sizes(self) -> None:
        """Padding that was not there makes maps larger; linear layers go on with as much as they have weights for."""
        convolutions = [each for each in self._graph if isinstance(self.plan.edits.get(each.name), ConvEdit)]
        if not any(each.geometry is not None and not any(map(any, each.geometry.padding)) for each in convolutions):
            return
        for layer in self._graph:
            shape = self._graph[layer.inputs[0]].output_shape if layer.inputs else ()
            replaceable = layer.module_path is not None or self._graph.method == "torch.fx"
            if layer.kind == "Flatten" and len(shape) == 3 and shape[1] * shape[2] > 1 and replaceable:
                self.plan.edits[layer.name] = MiddleEdit((shape[1], shape[2]))

    def silence(self, change: Silence) -> None:
        blocks = {block.layer: block for block in residual_blocks(self._graph)}
        if not blocks:
            raise CannotChange("The network has no residual blocks, so there is nothing to silence.")
        if change.layer is not None and self._layer(change.layer).name not in blocks:
            first = next(iter(blocks))
            raise CannotChange(f"{change.layer} adds no branch to a shortcut; choose one that does, such as {first}.")
        for name, block in blocks.items():
            if change.layer in (None, name):
                kept = block.shortcut if change.part == "branch" else block.branch
                self.plan.edits[name] = SumEdit(self._graph[name].inputs.index(kept))

    def _switched(self, layer: Layer, change: SwitchPadding) -> Edit | None:
        """What is to stand for ``layer``; None where it has no padding."""
        planned, geometry, mode = self.plan.edits.get(layer.name), layer.geometry, change.mode
        if isinstance(planned, Pooling):
            return _switched_pooling(planned, mode)
        if isinstance(planned, SliceEdit):
            pools = _switched_pooling(planned.pooling, mode)
            return None if pools is None else SliceEdit(pools)
        if planned is not None and isinstance(planned, Nothing | AdaptiveEdit | SumEdit):
            return None
        if geometry is None or len(geometry.kernel_size) != 2:
            return None
        (top, bottom), (left, right) = geometry.padding
        padded = max(top, bottom, left, right) > 0
        widths: Widths = ((top, bottom), (left, right))
        if layer.kind == "Conv2d":
            if not padded and change.same:
                rows, columns = same_widths(geometry.kernel_size, geometry.dilation)
                widths, padded = (rows, columns), max(*rows, *columns) > 0
            pooling = planned.pooling if isinstance(planned, ConvEdit) else None
            switched = None if pooling is None else _switched_pooling(pooling, mode)
            if not padded and switched is None:
                return None
            own = cast(PaddingMode, geometry.padding_mode)
            return ConvEdit(widths, mode if padded else own, switched or pooling)
        if layer.kind in _PADS:
            return PadEdit(widths, mode) if padded else None
        if layer.kind in _OWN_KINDS and padded and not self._gives_places(layer):
            return _switched_pooling(self._own_pooling(layer), mode)
        return None

    def _layer(self, name: str) -> Layer:
        if name not in self._graph:
            raise CannotChange(f"The network has no layer called {name}; choose one that its diagram shows.")
        return self._graph[name]

    def _module_of(self, layer: Layer) -> nn.Module | None:
        return None if layer.module_path is None else self._module.get_submodule(layer.module_path)

    def _gives_places(self, layer: Layer) -> bool:
        """Whether it tells where its maxima lie, which nothing else does in its place."""
        module = self._module_of(layer)
        unpools = any(each.kind.startswith("MaxUnpool") for each in self._graph.consumers(layer.name))
        return bool(getattr(module, "return_indices", False)) or (module is None and unpools)

    def _own_pooling(self, layer: Layer) -> Pooling:
        """What the layer does itself; raises CannotChange where that is no pooling over windows of an image."""
        stride = subsampling(layer, self._graph)
        if stride is not None:
            if layer.kind == "Conv2d" and type(self._module_of(layer)) is not nn.Conv2d:
                raise CannotChange(f"{layer.name} is a convolution with code of its own, which keeps its stride.")
            return Pooling("strided", (1, 1), stride)
        if layer.kind not in _OWN_KINDS:
            what = "pools along another number of axes than two" if "Pool" in layer.kind else "is no pooling"
            raise CannotChange(f"{layer.name} ({layer.summary}) {what}; choose a pooling of images.")
        if layer.geometry is None or len(layer.geometry.kernel_size) != 2:
            raise CannotChange(f"The window of {layer.name} is not known, so it cannot be swapped.")
        if self._gives_places(layer):
            raise CannotChange(_places_are_needed(layer))
        return _pooling_of(layer.geometry, _OWN_KINDS[layer.kind], self._own_padding(layer))

    def _own_padding(self, layer: Layer) -> PoolPadding:
        counts = getattr(self._module_of(layer), "count_include_pad", layer.kind == "AvgPool2d")
        return "zeros" if counts else "excluded"

    def _lent_padding(self, layer: Layer, kind: PoolingKind) -> Widths:
        """The widths of a layer before, which pads with −∞ for a maximum: only a maximum can read that."""
        none: Widths = ((0, 0), (0, 0))
        if kind in ("max", "blur_max") or len(layer.inputs) != 1:
            return none
        before = self._graph[layer.inputs[0]]
        fills = getattr(self._module_of(before), "value", 0.0) == -math.inf
        if not fills or before.geometry is None or len(self._graph.consumers(before.name)) != 1:
            return none
        self.plan.edits[before.name] = Nothing()
        rows, columns = before.geometry.padding
        return rows, columns


def _pooling_of(geometry: Geometry, kind: PoolingKind, mode: PoolPadding) -> Pooling:
    def pair(values: tuple[int, ...]) -> tuple[int, int]:
        return values[0], values[1]

    rows, columns = geometry.padding
    kernel, stride, dilation = pair(geometry.kernel_size), pair(geometry.stride), pair(geometry.dilation)
    return Pooling(kind, kernel, stride, (rows, columns), dilation, geometry.ceil_mode, mode)


def about_the_centre(own: Pooling, window: tuple[int, int]) -> Widths:
    """The padding with which another window gives a map of the same size, its windows about the same centres."""

    def pairs() -> Iterator[tuple[int, int]]:
        for old, new, dilation, (before, after) in zip(own.kernel_size, window, own.dilation, own.padding, strict=True):
            more = dilation * (new - old)
            first = int(more / 2)
            yield before + first, after + more - first

    rows, columns = pairs()
    return rows, columns


def _switched_pooling(pooling: Pooling, mode: PaddingMode) -> Pooling | None:
    padded = any(max(pair) > 0 for pair in pooling.padding)
    if not padded and not pooling.blurs:
        return None
    return replace(pooling, padding_mode=mode if padded else pooling.padding_mode, blur_padding=mode)


def _places_are_needed(layer: Layer) -> str:
    return f"{layer.name} tells an unpooling where its maxima lie, which no other pooling can; it stays as it is."
