from cnnviz.engine.network_host import NetworkHost
from cnnviz.scene.models import NetworkChoice


def test_no_two_windows_number_their_networks_alike(handed, small, gated):
    """Panels keep what they have worked out by this number, for all windows of the process."""
    first, second = (NetworkHost().load(NetworkChoice(source=handed(module)), ()) for module in (small, gated))
    assert first.generation != second.generation
