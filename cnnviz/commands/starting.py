"""From arguments to the scene that the window begins with: shared by the window, screenshots and benchmarks."""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError

if TYPE_CHECKING:
    from cnnviz.scene.document import Document
    from cnnviz.scene.models import Scene

DEVICES = ("auto", "cpu", "cuda", "mps")


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """``--input``, ``--device``, ``--scene`` and ``--model``."""
    parser.add_argument("--input", type=Path, metavar="FILE", help="an image to begin with")
    parser.add_argument("--device", choices=DEVICES, help="where the network runs (auto: CUDA, then MPS, then the CPU)")
    parser.add_argument("--scene", type=Path, metavar="FILE", help="a scene saved with File › Save scene")
    parser.add_argument(
        "--model",
        metavar="MODULE:CALLABLE",
        help="your own code that makes the network for a file of weights; never imported from the file's folder",
    )


def put_off_collecting() -> None:
    """Keep Python's collector from walking through what is being imported, a seventh of the way to the first picture.

    :meth:`cnnviz.app.Program.leave_start_behind` has it begin.
    """
    gc.disable()


def state_folder() -> Path:
    """Where the session and opened images are kept."""
    import platformdirs

    return platformdirs.user_state_path("cnnviz", appauthor=False)


def starting_scene(arguments: argparse.Namespace, scene: Scene) -> Scene:
    """``scene`` with what the arguments ask for.

    Raises
    ------
    CommandError
        A file cannot be used; says why.
    """
    from cnnviz.scene.document import Document, SceneError
    from cnnviz.scene.store import load_scene

    try:
        document = Document(load_scene(arguments.scene) if arguments.scene is not None else scene)
    except SceneError as error:
        raise CommandError(str(error)) from error
    image = arguments.input
    network = getattr(arguments, "network", None)
    if network is not None and _is_image(network):
        image, network = Path(network), None
    if arguments.model is not None and network is None:
        raise CommandError("--model makes the network for a file of weights; give the file as well.")
    if network is not None and arguments.model is not None:
        _use_own_code(document, network, arguments.model)
    elif network is not None:
        _use_network(document, network)
    if image is not None:
        _use_image(document, image)
    if arguments.device is not None:
        document.edit("network.device", arguments.device)
    return document.scene


def _is_image(name: str) -> bool:
    from cnnviz.data.kinds import kind_of

    return Path(name).suffix != "" and os.path.isfile(name) and kind_of(Path(name)) == "image"


def _use_network(document: Document, name: str) -> None:
    from cnnviz.checkpoints.formats import image_channels
    from cnnviz.checkpoints.identify import is_own, network_path, read_card
    from cnnviz.checkpoints.shipped import shipped_networks
    from cnnviz.scene import actions

    path = network_path(name)
    if os.path.isdir(path):
        from cnnviz.checkpoints.run_folder import run_start

        folder = path.resolve()
        path = run_start(folder)
        name = str(path)
        document.edit("panels.epochs.folder", str(folder))
    # what a foreign file is, is worked out once the window is there: for that torch is needed
    card = read_card(path) if is_own(path) else None
    channels = card.input_size[0] if card is not None else image_channels(path)
    source = f"shipped:{name}" if name in shipped_networks() else f"file:{os.path.abspath(name)}"
    actions.use_network(document, source, channels, dataset=card.dataset if card is not None else "")


def _use_own_code(document: Document, name: str, spec: str) -> None:
    from cnnviz.api import describe
    from cnnviz.checkpoints.checkpoint import open_checkpoint
    from cnnviz.engine.live import hand_over
    from cnnviz.scene import actions

    found = open_checkpoint(name, model=spec)
    if found.module is None:
        raise CommandError(found.message)
    try:
        card = describe(found.module)
    except ValueError as error:
        raise CommandError(f"{spec} makes a network that is not shown: {error}") from error
    actions.use_network(document, hand_over(found.module, card), card.input_size[0])


def _use_image(document: Document, path: Path) -> None:
    from cnnviz.data.image_store import ImageStore
    from cnnviz.data.images import ImageError, open_picture
    from cnnviz.scene import actions

    try:
        open_picture(path)
        sha256 = ImageStore(state_folder() / "images").keep(path.read_bytes())
    except (ImageError, OSError) as error:
        raise CommandError(str(error)) from error
    actions.use_photo(document, str(path.absolute()), sha256)
