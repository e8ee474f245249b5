"""``cnnviz screenshot``: a picture of the window, or of one panel, without a display."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.commands.arguments import Subparsers
from cnnviz.commands.errors import CommandError
from cnnviz.commands.starting import add_scene_arguments, starting_scene, state_folder

if TYPE_CHECKING:
    from cnnviz.engine.delivery import Delivery
    from cnnviz.ui.dock import Dock
    from cnnviz.ui.main_window import MainWindow


def add_screenshot_command(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "screenshot",
        help="make a picture of the window, without a display",
        description="Make a picture of the window, or of one panel, with everything computed; needs no display.",
        epilog="example: cnnviz screenshot mnist-lenet --out window.png --size 1600x1000 --theme dark",
    )
    parser.add_argument("network", nargs="?", metavar="NETWORK-OR-FILE", help="as of cnnviz itself")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png", help="where the picture goes")
    parser.add_argument("--panel", metavar="ID", help="one panel only: input, network, activations, filters, unit …")
    parser.add_argument("--workspace", metavar="NAME", help="how the panels stand: explore, checkpoint, pooling …")
    parser.add_argument("--size", type=_size, metavar="WxH", default=(1600, 1000), help="in pixels; default 1600x1000")
    parser.add_argument("--theme", choices=("dark", "light"), help="default: the scene's")
    parser.add_argument("--layer", metavar="NAME", help="the layer to select")
    add_scene_arguments(parser)
    parser.set_defaults(run=run_screenshot)


def run_screenshot(arguments: argparse.Namespace) -> int:
    """Compute the scene, paint it and save the picture."""
    # drawn into memory, whatever display there may be
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    # this platform says of every window what it does not support
    os.environ["QT_LOGGING_RULES"] = "qt.qpa.*=false;default.warning=false"
    from cnnviz.ui.preflight import display_problem

    problem = display_problem(need_window=False)
    if problem is not None:
        raise CommandError(problem)
    if arguments.out.suffix.lower() != ".png":
        raise CommandError(f"{arguments.out} does not end in .png; give a name that does.")
    if not arguments.out.absolute().parent.is_dir():
        raise CommandError(f"There is no folder {arguments.out.absolute().parent}; make it first.")
    from cnnviz.app import Program, qt_application
    from cnnviz.data.atomic import write_atomically
    from cnnviz.panels import PANELS
    from cnnviz.scene.actions import first_scene
    from cnnviz.ui.figure import png
    from cnnviz.ui.workspaces import offered

    known = [spec.id for spec in PANELS]
    if arguments.panel is not None and arguments.panel not in known:
        raise CommandError(f"There is no panel {arguments.panel!r}; give one of {', '.join(known)}.")
    workspaces = [workspace.id for workspace in offered(known)]
    if arguments.workspace is not None and arguments.workspace not in workspaces:
        raise CommandError(f"There is no workspace {arguments.workspace!r}; give one of {', '.join(workspaces)}.")
    scene = starting_scene(arguments, first_scene())
    # never the saved geometry: the offscreen screen is 800×800 and would shrink it
    scene = scene.model_copy(update={"layout": type(scene.layout)()})
    qt_application()
    program = Program(scene, state_folder(), synchronous=True, keep_session=False)
    failures: list[str] = []
    program.stage.delivered.connect(lambda delivery: failures.extend(_failures(delivery, arguments.layer)))
    if arguments.theme is not None:
        program.document.edit("appearance.theme", arguments.theme)
    if arguments.layer is not None:
        program.document.edit("selection.layer", arguments.layer)
    window, (width, height) = program.window, arguments.size
    window.resize(width, height)
    if arguments.workspace is not None:
        window.use_workspace(arguments.workspace)
    window.reset_layout()  # at this size, which is not the first one
    widget: MainWindow | Dock = window
    if arguments.panel is not None:
        widget = window.docks[arguments.panel]
        program.controller.bar.hide()
        program.controller.status.hide()
        window.toggle_maximised(widget)
    program.show_computed()
    window.resize(window.width() + width - widget.width(), window.height() + height - widget.height())
    program.stage.wait_until_idle()
    if (widget.width(), widget.height()) != (width, height):
        failures.append(f"It takes at least {widget.width()}x{widget.height()} to show this; give a larger --size.")
    content = b"" if failures else png(widget.grab().toImage())
    program.discard()
    if failures:
        raise CommandError(failures[0])
    try:
        write_atomically(arguments.out, content)
    except OSError as error:
        raise CommandError(f"{arguments.out} cannot be written ({error.strerror}); choose another place.") from error
    return 0


def _failures(delivery: Delivery, layer: str | None) -> list[str]:
    if delivery.network_error is not None:
        return [delivery.network_error]
    network = delivery.network
    if layer is not None and network is not None and layer not in network.graph:
        return [f"{network.name} has no layer {layer!r}; give one of {', '.join(network.graph.names)}."]
    return []


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        width = height = 0
    if not (320 <= width <= 7680 and 240 <= height <= 4320):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1600x1000, from 320x240 to 7680x4320")
    return width, height
