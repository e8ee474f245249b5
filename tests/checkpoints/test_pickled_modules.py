"""Whole pickled networks: built anew where they are torch's own modules in sequence, named where they are not."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.export import save_as_safetensors
from cnnviz.checkpoints.open import open_network
from cnnviz.nets.public import InputStatistics
from cnnviz.nets.registry import ArchitectureError, build


def sequence():
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.LeakyReLU(0.3, inplace=True), nn.GroupNorm(2, 6))
    network = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 4, (3, 5), padding="same", padding_mode="reflect"),
            norm=nn.BatchNorm2d(4, eps=0.1),
            act=nn.PReLU(4),
            pool=nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
            inner=inner,
            up=nn.ConvTranspose2d(6, 3, 2, stride=2),
            shrink=nn.AdaptiveMaxPool2d((2, 3)),
            flatten=nn.Flatten(),
            drop=nn.Dropout(0.5),
            fc=nn.Linear(18, 5, bias=False),
            out=nn.Softmax(dim=1),
        )
    )
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.parametrize("container", [lambda network: network, lambda network: {"model": network, "epoch": 3}])
@pytest.mark.parametrize("zipped", [True, False])
def test_torchs_own_modules_in_sequence_are_live(tmp_path, container, zipped):
    network, path = sequence(), tmp_path / "net.pt"
    torch.save(container(network), path, _use_new_zipfile_serialization=zipped)
    opened = open_checkpoint(path)
    assert (opened.status, opened.architecture, opened.card) == ("opened", "modules", None)
    image = torch.rand(2, 1, 40, 50)
    torch.testing.assert_close(opened.module(image), network(image))
    assert opened.parameters == sum(weights.numel() for weights in network.parameters())
    assert "How are its images normalised?" in opened.message


def test_it_stays_live_as_a_harmless_file(tmp_path):
    network, path, out = sequence(), tmp_path / "net.pt", tmp_path / "out.safetensors"
    torch.save(network, path)
    found = open_checkpoint(path).candidates[0]
    accepted = open_checkpoint(path, accept=replace(found, statistics=InputStatistics((0.5,), (0.5,))))
    save_as_safetensors(accepted, out)
    image = torch.rand(1, 1, 28, 28)
    torch.testing.assert_close(open_network(out).module(image), network(image))


class Own(nn.Module):
    """Not one of torch's."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, images):
        return self.conv(images)


@pytest.mark.parametrize("network", [Own(), nn.Sequential(nn.Conv2d(1, 2, 3), Own())])
def test_other_classes_are_named_and_not_built(tmp_path, network):
    path = tmp_path / "net.pt"
    torch.save(network, path)
    found = open_checkpoint(path)
    assert (found.status, found.module) == ("partial", None)
    assert "Own" in found.message
    assert any(name.endswith(".Own") for name in found.refused)


CONV = "torch.nn.modules.conv.Conv2d"
ROOT = {"path": "", "kind": "torch.nn.modules.container.Sequential"}
SIZES = {"in_channels": 1, "out_channels": 2, "kernel_size": [3, 3]}


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([], "outermost module is no Sequential"),
        ([{"path": "", "kind": CONV, "settings": SIZES}], "outermost module is no Sequential"),
        (
            [ROOT, {"path": "0", "kind": "torch.nn.modules.lazy.Lazy"}],
            "of the class torch.nn.modules.lazy.Lazy are not",
        ),
        ([ROOT, {"path": "0", "kind": "os.system"}], "of the class os.system are not built"),
        ([ROOT, {"path": "a.b", "kind": CONV, "settings": SIZES}], "no Sequential holds a module at 'a.b'"),
        ([ROOT, {"path": "0", "kind": CONV, "settings": {"in_channels": 1}}], "'0' cannot be built"),
        ([ROOT, {"path": "0", "kind": CONV, "settings": SIZES | {"groups": 3}}], "'0' cannot be built"),
        ([ROOT, {"path": "0", "kind": CONV, "settings": {"kernel_size": {"a": 1}}}], "table of layers is wrong"),
        ([ROOT, {"path": "0", "kind": CONV, "settings": SIZES}] * 2, "no Sequential holds a module at ''"),
    ],
)
def test_a_list_of_modules_that_makes_no_network_is_refused(modules, message):
    with pytest.raises(ArchitectureError, match=message):
        build("modules", {"modules": modules})
