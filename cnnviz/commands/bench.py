"""``cnnviz bench``: how fast the window is, compared with bare loops in the same run."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from cnnviz.commands.arguments import Subparsers
from cnnviz.commands.errors import CommandError
from cnnviz.commands.starting import put_off_collecting


def add_bench_command(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "bench",
        help="measure how fast the window is",
        description="Measure the live frame (live), the start of the program (start), the opening of files of 500 MB "
        "(open), fields and equivariance (measure) or training (train), beside a bare loop, bare imports, bare "
        "torch.load, bare forward passes and a bare training loop in the same run. Without a display, the window is "
        "drawn into memory.",
        epilog="example: cnnviz bench live --network tiny-vgg --json",
    )
    parser.add_argument(
        "what",
        choices=("live", "start", "open", "measure", "train", "started", "opened", "bare-train", "tuned-train"),
        metavar="live|start|open|measure|train",
    )
    parser.add_argument(
        "--network", default="mnist-lenet", metavar="N", help="live, measure, train; default mnist-lenet"
    )
    parser.add_argument("--dataset", default="digits", metavar="SET", help="train; default digits, which is on board")
    parser.add_argument("--data-dir", default="", metavar="DIR", help="train; where the data set lies")
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
    if arguments.what == "started":
        put_off_collecting()
    from cnnviz import bench

    figures: dict[str, object]
    if arguments.what == "live":
        from cnnviz.checkpoints.identify import network_path, read_card

        read_card(network_path(arguments.network))
        figures = dict(bench.live(arguments.network))
    elif arguments.what == "measure":
        from cnnviz.bench_measure import measure

        figures = dict(measure(arguments.network))
    elif arguments.what == "start":
        figures = dict(bench.start())
    elif arguments.what == "open":
        from cnnviz.bench_open import open_files

        figures = dict(open_files())
    elif arguments.what in ("train", "bare-train", "tuned-train"):
        from cnnviz import bench_train

        training = bench_train.Training(arguments.network, arguments.dataset, arguments.data_dir)
        if arguments.what != "train":
            bench_train.loop(training, tuned=arguments.what == "tuned-train")
            return 0
        figures = dict(bench_train.train(training))
    elif arguments.what == "opened":
        from cnnviz.bench_open import one

        what, _, path = arguments.network.partition(":")
        figures = dict(one(what, Path(path)))
    else:
        figures = dict(bench.started())
    if arguments.json or arguments.what in ("started", "opened"):
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:>27}  {value}")
    return 0
