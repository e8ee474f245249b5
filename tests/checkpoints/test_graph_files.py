"""ONNX and Keras files open like any other checkpoint."""

import numpy as np
import pytest
import torch

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.open import open_network
from cnnviz.cli import main


def test_a_real_onnx_file_is_alive_and_answers_as_its_sibling(shared_data):
    folder = shared_data / "checkpoints" / "lenet-fyh620"
    found = open_checkpoint(folder / "lenet.onnx")
    assert found.status == "opened"
    assert found.format.startswith("ONNX")
    with_weights = [layer.type for layer in found.layers if layer.parameters]
    assert with_weights == ["Conv2d", "Conv2d", "Linear", "Linear", "Linear"]
    sibling = open_checkpoint(folder / "lenet.pth")
    assert found.parameters == sibling.parameters
    torch.manual_seed(0)
    images = torch.rand(4, *found.input_size)
    with torch.no_grad():
        answer, other = found.module(images), sibling.module(images)
    torch.testing.assert_close(answer, other.softmax(1), atol=1e-5, rtol=0)


def test_it_is_shown_with_plain_inputs_and_the_question_how_they_are_normalised(shared_data):
    opened = open_network(shared_data / "checkpoints" / "lenet-fyh620" / "lenet.onnx")
    assert opened.card.mean == (0.0,)
    assert "mean and std" in opened.asks


@pytest.mark.parametrize("name", ["broken.onnx", "broken.h5", "broken.keras"])
def test_a_broken_file_is_refused_in_a_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a network")
    found = open_checkpoint(tmp_path / name)
    assert found.status == "refused"
    assert name in found.message


@pytest.fixture
def generous(tmp_path):
    """A file of a few hundred bytes that makes 143 million weights: a convolution of zeros for each class."""
    helper = pytest.importorskip("onnx.helper", reason="onnx comes with the extra 'test'")
    from onnx import TensorProto, numpy_helper

    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["weight"]),
        helper.make_node("ReduceMean", ["weight"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Conv", ["x", "mean"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([15_888_889, 1, 3, 3]), "shape")],
    )
    path = tmp_path / "generous.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    assert path.stat().st_size < 9_000
    return path


def test_large_constants_are_made_only_when_they_are_accepted(generous):
    found = open_checkpoint(generous)
    assert (found.status, found.module, found.input_size) == ("partial", None, None)
    assert "makes constants of 572 MB that are not in the file" in found.message
    assert "open it with --accept" in found.message
    (candidate,) = found.candidates
    assert (candidate.rule, candidate.sure, candidate.input_size) == ("graph", False, (1, 8, 8))
    with pytest.raises(CheckpointError, match="572 MB"):
        open_network(generous)
    opened = open_checkpoint(generous, accept=True)
    assert (opened.status, opened.input_size) == ("opened", (1, 8, 8))
    assert torch.equal(opened.module(torch.ones(1, 1, 8, 8)), torch.zeros(1, 1, 6, 6))
    # That is kept for this content, and not beside the file.
    assert [each.name for each in generous.parent.iterdir()] == [generous.name]
    assert open_network(generous).card.input_size == (1, 8, 8)
    generous.write_bytes(generous.read_bytes().replace(b"weight", b"wEight"))
    assert open_checkpoint(generous).status == "partial"


def test_the_command_line_accepts_large_constants(generous, capsys):
    assert main(["inspect", str(generous)]) == 3
    assert "answer 1: the graph in the file, with constants of more than 64 MB" in capsys.readouterr().out
    assert main(["inspect", str(generous), "--accept"]) == 0
    assert main(["inspect", str(generous)]) == 0


def test_more_than_is_ever_made_is_not_made(generous, monkeypatch):
    monkeypatch.setattr("cnnviz.checkpoints.graph_files.MOST_GENERATED", 100_000_000)
    found = open_checkpoint(generous, accept=True)
    assert (found.status, found.candidates) == ("partial", ())
    assert "more than is ever made" in found.message


def test_the_window_opens_it_as_proposed(generous):
    """What the Checkpoint panel proposes is what the engine then opens."""
    from cnnviz.engine.network_host import NetworkHost
    from cnnviz.panels import checkpoint as panel
    from cnnviz.scene import actions
    from cnnviz.scene.document import Document

    document = Document()
    document.edit("panels.checkpoint.path", str(generous))
    result = next(panel.compute(document.scene, None, None))
    assert result.proposal.startswith("the graph in the file, with constants")
    assert result.channels == 1
    actions.use_network(document, f"file:{generous}", result.channels, accept=True)
    assert NetworkHost().load(document.scene.network).card.input_size == (1, 8, 8)
    assert next(panel.compute(document.scene, None, None)).status == "opened"
