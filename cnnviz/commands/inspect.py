"""``cnnviz inspect``: what a file of weights is, without a screen and without running anything in it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.commands.arguments import Subparsers
from cnnviz.commands.errors import CommandError

if TYPE_CHECKING:
    from cnnviz.checkpoints.candidate import Candidate
    from cnnviz.checkpoints.checkpoint import Checkpoint

STATUS_CODES = {"opened": 0, "refused": 2, "partial": 3}


def add_inspect_command(subparsers: Subparsers) -> None:
    """Declare ``cnnviz inspect`` and its options."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what a file of weights is; nothing in it is executed",
        description="Say what a file of weights holds and which network it is, without executing anything in it. Two "
        "files are compared. The exit status is 0 where there is a live network, 3 where only tensors can be shown, 2 "
        "where nothing can be read.",
        epilog="example: cnnviz inspect resnet20.th --json",
    )
    parser.add_argument("file", metavar="FILE", help="a file of weights, or a shipped network's name")
    parser.add_argument("other", nargs="?", metavar="FILE", help="a second one, to compare the first with")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, on the last line")
    parser.add_argument("--select", metavar="NAME", help="which network, of a file that holds several")
    parser.add_argument(
        "--model", metavar="MODULE:CALLABLE", help="your own code that makes the network; never from the file's folder"
    )
    parser.add_argument("--accept", action="store_true", help="take the best answer, and keep it for this file")
    parser.add_argument(
        "--trust",
        action="store_true",
        help="let torch run the program that a TorchScript or exported file is, and keep that you trust this file",
    )
    parser.add_argument(
        "--answer", type=int, metavar="N", help="take the answer with this number in place of the best; from 1"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="corrections",
        metavar="WHAT=VALUE",
        help="correct the answer before it is taken: mean, std, labels, input (such as 1x28x28), activation, pooling, "
        "LAYER.padding, LAYER.stride, LAYER.activation, LAYER.pooling …",
    )
    parser.add_argument("--try", dest="images", metavar="SET", help="rank chains by how many images they name rightly")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where the data set of --try lies")
    parser.add_argument("--save-as", type=Path, metavar="OUT.safetensors", help="write the tensors in a harmless form")
    parser.add_argument("--csv", type=Path, metavar="OUT.csv", help="write a line for each tensor")
    parser.add_argument("--svg", type=Path, metavar="OUT.svg", help="draw the layers of a live network")
    parser.set_defaults(run=run_inspect)


def run_inspect(arguments: argparse.Namespace) -> int:
    """Print what was found; the exit status says how far it went."""
    from cnnviz.checkpoints.checkpoint import open_checkpoint
    from cnnviz.commands.inspect_report import print_checkpoint

    _check_together(arguments)
    accept: bool | Candidate = bool(arguments.accept)
    if arguments.corrections or arguments.answer is not None:
        accept = _corrected(arguments)
    found = open_checkpoint(
        arguments.file, select=arguments.select, accept=accept, model=arguments.model, trust=arguments.trust
    )
    if arguments.other is not None:
        return _compare(arguments, found)
    print_checkpoint(found, as_json=arguments.json)
    if arguments.images is not None:
        _try(arguments, found)
    _write(arguments, found)
    return STATUS_CODES[found.status]


def _check_together(arguments: argparse.Namespace) -> None:
    """Fail before anything is read."""
    if (arguments.corrections or arguments.answer is not None) and not arguments.accept:
        raise CommandError("--set and --answer change what is accepted; give --accept with them.")
    if arguments.accept and arguments.model is not None:
        raise CommandError("--accept takes an answer of the program, --model one of yours; give one of them.")
    if arguments.trust and (arguments.accept or arguments.model is not None):
        raise CommandError("--trust runs the file's own program; give neither --accept nor --model with it.")
    if arguments.images is not None and (arguments.json or arguments.other is not None):
        raise CommandError("--try prints a table for one file; leave out --json and the second file.")
    single = (arguments.accept, arguments.trust, arguments.model, arguments.save_as, arguments.csv, arguments.svg)
    if arguments.other is not None and any(single):
        raise CommandError(
            "Two files are compared only; give --accept, --trust, --model, --save-as, --csv and --svg with one file."
        )


def _corrected(arguments: argparse.Namespace) -> Candidate:
    """The answer that is asked for, with the corrections."""
    from cnnviz.checkpoints.checkpoint import open_checkpoint
    from cnnviz.commands.inspect_answer import corrected

    found = open_checkpoint(arguments.file, select=arguments.select)
    # An answer that was accepted before is the first of them, so that it can be corrected step by step.
    number = 1 if arguments.answer is None else arguments.answer
    if not 1 <= number <= len(found.candidates):
        raise CommandError(
            f"There is no answer {number} for {arguments.file}, but {len(found.candidates)} of them: {found.message}"
        )
    return corrected(found.candidates[number - 1], arguments.corrections)


def _compare(arguments: argparse.Namespace, first: Checkpoint) -> int:
    from cnnviz.checkpoints.checkpoint import open_checkpoint
    from cnnviz.checkpoints.comparison import compare
    from cnnviz.commands.inspect_report import print_comparison

    second = open_checkpoint(arguments.other, select=arguments.select)
    for checkpoint in (first, second):
        if checkpoint.status == "refused":
            raise CommandError(checkpoint.message)
    print_comparison(first, second, compare(first, second), as_json=arguments.json)
    return max(STATUS_CODES[checkpoint.status] for checkpoint in (first, second))


def _try(arguments: argparse.Namespace, found: Checkpoint) -> None:
    from cnnviz.checkpoints.chain_trial import rank, variants
    from cnnviz.commands.inspect_report import print_trials
    from cnnviz.data.datasets import load_dataset

    chains = [(number, answer) for number, answer in enumerate(found.candidates, 1) if answer.rule == "chain"]
    if found.contents is None or not chains:
        raise CommandError(f"{arguments.file} has no chain worked out from its shapes that could be tried.")
    images = load_dataset(arguments.images, "test", arguments.data_dir, chains[0][1].input_size)
    height, width = images.images.shape[2:]
    numbers = {variant: number for number, answer in chains for variant in variants([answer], (height, width))}
    print_trials(rank(numbers, found.contents.load, images), numbers)


def _write(arguments: argparse.Namespace, found: Checkpoint) -> None:
    import sys

    from cnnviz.checkpoints.export import save_as_csv, save_as_safetensors

    if arguments.save_as is not None:
        for name in save_as_safetensors(found, arguments.save_as):
            print(f"left out: {name} has no plain values", file=sys.stderr)
    if arguments.csv is not None:
        save_as_csv(found, arguments.csv)
    if arguments.svg is not None:
        _draw(arguments.svg, found)


def _draw(path: Path, found: Checkpoint) -> None:
    from cnnviz.checkpoints.layer_table import graph_of
    from cnnviz.core.graph_svg import graph_svg
    from cnnviz.data.atomic import write_atomically

    if found.module is None or found.input_size is None:
        raise CommandError(f"{path} is not written: only a live network has a graph. {found.message}")
    drawing = graph_svg(graph_of(found.module, found.input_size), found.path.stem)
    try:
        write_atomically(path, drawing.encode())
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror or error}); choose another place.") from error
