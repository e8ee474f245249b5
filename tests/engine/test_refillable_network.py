"""The checkpoints of a run, one after the other in the network that is there."""

import safetensors.torch
import torch
from torch import nn

from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.save import save_network
from cnnviz.engine.network_host import NetworkHost
from cnnviz.nets.registry import build
from cnnviz.scene.models import NetworkChoice


def run_of(folder, count=3, name="tiny-vgg"):
    """Checkpoints of one network with other weights each; their paths."""
    opened = open_network(name)
    torch.manual_seed(0)
    paths = []
    for number in range(count):
        with torch.no_grad():
            for weights in opened.module.parameters():
                weights.add_(0.1 * torch.randn_like(weights))
        paths.append(folder / f"step-{number}.safetensors")
        save_network(opened.module, opened.card, paths[-1])
    return paths


def choice(path, **more):
    return NetworkChoice(source=f"file:{path}", **more)


def assert_shows(loaded, path):
    expected = safetensors.torch.load_file(path)
    assert loaded.name == path.stem
    for name, weights in loaded.module.state_dict().items():
        torch.testing.assert_close(weights, expected[name], rtol=0, atol=0)
    size = loaded.card.input_size
    image = torch.randn(1, *size)
    fresh = open_network(path).module
    torch.testing.assert_close(loaded.traced.run(image).output, fresh(image).detach())


def test_the_next_checkpoint_is_read_into_the_module_that_is_there(tmp_path):
    first, second, third = run_of(tmp_path)
    host = NetworkHost()
    host.load(choice(first))
    one = host.load(choice(second))
    assert_shows(one, second)
    two = host.load(choice(third))
    assert two.module is one.module
    assert two.generation > one.generation
    assert_shows(two, third)
    assert_shows(host.load(choice(first)), first)


def test_another_that_shows_the_same_file_keeps_its_weights(tmp_path):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    paths = [tmp_path / f"epoch-{number}.pt" for number in range(3)]
    for path in paths:
        nn.init.normal_(module[0].weight)
        torch.save({"epoch": 1, "state_dict": module.state_dict()}, path)
    one, other = NetworkHost(), NetworkHost()
    one.load(choice(paths[0]))
    kept = other.load(choice(paths[0]))
    for path in (paths[1], paths[2]):
        weights = one.load(choice(path)).module.state_dict()["0.weight"]
        saved = torch.load(path, weights_only=True)["state_dict"]["0.weight"]
        torch.testing.assert_close(weights, saved, rtol=0, atol=0)
    saved = torch.load(paths[0], weights_only=True)["state_dict"]["0.weight"]
    torch.testing.assert_close(kept.module.state_dict()["0.weight"], saved, rtol=0, atol=0)


def test_a_file_of_another_network_is_opened_like_any_other(tmp_path):
    first, second, _ = run_of(tmp_path)
    stranger = tmp_path / "step-9.safetensors"
    lenet = open_network("mnist-lenet")
    save_network(lenet.module, lenet.card, stranger)
    host = NetworkHost()
    host.load(choice(first))
    host.load(choice(second))
    assert_shows(host.load(choice(stranger)), stranger)
    assert_shows(host.load(choice(second)), second)


def test_a_file_that_was_written_over_is_read_anew(tmp_path):
    first, second, third = run_of(tmp_path)
    host = NetworkHost()
    for path in (first, second, first):
        host.load(choice(path))
    third.replace(second)
    assert_shows(host.load(choice(second)), second)


def test_known_architectures_under_other_names_follow_too(tmp_path):
    torch.manual_seed(0)
    paths = [tmp_path / f"{number}.pth" for number in range(3)]
    for path in paths:
        module = build("squeezenet1_1", {})
        torch.save({"net": {f"module.{name}": each for name, each in module.state_dict().items()}}, path)
    host = NetworkHost()
    before = host.load(choice(paths[0]))
    assert not before.lacks
    one, two = host.load(choice(paths[1])), host.load(choice(paths[2]))
    assert two.module is one.module
    assert two.asks == ""
    saved = torch.load(paths[2], weights_only=True)["net"]
    for name, weights in two.module.state_dict().items():
        torch.testing.assert_close(weights, saved[f"module.{name}"], rtol=0, atol=0)


def test_what_belongs_to_the_graph_is_worked_out_once(tmp_path):
    paths = run_of(tmp_path)
    host = NetworkHost()
    for path in paths[:2]:
        before = host.load(choice(path)).receptive_fields
    assert host.load(choice(paths[2])).receptive_fields is before
