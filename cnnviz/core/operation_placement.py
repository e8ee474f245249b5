"""What a module or a function of torch does to positions, where it is no sliding window."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.core.placement import Along, Mix, Pick, Placement, Resize, identity, mixed, picked, resized, without_batch


def placement_of_module(module: nn.Module, ndim: int) -> Placement | None:
    """Of ``module`` on inputs with ``ndim`` axes, the batch included."""
    axes = max(ndim - 2, 0)
    if isinstance(module, nn.Upsample):
        scale = None if module.recompute_scale_factor else module.scale_factor
        return resized(module.mode, axes, scale, module.align_corners)
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return mixed(range(-len(module.normalized_shape), 0), ndim, normalises=True)
    if isinstance(module, nn.Linear):
        return mixed(-1, ndim)
    if isinstance(module, nn.Softmax | nn.LogSoftmax | nn.Softmin):
        return mixed(1 if module.dim is None else module.dim, ndim)
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return _moments(stored=module.track_running_stats, ndim=ndim)
    if isinstance(module, nn.GroupNorm):
        return _moments(stored=False, ndim=ndim)
    return None


def _moments(stored: bool, ndim: int) -> Mix | None:
    """A normalisation by moments of the map itself, or by ``stored`` ones, in evaluation mode."""
    return mixed(() if stored else range(2, ndim), ndim, normalises=True)


_NAMES = {
    "interpolate": ("input", "size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias"),
    "upsample": ("input", "size", "scale_factor", "mode", "align_corners"),
    "upsample_nearest2d": ("input", "size", "scale_factor"),
    "upsample_nearest_exact2d": ("input", "size", "scale_factor"),
    "upsample_bilinear2d": ("input", "size", "align_corners", "scale_factor"),
    "upsample_bicubic2d": ("input", "size", "align_corners", "scale_factor"),
    "upsample_bilinear2d_aa": ("input", "size", "align_corners", "scale_factor"),
    "upsample_bicubic2d_aa": ("input", "size", "align_corners", "scale_factor"),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "norm", "std", "var"), ("input", "dim", "keepdim")),
    **dict.fromkeys(("logsumexp", "prod", "argmax", "median"), ("input", "dim", "keepdim")),
    **dict.fromkeys(("softmax", "log_softmax", "softmin", "cumsum"), ("input", "dim")),
    "normalize": ("input", "p", "dim"),
    "layer_norm": ("input", "normalized_shape"),
    "rms_norm": ("input", "normalized_shape"),
    "permute": ("input", "dims"),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), ("input", "dim0", "dim1")),
    "movedim": ("input", "source", "destination"),
    "flip": ("input", "dims"),
    "roll": ("input", "shifts", "dims"),
    **dict.fromkeys(("slice", "slice_copy"), ("input", "dim", "start", "end", "step")),
    "narrow": ("input", "dim", "start", "length"),
    "select": ("input", "dim", "index"),
    "index_select": ("input", "dim", "index"),
    **dict.fromkeys(("squeeze", "unsqueeze"), ("input", "dim")),
    **dict.fromkeys(("expand", "repeat", "tile"), ("input", "sizes")),
    "getitem": ("input", "index"),
    "matmul": ("input", "other"),
    "pad": ("input", "pad"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training"),
    "instance_norm": ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats"),
    "stack": ("tensors", "dim"),
}
_SPREAD = ("permute", "flip", "expand", "repeat", "tile")
"""Whose last argument may be given as several: ``x.permute(0, 2, 3, 1)``."""


def placement_of_function(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Placement | None:
    """Of a call of ``operation`` with these arguments, whose tensors have their batch axis."""
    rule = _RULES.get(operation)
    if rule is None:
        return None
    if operation in _SPREAD and len(args) > 1 and isinstance(args[1], int):
        args = [args[0], args[1:]]
    if operation in ("matmul", "linear") and len(args) > 1:
        args = args[:2]
    given = {**dict(zip(_NAMES.get(operation, ("input",)), args, strict=False)), **kwargs}
    given["operation"] = operation
    for name, other in (("self", "input"), ("axis", "dim"), ("x", "input")):
        if name in given:
            given.setdefault(other, given[name])
    tensor = given.get("input")
    if operation == "stack":
        tensor = next(iter(given["tensors"]), None)
    if not isinstance(tensor, Tensor) or tensor.ndim == 0:
        return None
    try:
        return rule(tensor, given)
    except (TypeError, ValueError, IndexError, KeyError):
        return None  # called in a way that is not known here: the receptive field says so


def _interpolation(tensor: Tensor, given: dict[str, Any]) -> Resize:
    name = given["operation"]
    mode = given.get("mode", "nearest")
    for word, found in (("nearest_exact", "nearest-exact"), ("bilinear", "bilinear"), ("bicubic", "bicubic")):
        mode = found if word in name else mode
    scale = None if given.get("recompute_scale_factor") else given.get("scale_factor")
    antialias = bool(given.get("antialias")) or name.endswith("_aa")
    return resized(mode, tensor.ndim - 2, scale, given.get("align_corners"), antialias)


def _reduction(tensor: Tensor, given: dict[str, Any]) -> Mix | None:
    dim = given.get("dim")
    if isinstance(dim, Tensor) or (dim is None and given["operation"] in ("max", "min")):
        return None  # the larger of two maps
    return mixed(dim, tensor.ndim, removed=not given.get("keepdim", False))


def _spread_along(tensor: Tensor, given: dict[str, Any]) -> Mix | None:
    default = 1 if given["operation"] == "normalize" else None
    dim = given.get("dim", default)
    return None if dim is None else mixed(dim, tensor.ndim, normalises=given["operation"] == "normalize")


def _layer_norm(tensor: Tensor, given: dict[str, Any]) -> Mix | None:
    return mixed(range(-len(given["normalized_shape"]), 0), tensor.ndim, normalises=True)


def _batch_norm(tensor: Tensor, given: dict[str, Any]) -> Mix | None:
    return _moments(stored=not given.get("training", False), ndim=tensor.ndim)


def _instance_norm(tensor: Tensor, given: dict[str, Any]) -> Mix | None:
    return _moments(stored=not given.get("use_input_stats", True), ndim=tensor.ndim)


def _map_norm(tensor: Tensor, given: dict[str, Any]) -> Mix | None:
    return _moments(stored=False, ndim=tensor.ndim)


def _last_axis(tensor: Tensor, given: dict[str, Any]) -> Mix | None:
    return mixed(-1, tensor.ndim)


def _order(tensor: Tensor, order: Sequence[int]) -> Pick | None:
    return without_batch([Along(axis % tensor.ndim) for axis in order])


def _permutation(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    return _order(tensor, given["dims"])


def _transposition(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    order = list(range(tensor.ndim))
    one, other = int(given["dim0"]), int(given["dim1"])
    order[one], order[other] = order[other], order[one]
    return _order(tensor, order)


def _moved(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    # Axes that are told apart by their sizes show where each of them goes.
    shown = torch.empty(tuple(range(1, tensor.ndim + 1)), device="meta").movedim(given["source"], given["destination"])
    return _order(tensor, [size - 1 for size in shown.shape])


def _flipped(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    axes = identity(tensor.ndim)
    for dim in given["dims"]:
        axis = dim % tensor.ndim
        axes[axis] = Along(axis, tensor.shape[axis] - 1, -1)
    return without_batch(axes)


def _rolled(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    shifts, dims = given["shifts"], given["dims"]
    pairs = [(shifts, dims)] if isinstance(shifts, int) else list(zip(shifts, dims, strict=True))
    axes = identity(tensor.ndim)
    for shift, dim in pairs:
        axis = (dim[0] if isinstance(dim, Sequence) else dim) % tensor.ndim
        axes[axis] = Along(axis, -shift, wraps=True)
    return without_batch(axes)


def _sliced(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    dim = given.get("dim", 0) % tensor.ndim
    start, end, step = given.get("start"), given.get("end"), given.get("step", 1)
    if "length" in given:
        end = start + given["length"]
    return picked(tensor.shape, (*[slice(None)] * dim, slice(start, end, step)))


def _selected(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    return picked(tensor.shape, (*[slice(None)] * (given["dim"] % tensor.ndim), int(given["index"])))


def _indexed(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    index = given["index"]
    if index.device.type == "meta":
        return None  # the places themselves are computed
    axis = given["dim"] % tensor.ndim
    axes = identity(tensor.ndim)
    axes[axis] = Along(axis, spans=tuple((int(place), int(place)) for place in index.tolist()))
    return without_batch(axes)


def placement_of_piece(source: Tensor, pieces: Sequence[Tensor], index: int) -> Pick | None:
    """Of one of the ``pieces`` that ``source`` was split into; None if they are no slices of it."""
    piece = pieces[index]
    if piece.ndim != source.ndim:
        return None
    differing = [axis for axis in range(source.ndim) if piece.shape[axis] != source.shape[axis]]
    if len(differing) > 1:
        return None
    axes = identity(source.ndim)
    for axis in differing:
        axes[axis] = Along(axis, sum(each.shape[axis] for each in pieces[:index]))
    return without_batch(axes)


def _padded(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    """Of channels alone; the padding of maps is a window's."""
    widths = list(given["pad"])
    pairs = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    around = [(0, 0)] * (tensor.ndim - len(pairs)) + pairs
    if any(any(pair) for pair in [around[0], *around[2:]]):
        return None
    return without_batch([Along(axis, -before if axis == 1 else 0) for axis, (before, _) in enumerate(around)])


def _item(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    return picked(tensor.shape, given["index"])


def _squeezed(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    dims = given.get("dim", range(1, tensor.ndim))
    chosen = {axis % tensor.ndim for axis in ([dims] if isinstance(dims, int) else dims)}
    return without_batch([Along(axis) for axis in range(tensor.ndim) if axis not in chosen or tensor.shape[axis] != 1])


def _unsqueezed(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    axes = identity(tensor.ndim)
    axes.insert(given["dim"] % (tensor.ndim + 1), None)
    return without_batch(axes)


def _repeated(tensor: Tensor, given: dict[str, Any]) -> Pick | None:
    sizes = given["sizes"]
    new = len(sizes if isinstance(sizes, Sequence) else (sizes,)) - tensor.ndim
    return without_batch([*[None] * max(new, 0), *identity(tensor.ndim)])


def _product(tensor: Tensor, given: dict[str, Any]) -> Placement | None:
    """Of a map with a constant matrix, such as one that resizes: each column says what a result is made of."""
    other = given["other"]
    if other.device.type == "meta" or other.ndim != 2 or other.shape[0] != tensor.shape[-1]:
        return None
    used = other.detach() != 0
    if bool(used.all()) or not bool(used.any(0).all()):
        return mixed(-1, tensor.ndim)
    places = torch.arange(len(used), device=used.device)[:, None]
    firsts = torch.where(used, places, len(used)).amin(0).tolist()
    lasts = torch.where(used, places, -1).amax(0).tolist()
    axes = identity(tensor.ndim)
    axes[-1] = Along(tensor.ndim - 1, spans=tuple(zip(firsts, lasts, strict=True)))
    return without_batch(axes)


_Rule = Callable[[Tensor, dict[str, Any]], Placement | None]
_RULES: dict[str, _Rule] = {
    **{name: _interpolation for name in _NAMES if name.startswith(("interpolate", "upsample"))},
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "norm", "std", "var"), _reduction),
    **dict.fromkeys(("logsumexp", "prod", "argmax", "median"), _reduction),
    **dict.fromkeys(("softmax", "log_softmax", "softmin", "cumsum", "normalize"), _spread_along),
    **dict.fromkeys(("layer_norm", "rms_norm"), _layer_norm),
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "group_norm": _map_norm,
    "linear": _last_axis,
    "permute": _permutation,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transposition),
    "movedim": _moved,
    "flip": _flipped,
    "roll": _rolled,
    **dict.fromkeys(("slice", "slice_copy", "narrow"), _sliced),
    "select": _selected,
    "index_select": _indexed,
    "getitem": _item,
    "squeeze": _squeezed,
    "unsqueeze": _unsqueezed,
    **dict.fromkeys(("expand", "repeat", "tile"), _repeated),
    "matmul": _product,
    "pad": _padded,
    "stack": _unsqueezed,
}
