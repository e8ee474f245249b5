"""What counts as the answer of a network; how each method is chosen; what is freed."""

import gc
import warnings
import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cnnviz.core.hooks import forward_hooks
from cnnviz.core.trace import prepare

from .traced_networks import CASES, made


def test_a_trace_that_gives_something_else_is_not_used() -> None:
    class Counting(nn.Module):
        """Depends on state that a tracer takes for a constant."""

        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.relu = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return self.relu(x) * self.calls

    network = prepare(Counting(), torch.ones(1, 1, 2, 2))
    assert network.graph.method == "hooks"
    assert "torch.fx could not be used: it does not give what the network gives" in network.graph.notes


def test_of_several_outputs_the_first_is_shown_and_the_rest_told() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 1)

        def forward(self, x: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
            features = self.conv(x)
            if mask is not None:
                features = features * mask
            return {"logits": features.mean((2, 3)), "features": features}

    network = prepare(Heads(), torch.randn(1, 1, 4, 4))
    assert network.graph.method == "torch.fx"
    assert network.run(torch.randn(2, 1, 4, 4)).output.shape == (2, 3)
    assert network.graph.notes == (
        "The network has 2 outputs (logits, features) of shapes (3,), (3, 4, 4); the first is shown.",
    )
    assert "multiply" not in "".join(network.graph.names)


def test_several_outputs_of_a_layer_and_no_tensor_at_all() -> None:
    class Indices(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.MaxPool2d(2, return_indices=True)
            self.unpool = nn.MaxUnpool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            values, indices = self.pool(x)
            return self.unpool(values, indices)

    network = prepare(Indices(), torch.randn(1, 1, 4, 4))
    assert [layer.name for layer in network.graph] == ["input", "pool", "unpool"]
    assert network.graph["unpool"].inputs == ("pool",)
    assert network.run(torch.randn(1, 1, 4, 4)).values["pool"].dtype == torch.float32

    class Nothing(nn.Module):
        def forward(self, x: Tensor) -> str:
            return "nothing"

    with pytest.raises(TypeError, match="no tensor in it, but is a str"):
        prepare(Nothing(), torch.zeros(1, 1, 2, 2))


def test_what_no_later_layer_reads_is_freed_during_the_pass() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sigmoid(), nn.Sigmoid(), nn.Sigmoid())
    network = prepare(module, torch.zeros(1, 1, 2, 2))
    outputs: list[weakref.ref[Tensor]] = []
    alive: list[list[bool]] = []

    def look(_: nn.Module, args: object, output: Tensor) -> None:
        alive.append([seen() is not None for seen in outputs])
        outputs.append(weakref.ref(output))

    with forward_hooks(module, look):
        network.run(torch.zeros(1, 1, 2, 2), ["1"])
    assert alive == [[], [True], [False, True], [False, True, True]]  # the second is recorded


def test_the_example_is_one_image() -> None:
    with pytest.raises(ValueError, match=r"batch of one image, not of shape \(2, 1, 4, 4\)"):
        prepare(nn.Flatten(), torch.zeros(2, 1, 4, 4))


def test_scripted_networks_are_shown_as_one_layer() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # such files exist, even if they should no longer be made
        module = torch.jit.trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), torch.zeros(1, 1, 5, 5))
    network = prepare(module, torch.zeros(1, 1, 5, 5))
    assert [layer.name for layer in network.graph] == ["input", "network"]
    assert network.run(torch.ones(1, 1, 5, 5)).values["network"].shape == (1, 2, 3, 3)


def test_inference_tensors_can_be_traced() -> None:
    module, example, _ = made("residual")
    network = prepare(module, example)
    expected = network.run(example).values["layer1.0.conv1"]
    with torch.inference_mode():
        trace = network.run(example.clone())
    assert torch.equal(trace.values["layer1.0.conv1"], expected)


def test_a_network_can_be_freed() -> None:
    module, example, _ = made("residual")
    gone = weakref.ref(prepare(module, example).module)
    del module
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name", CASES)
def test_multiply_adds_are_half_the_operations_that_torch_counts(name: str) -> None:
    module, example, _ = made(name)
    module.eval()
    with FlopCounterMode(display=False) as counter:
        module(example.clone())
    graph = prepare(module, example).graph
    assert graph.macs == counter.get_total_flops() // 2
    assert sum(layer.parameters for layer in graph) == graph.parameters
    missing = 0 if name != "value" else sum(p.numel() for p in module.bright.parameters())
    assert graph.parameters == sum(p.numel() for p in module.parameters()) - missing


class Fourier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, dtype=torch.complex64)

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft2(self.conv(x + 0j))


def test_of_complex_values_the_magnitudes_are_seen_and_noted() -> None:
    module, image = Fourier().eval(), torch.rand(1, 1, 8, 8)
    network = prepare(module, image)
    assert "Of complex values the magnitudes are shown." in network.graph.notes
    trace = network.run(image)
    with torch.no_grad():
        maps = module.conv(image + 0j)
    torch.testing.assert_close(trace.values["conv"], (maps.real**2 + maps.imag**2).sqrt())
    torch.testing.assert_close(trace.output, torch.fft.fft2(maps).abs())
    torch.testing.assert_close(network.output_of("conv", image, gradients=False), maps.abs())
