"""``cnnviz bench``: how fast the window is, compared with bare loops in the same run."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

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
    parser.add_argument("what", choices=tuple(_BENCHMARKS), metavar="|".join(_BENCHMARKS))
    parser.add_argument(
        "--network", default="mnist-lenet", metavar="N", help="live, measure, train; default mnist-lenet"
    )
    parser.add_argument("--dataset", default="digits", metavar="SET", help="train; default digits, which is on board")
    parser.add_argument("--data-dir", default="", metavar="DIR", help="train; where the data set lies")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, on the last line")
    # for the processes that a benchmark starts, so that nothing measured before has warmed them up
    parser.add_argument("--alone", default="", help=argparse.SUPPRESS)
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
    if arguments.alone:
        _measure_alone(arguments)
        return 0
    figures = _BENCHMARKS[arguments.what](arguments)
    if arguments.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:>27}  {value}")
    return 0


def _live(arguments: argparse.Namespace) -> dict[str, object]:
    from cnnviz.bench.live import live
    from cnnviz.checkpoints.identify import network_path, read_card

    read_card(network_path(arguments.network))  # a name that is none is told before anything is measured
    return live(arguments.network)


def _start(arguments: argparse.Namespace) -> dict[str, object]:
    from cnnviz.bench.start import start

    return dict(start())


def _open(arguments: argparse.Namespace) -> dict[str, object]:
    from cnnviz.bench.open import open_files

    return open_files()


def _measure(arguments: argparse.Namespace) -> dict[str, object]:
    from cnnviz.bench.measure import measure

    return measure(arguments.network)


def _train(arguments: argparse.Namespace) -> dict[str, object]:
    from cnnviz.bench.train import Training, train

    return train(Training(arguments.network, arguments.dataset, arguments.data_dir))


_BENCHMARKS: Mapping[str, Callable[[argparse.Namespace], dict[str, object]]] = MappingProxyType(
    {"live": _live, "start": _start, "open": _open, "measure": _measure, "train": _train}
)


def _measure_alone(arguments: argparse.Namespace) -> None:
    """The part of a benchmark that has a process of its own, which tells its figures by JSON, or line by line."""
    if arguments.what == "start":
        put_off_collecting()
        from cnnviz.bench.start import started

        print(json.dumps(started()))
    elif arguments.what == "open":
        from cnnviz.bench.open import one

        part, _, path = arguments.alone.partition(":")
        print(json.dumps(one(part, Path(path))))
    else:
        from cnnviz.bench.train import Training, loop

        training = Training(arguments.network, arguments.dataset, arguments.data_dir)
        loop(training, tuned=arguments.alone == "tuned")
