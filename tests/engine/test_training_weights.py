"""The network of a run that trains: its newest weights as they come, its last checkpoint once it is over."""

import pytest
import safetensors.torch
import torch

from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.save import save_network
from cnnviz.core.network_changes import SwapPooling
from cnnviz.engine import training_weights
from cnnviz.engine.network_host import NetworkHost, NetworkUnavailable
from cnnviz.engine.training_weights import folder_of, last_checkpoint, newest, offer, source_of, withdraw
from cnnviz.scene.models import NetworkChoice
from cnnviz.training.run_folder import RUN_FILE, RunRecord, network_path, write_record
from cnnviz.training.settings import checked_settings


@pytest.fixture(autouse=True)
def no_run_before():
    training_weights._offered.clear()
    yield
    training_weights._offered.clear()


@pytest.fixture
def opened():
    return open_network("mnist-lenet")


def shaken(module, seed):
    """Other weights for the module, and the bytes that its process would send."""
    torch.manual_seed(seed)
    state = {name: 0.1 * torch.randn_like(tensor) for name, tensor in module.state_dict().items()}
    return state, safetensors.torch.save(state)


def test_new_weights_go_into_the_module_that_is_there(opened, tmp_path):
    source = source_of(tmp_path)
    choice = NetworkChoice(source=source, device="cpu")
    first, data = shaken(opened.module, 1)
    offer(source, opened.card, 0, data)
    host = NetworkHost()
    one = host.load(choice)
    assert (one.card, one.offer) == (opened.card, newest(source).number)
    torch.testing.assert_close(dict(one.module.state_dict()), first, rtol=0, atol=0)
    assert host.load(choice) is one, "nothing came, and it is loaded again"
    assert not host.is_behind(choice)
    second, data = shaken(opened.module, 2)
    offer(source, opened.card, 1, data)
    assert host.is_behind(choice)
    two = host.load(choice)
    assert two.module is one.module
    assert two.generation > one.generation
    torch.testing.assert_close(dict(two.module.state_dict()), second, rtol=0, atol=0)
    image = torch.rand(1, 1, 28, 28)
    fresh = open_network("mnist-lenet").module
    fresh.load_state_dict(second)
    torch.testing.assert_close(two.traced.run(image).output, fresh(image).detach())


def test_a_pooling_that_was_swapped_stays_swapped_while_weights_come(opened, tmp_path):
    source = source_of(tmp_path)
    choice = NetworkChoice(source=source, device="cpu")
    host = NetworkHost()
    offer(source, opened.card, 0, shaken(opened.module, 1)[1])
    base = host.load(choice)
    pool = next(layer.name for layer in base.graph if layer.kind == "MaxPool2d")
    changes = (SwapPooling(layer=pool, kind="average"),)
    host.load(choice, changes)
    state, data = shaken(opened.module, 2)
    offer(source, opened.card, 5, data)
    changed = host.load(choice, changes)
    assert changed.changes == changes
    conv = next(layer for layer in changed.graph if layer.kind == "Conv2d")
    torch.testing.assert_close(changed.weight(conv), state[f"{conv.module_path}.weight"], rtol=0, atol=0)


def test_a_run_that_is_over_is_its_last_checkpoint(opened, tmp_path):
    source = source_of(tmp_path)
    assert last_checkpoint(source) is None
    with pytest.raises(NetworkUnavailable, match="train it anew"):
        NetworkHost().load(NetworkChoice(source=source))
    for step in (5, 40):
        with torch.no_grad():
            opened.module.load_state_dict(shaken(opened.module, step)[0])
        save_network(opened.module, opened.card, network_path(tmp_path, step))
    assert last_checkpoint(source) == network_path(tmp_path, 40)
    loaded = NetworkHost().load(NetworkChoice(source=source, device="cpu"))
    torch.testing.assert_close(dict(loaded.module.state_dict()), shaken(opened.module, 40)[0], rtol=0, atol=0)
    assert loaded.offer == 0


def test_the_network_of_a_run_is_called_by_the_run_and_once_that_is_over_by_its_step_too(opened, tmp_path):
    folder, source = tmp_path / "run", source_of(tmp_path / "run")
    write_record(folder, RunRecord(settings=checked_settings({})))
    for step in (1154, 2000):
        save_network(opened.module, opened.card, network_path(folder, step))
    offer(source, opened.card, 2000, shaken(opened.module, 1)[1])
    assert NetworkHost().load(NetworkChoice(source=source, device="cpu")).name == "lenet on mnist"
    withdraw(source)
    host = NetworkHost()
    assert host.load(NetworkChoice(source=source, device="cpu")).name == "lenet on mnist, step 2,000"
    for step, name in ((1154, "lenet on mnist, step 1,154"), (2000, "lenet on mnist, step 2,000")) * 2:
        choice = NetworkChoice(source=f"file:{network_path(folder, step)}", device="cpu")
        assert host.load(choice).name == name, "also where its weights go into the network that is there"
    (folder / RUN_FILE).unlink()
    assert NetworkHost().load(choice).name == "step-00002000", "a file that no run has kept has its own name"


def test_another_run_lets_the_first_go(opened, tmp_path):
    one, two = source_of(tmp_path / "one"), source_of(tmp_path / "two")
    data = shaken(opened.module, 1)[1]
    before = offer(one, opened.card, 3, data)
    assert offer(two, opened.card, 0, data) > before
    assert newest(one) is None
    assert folder_of(two) == tmp_path / "two"
    assert folder_of("shipped:mnist-lenet") is None


def test_new_weights_ask_only_those_panels_anew_that_show_something_of_them(opened, tmp_path, stand, panel):
    source = source_of(tmp_path)
    offer(source, opened.card, 0, shaken(opened.module, 1)[1])
    asked = []

    def counting(name):
        return lambda scene, observation, cancelled: asked.append(name)

    held = stand(
        source,
        panel("maps", counting("maps")),
        panel("card", counting("card"), weights=lambda scene: False),
        panel("edited", counting("edited"), weights=lambda scene: scene.input.edits.brightness > 0),
    )
    held.edit("network.device", "cpu")
    held.settled()
    assert sorted(asked) == ["card", "edited", "maps"]

    def asked_after(step):
        asked.clear()
        offer(source, opened.card, step, shaken(opened.module, step)[1])
        held.ask()
        held.settled()
        return sorted(asked)

    assert asked_after(2) == ["maps"]
    held.edit("input.edits.brightness", 0.5)
    held.settled()
    assert asked_after(3) == ["edited", "maps"]
    other = NetworkChoice(source="shipped:mnist-lenet", device="cpu")
    held.edit("network", other)
    held.settled()
    asked.clear()
    held.edit("network", NetworkChoice(source=source, device="cpu"))
    held.settled()
    assert sorted(asked) == ["card", "edited", "maps"], "another network is another in all that it is"
