"""While a network trains, its weights arrive one after the other: the signal follows, and a check that runs goes on."""

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F

from cnnviz.checkpoints.open import open_network
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine import training_weights
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS, gradient_check
from cnnviz.scene.document import Document

SHOWN = frozenset({"backpropagation", "gradient-check"})


@pytest.fixture
def run(tmp_path, noisy):
    """Offers weights of a run, and computes both panels."""
    training_weights._offered.clear()
    gradient_check._job.clear()
    opened = open_network("mnist-lenet")
    source = training_weights.source_of(tmp_path)
    document = Document()
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())

    def arrive(seed):
        torch.manual_seed(seed)
        state = {name: each + 0.05 * torch.randn_like(each) for name, each in opened.module.state_dict().items()}
        training_weights.offer(source, opened.card, seed, safetensors.torch.save(state))
        return state

    def compute(stop=lambda: False):
        found = {}
        for delivery in computation.run(Request(document.scene, document.version, SHOWN), lambda: False, stop):
            assert not delivery.errors
            found.update(delivery.results)
        return found

    arrive(1)
    edits = {"network.source": source, "network.device": "cpu", "panels.backpropagation.target": 3}
    document.edit_many(noisy | edits)
    yield document, arrive, compute
    training_weights._offered.clear()
    gradient_check._job.clear()


def test_the_signal_is_that_of_the_newest_weights(run, seen, noisy):
    _, arrive, compute = run
    before = compute()["backpropagation"]
    state = arrive(2)
    after = compute()["backpropagation"]
    opened = open_network("mnist-lenet")
    opened.module.load_state_dict(state)
    mean, std = (torch.tensor(each).reshape(-1, 1, 1) for each in (opened.card.mean, opened.card.std))
    image = ((seen((1, 28, 28), noisy) - mean) / std).requires_grad_()
    F.cross_entropy(opened.module(image), torch.tensor([3])).backward()
    assert after.signals[0].norm == pytest.approx(float(image.grad.norm()), rel=1e-3)
    assert after.signals[0].norm != pytest.approx(before.signals[0].norm, rel=1e-3)


def test_a_check_goes_on_with_the_weights_that_it_began_with(run, monkeypatch):
    document, arrive, compute = run
    monkeypatch.setattr(gradient_check, "AT_ONCE_S", 0.0)
    document.edit_many({"panels.gradient-check.running": True, "panels.gradient-check.started": 1})
    asked = iter([False] * 8 + [True] * 4)
    begun = compute(lambda: next(asked))["gradient-check"]
    assert 0 < begun.done < begun.total
    arrive(2)
    done = compute()["gradient-check"]
    assert done.finished
    assert done.loss == begun.loss
    assert done.old == "The weights have changed since"
    assert {row.verdict for row in done.rows} == {"passes"}
