"""The values of an ONNX file's tensors, read from where the plan says that they lie."""

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.contents import Contents, TensorEntry
from cnnviz.checkpoints.natural_order import natural
from cnnviz.checkpoints.onnx.plan import OnnxPlan, TensorPlan

# Types that numpy does not have are read as integers of their size, and told to torch as what they are.
_AS_INTEGERS = {"bfloat16": "int16"} | dict.fromkeys(
    ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"), "uint8"
)


def read_tensor(plan: TensorPlan, path: Path) -> Tensor:
    """The values of one tensor of the ONNX file ``path``, in memory of their own.

    Raises
    ------
    CheckpointError
        They cannot be read, or the file is not as long as it was.
    """
    if plan["encoding"] == "none":
        raise CheckpointError(f"The values of '{plan['name']}' ({plan['note']}) cannot be shown.")
    source = path.parent / plan["file"] if plan["file"] else path
    data = bytearray()
    try:
        with source.open("rb") as file:
            for offset, length in plan["pieces"]:
                file.seek(offset)
                data += file.read(length)
    except OSError as error:
        raise CheckpointError(f"{source} cannot be read ({error.strerror or error}); open it again.") from error
    if len(data) != sum(length for _, length in plan["pieces"]):
        raise CheckpointError(f"{source} has become shorter since it was opened; open it again.")
    dtype = getattr(torch, plan["dtype"], None)
    if dtype is None:
        raise CheckpointError(f"The values of '{plan['name']}' are of the type {plan['dtype']}, which torch lacks.")
    return _decoded(plan, data).reshape(plan["shape"])


def _decoded(plan: TensorPlan, data: bytearray) -> Tensor:
    name = plan["dtype"]
    stored = np.dtype(_AS_INTEGERS.get(name, name)).newbyteorder("<")
    if plan["encoding"] == "varint":
        numbers = _numbers(bytes(data))
        # Half precision is kept as the bits of an integer.
        bits = numbers.astype(np.uint16).view(np.float16) if name == "float16" else numbers
        values = bits.astype(stored)
    else:
        values = np.frombuffer(data, stored)
    tensor = torch.from_numpy(values.astype(stored.newbyteorder("="), copy=not values.flags.writeable))
    return tensor.view(getattr(torch, name)) if name in _AS_INTEGERS else tensor


def _numbers(data: bytes) -> np.ndarray:
    """Decode Protocol Buffers' variable-length numbers as signed 64-bit integers."""
    values = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(values < 128)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    places = np.arange(len(values)) - np.repeat(starts, ends - starts + 1)
    # The tenth byte's upper bits lie beyond 64 and fall away.
    parts = (values & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
    return np.add.reduceat(parts, starts).astype(np.int64) if len(starts) else np.empty(0, np.int64)


def check_external(plan: OnnxPlan, path: Path) -> None:
    """Refuse files with weights that are not plain files in the folder of ``path``, or too short.

    Raises
    ------
    CheckpointError
        The message names the file.
    """
    folder = path.parent.resolve()
    for tensor in tensors_of(plan).values():
        if not tensor["file"]:
            continue
        target = (folder / tensor["file"]).resolve()
        shown = f"{path} keeps the tensor '{tensor['name']}' in '{tensor['file']}'"
        if not target.is_relative_to(folder):
            raise CheckpointError(f"{shown}, which is a link to outside of its folder, and is not opened.")
        if not target.is_file():
            raise CheckpointError(f"{shown}, which is not beside it; get that file as well.")
        if sum(tensor["pieces"][0]) > target.stat().st_size:
            raise CheckpointError(f"{shown}, which is too short to hold it; get that file again.")


def tensors_of(plan: OnnxPlan) -> dict[str, TensorPlan]:
    """Initialisers and the values of Constant nodes, by name."""
    tensors = {tensor["name"]: tensor for tensor in plan["tensors"]}
    for node in plan["nodes"]:
        value = node["attributes"].get("value")
        if isinstance(value, dict) and node["outputs"]:
            tensors.setdefault(node["outputs"][0], value)
    return tensors


def contents_of(plan: OnnxPlan, path: Path) -> Contents:
    """What the file holds, with the tensors of its Constant nodes beside its initialisers."""
    tensors = tensors_of(plan)
    entries = tuple(
        TensorEntry(name, tuple(tensor["shape"]), tensor["dtype"], _storage(name, tensor), tensor["note"])
        for name, tensor in sorted(tensors.items(), key=lambda item: natural(item[0]))
    )
    operators = Counter(node["operator"] for node in plan["nodes"])
    metadata = {
        **plan["metadata"],
        "producer": plan["producer"],
        "opset": plan["opset"],
        "operators": dict(operators.most_common()),
        "inputs": {value["name"]: value["shape"] for value in plan["inputs"]},
        "outputs": {value["name"]: value["shape"] for value in plan["outputs"]},
    }
    message = f"{len(plan['nodes'])} nodes of {len(operators)} kinds, and {len(entries)} tensors."
    return Contents(path, "ONNX", entries, lambda name: read_tensor(tensors[name], path), metadata, message=message)


def _storage(name: str, tensor: TensorPlan) -> str:
    """Tensors that lie at the same place of the same file share their values."""
    return f"{tensor['file']}:{tensor['pieces'][0][0]}" if tensor["pieces"] else name
