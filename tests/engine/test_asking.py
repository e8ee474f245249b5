"""A file that does not say how its images are normalised opens alive, and asks."""

import pytest
import torch

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.nets.registry import build
from cnnviz.scene.document import Document


@pytest.fixture
def chain_file(tmp_path):
    """A LeNet's weights under names of nobody's: only its shapes tell what it may be."""
    torch.manual_seed(0)
    state = build("lenet", {}).state_dict()
    path = tmp_path / "anonymous.pt"
    torch.save(
        {f"a{index // 2}.{name.rpartition('.')[2]}": tensor for index, (name, tensor) in enumerate(state.items())}, path
    )
    return path


def opened(path, tmp_path, accept):
    document = Document()
    document.edit_many({"network.source": f"file:{path}", "network.accept": accept})
    hub = FailuresHub()
    told = []
    computation = Computation((), InputPipeline(ImageStore(tmp_path / "images")), hub)
    network, error = computation.network(document.scene)
    hub.listen(lambda failure: told.append(failure.message))
    return network, error, told


def test_an_answer_that_is_not_sure_is_not_run_unasked(chain_file, tmp_path):
    network, error, _ = opened(chain_file, tmp_path, accept=False)
    assert error is None
    assert "only you can say" in network.lacks
    assert [layer.kind for layer in network.graph] == ["Input", "Conv2d"], "its first layer alone is run"
    assert len(network.loose) == 4


def test_an_accepted_answer_is_alive_and_asks_for_mean_and_std(chain_file, tmp_path):
    network, error, told = opened(chain_file, tmp_path, accept=True)
    assert error is None
    assert network.card.mean == (0.0,)
    assert network.card.std == (1.0,)
    with torch.no_grad():
        assert network.module(torch.zeros(1, *network.card.input_size)).shape == (1, 10)
    assert len(told) == 1
    assert "mean and std" in told[0]
