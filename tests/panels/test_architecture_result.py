"""What the architecture panel works out of a table."""

from torch import nn

from cnnviz.checkpoints.card import NetworkCard
from cnnviz.checkpoints.save import save_network
from cnnviz.core.module_fields import receptive_field
from cnnviz.nets.layer_table import LAYER_TABLE
from cnnviz.nets.table_network import TableNetwork
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.panels.architecture_view import TABLE

NETWORK = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 3))


def test_sizes_weights_and_fields_are_those_of_the_network_for_the_chosen_data(computed):
    table = TABLE_PRESETS["cifar-net"].table
    edits = {TABLE: table, "panels.training.settings.dataset": "cifar10"}
    result = computed("architecture", NETWORK, (1, 8, 8), edits)
    network = TableNetwork(table, (3, 32, 32), 10)
    fields = receptive_field(network, (3, 32, 32))
    assert result.data == "CIFAR-10"
    assert result.plan.input == (3, 32, 32)
    for planned in result.plan.rows:
        module = network.get_submodule(planned.row.name)
        assert planned.weights == sum(weight.numel() for weight in module.parameters())
        last = planned.layers[-1].name
        assert result.fields[last].size == fields[last].size
        assert result.fields[last].stride == fields[last].stride


def test_the_open_network_is_offered_to_start_from(computed):
    result = computed("architecture", NETWORK, (1, 8, 8))
    assert [row.kind for row in result.opened.table.layers] == ["convolution", "flatten", "linear"]
    assert not result.opened.is_own
    odd = nn.Sequential(nn.ConvTranspose2d(1, 2, 3), nn.Flatten(), nn.Linear(200, 3))
    refused = computed("architecture", odd, (1, 8, 8)).opened
    assert refused.table is None
    assert "none of the layers that a table has" in refused.words


def test_a_trained_file_brings_its_table_back(delivered, tmp_path):
    table = TABLE_PRESETS["perceptron"].table
    for name, dataset, size in (("one", "digits", None), ("other", "mnist", (8, 8))):
        config = {**table.model_dump(mode="json"), "height_width": [8, 8], "channels": 1, "classes": 10}
        card = NetworkCard(
            architecture=LAYER_TABLE, config=config, labels=tuple("0123456789"), input_size=(1, 8, 8), mean=(0.0,),
            std=(1.0,), dataset=dataset,
        )  # fmt: skip
        path = tmp_path / f"{name}.safetensors"
        save_network(TableNetwork(table, (1, 8, 8), 10), card, path)
        edits = {"network.source": f"file:{path}"}
        opened = delivered(NETWORK, (1, 8, 8), edits, ("architecture",)).results["architecture"].opened
        assert opened.is_own
        assert opened.table.layers == table.layers
        assert opened.table.height_width == size  # that of the data it was trained on need not be kept
