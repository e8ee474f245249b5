"""Graphs made with the ONNX package, and what onnxruntime computes with them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from cnnviz.checkpoints.card import CheckpointError  # noqa: E402
from cnnviz.checkpoints.inert.refusal import Refusal  # noqa: E402
from cnnviz.checkpoints.onnx.open import OnnxNetwork, build  # noqa: E402
from cnnviz.checkpoints.onnx.parse import parse  # noqa: E402
from cnnviz.checkpoints.onnx.values import check_external  # noqa: E402
from cnnviz.core.trace import prepare  # noqa: E402

_OLDEST_IR = {opset: 3 if opset < 9 else 7 for opset in range(1, 15)}


class Graphs:
    """Writes graphs to files and compares what becomes of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def write(
        self,
        nodes: Sequence[Any],
        shape: Sequence[Any],
        *,
        opset: int = 17,
        constants: dict[str, np.ndarray] | None = None,
        outputs: Sequence[str] = ("y",),
        **model: Any,
    ) -> Path:
        """A file whose graph takes ``x`` of ``shape``."""
        graph = helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
        )
        if opset < 9:  # whose files list initialisers among the inputs
            graph.input.extend(
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
                for name, array in (constants or {}).items()
            )
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=_OLDEST_IR.get(opset, 8), **model
        )
        self._count += 1
        path = self._folder / f"{self._count}.onnx"
        path.write_bytes(made.SerializeToString())
        return path

    def node(
        self, operator: str, shape: Sequence[int], /, *inputs: np.ndarray | None, opset: int = 17, **attributes: Any
    ) -> Path:
        """A file with one node, that reads ``x`` and constants."""
        names = ["x", *("" if array is None else f"c{index}" for index, array in enumerate(inputs))]
        constants = {f"c{index}": array for index, array in enumerate(inputs) if array is not None}
        node = helper.make_node(operator, names, ["y"], **attributes)
        return self.write([node], shape, opset=opset, constants=constants)

    @staticmethod
    def open(path: Path, **options: Any) -> OnnxNetwork:
        """The network, with its file parsed in this process, which takes a fraction of the time."""
        try:
            plan = json.loads(json.dumps(parse(memoryview(path.read_bytes()))))
        except Refusal as error:
            raise CheckpointError(f"{path} cannot be read: {error}.") from error
        check_external(plan, path)
        return build(plan, path, **options)

    def check(self, path: Path, image: np.ndarray | None = None, tolerance: float = 1e-5) -> OnnxNetwork:
        """Compare with onnxruntime, directly and through what the layers are found with."""
        network = self.open(path)
        assert network.module is not None, network.message
        session = self.reference(path)
        if image is None:
            image = np.random.default_rng(0).standard_normal(session.get_inputs()[0].shape).astype(np.float32)
        expected = session.run(None, {"x": image})
        given = network.module(torch.from_numpy(image))
        given = list(given.values()) if isinstance(given, dict) else [given]
        for one, other in zip(given, expected, strict=True):
            assert tuple(one.shape) == other.shape
            np.testing.assert_allclose(one.detach().numpy(), other, rtol=tolerance, atol=tolerance)
        if image.shape[0] == 1 and image.ndim > 1:
            traced = prepare(network.module, torch.from_numpy(image))
            assert traced.graph.method == "torch.fx", traced.graph.notes
            np.testing.assert_allclose(
                traced.run(torch.from_numpy(image)).output.numpy(), expected[0], rtol=tolerance, atol=tolerance
            )
        return network

    @staticmethod
    def reference(path: Path) -> Any:
        """An onnxruntime session without its optimiser, which may round otherwise."""
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture
def graphs(tmp_path: Path) -> Graphs:
    return Graphs(tmp_path)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)
