"""``cnnviz bench``: how fast the window is, compared with bare loops in the same run."""

from __future__ import annotations

import argparse
import json
import os

from cnnviz.commands.arguments import Subparsers
from cnnviz.commands.errors import CommandError


def add_bench_command(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "bench",
        help="measure how fast the window is",
        description="Measure the live frame (live) or the start of the program (start), beside a bare loop and bare "
        "imports in the same run. Without a display, the window is drawn into memory.",
        epilog="example: cnnviz bench live --network tiny-vgg --json",
    )
    parser.add_argument("what", choices=("live", "start", "started"), metavar="live|start")
    parser.add_argument("--network", default="mnist-lenet", metavar="N", help="for live; default mnist-lenet")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, on the last line")
    parser.set_defaults(run=run_bench)


def run_bench(arguments: argparse.Namespace) -> int:
    """Measure, and print a line for each figure, or one JSON object."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")
    from cnnviz.ui.preflight import display_problem

    problem = display_problem(need_window=os.environ.get("QT_QPA_PLATFORM") != "offscreen")
    if problem is not None:
        raise CommandError(problem)
    from cnnviz import bench

    figures: dict[str, object]
    if arguments.what == "live":
        from cnnviz.checkpoints.identify import network_path, read_card

        read_card(network_path(arguments.network))
        figures = dict(bench.live(arguments.network))
    elif arguments.what == "start":
        figures = dict(bench.start())
    else:
        figures = dict(bench.started())
    if arguments.json or arguments.what == "started":
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:>16}  {value}")
    return 0
