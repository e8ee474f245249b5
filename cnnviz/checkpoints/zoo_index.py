"""The shipped index of torchvision's and timm's models: by the names and shapes of their weights."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cnnviz.data.assets import assets_folder

Place = tuple[str, int]
"""A tensor's name and one of its axes."""


@dataclass(frozen=True)
class ZooModel:
    """One model of a package.

    Attributes
    ----------
    package, model : str
        As in ``torchvision.models.get_model`` and ``timm.create_model``.
    shapes : str
        Key of its names and shapes, with the sizes at ``classes`` and ``channels`` left open.
    classes, channels : tuple of (str, int)
        Where the number of classes and of the image's channels shows.
    size : (int, int, int)
        Of the images that its weights were made for.
    mean, std : tuple of float or None
        None where its weights differ in that.
    """

    package: str
    model: str
    shapes: str
    classes: tuple[Place, ...]
    channels: tuple[Place, ...]
    size: tuple[int, int, int]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def names_key(names: Iterable[str]) -> str:
    """A key of a set of names."""
    return _key("\n".join(sorted(names)))


def shapes_key(shapes: Mapping[str, Sequence[int]], left_open: Iterable[Sequence[Any]]) -> str:
    """A key of names and shapes; the sizes at ``left_open`` count as any."""
    free = {(name, axis) for name, axis in left_open}
    lines = (
        f"{name} {['*' if (name, axis) in free else size for axis, size in enumerate(shape)]}"
        for name, shape in sorted(shapes.items())
    )
    return _key("\n".join(lines))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def zoo_models(names: Iterable[str]) -> tuple[ZooModel, ...]:
    """The models whose weights have exactly these names, torchvision's first."""
    return _index().get(names_key(names), ())


@cache
def _index() -> Mapping[str, tuple[ZooModel, ...]]:
    content = json.loads(gzip.decompress((assets_folder() / "zoo.json.gz").read_bytes()))
    found: dict[str, tuple[ZooModel, ...]] = {}
    for package in ("torchvision", "timm"):
        for entry in content["models"][package]:
            model = ZooModel(
                package,
                entry["model"],
                entry["shapes"],
                _places(entry["classes"]),
                _places(entry["channels"]),
                tuple(entry["size"]),
                tuple(entry["mean"]) if "mean" in entry else None,
                tuple(entry["std"]) if "std" in entry else None,
            )
            found[entry["names"]] = (*found.get(entry["names"], ()), model)
    return found


def _places(listed: Iterable[Sequence[Any]]) -> tuple[Place, ...]:
    return tuple((name, axis) for name, axis in listed)
