"""A file that does not say how its images are normalised opens alive, and asks."""

import pytest
import torch

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.failures import FailuresHub
from cnnviz.engine.panel import ComputeCancelled
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


def test_the_first_filters_of_a_large_file_come_before_it_is_opened(tmp_path, monkeypatch):
    import cnnviz.engine.network_host as network_host
    from cnnviz.engine.delivery import Request
    from cnnviz.panels import filters

    torch.manual_seed(0)
    state = build("vgg11", {}).state_dict()
    path = tmp_path / "large.pt"
    torch.save({name: tensor for name, tensor in state.items() if "classifier" not in name}, path)
    monkeypatch.setattr(network_host, "LARGE_FILE", 1)
    document = Document()
    document.edit("network.source", f"file:{path}")
    computation = Computation((filters.SPEC,), InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    request = Request(document.scene, 1, frozenset({"filters"}))
    deliveries = computation.run(request, lambda: False, lambda: False)
    early = next(deliveries)
    assert not early.complete
    expected = state["features.0.weight"]
    shown = early.results["filters"]
    assert (shown.owner, shown.shape) == ("features.0", tuple(expected.shape))
    assert next(deliveries).complete


def test_opening_that_is_cancelled_leaves_the_network_before(chain_file, tmp_path):
    document = Document()
    computation = Computation((), InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    before, _ = computation.network(document.scene)
    document.edit("network.source", f"file:{chain_file}")
    with pytest.raises(ComputeCancelled):
        computation.network(document.scene, lambda: True)
    document.undo()
    assert computation.network(document.scene)[0] is before
    document.redo()
    assert computation.network(document.scene)[0].name == "anonymous", "asked for again, it is opened"
