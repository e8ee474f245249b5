"""What is said of a file of weights, in sentences that end in what to do next."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.contents import PROGRAMS
from cnnviz.checkpoints.stored_arrays import StoredCheck

if TYPE_CHECKING:
    from cnnviz.checkpoints.checkpoint import Checkpoint


def opened(file: Checkpoint, candidate: Candidate, check: StoredCheck | None, notice: str) -> str:
    """Of a live network."""
    sentences = [f"{file.path} is {candidate.title}, with {file.parameters:,} weights."]
    sentences += _of_the_file(file, notice)
    if check is not None:
        sentences.append(check.sentence)
    if file.card is None:
        sentences.append(
            "How are its images normalised? The file does not say, and with a wrong answer its output is wrong: answer "
            f"with 'cnnviz inspect {shlex.quote(str(file.path))} --accept --set mean=M --set std=S', where mean=0 and "
            "std=1 leave images in [0, 1], and mean=0.5 and std=0.5 bring them to [−1, 1]."
        )
    return " ".join(sentences)


def to_be_accepted(file: Checkpoint, best: Candidate, notice: str) -> str:
    """Of tensors that may be a network, which the person is to accept or correct."""
    if best.sure:
        sentence = (
            f"{file.path} has the weights of {best.title}, but asks for more than tensors: look at the names, then "
            "open it with --accept, or save its tensors with --save-as."
        )
    else:
        others = len(file.candidates) - 1
        also = f" {others} other answers are listed." if others > 1 else " Another answer is listed." if others else ""
        sentence = (
            f"{file.path} may be {best.title} ({best.confidence * 100:.0f} % sure), which only you can say: look at "
            f"the answer, correct it with --set where it is wrong, and take it with --accept.{also}"
        )
    return " ".join([sentence, *_of_the_file(file, notice)])


def pickled(file: Checkpoint, kind: str) -> str:
    """Of a network that was saved with its class, which is code of the person who saved it."""
    if file.format in PROGRAMS:
        name = kind.removeprefix("__torch__.")
        sentence = f"{file.path} is a program of the class {name}; its tensors and its graph can be looked at."
        return " ".join([sentence, *_of_the_file(file, "")])
    sentence = (
        f"{file.path} is a whole pickled network of the class {kind}, whose code is not run; its tensors can be "
        "looked at. Open it alive with --model package.module:callable, your own code that makes such a network."
    )
    return " ".join([sentence, *_of_the_file(file, "")])


def no_network(file: Checkpoint, reason: str) -> str:
    """Of tensors that are no network."""
    sentence = f"{file.path} is not a whole network because {reason}; its tensors can be looked at."
    return " ".join([sentence, *_of_the_file(file, "")])


def trusted(file: Checkpoint, notice: str) -> str:
    """Of a program that torch runs, since the person trusts the file."""
    sentences = [
        f"{file.path} is alive: you trust it, and torch has run its program, which has {file.parameters:,} weights.",
        "It does not say how its images are normalised: set mean and std.",
    ]
    return " ".join([*sentences, *([notice] if notice else [])])


def lacking(file: Checkpoint, packages: str) -> str:
    """Of a model of packages that are not installed."""
    return " ".join([f"{file.path} is known. {packages} Its tensors can be looked at.", *_of_the_file(file, "")])


def made_by_code(file: Checkpoint, spec: str) -> str:
    """Of a network that the person's own code made."""
    sentences = [f"{file.path} fills what {spec} makes, with {file.parameters:,} weights."]
    if file.input_size is None:
        sentences.append("It runs on no usual image size; show it from Python with cnnviz.show(module, image).")
    else:
        sentences.append(
            f"Show it with 'cnnviz {shlex.quote(str(file.path))} --model {shlex.quote(spec)}', or from Python with "
            "cnnviz.show(module, labels=…, mean=…, std=…)."
        )
    return " ".join([*sentences, *_of_the_file(file, "")])


def _of_the_file(file: Checkpoint, notice: str) -> list[str]:
    sentences = []
    if file.network is not None and file.network.removed:
        sentences.append(f"The prefix '{''.join(file.network.removed)}' was taken off every name.")
    if len(file.networks) > 1 and file.network is not None:
        others = [name for name in file.networks if name != file.network.select]
        sentences.append(
            f"This is its network '{file.network.select}'; it also holds {_listed(tuple(others))}, see --select."
        )
    if file.refused:
        sentences.append(f"It asks for {_listed(file.refused)}, which was not run.")
    if file.trustable:
        sentences.append(
            f"It is also a program ({file.format}), which was not run: if you trust who made it, open it with --trust."
        )
    if notice:
        sentences.append(notice)
    return sentences


def _listed(names: tuple[str, ...], most: int = 4) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


_IN_THE_WINDOW = (
    (
        r"answer with 'cnnviz inspect .*? --accept --set mean=M --set std=S', where mean=0",
        "set mean and std in the panel Guess, where mean=0",
    ),
    (
        r"look at the answer, correct it with --set where it is wrong, and take it with --accept",
        "look at the answer, correct it in the panel Guess where it is wrong, and open it",
    ),
    (
        r"then open it with --accept, or save its tensors with --save-as",
        "then open it all the same, or save its weights as safetensors from the File menu",
    ),
    (r"; it also holds (.*?), see --select", r"; it also holds \1, which you can choose below"),
    (r"if you trust who made it, open it with --trust", "if you trust who made it, say so below"),
)


def in_the_window(message: str, path: Path) -> str:
    """A sentence of these without the command line's options, and with the file's name in place of its path."""
    message = message.replace(str(path), path.name)
    for options, words in _IN_THE_WINDOW:
        message = re.sub(options, words, message)
    return message
