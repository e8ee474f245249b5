import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from cnnviz.nets.chain import Chain, ChainLayer
from cnnviz.nets.registry import ArchitectureError, build

ROWS = [
    {
        "name": "features.0",
        "kind": "conv",
        "inputs": 2,
        "outputs": 4,
        "kernel_size": [3, 5],
        "stride": 2,
        "padding": [1, 2],
        "groups": 2,
        "bias": False,
    },
    {
        "name": "features.1",
        "kind": "batch_norm",
        "inputs": 4,
        "outputs": 4,
        "activation": "tanh",
        "pooling": "average",
        "pooling_size": 3,
        "pooling_stride": 2,
    },
    {"name": "act", "kind": "prelu", "inputs": 4, "outputs": 4},
    {"name": "fc", "kind": "linear", "inputs": 36, "outputs": 6},
    {"name": "norm", "kind": "batch_norm", "inputs": 6, "outputs": 6},
]


def test_a_table_computes_what_it_says():
    torch.manual_seed(0)
    module = build("chain", {"layers": ROWS}).eval()
    state = module.state_dict()
    for name in ("features_1", "norm"):
        state[f"{name}.running_mean"].normal_()
        state[f"{name}.running_var"].uniform_(0.5, 2)
    image = torch.rand(3, 2, 14, 14)
    maps = F.conv2d(image, state["features_0.weight"], stride=2, padding=(1, 2), groups=2)
    maps = F.avg_pool2d(torch.tanh(_normalised(maps, state, "features_1")), 3, 2)
    maps = torch.where(maps > 0, maps, maps * state["act.weight"][:, None, None])
    numbers = maps.flatten(1) @ state["fc.weight"].T + state["fc.bias"]
    torch.testing.assert_close(module(image), _normalised(numbers[..., None, None], state, "norm")[..., 0, 0])


def _normalised(maps, state, name):
    mean, variance, scale, shift = (
        state[f"{name}.{kind}"][:, None, None] for kind in ("running_mean", "running_var", "weight", "bias")
    )
    return (maps - mean) / (variance + 1e-5).sqrt() * scale + shift


def test_global_pooling_averages_whole_maps():
    layer = ChainLayer(name="", kind="conv", inputs=1, outputs=3, pooling="global")
    linear = ChainLayer(name="head", kind="linear", inputs=3, outputs=2)
    module = Chain((layer, linear))
    image = torch.rand(1, 1, 9, 7)
    expected = module.head(module.layer(image).mean(dim=(2, 3)))
    torch.testing.assert_close(module(image), expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROWS[0], ROWS[0]], "two layers are called 'features_0'"),
        ([ROWS[0] | {"groups": 3}], "in_channels must be divisible by groups"),
        ([ROWS[0] | {"stride": 0}], r"wrong at '0\.stride'"),
        ([ROWS[0] | {"outputs": 10**12}], r"wrong at '0\.outputs'"),
        ([ROWS[0] | {"activation": "exec"}], r"wrong at '0\.activation'"),
        ([ROWS[0] | {"code": "1"}], r"wrong at '0\.code'"),
    ],
)
def test_a_table_that_makes_no_network_is_refused(rows, message):
    with pytest.raises(ArchitectureError, match=message):
        build("chain", {"layers": rows})


def test_rows_cannot_be_changed():
    with pytest.raises(ValidationError):
        ChainLayer(**ROWS[0]).stride = 3
