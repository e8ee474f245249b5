"""Which of torchvision's and timm's models the weights of a file are, by the shipped index of their fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.fingerprints import is_counter
from cnnviz.checkpoints.prefixes import SavedNetwork
from cnnviz.checkpoints.zoo_index import Place, ZooModel, shapes_key, zoo_models
from cnnviz.nets.public import InputStatistics
from cnnviz.nets.zoo import is_installed

_ALONE = 0.97
_USUAL_CLASSES = 1000
_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class ZooMatches:
    """Models with the names and shapes of a file.

    Attributes
    ----------
    candidates : tuple of Candidate
        Those whose package is installed, best first.
    lacking : str
        Which packages would have to be installed for the others, in a sentence; empty where there are no others, or
        one that is installed.
    """

    candidates: tuple[Candidate, ...] = ()
    lacking: str = ""


def by_zoo(network: SavedNetwork) -> ZooMatches:
    """Every model whose names and shapes these are; classifier width and input channels may differ.

    Prefixes that no list knows are taken off one by one as long as all names share them.
    """
    inner: SavedNetwork | None = network
    while inner is not None:
        entries = {name: entry for name, entry in inner.entries.items() if not is_counter(name)}
        shapes = {name: entry.shape for name, entry in entries.items()}
        found = [
            (model, config)
            for model in zoo_models(shapes)
            if shapes_key(shapes, [*model.classes, *model.channels]) == model.shapes
            and (config := _config(model, shapes)) is not None
        ]
        if found:
            return _matches(found, inner)
        inner = inner.unwrapped()
    return ZooMatches()


def _config(model: ZooModel, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, JsonValue] | None:
    """The sizes that the model leaves open; None where the file says two things of one."""
    config: dict[str, JsonValue] = {}
    for key, places in (("classes", model.classes), ("channels", model.channels)):
        sizes = {_size(shapes, place) for place in places}
        if len(sizes) > 1:
            return None
        if sizes:
            config[key] = sizes.pop()
    return config


def _size(shapes: Mapping[str, tuple[int, ...]], place: Place) -> int:
    name, axis = place
    return shapes[name][axis]


def _matches(found: list[tuple[ZooModel, dict[str, JsonValue]]], network: SavedNetwork) -> ZooMatches:
    names = [f"{model.package}'s {model.model}" for model, _ in found]
    known = [(model, config) for model, config in found if is_installed(model.package)]
    if not known:
        packages = " or ".join(dict.fromkeys(model.package for model, _ in found))
        return ZooMatches(
            (),
            f"It has the names and shapes of {_listed(names)}; install {packages} to see it alive, with "
            "'pip install cnnviz[zoo]'.",
        )
    return ZooMatches(
        tuple(_candidate(model, config, network, len(known), [name for name in names if name != own])
              for (model, config), own in ((each, f"{each[0].package}'s {each[0].model}") for each in known))
    )  # fmt: skip


def _candidate(
    model: ZooModel, config: dict[str, JsonValue], network: SavedNetwork, sharing: int, others: list[str]
) -> Candidate:
    reasons = [f"All {len(network.entries)} tensors have the names and shapes of {model.package}'s {model.model}."]
    if others:
        reasons.append(f"The same names and shapes are those of {_listed(others)}.")
    channels = config.get("channels", model.size[0])
    usual = config.get("classes") == _USUAL_CLASSES and channels == model.size[0]
    if not usual:
        differing = [f"{value} {name}" for name, value in config.items()]
        reasons.append(f"It has {' and '.join(differing)}, unlike the package's own weights.")
    known = usual and model.mean is not None and model.std is not None
    return Candidate(
        architecture=f"{model.package}:{model.model}",
        config=config,
        confidence=round(_ALONE / sharing, 4),
        reasons=tuple(reasons),
        names={name: entry.name for name, entry in network.entries.items()},
        rule="names",
        title=f"{model.model} of {model.package}",
        input_size=(int(str(channels)), *model.size[1:]),
        statistics=InputStatistics(model.mean or (), model.std or ()) if known else None,
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
