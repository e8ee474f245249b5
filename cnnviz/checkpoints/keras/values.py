"""The values of a Keras file's tensors, read from where the plan says that they lie."""

import base64
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.contents import Contents, TensorEntry
from cnnviz.checkpoints.keras.config import lambdas
from cnnviz.checkpoints.keras.plan import KerasPlan, TensorPlan
from cnnviz.checkpoints.natural_order import natural

# Unsigned integers have no arithmetic in torch; half precision of the other kind is no type of numpy's.
_WIDER = {"u2": "int32", "u4": "int64", "u8": "int64"}


class Values:
    """Reads the tensors of the Keras file ``path``; a compressed member of an archive is unpacked once."""

    def __init__(self, plan: KerasPlan, path: Path) -> None:
        self._tensors = {tensor["name"]: tensor for tensor in plan["tensors"]}
        self._packed = plan["packed"]
        self._path = path
        self._unpacked: bytes | None = None

    def __call__(self, name: str) -> Tensor:
        """The values of the tensor called ``name``; raises KeyError and CheckpointError."""
        plan = self._tensors[name]
        data = bytearray(base64.b64decode(plan["values"]) if plan["values"] else self._bytes(plan))
        if len(data) != plan["length"]:
            raise CheckpointError(f"{self._path} has become shorter since it was opened; open it again.")
        if plan["dtype"] == "bfloat16":
            return torch.frombuffer(data, dtype=torch.bfloat16).reshape(plan["shape"])
        stored = np.dtype(plan["dtype"])
        values = np.frombuffer(data, stored)
        native = values.astype(_WIDER.get(stored.str[1:], stored.newbyteorder("=")))
        return torch.from_numpy(native).reshape(plan["shape"])

    def _bytes(self, plan: TensorPlan) -> bytes:
        if self._packed is not None:
            if self._unpacked is None:
                packed = self._read(self._packed["start"], self._packed["packed"])
                self._unpacked = zlib.decompressobj(-15).decompress(packed, self._packed["size"])
            return self._unpacked[plan["offset"] : plan["offset"] + plan["length"]]
        return self._read(plan["offset"], plan["length"])

    def _read(self, offset: int, length: int) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise CheckpointError(f"{self._path} cannot be read ({error.strerror or error}); open it again.") from error


def contents_of(plan: KerasPlan, path: Path) -> Contents:
    """The network's tensors, by layer, without the optimiser's."""
    entries = tuple(
        TensorEntry(tensor["name"], tuple(tensor["shape"]), _dtype(tensor), tensor["name"])
        for tensor in sorted(plan["tensors"], key=lambda tensor: natural(tensor["name"]))
    )
    metadata = {
        **plan["metadata"],
        "version": plan["version"],
        "backend": plan["backend"],
        "layers": {layer: names for layer, names in plan["weights"].items() if names},
    }
    programs = lambdas(plan["model"])
    return Contents(
        path=path,
        format=plan["format"],
        entries=entries,
        load=Values(plan, path),
        metadata=metadata,
        refused=tuple(f"keras.layers.Lambda '{name}'" for name in programs),
        message=f"{len(plan['weights'])} layers, and {len(entries)} tensors.",
    )


def _dtype(tensor: TensorPlan) -> str:
    return tensor["dtype"] if tensor["dtype"] == "bfloat16" else np.dtype(tensor["dtype"]).name
