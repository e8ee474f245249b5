"""The child process that reads Keras files.

The HDF5 library is a large program of its own, which a damaged file can make run for ever.
"""

import io

import h5py
import numpy as np

from cnnviz.checkpoints.keras.parse import parse
from cnnviz.checkpoints.sandboxed import serve


def main() -> None:
    serve(lambda data: {**parse(data)}, prepare=_rehearse)


def _rehearse() -> None:
    """Have all of the library loaded that a file can ask for."""
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
