"""Opens an ONNX file: its tensors always, and a live network where every operator is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import nn

from cnnviz.checkpoints.contents import Contents
from cnnviz.checkpoints.formats import ONNX_READER
from cnnviz.checkpoints.onnx.build import Built, GeneratedTooMuch, NotAlive, build_module
from cnnviz.checkpoints.onnx.plan import NodePlan, OnnxPlan, ValuePlan
from cnnviz.checkpoints.onnx.values import check_external, contents_of
from cnnviz.checkpoints.sandbox import open_regular, plan_of

__all__ = ["GeneratedTooMuch", "OnnxNetwork", "build", "open_onnx", "read_plan"]

GENERATED_LIMIT = 64_000_000
"""Bytes of constants that a file may make without holding them."""

MOST_GENERATED = 4_000_000_000
"""Bytes of such constants that are made even where the person accepts them."""

_USUAL_SIZES = (224, 28, 32, 64, 128, 256, 299, 300, 416, 512, 640, 16, 8)
_LARGEST_SIDE = 65_536


@dataclass(frozen=True, eq=False)
class OnnxNetwork:
    """An ONNX file that has been opened.

    Attributes
    ----------
    module : nn.Module or None
        In evaluation mode, on the CPU, with one submodule per node; None where it cannot be built.
    input_name : str
    input_size : tuple of int or None
        Of one image, usually ``(C, H, W)``; None where there is no network.
    outputs : tuple of str
        The module gives one as a tensor, several as a dictionary.
    opset : int
    producer : str
    nodes : tuple of NodePlan
        The graph, also of a network that is not alive.
    contents : Contents
    notes : tuple of str
        What was assumed or changed, in sentences.
    message : str
        Why there is no network; empty where there is one.
    """

    path: Path
    module: nn.Module | None
    input_name: str
    input_size: tuple[int, ...] | None
    outputs: tuple[str, ...]
    opset: int
    producer: str
    nodes: tuple[NodePlan, ...]
    contents: Contents
    notes: tuple[str, ...] = ()
    message: str = ""


def open_onnx(
    path: str | Path, *, input_size: Sequence[int] | None = None, generated_limit: int = GENERATED_LIMIT
) -> OnnxNetwork:
    """Open the ONNX file ``path``, as a live network where that can be.

    Parameters
    ----------
    path : str or Path
    input_size : sequence of int, optional
        Of one image; needed only where the file leaves it open and the usual sizes do not fit.
    generated_limit : int
        Bytes of constants that the nodes may make (a file of 9 KB can ask for gigabytes).

    Raises
    ------
    GeneratedTooMuch
        They make more; a CheckpointError that a person may answer with a higher limit.
    CheckpointError
        The file cannot be read.
    """
    path = Path(path)
    return build(read_plan(path), path, input_size=input_size, generated_limit=generated_limit)


def read_plan(path: Path) -> OnnxPlan:
    """What the ONNX file ``path`` says, without its weights; raises RefusedFile."""
    with open_regular(path) as file:
        plan = cast(OnnxPlan, plan_of(file, str(path), ONNX_READER))
    check_external(plan, path)
    return plan


def build(
    plan: OnnxPlan,
    path: Path,
    *,
    input_size: Sequence[int] | None = None,
    generated_limit: int = GENERATED_LIMIT,
) -> OnnxNetwork:
    """The network of a plan that ``read_plan`` has made of ``path``; parameters and errors as of ``open_onnx``."""
    notes: list[str] = []
    built: Built | None = None
    size: tuple[int, ...] | None = None
    message = ""
    try:
        source = _only_input(plan)
        plan, source = _channels_first(plan, source, notes)
        batch = (source["shape"] or [None])[0] or 1
        built, size = _first_that_fits(plan, path, source, input_size, batch, generated_limit, notes)
    except NotAlive as error:
        message = str(error)
    if built is not None and not built.takes_batches:
        notes.append("It takes one image at a time.")
    return OnnxNetwork(
        path=path,
        module=None if built is None else built.module,
        input_name=plan["inputs"][0]["name"] if plan["inputs"] else "",
        input_size=size,
        outputs=tuple(value["name"] for value in plan["outputs"]),
        opset=plan["opset"],
        producer=plan["producer"],
        nodes=tuple(plan["nodes"]),
        contents=contents_of(plan, path),
        notes=tuple(notes),
        message=message,
    )


def declared_size(plan: OnnxPlan) -> tuple[int, int, int] | None:
    """The images that the network takes, without building it; the usual size where the file leaves it open."""
    shape = plan["inputs"][0]["shape"] if plan["inputs"] else None
    if shape is None or len(shape) != 4:
        return None
    channels = shape[1] or _channels(plan) or 3
    return channels, shape[2] or _USUAL_SIZES[0], shape[3] or _USUAL_SIZES[0]


def _only_input(plan: OnnxPlan) -> ValuePlan:
    read = {name for node in plan["nodes"] for name in node["inputs"]}
    inputs = [value for value in plan["inputs"] if value["name"] in read]
    if len(inputs) != 1:
        names = ", ".join(f"'{value['name']}'" for value in inputs[:5])
        raise NotAlive(f"It takes {len(inputs)} inputs{f' ({names})' if names else ''}, where one image is needed.")
    plan["inputs"] = inputs
    return inputs[0]


def _channels_first(plan: OnnxPlan, source: ValuePlan, notes: list[str]) -> tuple[OnnxPlan, ValuePlan]:
    """Take images as torch has them where all that a network does with other ones is to turn them that way."""
    shape, name = source["shape"], source["name"]
    readers = [node for node in plan["nodes"] if name in node["inputs"]]
    turned = all(node["operator"] == "Transpose" and node["attributes"].get("perm") == [0, 3, 1, 2] for node in readers)
    if shape is None or len(shape) != 4 or not turned:
        return plan, source
    notes.append("It takes images with the channels last; they are given with the channels first, and not turned.")
    nodes = [
        NodePlan({**node, "operator": "Identity", "attributes": {}}) if name in node["inputs"] else node
        for node in plan["nodes"]
    ]
    source = ValuePlan(name=name, dtype=source["dtype"], shape=[shape[0], shape[3], shape[1], shape[2]])
    return OnnxPlan({**plan, "nodes": nodes, "inputs": [source]}), source


def _first_that_fits(
    plan: OnnxPlan,
    path: Path,
    source: ValuePlan,
    asked: Sequence[int] | None,
    batch: int,
    generated_limit: int,
    notes: list[str],
) -> tuple[Built, tuple[int, ...]]:
    """The network for the size that is asked for, or is in the file, or is the first usual one that it can take."""
    if asked is not None:
        return build_module(plan, path, asked, batch, generated_limit), tuple(asked)
    if source["shape"] is None or len(source["shape"]) < 2:
        raise NotAlive(f"It does not say of what shape its input '{source['name']}' is.")
    declared = source["shape"][1:]
    if any(size is not None and size > _LARGEST_SIDE for size in declared):
        raise NotAlive(f"Its input has the shape {declared}, which is too large for an image.")
    if len(declared) == 3 and declared[0] is None:
        declared = [_channels(plan), *declared[1:]]
    first: NotAlive | None = None
    for usual in _USUAL_SIZES if None in declared else (0,):
        size = tuple(usual if side is None else side for side in declared)
        try:
            built = build_module(plan, path, size, batch, generated_limit)
        except NotAlive as error:
            first = first or error
            continue
        if usual:
            notes.append(f"The file leaves the size of its images open; {'×'.join(map(str, size))} was taken.")
        return built, size
    raise first or NotAlive("Its input has no size.")


def _channels(plan: OnnxPlan) -> int | None:
    """How many channels the first convolution reads."""
    tensors = {tensor["name"]: tensor for tensor in plan["tensors"]}
    for node in plan["nodes"]:
        weight = tensors.get(node["inputs"][1]) if len(node["inputs"]) > 1 else None
        if node["operator"] == "Conv" and weight is not None and len(weight["shape"]) > 1:
            group = node["attributes"].get("group", 1)
            return weight["shape"][1] * (group if isinstance(group, int) else 1)
    return None
