"""The options of ``cnnviz train``."""

import argparse
import json
from pathlib import Path

from cnnviz.commands.arguments import (
    Subparsers,
    add_data_arguments,
    non_negative_float,
    positive_float,
    positive_int,
    seed,
)
from cnnviz.training.choices import DEVICES, LOSSES, OPTIMIZERS, PRECISIONS, SCHEDULES


def add_train_command(subparsers: Subparsers) -> None:
    """Declare ``cnnviz train`` and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train a network and save it",
        description="Train a network on a data set, measure it on the test images and save it as safetensors. "
        "Under torchrun every process takes its share of each batch.",
        epilog="example: cnnviz train --network lenet --dataset mnist --epochs 20 --out digits.safetensors",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--network",
        metavar="NAME|FILE",
        help="an architecture (lenet, cifar-net, tiny-vgg, resnet18, …) or a shipped network, both of which start from "
        "random weights, or a file, whose weights are trained further; FILE.json is a table of layers, as the "
        "Architecture panel saves it",
    )
    add_data_arguments(parser, required=False)
    parser.add_argument(
        "--permute-pixels",
        action="store_const",
        const=True,
        help="train and test on images whose pixels are in one other order, the same for all",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the .safetensors file to write")
    _add_network_options(parser.add_argument_group("network"))
    _add_training_options(parser.add_argument_group("training; what is not given is the network's own recipe"))
    _add_run_options(parser.add_argument_group("run"))
    parser.set_defaults(run=_run)


def _add_network_options(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--config", type=_json_object, metavar="JSON", help="of the architecture: '{\"widths\": [8, 16]}'"
    )
    group.add_argument("--input-size", type=positive_int, nargs=3, metavar=("C", "H", "W"), help="of a table of layers")
    group.add_argument("--fresh", action="store_true", help="of a file take the architecture alone, not its weights")


def _add_training_options(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--fast", action="store_true", help="the short recipe: nearly as good in a fraction of the time")
    group.add_argument("--epochs", type=positive_int, metavar="N", help="passes over the training images")
    group.add_argument("--steps", type=positive_int, metavar="N", help="stop after so many steps")
    group.add_argument(
        "--batch-size", type=positive_int, metavar="N", help="images per step, of all processes together"
    )
    group.add_argument("--loss", choices=LOSSES)
    group.add_argument("--label-smoothing", type=non_negative_float, metavar="X", help="from 0 to 1")
    group.add_argument("--optimizer", choices=OPTIMIZERS)
    group.add_argument("--learning-rate", type=positive_float, metavar="X", help="the largest of the schedule")
    group.add_argument("--momentum", type=non_negative_float, metavar="X", help="of momentum and nesterov (0.9)")
    group.add_argument("--weight-decay", type=non_negative_float, metavar="X", help="decay of weights, not of biases")
    group.add_argument("--dropout", type=non_negative_float, metavar="X", help="of every dropout layer, else the last")
    group.add_argument("--schedule", choices=SCHEDULES)
    group.add_argument("--schedule-factor", type=positive_float, metavar="X", help="of step and of halving (0.5)")
    group.add_argument("--schedule-epochs", type=positive_int, metavar="N", help="between steps, or of a plateau (5)")
    group.add_argument(
        "--augment",
        nargs="+",
        metavar="NAME",
        help="random changes to each image: affine, thickness, brightness, flip, crop, cutout; or none",
    )
    group.add_argument(
        "--precision", choices=PRECISIONS, help="of the passes; bfloat16 is twice as fast on processors that have it"
    )
    group.add_argument(
        "--no-channels-last",
        dest="channels_last",
        action="store_const",
        const=False,
        help="channels outermost in memory",
    )
    group.add_argument("--seed", type=seed, metavar="N", help="of all random numbers (0)")


def _add_run_options(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--device", choices=DEVICES, help="where it runs (auto)")
    group.add_argument("--threads", type=positive_int, metavar="N", help="processor threads")
    group.add_argument("--save-every", type=positive_int, metavar="N", help="steps between two checkpoints (200)")
    group.add_argument("--test-every", type=positive_int, metavar="N", help="epochs between two tests (1)")
    group.add_argument("--resume", action="store_true", help="go on with the run that was stopped or killed")
    group.add_argument("--keep-run", action="store_true", help="keep checkpoints and curve in FILE's name with .run")
    group.add_argument("--json", action="store_true", help="print the result as one JSON object, on the last line")


def _run(arguments: argparse.Namespace) -> int:
    from cnnviz.commands.train import run_train

    return run_train(arguments)


def _json_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object")
    return value
