"""Files laid out as Keras writes them, and what Keras computes, in loops over numpy arrays."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

from cnnviz.checkpoints.card import CheckpointError  # noqa: E402
from cnnviz.checkpoints.inert.refusal import Refusal  # noqa: E402
from cnnviz.checkpoints.keras.open import KerasNetwork, build  # noqa: E402
from cnnviz.checkpoints.keras.parse import parse  # noqa: E402

Arrays = Sequence[np.ndarray]


class Keras:
    """Writes networks to files, and computes them as Keras's documentation says, with the channels last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def layer(self, kind: str, name: str, inbound: Any = None, **config: Any) -> dict[str, Any]:
        entry = {"class_name": kind, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}
        if inbound is not None:
            entry |= {"name": name, "inbound_nodes": inbound}
        return entry

    def input(self, *shape: int | None, name: str = "input_1", keras: int = 2) -> dict[str, Any]:
        key = "batch_shape" if keras == 3 else "batch_input_shape"
        return self.layer("InputLayer", name, [], **{key: [None, *shape], "sparse": False})

    def sequential(self, layers: Sequence[Any]) -> dict[str, Any]:
        return {"class_name": "Sequential", "config": {"name": "sequential", "layers": list(layers)}}

    def functional(self, layers: Sequence[Any], outputs: Sequence[Any], inputs: Sequence[Any] = ()) -> dict[str, Any]:
        config = {"name": "model", "layers": list(layers), "output_layers": list(outputs)}
        return {"class_name": "Functional", "config": {**config, "input_layers": list(inputs) or [["input_1", 0, 0]]}}

    def h5(
        self,
        model: Any,
        weights: Mapping[str, Mapping[str, np.ndarray]],
        name: str = "model.h5",
        *,
        version: str | None = "2.15.0",
        backend: str | None = "tensorflow",
        alone: bool = False,
        **options: Any,
    ) -> Path:
        """The format of Keras 1 and 2; ``alone`` for that of ``save_weights``."""
        path = self._folder / name
        with h5py.File(path, "w") as file:
            group = file if alone else file.create_group("model_weights")
            if not alone:
                file.attrs["model_config"] = json.dumps(model)
            for key, value in (("keras_version", version), ("backend", backend)):
                if value is not None:
                    group.attrs[key] = value.encode()
            group.attrs["layer_names"] = np.array([layer.encode() for layer in weights], dtype="S")
            for layer, arrays in weights.items():
                members = group.create_group(layer)
                names = np.array([f"{layer}/{name}".encode() for name in arrays], dtype="S")
                members.attrs["weight_names"] = names if len(names) else np.empty(0, "S1")
                for array_name, array in arrays.items():
                    members.create_dataset(f"{layer}/{array_name}", data=array, **options)
        return path

    def archive(
        self, model: Any, weights: Mapping[str, Arrays], name: str = "model.keras", method: int = zipfile.ZIP_STORED
    ) -> Path:
        """The format of Keras 3; the weights by paths such as ``layers/conv2d_1``."""
        path, data = self._folder / name, io.BytesIO()
        with h5py.File(data, "w") as file:
            for place, arrays in weights.items():
                variables = file.create_group(place).create_group("vars")
                for number, array in enumerate(arrays):
                    variables[str(number)] = array
            file.create_group("optimizer/vars")["0"] = np.arange(3.0)
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": "3.4.1", "date_saved": "2024-07-01"}))
            archive.writestr("config.json", json.dumps({"module": "keras", "registered_name": None, **model}))
            archive.writestr("model.weights.h5", data.getvalue())
        return path

    @staticmethod
    def open(path: Path) -> KerasNetwork:
        """The network, with its file parsed in this process, which takes a fraction of the time."""
        try:
            return build(json.loads(json.dumps(parse(memoryview(path.read_bytes())))), path)
        except Refusal as error:
            raise CheckpointError(f"{path} cannot be read: {error}.") from error

    @staticmethod
    def padded(x: np.ndarray, kernel: Sequence[int], strides: Sequence[int], padding: str, fill: float = 0.0):
        """A map with as much around it as ``same`` asks for: the odd pixel after it."""
        if padding == "valid":
            return x
        sides = [(0, 0)]
        for size, k, stride in zip(x.shape[1:3], kernel, strides, strict=True):
            total = max((-(-size // stride) - 1) * stride + k - size, 0)
            sides.append((total // 2, total - total // 2))
        return np.pad(x, [*sides, (0, 0)], constant_values=fill)

    @classmethod
    def windows(cls, x, kernel, strides, padding, fill=0.0, dilation=(1, 1)):
        """Every window of a map: (images, rows, columns, kernel rows, kernel columns, channels)."""
        extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        x = cls.padded(x, extent, strides, padding, fill)
        rows, columns = ((x.shape[i + 1] - extent[i]) // strides[i] + 1 for i in (0, 1))
        found = np.empty((len(x), rows, columns, *kernel, x.shape[3]), x.dtype)
        for row in range(rows):
            for column in range(columns):
                top, left = row * strides[0], column * strides[1]
                part = x[:, top : top + extent[0] : dilation[0], left : left + extent[1] : dilation[1]]
                found[:, row, column] = part
        return found

    @classmethod
    def conv(cls, x, kernel, bias=0.0, strides=(1, 1), padding="valid", dilation=(1, 1)):
        windows = cls.windows(x, kernel.shape[:2], strides, padding, 0.0, dilation)
        return np.einsum("nyxhwi,hwio->nyxo", windows, kernel) + bias

    @classmethod
    def depthwise(cls, x, kernel, bias=0.0, strides=(1, 1), padding="valid"):
        windows = cls.windows(x, kernel.shape[:2], strides, padding)
        found = np.einsum("nyxhwi,hwim->nyxim", windows, kernel)
        return found.reshape(*found.shape[:3], -1) + bias

    @classmethod
    def max_pool(cls, x, size=(2, 2), strides=None, padding="valid"):
        return cls.windows(x, size, strides or size, padding, -np.inf).max((3, 4))

    @classmethod
    def average_pool(cls, x, size=(2, 2), strides=None, padding="valid"):
        """Of what lies within the map."""
        ones = cls.windows(np.ones_like(x), size, strides or size, padding).sum((3, 4))
        return cls.windows(x, size, strides or size, padding).sum((3, 4)) / ones

    @staticmethod
    def batch_norm(x, gamma, beta, mean, variance, epsilon=1e-3):
        return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta

    @staticmethod
    def softmax(x):
        powers = np.exp(x - x.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)


@pytest.fixture
def keras(tmp_path: Path) -> Keras:
    return Keras(tmp_path)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)
