"""Which of the public architectures the weights of a file are: by their names, else by order and shape alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from cnnviz.checkpoints.candidate import Candidate, Rule
from cnnviz.checkpoints.fingerprints import fits, is_counter, known_shapes, settings_in, shapes_of
from cnnviz.checkpoints.prefixes import SavedNetwork
from cnnviz.nets.public import PUBLIC_ARCHITECTURES
from cnnviz.nets.registry import ArchitectureError

_ALONE = 0.98
_BY_ORDER = 0.6
# So many layers in the same order say half of what all could say: five convolutions and linear layers say little.
_HALF = 20


def by_names(network: SavedNetwork) -> tuple[Candidate, ...]:
    """Every public architecture whose names and shapes these are, under one of its names or its aliases.

    Prefixes that no list knows are taken off one by one as long as all names share them.
    """
    inner: SavedNetwork | None = network
    while inner is not None:
        if found := [*_matches(inner)]:
            return tuple(_sharing(found, network.removed))
        inner = inner.unwrapped()
    return ()


def _matches(network: SavedNetwork) -> Iterator[tuple[str, dict[str, int], Mapping[str, str], SavedNetwork]]:
    for architecture, known in PUBLIC_ARCHITECTURES.items():
        for aliases in ({}, *known.aliases):
            names = {_renamed(name, aliases): name for name in network.entries}
            shapes = {name: network.entries[own].shape for name, own in names.items()}
            # The names that settings are read from tell most architectures apart before anything is built.
            settings = settings_in(architecture, shapes)
            if settings is not None and fits(architecture, settings, shapes):
                in_file = {name: network.entries[own].name for name, own in names.items()}
                yield architecture, settings, in_file, network
                break


def _renamed(name: str, aliases: Mapping[str, str]) -> str:
    layer, dot, kind = name.rpartition(".")
    return f"{aliases.get(layer, layer)}{dot}{kind}"


def _sharing(
    found: list[tuple[str, dict[str, int], Mapping[str, str], SavedNetwork]], removed: tuple[str, ...]
) -> Iterator[Candidate]:
    for architecture, settings, names, network in found:
        known = PUBLIC_ARCHITECTURES[architecture]
        reasons = [f"All {len(names)} tensors have the names and shapes of {known.title}."]
        renamed = sum(name != own for name, own in zip(names, network.entries, strict=True))
        if renamed:
            reasons.append(f"{renamed} of them have other names that public files of it use.")
        if extra := network.removed[len(removed) :]:
            reasons.append(f"The prefix {''.join(extra)!r} was taken off every name.")
        others = [PUBLIC_ARCHITECTURES[name].title for name, *_ in found if name != architecture]
        if others:
            reasons.append(f"The same names and shapes are those of {', '.join(others)}.")
        yield _candidate(architecture, settings, names, "names", _ALONE / len(found), reasons)


def by_order(network: SavedNetwork) -> tuple[Candidate, ...]:
    """Public architectures whose layers are the same by shape, under other names.

    Layers of equal shapes are taken in the order of the file, which can be wrong: such an answer is to be accepted by
    the person before anything is computed with it.
    """
    layers = _layers({name: entry.shape for name, entry in network.entries.items()})
    found = []
    for architecture in PUBLIC_ARCHITECTURES:
        theirs = known_shapes(architecture)
        if len(_layers(theirs)) != len(layers):
            continue
        for settings in _possible_settings(architecture, network):
            try:
                shapes = shapes_of(architecture, settings)
            except ArchitectureError:  # no classes at all, or far more than it is ever built with
                continue
            names = _paired(layers, _layers(shapes), network)
            if names is not None:
                found.append((architecture, settings, names))
                break
    return tuple(
        _candidate(
            architecture,
            settings,
            names,
            "order",
            _BY_ORDER * len(layers) / (len(layers) + _HALF) / len(found),
            [
                f"Its {len(layers)} layers have the shapes of {PUBLIC_ARCHITECTURES[architecture].title}, "
                "but other names.",
                "Layers of equal shapes are taken in the order of their names, which may be wrong.",
            ],
        )
        for architecture, settings, names in found
    )


_Layer = tuple[tuple[str, tuple[int, ...]], ...]


def _layers(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, _Layer]:
    """What each layer holds: the last parts of its tensors' names, and their shapes."""
    layers: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for name, shape in shapes.items():
        if not is_counter(name):
            layer, _, kind = name.rpartition(".")
            layers.setdefault(layer, []).append((kind, shape))
    return {layer: tuple(sorted(tensors)) for layer, tensors in layers.items()}


def _possible_settings(architecture: str, network: SavedNetwork) -> Iterator[dict[str, int]]:
    """Its settings with what first and last layer of the file would tell of channels and classes."""
    known = PUBLIC_ARCHITECTURES[architecture]
    weights = [entry.shape for entry in network.entries.values() if len(entry.shape) > 1]
    expected = Counter(shape for shape in known_shapes(architecture).values() if len(shape) > 1)
    # At most two weights differ from the best-known ones: the one that reads the image and the one that names classes.
    unknown = [shape for shape in weights if not expected[shape]]
    if len(unknown) > len(known.read_from):
        return
    settings = dict(known.settings)
    for setting, (name, dimension) in known.read_from.items():
        usual = known_shapes(architecture)[name]
        for shape in unknown:
            same_rank = len(shape) == len(usual)
            if same_rank and all(
                a == b for axis, (a, b) in enumerate(zip(shape, usual, strict=True)) if axis != dimension
            ):
                settings[setting] = shape[dimension]
    yield settings


def _paired(layers: Mapping[str, _Layer], theirs: Mapping[str, _Layer], network: SavedNetwork) -> dict[str, str] | None:
    """From their names of tensors to the file's; None where the layers are not the same."""
    waiting: dict[_Layer, list[str]] = {}
    for layer, tensors in layers.items():
        waiting.setdefault(tensors, []).append(layer)
    names = {}
    for layer, tensors in theirs.items():
        if not waiting.get(tensors):
            return None
        own = waiting[tensors].pop(0)
        names.update({f"{layer}.{kind}": network.entries[f"{own}.{kind}" if own else kind].name for kind, _ in tensors})
    return names


def _candidate(
    architecture: str,
    settings: Mapping[str, int],
    names: Mapping[str, str],
    rule: Rule,
    confidence: float,
    reasons: list[str],
) -> Candidate:
    known = PUBLIC_ARCHITECTURES[architecture]
    as_published = dict(settings) == dict(known.settings)
    differing = [f"{value} {name}" for name, value in settings.items() if value != known.settings[name]]
    if differing:
        reasons = [*reasons, f"It has {' and '.join(differing)}, unlike its best-known weights."]
    return Candidate(
        architecture=architecture,
        config=dict(settings),
        confidence=round(confidence, 4),
        reasons=tuple(reasons),
        names=names,
        rule=rule,
        title=known.title,
        input_size=(settings["channels"], *known.input_height_width),
        statistics=known.statistics if as_published or known.normalises_itself else None,
        labels=known.labels if as_published else (),
    )
