"""For scripts and notebooks: show any module of one's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnnviz.app import Program
    from cnnviz.checkpoints.card import NetworkCard
    from cnnviz.data.image_store import ImageStore

# tried in this order where nothing tells which size a module takes
SIZES = (224, 28, 32, 64, 96, 128, 299)


def show(
    module: nn.Module,
    image: str | Path | np.ndarray | Tensor | None = None,
    labels: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Program:
    """Open the window on ``module``; returns when it is closed, at once where Qt already runs (a notebook).

    Parameters
    ----------
    module : nn.Module
        Takes images ``(1, C, H, W)``; it is shown as it is, in evaluation mode, and its weights stay shared with yours.
    image : path, array or tensor, optional
        A file, ``(H, W)`` or ``(H, W, 3)`` as arrays come (uint8, or floats in [0, 1]), or a tensor ``(C, H, W)`` or
        ``(1, C, H, W)`` in [0, 1]. A tensor also says which input size the module takes.
    labels : sequence of str, optional
        Names of the classes.
    mean, std : sequence of float, optional
        For each channel, what inputs in [0, 1] are normalised with; by default they are taken as they are.

    Raises
    ------
    ValueError
        No input size is found with which the module runs, or labels, mean or std do not fit it.
    RuntimeError
        There is no display, or Qt lacks a library; says which package to install.
    """
    from cnnviz.ui.preflight import display_problem

    problem = display_problem(need_window=True)
    if problem is not None:
        raise RuntimeError(problem)
    from cnnviz.app import Program, install_hooks, loop_runs, qt_application, run_until_closed
    from cnnviz.commands.starting import state_folder
    from cnnviz.data.image_store import ImageStore
    from cnnviz.engine.live import hand_over
    from cnnviz.scene import actions
    from cnnviz.scene.document import Document

    module = _uncompiled(module)
    card = describe(module, image, labels, mean, std)
    document = Document(actions.first_scene())
    folder = state_folder()
    actions.use_network(document, hand_over(module, card), card.input_size[0])
    if image is not None:
        actions.use_photo(document, *_kept(image, ImageStore(folder / "images")))
    qt_application()
    program = Program(document.scene, folder, keep_session=False, owns_process=False)
    program.window.closing.connect(install_hooks(program.failures))
    program.show()
    if not loop_runs():
        run_until_closed(program)
    return program


def describe(
    module: nn.Module,
    image: object = None,
    labels: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> NetworkCard:
    """What is known of a module of one's own: its input size, found by running it, and its classes.

    Raises
    ------
    ValueError
        As :func:`show`.
    """
    from cnnviz.checkpoints.card import NetworkCard, numbered_labels

    module = _uncompiled(module)
    _refuse_what_cannot_run(module)
    size, outputs = _input_size(module, _input_channels(module), image)
    return NetworkCard(
        architecture=type(module).__name__,
        config={},
        labels=numbered_labels(outputs) if labels is None else _names(labels, outputs),
        input_size=size,
        mean=_per_channel("mean", mean, size[0], 0.0),
        std=_per_channel("std", std, size[0], 1.0),
        dataset="",
    )


def _uncompiled(module: nn.Module) -> nn.Module:
    """Of what ``torch.compile`` made the module that it was made of, which is the same with layers to be seen."""
    return getattr(module, "_orig_mod", module)


def _refuse_what_cannot_run(module: object) -> None:
    """Say of what is no module, or one that is not ready, what to do instead of letting torch say what went wrong."""
    import inspect

    from torch import nn
    from torch.nn.parameter import is_lazy

    if not isinstance(module, nn.Module):
        is_class = isinstance(module, type) and issubclass(module, nn.Module)
        what = f"The class {module.__name__}" if is_class else f"What is given, {type(module).__name__},"  # type: ignore[attr-defined]
        hint = "make one of it, and load its weights" if is_class else "load weights into their network, and give that"
        raise ValueError(f"{what} is no torch.nn.Module; {hint}.")
    tensors = (*module.parameters(), *module.buffers())
    if any(is_lazy(each) for each in tensors):
        lazy = next(
            name for name, part in module.named_modules() if hasattr(part, "_lazy_load_hook") and part._parameters
        )
        raise ValueError(
            f"The layer {lazy} has no weights yet; run the module once on an image of your own, and show it then."
        )
    if any(each.is_meta for each in tensors):
        raise ValueError("The module is on the device meta, where weights have no values; load them, and show it then.")
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # what is compiled has none
        return
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [each for each in parameters if each.default is each.empty and each.kind in (*plain, each.KEYWORD_ONLY)]
    if len(needed) > 1 or any(each.kind not in plain for each in needed):
        raise ValueError(
            f"The module takes {', '.join(each.name for each in needed)}, and is shown with one image; "
            "wrap it in a module that takes an image alone and fills in the rest."
        )


def _names(labels: Sequence[str], outputs: int) -> tuple[str, ...]:
    if isinstance(labels, str | bytes):
        raise ValueError(
            f"labels is one {type(labels).__name__}; give a list with a name for each of the {outputs} outputs."
        )
    names = tuple(map(str, labels.values() if isinstance(labels, Mapping) else labels))
    if len(names) != outputs:
        raise ValueError(f"{len(names)} labels are given, but the network has {outputs} outputs; give one for each.")
    return names


def _per_channel(name: str, values: Sequence[float] | None, channels: int, default: float) -> tuple[float, ...]:
    if values is None:
        return (default,) * channels
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {values!r}; give a list of {channels} numbers, one for each channel.") from error
    if len(numbers) != channels:
        raise ValueError(f"{len(numbers)} numbers are given as {name}, but inputs have {channels} channels.")
    if not all(map(math.isfinite, numbers)) or (name == "std" and min(numbers) <= 0):
        wanted = "above 0, since inputs are divided by them" if name == "std" else "finite"
        raise ValueError(f"{name} is {list(numbers)}; give numbers that are {wanted}.")
    return numbers


def _input_channels(module: nn.Module) -> tuple[int, ...]:
    """What is tried for channels: those of the first layer that has any, else colour and then grey."""
    for part in module.modules():
        channels = getattr(part, "in_channels", None)
        if isinstance(channels, int) and channels > 0:
            return (channels,)
    return (3, 1)


def _input_size(module: nn.Module, channels: tuple[int, ...], image: object) -> tuple[tuple[int, int, int], int]:
    """The first size with which the module runs, and how many outputs it then has."""
    import torch

    from cnnviz.core.trace import evaluating
    from cnnviz.engine.failures import plain_words
    from cnnviz.engine.observation import dtype_of

    candidates = [(count, size, size) for count in channels for size in SIZES]
    if isinstance(image, torch.Tensor):
        shape = tuple(image.shape)
        if not 2 <= len(shape) <= 4 or 0 in shape or (len(shape) == 4 and shape[0] != 1):
            raise ValueError(f"The image is a tensor of shape {shape}; give (C, H, W) or (1, C, H, W), of one image.")
        height, width = shape[-2:]
        candidates = [(count, height, width) for count in (channels if len(shape) == 2 else (shape[-3],))]
    device = next(module.parameters(), torch.zeros(0)).device
    failure = "it takes none of the usual sizes"
    with evaluating(tuple(module.modules())), torch.no_grad():
        for size in candidates:
            try:
                output: Any = module(torch.zeros(1, *size, device=device, dtype=dtype_of(module)))
            except Exception as error:  # noqa: BLE001 - the module is the caller's own and may raise anything
                failure = plain_words(error)
                continue
            found = _tensors(output)
            if not found:
                raise ValueError(f"The module gives {type(output).__name__} and no tensor; show the part that does.")
            outputs = int(found[0].shape[1]) if found[0].dim() > 1 else 1
            if outputs == 0:
                raise ValueError(f"The module gives a tensor of shape {tuple(found[0].shape)}, in which nothing is.")
            return size, outputs
    tried = ", ".join("×".join(map(str, size)) for size in candidates)
    raise ValueError(f"The module runs on none of {tried} ({failure}); pass an image as a tensor of the right size.")


def _tensors(output: object) -> list[Tensor]:
    import torch

    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output if isinstance(output, list | tuple) else ()
    return [tensor for value in values for tensor in _tensors(value)]


def _kept(image: object, store: ImageStore) -> tuple[str, str]:
    """Put an image of any kind that :func:`show` takes into ``store``; returns its name and its hash there."""
    import numpy as np
    import torch

    if isinstance(image, str | Path):
        return str(image), store.keep_file(Path(image))
    if isinstance(image, torch.Tensor):
        pixels = image.detach().float().cpu().numpy()
        pixels = pixels[0] if pixels.ndim == 4 else pixels
        image = pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels
    return "image from Python", store.keep(np.asarray(image))
