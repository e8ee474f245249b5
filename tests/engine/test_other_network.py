"""The second network: loaded once, run on the same input, and told of where it is tensors alone."""

import pytest
import torch
from torch import nn

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.input_tensor import input_tensor
from cnnviz.engine.network_host import NetworkUnavailable
from cnnviz.scene.document import Document
from cnnviz.scene.models import NetworkChoice


@pytest.fixture
def shown(tmp_path, handed):
    """The observation of a small grey network, and the scene that it is of."""

    def observe(module, size=(1, 8, 8), **edits):
        document = Document()
        document.edit("network.source", handed(module, size, 2))
        document.edit_many({"input.base": {"kind": "blank", "value": 0.5}, "input.edits.noise": 0.2} | edits)
        computation = Computation((), InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
        network, error = computation.network(document.scene)
        assert error is None
        return computation.observe(document.scene, network), document.scene

    return observe


def net(seed, channels=1, cells=36):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(channels, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * cells, 2)).eval()


def choice(source):
    return NetworkChoice(source=source)


def test_it_is_loaded_once_and_runs_on_the_same_input(shown, handed):
    observation, scene = shown(net(0))
    module = net(1)
    second = choice(handed(module, (1, 8, 8), 2))
    host = observation.other
    assert host.loaded(second) is None
    other = host.load(second)
    assert host.load(second) is other
    assert host.loaded(second) is other
    seen = host.look(other.network, observation, scene, ["0"], lambda: False)
    expected = module[0](input_tensor(observation))
    torch.testing.assert_close(seen.values["0"], expected.detach())


def test_a_pass_is_used_again_until_the_input_changes(shown, handed, gate):
    observation, scene = shown(net(0))
    other = observation.other.load(choice(handed(nn.Sequential(gate, net(1)), (1, 8, 8), 2)))
    before = gate.passes
    for _ in range(3):
        observation.other.look(other.network, observation, scene, ["1.0"], lambda: False)
    assert gate.passes == before + 1


def test_another_input_size_is_fitted_to(shown, handed):
    observation, scene = shown(net(0))
    module = net(1, 3, 100)
    other = observation.other.load(choice(handed(module, (3, 12, 12), 2)))
    seen = observation.other.look(other.network, observation, scene, ["0"], lambda: False)
    assert seen.rendered.edited.shape == (3, 12, 12)
    torch.testing.assert_close(seen.values["0"], module[0](torch.from_numpy(seen.rendered.edited)[None]).detach())


def test_what_is_no_network_says_so(shown):
    observation, _ = shown(net(0))
    with pytest.raises(NetworkUnavailable, match="gone"):
        observation.other.load(choice("live:gone"))
    with pytest.raises(NetworkUnavailable, match="/nowhere"):
        observation.other.load(choice("file:/nowhere/net.pt"))


def test_a_file_that_changes_is_loaded_again(shown, tmp_path):
    observation, _ = shown(net(0))
    path = tmp_path / "odd.pt"
    torch.save({"odd.weight": torch.ones(3, 5)}, path)
    second = choice(f"file:{path}")
    before = observation.other.load(second)
    torch.save({"odd.weight": torch.ones(3, 6)}, path)
    assert observation.other.loaded(second) is None
    assert observation.other.load(second) is not before
