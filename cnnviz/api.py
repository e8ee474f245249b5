"""For scripts and notebooks: show any module of one's own."""

from __future__ import annotations

from collections.abc import Sequence
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
    from cnnviz.checkpoints.card import NetworkCard

    channels = _input_channels(module)
    size, outputs = _input_size(module, channels, image)
    if labels is not None and len(labels) != outputs:
        raise ValueError(f"{len(labels)} labels are given, but the network has {outputs} outputs; give one for each.")
    channels = size[0]
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) != channels:
            raise ValueError(f"{len(values)} numbers are given as {name}, but inputs have {channels} channels.")
    return NetworkCard(
        architecture=type(module).__name__,
        config={},
        labels=tuple(labels) if labels is not None else tuple(f"class {index}" for index in range(outputs)),
        input_size=size,
        mean=tuple(mean) if mean is not None else (0.0,) * channels,
        std=tuple(std) if std is not None else (1.0,) * channels,
        dataset="",
    )


def _input_channels(module: nn.Module) -> int:
    for part in module.modules():
        channels = getattr(part, "in_channels", None)
        if isinstance(channels, int):
            return channels
    return 3


def _input_size(module: nn.Module, channels: int, image: object) -> tuple[tuple[int, int, int], int]:
    """The first size with which the module runs, and how many outputs it then has."""
    import torch

    from cnnviz.core.trace import evaluating
    from cnnviz.engine.failures import plain_words
    from cnnviz.engine.observation import dtype_of

    candidates = [(channels, size, size) for size in SIZES]
    if isinstance(image, torch.Tensor):
        shape = tuple(image.shape[-3:])
        candidates = [shape if len(shape) == 3 else (channels, *shape)]  # type: ignore[list-item]
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
            return size, int(found[0].shape[1]) if found[0].dim() > 1 else 1
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
