"""``cnnviz``: the window."""

from __future__ import annotations

import argparse
import os
import signal

from cnnviz.commands.errors import CommandError
from cnnviz.commands.starting import add_scene_arguments, put_off_collecting, starting_scene, state_folder


def add_window_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "network",
        nargs="?",
        metavar="NETWORK-OR-FILE",
        help="mnist-lenet, cifar-net, tiny-vgg, a file of weights, or an image; default: as the program was left",
    )
    add_scene_arguments(parser)
    parser.set_defaults(run=run_window)


def run_window(arguments: argparse.Namespace) -> int:
    """Show the window until it is closed."""
    from cnnviz.ui.preflight import display_problem

    problem = display_problem(need_window=True)
    if problem is not None:
        raise CommandError(problem)
    put_off_collecting()
    import cnnviz.panels  # noqa: F401 - a scene's panel parameters are read by the types that the panels register
    from cnnviz.scene.actions import first_scene
    from cnnviz.scene.store import restore_session

    folder = state_folder()
    restored, notice = restore_session(folder / "session.json")
    scene = starting_scene(arguments, restored or first_scene())

    from cnnviz.app import Program, install_hooks, qt_application, run_until_closed

    qt_application()
    program = Program(scene, folder)
    install_hooks(program.failures)
    if notice is not None:
        program.failures.tell(notice, "warning")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: program.close_soon())
    if arguments.network is not None and os.path.isdir(arguments.network):
        program.window.show_panel("epochs")
    program.leave_start_behind()
    program.show()
    return run_until_closed(program)
