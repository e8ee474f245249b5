"""One pass for all that ask: made again for other weights, another input or more layers, and never else."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.input_tensor import input_tensor
from cnnviz.engine.panel import ComputeCancelled
from cnnviz.engine.shared_pass import SharedPass
from cnnviz.scene.document import Document


def never():
    return False


@pytest.fixture
def observed(tmp_path, handed, gate):
    """What is to be seen by a network of two layers behind the gate, which counts its passes; and another input."""
    torch.manual_seed(0)
    module = nn.Sequential(gate, nn.Conv2d(1, 3, 3), nn.ReLU()).eval()
    document = Document()
    document.edit("network.source", handed(module, (1, 8, 8), 3))
    document.edit("input.base", {"kind": "blank", "value": 0.5})
    computation = Computation((), InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    network, _ = computation.network(document.scene)
    first = computation.observe(document.scene, network)
    document.edit("input.base", {"kind": "blank", "value": 0.9})
    return module, first, computation.observe(document.scene, network)


def test_layers_that_were_recorded_are_not_computed_again(observed, gate):
    module, first, _ = observed
    shared, before = SharedPass(), gate.passes
    seen = shared.look(first, ["1", "2"], never)
    assert gate.passes == before + 1
    assert shared.milliseconds > 0
    torch.testing.assert_close(seen.values["1"], module[1](input_tensor(first)).detach())
    again = shared.look(first, ["2"], never)
    assert (gate.passes, shared.milliseconds) == (before + 1, None)
    assert again.values["2"] is seen.values["2"]
    assert again.output is seen.output


def test_more_layers_another_input_and_other_weights_ask_for_a_pass(observed, gate):
    _, first, second = observed
    shared, before = SharedPass(), gate.passes
    shared.look(first, ["1"], never)
    both = shared.look(first, ["2"], never)
    assert gate.passes == before + 2
    assert {"1", "2"} <= both.values.keys(), "what was asked for before is recorded, too"
    bright = shared.look(second, ["1"], never)
    assert gate.passes == before + 3
    assert not torch.equal(bright.values["1"], both.values["1"])
    shared.look(replace(second, network=replace(second.network, generation=-1)), ["1"], never)
    assert gate.passes == before + 4


def test_a_pass_that_was_given_up_is_made_anew(observed, gate):
    _, first, _ = observed
    shared = SharedPass()
    with pytest.raises(ComputeCancelled):
        shared.look(first, ["1"], lambda: True)
    assert "1" in shared.look(first, ["1"], never).values
