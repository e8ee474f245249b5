"""Makes ``assets/zoo.json.gz``: what the weights of torchvision's and timm's models are called, and of what shape.

    python tests/bench/zoo_index.py assets/zoo.json.gz

Both packages have to be installed. Every model is built without memory for its weights, twice: once as it is, once for
other numbers of classes and channels, so that it shows which sizes depend on them.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision.models
from torch import nn

from cnnviz.checkpoints.fingerprints import without_counters
from cnnviz.checkpoints.zoo_index import names_key, shapes_key

CLASSES, CHANNELS = 7, 5
"""Sizes that no model has by itself in the first and last places."""


def shapes_of(make: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    try:
        with torch.device("meta"):
            state = make().state_dict()
    except NotImplementedError:  # some read values of tensors while they are built
        state = make().state_dict()
    return without_counters({name: tuple(tensor.shape) for name, tensor in state.items()})


def places(usual: dict[str, tuple[int, ...]], other: dict[str, tuple[int, ...]], size: int) -> list[list[Any]]:
    """Names and axes that are ``size`` in ``other`` alone; none where more than a size differs."""
    if usual.keys() != other.keys() or any(len(usual[name]) != len(other[name]) for name in usual):
        return []
    found: list[list[Any]] = []
    for name, shape in usual.items():
        for axis, (one, two) in enumerate(zip(shape, other[name], strict=True)):
            if one != two and two != size:
                return []
            if one != two:
                found.append([name, axis])
    return found


def entry(name: str, make: Callable[..., nn.Module], channels: str | None) -> dict[str, Any]:
    usual = shapes_of(make)
    described: dict[str, Any] = {"model": name, "classes": [], "channels": []}
    for key, setting, size in (("classes", "num_classes", CLASSES), ("channels", channels, CHANNELS)):
        if setting is None:
            continue
        try:
            other = shapes_of(partial(make, **{setting: size}))
        except Exception as error:  # noqa: BLE001 - some models have one size alone, and say so in any way
            print(f"{name}: {key} stay as they are ({type(error).__name__})", file=sys.stderr)
            continue
        described[key] = places(usual, other, size)
    described["names"] = names_key(usual)
    described["shapes"] = shapes_key(usual, [*described["classes"], *described["channels"]])
    return described


def of_torchvision() -> Iterator[dict[str, Any]]:
    for name in torchvision.models.list_models(module=torchvision.models):
        weights = [each.transforms() for each in torchvision.models.get_model_weights(name)]
        told = {(tuple(each.mean), tuple(each.std), (3, *each.crop_size * 2)[:3]) for each in weights}
        yield {**made(name, partial(torchvision.models.get_model, name, weights=None), None), **agreed(told)}


def of_timm() -> Iterator[dict[str, Any]]:
    for name in timm.list_models():
        configs = [timm.get_pretrained_cfg(tag) for tag in (name, *timm.list_pretrained(f"{name}.*"))]
        told = {(tuple(each.mean), tuple(each.std), tuple(each.input_size)) for each in configs if each is not None}
        yield {**made(name, partial(timm.create_model, name, pretrained=False), "in_chans"), **agreed(told)}


def made(name: str, make: Callable[..., nn.Module], channels: str | None) -> dict[str, Any]:
    try:
        return entry(name, make, channels)
    except Exception as error:  # noqa: BLE001 - a model that needs a further package
        print(f"{name}: left out ({error})", file=sys.stderr)
        return {}


def agreed(told: set[tuple[Any, ...]]) -> dict[str, Any]:
    """Mean, standard deviation and size of images, where all weights of a model agree; else the first size alone."""
    means = {each[:2] for each in told}
    sizes = sorted({each[2] for each in told})
    statistics = dict(zip(("mean", "std"), next(iter(means)), strict=True)) if len(means) == 1 else {}
    return {"size": sizes[0] if sizes else (3, 224, 224), **statistics}


def main() -> None:
    torch.set_num_threads(1)
    models = {}
    for package, entries in (("torchvision", of_torchvision()), ("timm", of_timm())):
        models[package] = [found for found in entries if "names" in found]
        print(f"{package}: {len(models[package])} models", file=sys.stderr)
    index = {"packages": {package: version(package) for package in models}, "models": models}
    text = json.dumps(index, separators=(",", ":"), sort_keys=True).encode()
    Path(sys.argv[1]).write_bytes(gzip.compress(text, mtime=0))


if __name__ == "__main__":
    main()
