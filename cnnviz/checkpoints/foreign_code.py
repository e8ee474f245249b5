"""A network made by the person's own code, which is imported only because they asked for it by name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.core.error_words import first_line


def made_by(spec: str, checkpoint: Path) -> nn.Module:
    """What ``package.module:callable`` returns when it is called without arguments.

    Modules are found as Python finds them, and in the working folder; never in the folder of the checkpoint, since who
    sends a checkpoint could send a module of a likely name with it.

    Raises
    ------
    CheckpointError
        The module is not found, lies beside the checkpoint, or does not make a network; says so.
    """
    module_name, colon, name = spec.partition(":")
    if not (colon and module_name and name):
        raise CheckpointError(f"--model {spec} is not of the form package.module:callable; write both parts.")
    with _search_path(checkpoint.absolute().parent):
        _check_origin(module_name, checkpoint)
        try:
            made = getattr(importlib.import_module(module_name), name)()
        except SystemExit as error:
            raise CheckpointError(
                f"--model {spec} ends the program instead of making a network; correct it."
            ) from error
        except Exception as error:  # the person's own code may raise anything
            raise CheckpointError(f"--model {spec} could not be called ({first_line(error)}); correct it.") from error
    if not isinstance(made, nn.Module):
        raise CheckpointError(f"--model {spec} gives a {type(made).__name__}; it has to give a torch.nn.Module.")
    return made


@contextmanager
def _search_path(forbidden: Path) -> Iterator[None]:
    """The working folder before where Python looks anyway, without the folder ``forbidden``."""
    before = list(sys.path)
    places = [str(Path.cwd()), *(place for place in before if place)]
    sys.path[:] = [place for place in places if not _is(Path(place), forbidden)]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _check_origin(module_name: str, checkpoint: Path) -> None:
    """Refuse a module, or a package on the way to it, that lies beside the checkpoint; before any of it is run."""
    parts = module_name.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        try:
            # The packages before the last part are imported by this; each was checked in the round before.
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, SystemExit) as error:
            raise CheckpointError(f"The module {name} cannot be found ({error}); check --model.") from error
        if spec is None:
            raise CheckpointError(
                f"There is no module {name} where Python looks or in the working folder; modules beside the checkpoint "
                "are never imported."
            )
        if spec.origin is not None and _is(Path(spec.origin).parent, checkpoint.absolute().parent):
            raise CheckpointError(
                f"The module {name} lies beside the checkpoint, from where nothing is imported; move one of them."
            )


def _is(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except OSError:
        return False
