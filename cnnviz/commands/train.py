"""``cnnviz train``: train one of the program's architectures and save it."""

import argparse
import json
import os
import shlex
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.commands.arguments import (
    Subparsers,
    add_data_arguments,
    non_negative_float,
    positive_float,
    positive_int,
    seed,
)
from cnnviz.commands.errors import CommandError
from cnnviz.training.recipes import DEFAULT_RECIPES, OPTIMIZERS, PRECISIONS, SCHEDULES, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnviz.checkpoints.card import NetworkCard
    from cnnviz.data.labelled_images import LabelledImages
    from cnnviz.training.loop import Step

# Every fifth image of a data set that has no test images of its own is kept back for testing.
HELD_OUT_EVERY = 5


def add_train_command(subparsers: Subparsers) -> None:
    """Declare ``cnnviz train`` and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train a network and save it",
        description="Train a network on a data set, measure it on the test images and save it as safetensors.",
        epilog="example: cnnviz train --network lenet --dataset mnist --epochs 20 --out digits.safetensors",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--network", required=True, metavar="NAME", help="lenet, cifar-net or tiny-vgg")
    add_data_arguments(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the .safetensors file to write")
    parser.add_argument("--epochs", type=positive_int, metavar="N", help="passes over the training images")
    parser.add_argument("--batch-size", type=positive_int, metavar="N", help="images per step")
    parser.add_argument("--learning-rate", type=positive_float, metavar="X", help="the largest; it is warmed up to")
    parser.add_argument("--weight-decay", type=non_negative_float, metavar="X", help="decay of weights, not of biases")
    parser.add_argument("--label-smoothing", type=non_negative_float, metavar="X", help="from 0 to 1")
    parser.add_argument("--optimizer", choices=OPTIMIZERS)
    parser.add_argument("--schedule", choices=SCHEDULES)
    parser.add_argument(
        "--augment",
        nargs="+",
        metavar="NAME",
        help="random changes to each image: affine, thickness, brightness, flip, crop, cutout; or none",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="of the passes; bfloat16 is twice as fast on processors that have it",
    )
    parser.add_argument("--seed", type=seed, metavar="N", help="of all random numbers (0)")
    parser.add_argument("--threads", type=positive_int, metavar="N", help="processor threads")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, on the last line")
    parser.set_defaults(run=run_train)


def run_train(arguments: argparse.Namespace) -> int:
    """Train, test, save; the accuracy is printed."""
    _check_target(arguments.out)
    import torch

    from cnnviz.checkpoints.save import save_network
    from cnnviz.data.datasets import has_test_split, load_dataset
    from cnnviz.nets.registry import build, default_config, input_height_width
    from cnnviz.training.evaluate import evaluate
    from cnnviz.training.loop import train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    height_width = input_height_width(arguments.network)
    recipe = _recipe(arguments)
    # What the images of a folder are brought to; a data set of its own size and channels keeps them.
    shape = (default_config(arguments.network)["channels"], *height_width)
    images = load_dataset(arguments.dataset, "train", arguments.data_dir, shape)
    if has_test_split(arguments.dataset):
        test_images = load_dataset(arguments.dataset, "test", arguments.data_dir, shape)
    else:
        images, test_images = _hold_out(images)
    if images.skipped:
        print(f"{len(images.skipped)} files are no images, first {images.skipped[0]}", file=sys.stderr)
    card = _card(arguments, recipe, images, height_width)
    torch.manual_seed(recipe.seed)
    module = build(card.architecture, card.config)
    started = time.monotonic()
    train(module, card, images, recipe, on_step=_progress_line(started))
    seconds = time.monotonic() - started
    evaluation = evaluate(module, card, test_images)
    card = card.model_copy(update={"test_accuracy": round(evaluation.accuracy, 6)})
    save_network(module, card, arguments.out)
    if arguments.json:
        result = {
            "accuracy": evaluation.accuracy,
            "samples": evaluation.samples,
            "per_class": evaluation.per_class,
            "skipped": len(images.skipped),
            "out": str(arguments.out),
            "seconds": round(seconds, 1),
        }
        print(json.dumps(result))
    else:
        print(f"{arguments.out}: {evaluation.accuracy:.2%} of {evaluation.samples:,} test images are named rightly")
    return 0


def _check_target(out: Path) -> None:
    """Fail before the training, not after it."""
    if out.suffix != ".safetensors":
        raise CommandError(f"{out} must end in .safetensors, the only format that is written.")
    if out.is_dir():
        raise CommandError(f"{out} is a folder; give the name of a file.")
    if not out.parent.is_dir():
        raise CommandError(f"The folder {out.parent} is not there; make it, or give another --out.")
    if not os.access(out.parent, os.W_OK):
        raise CommandError(f"The folder {out.parent} may not be written to; give another --out.")


def _recipe(arguments: argparse.Namespace) -> Recipe:
    from cnnviz.training.augmentation import AUGMENTATIONS

    chosen = {
        name: value
        for name in asdict(DEFAULT_RECIPES[arguments.network])
        if (value := getattr(arguments, name, None)) is not None
    }
    if arguments.augment is not None:
        names = () if arguments.augment == ["none"] else tuple(arguments.augment)
        for name in names:
            if name not in AUGMENTATIONS:
                raise CommandError(
                    f"There is no augmentation '{name}'; choose from {', '.join(AUGMENTATIONS)} or none."
                )
        chosen["augmentations"] = names
    recipe = replace(DEFAULT_RECIPES[arguments.network], **chosen)
    if recipe.label_smoothing >= 1:
        raise CommandError(f"The label smoothing is {recipe.label_smoothing:g}; it must be below 1.")
    return recipe


def _hold_out(images: "LabelledImages") -> tuple["LabelledImages", "LabelledImages"]:
    """Training images and test images; each class gives every fifth of its own."""
    import numpy as np

    order = np.argsort(images.labels, kind="stable")
    is_test = np.arange(len(order)) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    if not is_test.any():
        raise CommandError(f"{len(images)} images are too few to keep every fifth for testing; give at least five.")
    return images.subset(order[~is_test]), images.subset(order[is_test])


def _card(
    arguments: argparse.Namespace, recipe: Recipe, images: "LabelledImages", height_width: tuple[int, int]
) -> "NetworkCard":
    from cnnviz.checkpoints.card import NetworkCard
    from cnnviz.nets.registry import default_config
    from cnnviz.training.preparation import channel_statistics

    channels = images.images.shape[1]
    mean, std = channel_statistics(images.images)
    return NetworkCard(
        architecture=arguments.network,
        # All of it, so that the file can be opened when a later version has other defaults.
        config=default_config(arguments.network) | {"channels": channels, "classes": len(images.class_names)},
        labels=images.class_names,
        input_size=(channels, *height_width),
        mean=mean,
        std=std,
        dataset=_without_machine_path(arguments.dataset),
        command=_command(arguments, recipe),
        seed=recipe.seed,
    )


def _command(arguments: argparse.Namespace, recipe: Recipe) -> str:
    """The command that makes the same network again, wherever the files lie."""
    words = ["cnnviz", "train", "--network", arguments.network]
    words += ["--dataset", _without_machine_path(arguments.dataset)]
    if arguments.data_dir is not None:
        words += ["--data-dir", _without_machine_path(str(arguments.data_dir))]
    for name, value in asdict(recipe).items():
        if name == "augmentations":
            words += ["--augment", *(value or ["none"])]
        else:
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    if arguments.threads:
        words += ["--threads", str(arguments.threads)]
    words += ["--out", _without_machine_path(str(arguments.out))]
    return shlex.join(words)


def _without_machine_path(text: str) -> str:
    kind, colon, path = text.rpartition(":") if text.startswith("folder:") else ("", "", text)
    return kind + colon + (Path(path).name if Path(path).is_absolute() else Path(path).as_posix())


def _progress_line(started: float) -> "Callable[[Step], None]":
    """Prints one line that is overwritten at a terminal, one line per epoch elsewhere."""
    mean_loss = 0.0

    def show(step: "Step") -> None:
        nonlocal mean_loss
        mean_loss += (step.loss - mean_loss) / step.step
        if not (step.ends_epoch or sys.stderr.isatty()):
            return
        done = (step.epoch - 1) * step.steps + step.step
        elapsed = time.monotonic() - started
        left = elapsed / done * (step.epochs * step.steps - done)
        line = (
            f"epoch {step.epoch}/{step.epochs}  step {step.step}/{step.steps}  loss {mean_loss:.3f}  "
            f"rate {step.learning_rate:.2g}  {elapsed:.0f} s, {left:.0f} s left"
        )
        start, end = ("\r", "\n" if step.ends_epoch else "") if sys.stderr.isatty() else ("", "\n")
        print(f"{start}{line}  ", end=end, file=sys.stderr, flush=True)

    return show
