import pytest
import safetensors.torch
import torch
from torch import nn

from cnnviz.training.state import network_state
from cnnviz.training.weights_file import WeightsReader, WeightsWriter


def network(dtype=torch.float32):
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 5)
    return nn.Sequential(*layers).to(dtype)


def shake(module):
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape) * 9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels"])
def test_each_file_holds_the_weights_of_its_time_and_fills_another_module_with_them(dtype, layout):
    trained, shown = network(dtype).to(memory_format=layout), network(dtype)
    writer, reader = WeightsWriter(trained), WeightsReader(shown)
    for _ in range(3):
        shake(trained)
        expected = network_state(trained)
        data = writer.file()
        torch.testing.assert_close(safetensors.torch.load(data), expected, rtol=0, atol=0)
        assert len(data) == len(safetensors.torch.save(expected))
        reader.fill(data)
        torch.testing.assert_close(dict(shown.state_dict()), expected, rtol=0, atol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels"])
def test_a_file_is_converted_to_the_type_and_layout_that_a_module_has(layout):
    trained, shown = network(torch.float64), network().to(memory_format=layout)
    writer, reader = WeightsWriter(trained), WeightsReader(shown)
    for _ in range(2):
        shake(trained)
        reader.fill(writer.file())
        expected = {name: tensor.to(shown.state_dict()[name].dtype) for name, tensor in trained.state_dict().items()}
        torch.testing.assert_close(dict(shown.state_dict()), expected, rtol=0, atol=0)


def test_files_of_another_make_are_read_as_well():
    trained, shown = network(), network()
    reader = WeightsReader(shown)
    for metadata in (None, {"made": "by hand"}, None):
        shake(trained)
        reader.fill(safetensors.torch.save(network_state(trained), metadata))
        torch.testing.assert_close(dict(shown.state_dict()), dict(trained.state_dict()), rtol=0, atol=0)


def test_a_tensor_that_the_module_lacks_is_an_error():
    with pytest.raises(KeyError):
        WeightsReader(nn.Linear(2, 2)).fill(WeightsWriter(network()).file())
