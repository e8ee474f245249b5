"""ONNX and Keras files open like any other checkpoint."""

import pytest
import torch

from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.open import open_network


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
