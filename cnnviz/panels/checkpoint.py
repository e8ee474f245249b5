"""Checkpoint: what is in a file of weights, whether it is safe, and what its tensors are like."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from torch import Tensor

    from cnnviz.checkpoints.checkpoint import Checkpoint
    from cnnviz.core.tensor_statistics import RunningStatistics, TensorStatistics
    from cnnviz.engine.observation import LoadedNetwork, Observation

# a refinement reads about this many bytes: between two of them newer work goes ahead
BATCH_BYTES = 8 * 2**20


class CheckpointParams(PanelParams):
    path: str | None = Field(None, max_length=4096, description="The file that is looked at; none: the network's own")
    table: Literal["tensors", "layers"] = Field("tensors", description="Whether its tensors or its layers are listed")


@dataclass(frozen=True)
class TensorRow:
    """One tensor; ``share`` is its part of all values in the file, ``statistics`` come later."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    note: str
    values: int
    share: float
    statistics: TensorStatistics | None = None


@dataclass(frozen=True)
class LayerRow:
    """One layer; what only a run tells is None where no network is run."""

    name: str
    type: str
    output_shape: tuple[int, ...] | None
    weights: int
    macs: int | None
    weight_bytes: int
    map_bytes: int | None


@dataclass(frozen=True)
class CheckpointResult:
    """What is known so far; ``done`` of ``rows`` have their statistics.

    Attributes
    ----------
    proposal : str
        What the file can be opened as once the person accepts it; empty where there is nothing to accept.
    channels : int
        Of the images that the proposed network takes.
    networks, selected : tuple of str, str
        By what name each network in the file is selected, and the one that is looked at.
    refused : tuple of str
        Names that the file asks for beside those of tensors: code that was not run.
    metadata : tuple of (str, str)
    trustable : bool
        Whether it is a program that is run once the person says that they trust this file.
    layers : tuple of LayerRow or None
        In order of execution where the network is alive; None where nobody asks for them.
    """

    path: str
    status: str
    format: str
    architecture: str
    confidence: float
    message: str
    size: int
    sha256: str | None  # empty where there is no file to hash, or no longer the one that was looked at
    parameters: int
    proposal: str
    channels: int
    reasons: tuple[str, ...]
    refused: tuple[str, ...]
    metadata: tuple[tuple[str, str], ...]
    rows: tuple[TensorRow, ...]
    done: int
    trustable: bool = False
    networks: tuple[str, ...] = ()
    selected: str = ""
    layers: tuple[LayerRow, ...] | None = None


@dataclass
class _Measured:
    """The tensor whose statistics are on the way; of its values ``done`` are in them."""

    values: Tensor
    running: RunningStatistics
    done: int = 0


@dataclass
class _Inspection:
    """A file that is being looked at; kept, so that work goes on where a newer scene interrupted it."""

    size: int
    checkpoint: Checkpoint
    rows: list[TensorRow]
    hasher: hashlib._Hash = field(default_factory=hashlib.sha256)
    hashed: int = 0
    changed: bool = False  # the file is another, or gone, before all of it was hashed
    done: int = 0
    measured: _Measured | None = None
    layers: tuple[LayerRow, ...] | None = None


_last: list[_Inspection] = []


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> Iterator[CheckpointResult]:
    """First what the file is; then, bit by bit, its hash and the statistics of its tensors."""
    path = _path(scene, observation)
    if path is None:
        yield _live_module(observation, _lists_layers(scene))
        return
    # which network of it, is said of the file that the scene is about
    is_the_scenes = scene.network.source == f"file:{path}"
    inspection = _inspect(path, scene.network.select if is_the_scenes else None)
    yield _result(inspection)
    if _lists_layers(scene) and inspection.layers is None:
        inspection.layers = _layers_of(inspection.checkpoint, observation)
        yield _result(inspection)
    while _go_on(inspection):
        yield _result(inspection)


def _path(scene: Scene, observation: Observation) -> Path | None:
    """The file to look at; None for a module that was handed over from Python, or is being trained."""
    from cnnviz.checkpoints.identify import network_path

    params = cast(CheckpointParams, scene.panel("checkpoint"))
    if params.path is not None:
        return Path(params.path)
    kind, _, name = observation.network.source.partition(":")
    return None if kind in ("live", "training") else network_path(name)


def _lists_layers(scene: Scene) -> bool:
    return cast(CheckpointParams, scene.panel("checkpoint")).table == "layers"


def _layers_of(checkpoint: Checkpoint, observation: Observation) -> tuple[LayerRow, ...]:
    network = observation.network.base
    if network.source == f"file:{checkpoint.path}" and not network.lacks and checkpoint.module is not None:
        return _layers_in(network)
    item = next((each.element_size() for each in _weights(checkpoint)), 4)
    return tuple(
        _layer_row(each.name, each.type, each.output_shape, each.parameters, each.macs, item)
        for each in checkpoint.layers
    )


def _weights(checkpoint: Checkpoint) -> Iterator[Tensor]:
    return checkpoint.module.parameters() if checkpoint.module is not None else iter(())


def _layers_in(network: LoadedNetwork) -> tuple[LayerRow, ...]:
    """Those of a network that runs, without another run."""
    from cnnviz.core.graph import INPUT

    item = next((each.element_size() for each in network.module.parameters()), 4)
    layers = [each for each in network.graph if each.name != INPUT]
    return tuple(
        _layer_row(each.name, each.kind, each.output_shape, each.parameters, each.macs, item) for each in layers
    )


def _layer_row(
    name: str, kind: str, shape: tuple[int, ...] | None, weights: int, macs: int | None, item: int
) -> LayerRow:
    maps = None if shape is None else math.prod(shape) * item
    return LayerRow(name, kind, shape, weights, macs, weights * item, maps)


def _live_module(observation: Observation, with_layers: bool) -> CheckpointResult:
    """The tensors of a module that has no file, or of a run's network as it is now."""
    from cnnviz.core.tensor_statistics import describe

    module = observation.network.module
    tensors = module.state_dict()
    total = sum(tensor.numel() for tensor in tensors.values()) or 1
    rows = tuple(
        TensorRow(
            name,
            tuple(tensor.shape),
            str(tensor.dtype).removeprefix("torch."),
            "",
            tensor.numel(),
            tensor.numel() / total,
            describe(tensor.detach().cpu()) if tensor.numel() else None,
        )
        for name, tensor in tensors.items()
    )
    kind = type(module).__name__
    parameters = sum(parameter.numel() for parameter in module.parameters())
    is_trained = observation.network.source.startswith("training:")
    words = (
        f"{kind} is the network of a training run as it is now; its checkpoints lie in the run's folder."
        if is_trained
        else f"{kind} was handed over from Python; it has no file."
    )
    return CheckpointResult(
        observation.network.name,
        "opened",
        "network in training" if is_trained else "module from Python",
        kind,
        1.0,
        words,
        sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()),
        "",
        parameters,
        "",
        0,
        (),
        (),
        (),
        rows,
        len(rows),
        layers=_layers_in(observation.network.base) if with_layers else None,
    )


def _inspect(path: Path, select: str | None) -> _Inspection:
    from cnnviz.checkpoints.recent import look_at

    try:
        size = path.stat().st_size
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); open another file.") from error
    checkpoint = look_at(path, select)
    if not _last or _last[0].checkpoint is not checkpoint:
        _last[:] = [_Inspection(size, checkpoint, _rows(checkpoint))]
    return _last[0]


def _rows(checkpoint: Checkpoint) -> list[TensorRow]:
    entries = checkpoint.contents.entries if checkpoint.contents is not None else ()
    sizes = [math.prod(entry.shape) for entry in entries]
    total = sum(sizes) or 1
    return [
        TensorRow(entry.name, entry.shape, entry.dtype, entry.note, size, size / total)
        for entry, size in zip(entries, sizes, strict=True)
    ]


def _go_on(inspection: _Inspection) -> bool:
    """Do one bit of what is left; False when all is done."""
    size = inspection.size
    if inspection.done == len(inspection.rows) and inspection.hashed >= size:
        return False
    if inspection.done < len(inspection.rows):
        _measure_some(inspection)
    else:
        chunk = _next_bytes(inspection)
        inspection.hasher.update(chunk)
        inspection.changed = not chunk
        inspection.hashed = inspection.hashed + len(chunk) if chunk else size
    return True


def _next_bytes(inspection: _Inspection) -> bytes:
    """What is to be hashed next; nothing of a file that has become shorter, or is gone."""
    try:
        with inspection.checkpoint.path.open("rb") as file:
            file.seek(inspection.hashed)
            return file.read(4 * BATCH_BYTES)
    except OSError:
        return b""


def _measure_some(inspection: _Inspection) -> None:
    from cnnviz.core.tensor_statistics import RunningStatistics, real_values

    contents = inspection.checkpoint.contents
    assert contents is not None
    left = BATCH_BYTES // 4
    while inspection.done < len(inspection.rows) and left > 0:
        row = inspection.rows[inspection.done]
        left -= 256  # a table of many small tensors grows by and by as well
        if row.note or not row.values:
            inspection.done += 1
            continue
        try:
            if inspection.measured is None:
                inspection.measured = _Measured(real_values(contents.load(row.name)), RunningStatistics())
            measured = inspection.measured
            part = measured.values[measured.done : measured.done + max(left, 1)]
            measured.running.add(part)
        except (ValueError, RuntimeError, NotImplementedError, KeyError, OSError):
            inspection.rows[inspection.done] = replace(row, note="(its values cannot be read)")
            inspection.measured = None
            inspection.done += 1
            continue
        measured.done += len(part)
        left -= len(part)
        if measured.done == len(measured.values):
            inspection.rows[inspection.done] = replace(row, statistics=measured.running.statistics)
            inspection.measured = None
            inspection.done += 1


def _result(inspection: _Inspection) -> CheckpointResult:
    from cnnviz.checkpoints.wording import in_the_window

    checkpoint = inspection.checkpoint
    best = checkpoint.candidates[0] if checkpoint.candidates else None
    may_accept = best is not None and checkpoint.module is None
    metadata = checkpoint.contents.metadata if checkpoint.contents is not None else {}
    sha256 = inspection.hasher.hexdigest() if inspection.hashed >= inspection.size else None
    return CheckpointResult(
        str(checkpoint.path),
        checkpoint.status,
        checkpoint.format,
        checkpoint.architecture or "",
        checkpoint.confidence,
        in_the_window(checkpoint.message, checkpoint.path),
        inspection.size,
        "" if inspection.changed else sha256,
        checkpoint.parameters,
        best.title if best is not None and may_accept else "",
        best.input_size[0] if best is not None else 0,
        best.reasons if best is not None else (),
        checkpoint.refused,
        tuple((str(key), _short(value)) for key, value in metadata.items()),
        tuple(inspection.rows),
        inspection.done,
        checkpoint.trustable,
        checkpoint.networks,
        checkpoint.network.select if checkpoint.network is not None else "",
        inspection.layers,
    )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 2000 else f"{text[:2000]}…"


SPEC = PanelSpec(
    id="checkpoint",
    title="Checkpoint",
    area="centre",
    params=CheckpointParams,
    depends=("network",),
    compute=compute,
    view="cnnviz.panels.checkpoint_view:CheckpointView",
    tip="What the file of weights holds. It was read without running anything in it.",
)
