import pytest

from cnnviz.checkpoints.open import open_network
from cnnviz.checkpoints.shipped import shipped_networks, shipped_path


@pytest.mark.parametrize("name", shipped_networks())
def test_shipped_networks_open_by_name(name):
    opened = open_network(name)
    assert opened.name == name
    assert opened.path == shipped_path(name)
    assert opened.non_finite == 0
    assert opened.card.seed is not None
    assert opened.card.test_accuracy > 0.6
    assert f"--out assets/networks/{name}.safetensors" in opened.card.command


def test_shipped_networks_are_small():
    assert sum(shipped_path(name).stat().st_size for name in shipped_networks()) < 8_000_000
