"""``cnnviz train``: train a network on a data set and save it, without a window."""

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.commands.errors import CommandError
from cnnviz.commands.train_progress import ProgressLine

if TYPE_CHECKING:
    from cnnviz.training.ranks import Ranks
    from cnnviz.training.run import Run
    from cnnviz.training.settings import TrainingSettings

INTERRUPTED = 130


def run_train(arguments: argparse.Namespace) -> int:
    """Train, test, save; the accuracy is printed."""
    _check_target(arguments.out)
    from cnnviz.core.kept_memory import FOR_TRAINING, keep_freed_memory
    from cnnviz.training.ranks import launched_ranks

    keep_freed_memory(FOR_TRAINING)
    with launched_ranks() as ranks:
        return _train(arguments, ranks)


def _train(arguments: argparse.Namespace, ranks: "Ranks") -> int:
    folder = arguments.out.with_suffix(".run")
    progress = ProgressLine(sys.stderr if ranks.leads else None)
    started = time.monotonic()
    try:
        run = _open_run(arguments, folder, progress, ranks)
    except OSError as error:
        raise CommandError(
            f"{error.filename or folder} cannot be read or written ({error.strerror or error}); make room there, or "
            "give another --out."
        ) from error
    progress.begin(run.trainer.total_steps, run.trainer.step)
    try:
        with _between_steps() as stopped:
            while not run.trainer.over and not stopped:
                run.advance()
    except BaseException:
        run.abandon()
        raise
    run.close()
    if stopped:
        message = f"stopped at step {run.trainer.step}, which is saved; the same command with --resume goes on"
        if ranks.leads:
            print(f"cnnviz: {message}", file=sys.stderr)
        return INTERRUPTED
    diverged = progress.diverged
    if run.trainer.phase == "diverged" and diverged is not None:
        raise CommandError(
            f"{diverged.reason} The last good weights, of step {diverged.restored_step}, are in {folder}."
        )
    if ranks.leads:
        _finish(arguments, run, folder, time.monotonic() - started)
    return 0


def _open_run(arguments: argparse.Namespace, folder: Path, progress: ProgressLine, ranks: "Ranks") -> "Run":
    from cnnviz.training.run import Run
    from cnnviz.training.run_folder import read_record

    record = read_record(folder)
    if not arguments.resume:
        if record is not None and record.status not in ("finished", "diverged") and ranks.leads:
            raise CommandError(
                f"{folder} holds a run that is not finished (step {record.step} of {record.total_steps}); "
                "add --resume to go on with it, or delete the folder."
            )
        settings = _settings(arguments)
        return Run.start(settings, folder, progress.tell, command=_command(arguments, settings), ranks=ranks)
    if record is None:
        raise CommandError(f"There is no run in {folder} to go on with; leave --resume out to start one.")
    run = Run.resume(folder, progress.tell, ranks=ranks)
    chosen = {
        name: value
        for name, value in _chosen(arguments).items()
        if name not in ("network", "dataset", "data_dir", "permute_pixels")
    }
    settings = run.trainer.settings.changed(chosen)
    if settings != run.trainer.settings:
        run.change(settings)
    return run


def _finish(arguments: argparse.Namespace, run: "Run", folder: Path, seconds: float) -> None:
    from cnnviz.checkpoints.card import CheckpointError
    from cnnviz.checkpoints.save import save_network

    trainer = run.trainer
    module = trainer.module.to("cpu").eval()
    try:
        save_network(module, trainer.card, arguments.out)
    except CheckpointError as error:
        why = getattr(error.__cause__, "strerror", None) or error
        raise CommandError(
            f"{arguments.out} cannot be written ({why}); make room, and give the same command with --resume: "
            f"the run is kept in {folder}."
        ) from error
    if not arguments.keep_run:
        shutil.rmtree(folder, ignore_errors=True)
    last = trainer.history[-1]
    samples = len(run.prepared.data.test)
    if arguments.json:
        result = {
            "test_accuracy": last.test_accuracy,
            "train_loss": last.train_loss,
            "seconds": round(seconds, 2),
            "examples_per_second": round(trainer.examples_per_second, 1),
            "device": str(trainer.device),
            "checkpoint": str(arguments.out),
            "samples": samples,
            "skipped": len(run.prepared.skipped),
        }
        print(json.dumps(result))
    else:
        print(f"{arguments.out}: {last.test_accuracy:.2%} of {samples:,} test images are named rightly")


@contextmanager
def _between_steps() -> Iterator[list[int]]:
    """Collects the signals that ask to stop, so that a step is never cut in two; the second one ends the program."""
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_target(out: Path) -> None:
    """Fail before the training, not after it."""
    if out.suffix != ".safetensors":
        raise CommandError(f"{out} must end in .safetensors, the only format that is written.")
    if os.path.isdir(out):
        raise CommandError(f"{out} is a folder; give the name of a file.")
    if os.path.exists(out) and not os.path.isfile(out):
        raise CommandError(f"{out} is a pipe or a device; give the name of a file.")
    if not out.parent.is_dir():
        raise CommandError(f"The folder {out.parent} is not there; make it, or give another --out.")
    if not os.access(out.parent, os.W_OK):
        raise CommandError(f"The folder {out.parent} may not be written to; give another --out.")


def _settings(arguments: argparse.Namespace) -> "TrainingSettings":
    from cnnviz.checkpoints.identify import network_path, read_card
    from cnnviz.checkpoints.shipped import shipped_networks
    from cnnviz.nets.layer_table import LAYER_TABLE
    from cnnviz.nets.table_file import TABLE_SUFFIX, TableFileError, compact, read_table
    from cnnviz.training.recipes import recipe
    from cnnviz.training.settings import checked_settings

    for name in ("network", "dataset"):
        if getattr(arguments, name) is None:
            raise CommandError(f"--{name} is not given; it is needed unless a run is gone on with by --resume.")
    network, config = arguments.network, arguments.config or {}
    if network.endswith(TABLE_SUFFIX) and network not in shipped_networks():
        try:
            network, config = LAYER_TABLE, compact(read_table(Path(network))) | config
        except TableFileError as error:
            raise CommandError(str(error)) from error
    is_file = network not in shipped_networks() and os.path.isfile(network)
    architecture = (
        read_card(network_path(network)).architecture if is_file or network in shipped_networks() else network
    )
    start = {
        "name": network,
        "config": config,
        "input_size": arguments.input_size,
        "keep_weights": is_file and not arguments.fresh,
    }
    values = recipe(architecture, arguments.dataset, fast=arguments.fast)
    if arguments.epochs is not None:
        values.pop("steps", None)  # who says how many epochs wants no less
    return checked_settings({**values, **_chosen(arguments), "network": start})


def _chosen(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings that the command names."""
    from cnnviz.training.choices import AUGMENTATION_NAMES
    from cnnviz.training.settings import TrainingSettings

    given = {name: getattr(arguments, name, None) for name in TrainingSettings.model_fields}
    chosen = {name: value for name, value in given.items() if value is not None and name != "network"}
    if "data_dir" in chosen:
        chosen["data_dir"] = str(chosen["data_dir"])
    if arguments.augment is not None:
        names = () if arguments.augment == ["none"] else tuple(arguments.augment)
        for name in names:
            if name not in AUGMENTATION_NAMES:
                raise CommandError(
                    f"There is no augmentation '{name}'; choose from {', '.join(AUGMENTATION_NAMES)} or none."
                )
        chosen["augmentations"] = names
    return chosen


_LEFT_OUT = ("network", "dataset", "data_dir", "device", "save_every", "test_every", "measure_every")


def _command(arguments: argparse.Namespace, settings: "TrainingSettings") -> str:
    """The command that makes the same network again, wherever the files lie."""
    from cnnviz.training.start import without_machine_path

    words = ["cnnviz", "train", "--network", without_machine_path(settings.network.name)]
    if settings.network.config:
        words += ["--config", json.dumps(settings.network.config)]
    if settings.network.input_size is not None:
        words += ["--input-size", *map(str, settings.network.input_size)]
    words += ["--dataset", without_machine_path(settings.dataset)]
    if settings.data_dir:
        words += ["--data-dir", without_machine_path(settings.data_dir)]
    defaults = type(settings).model_fields
    for name, value in settings.model_dump().items():
        if name == "augmentations":
            words += ["--augment", *(value or ["none"])]
        elif name == "channels_last":
            words += [] if value else ["--no-channels-last"]
        elif name == "permute_pixels":
            words += ["--permute-pixels"] if value else []
        elif name not in _LEFT_OUT and (value != defaults[name].default or name in _ALWAYS):
            words += [f"--{name.replace('_', '-')}", f"{value:.12g}" if isinstance(value, float) else str(value)]
    words += ["--out", without_machine_path(str(arguments.out))]
    return shlex.join(words)


_ALWAYS = ("epochs", "batch_size", "learning_rate", "optimizer", "schedule", "weight_decay", "precision", "seed")
"""Written down also where they are what they are without being named, lest a later version has other defaults."""
