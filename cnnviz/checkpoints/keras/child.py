"""The child process: reads the Keras file that is its standard input, and writes a plan, or why there is none, as JSON.

The HDF5 library is a large program of its own, which a damaged file can make run for ever.
"""

import codecs
import io
import json
import mmap
import os
import sys
from pathlib import Path

import h5py
import numpy as np

from cnnviz.checkpoints.inert.child import limit
from cnnviz.checkpoints.keras.parse import Malformed, parse

_PAGE = 4096
_WITHOUT_MEASURE = 1 << 30


def main() -> None:
    memory, seconds = (int(argument) for argument in sys.argv[1:3])
    size = os.fstat(0).st_size
    data = mmap.mmap(0, size, access=mmap.ACCESS_READ) if size else b""
    _rehearse()
    limit(_address_space() + memory, seconds)
    try:
        answer: dict[str, object] = {"plan": parse(memoryview(data))}
    except Malformed as error:
        answer = {"refusal": str(error)}
    except (MemoryError, RecursionError):
        answer = {"refusal": "it asks for more memory than any network needs"}
    sys.stdout.buffer.write(json.dumps(answer).encode())
    sys.stdout.buffer.flush()
    # Neither the HDF5 library nor the views on the mapped file need tidying up.
    os._exit(0)


def _rehearse() -> None:
    """Have all loaded that is loaded when it is first needed, since no file can be opened later."""
    for encoding in ("ascii", "latin-1", "utf-8", "cp437"):
        codecs.lookup(encoding)
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        group = file.create_group("model_weights")
        file.attrs["model_config"] = '{"class_name": "Sequential", "config": {"layers": []}}'
        group.attrs["layer_names"] = np.array([b"layer"])
        members = group.create_group("layer")
        members.attrs["weight_names"] = np.array([b"whole", b"packed"])
        members["whole"] = np.ones(2, np.float16)
        members.create_dataset("packed", data=np.ones(2), compression="gzip", shuffle=True, fletcher32=True)
    parse(memoryview(made.getvalue()))


def _address_space() -> int:
    """Bytes that the interpreter and its libraries have reserved, which is far more than they use."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    except (OSError, ValueError):
        return _WITHOUT_MEASURE
