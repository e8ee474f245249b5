"""Networks that do not load or run, memory that runs out, faults: each is told, and the engine goes on."""

import pytest
import torch
from torch import nn

from cnnviz.core import trace
from cnnviz.data.source import Photo
from cnnviz.engine import network_host
from cnnviz.engine.computation import Computation


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit])
def test_a_module_that_raises_is_told_and_the_next_input_works(
    stand, panel, handed, gated, gate, small, brightness, expected, kind
):
    free = panel("free", lambda scene, *_: scene.input.edits.brightness, layers=None)
    held = stand(handed(gated), panel("answer", brightness), free)
    held.ask()
    held.settled()
    gate.error = kind("the module broke\nin two lines")
    held.edit("input.edits.brightness", 0.5)
    (delivery,) = held.settled()
    assert set(delivery.errors) == {"test-answer"}
    assert "the module broke" in delivery.errors["test-answer"]
    assert "\n" not in delivery.errors["test-answer"]
    assert dict(delivery.results) == {"test-free": 0.5}
    (failure,) = held.failures
    assert failure.severity == "error"
    assert kind.__name__ in failure.details

    passes = gate.passes
    held.edit("selection.channel", 1)
    held.settled()
    assert gate.passes == passes, "what failed is not tried again for the same input"

    gate.error = None
    for value in (0.75, 0.5):
        held.edit("input.edits.brightness", value)
        (delivery,) = held.settled()
        torch.testing.assert_close(delivery.results["test-answer"][1], expected(small, value))


def test_one_panels_fault_leaves_the_others(stand, panel, handed, small, brightness):
    def broken(*_):
        raise KeyError("nothing here")

    def unable(*_):
        raise ValueError("This layer has no kernels; select another.")

    def wrong_layers(scene, graph):
        raise AttributeError("no such thing")

    held = stand(
        handed(small),
        panel("broken", broken),
        panel("unable", unable, layers=None),
        panel("asking", brightness, layers=wrong_layers),
        panel("strange", brightness, layers=lambda *_: ["no layer of this name"]),
        panel("answer", brightness),
    )
    held.ask()
    (delivery,) = held.settled()
    assert set(delivery.results) == {"test-answer", "test-strange"}
    assert delivery.errors["test-unable"] == "This layer has no kernels; select another."
    assert "nothing here" in delivery.errors["test-broken"]
    assert "no such thing" in delivery.errors["test-asking"]
    assert sorted(failure.message.split()[1] for failure in held.failures) == ["Asking", "Broken"]


def test_a_picture_that_is_gone_is_told_and_what_comes_back_is_shown_again(stand, panel, handed, small, brightness):
    held = stand(handed(small), panel("answer", brightness), panel("free", lambda *_: "free", layers=None))
    held.ask()
    held.settled()
    held.edit("input.base", Photo(path="gone.png", sha256="0" * 64))
    (delivery,) = held.settled()
    assert set(delivery.errors) == {"test-answer", "test-free"}
    assert "gone.png" in delivery.errors["test-answer"]
    held.document.undo()
    held.ask()
    (delivery,) = held.settled()
    assert set(delivery.results) == {"test-answer", "test-free"}, "the panels still show the error"


def test_a_network_that_does_not_load_is_told_and_the_one_before_goes_on(
    stand, panel, handed, small, tmp_path, brightness, expected
):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    held = stand(handed(small), panel("answer", brightness))
    held.ask()
    held.settled()
    held.document.edit("network.source", f"file:{broken}")
    held.edit("input.edits.brightness", 0.5)
    (delivery,) = held.settled()
    assert "broken.safetensors" in delivery.network_error
    assert delivery.network.module is small
    torch.testing.assert_close(delivery.results["test-answer"][1], expected(small, 0.5))
    held.edit("input.edits.brightness", 0.6)
    (delivery,) = held.settled()
    assert delivery.network_error is None, "it is told once"


@pytest.mark.parametrize(
    ("source", "words"),
    [("live:Gone-1", "call cnnviz.show"), ("shipped:no-such", "There is no network"), ("file:/", "is a folder")],
)
def test_without_any_network_every_panel_says_why(stand, panel, source, words, brightness):
    held = stand(source, panel("answer", brightness), panel("free", lambda *_: 1, layers=None))
    held.ask()
    (delivery,) = held.settled()
    assert words in delivery.network_error
    assert delivery.errors == {"test-answer": delivery.network_error, "test-free": delivery.network_error}
    assert delivery.network is None


def test_a_module_that_does_not_take_its_input_size_is_refused_with_the_reason(stand, panel, handed, small, brightness):
    held = stand(handed(small, (3, 8, 8)), panel("answer", brightness))
    held.ask()
    (delivery,) = held.settled()
    assert "3×8×8" in delivery.network_error
    assert "\n" not in delivery.network_error


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_module_of_another_precision_is_given_inputs_of_its_own(stand, panel, handed, small, dtype, brightness):
    held = stand(handed(small.to(dtype)), panel("answer", brightness))
    held.edit("input.edits.brightness", 0.5)
    output = held.result("test-answer")[1]
    assert output.dtype == dtype
    with torch.no_grad():
        torch.testing.assert_close(output, small(torch.full((1, 1, 8, 8), 0.5, dtype=dtype)))


def test_out_of_memory_on_an_accelerator_goes_on_on_the_cpu_with_a_notice(
    stand, panel, handed, small, monkeypatch, brightness, expected
):
    """A device whose memory is full is feigned: the network claims to be on it and its pass runs out of memory."""
    accelerator = torch.device("meta")
    resolve, prepare, run = network_host.resolve_device, trace.prepare, trace.TracedNetwork.run

    def run_out(self, images, layers=None, **named):
        if images.device == accelerator:
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        return run(self, images, layers, **named)

    monkeypatch.setattr(network_host, "resolve_device", lambda name: accelerator if name == "cuda" else resolve(name))
    monkeypatch.setattr(nn.Module, "to", lambda module, *_: module)
    monkeypatch.setattr(trace, "prepare", lambda module, example: prepare(module, torch.zeros(example.shape)))
    monkeypatch.setattr(trace.TracedNetwork, "run", run_out)
    held = stand(handed(small), panel("answer", brightness))
    held.document.edit("network.device", "cuda")
    held.edit("input.edits.brightness", 0.5)
    (delivery,) = held.settled()
    torch.testing.assert_close(delivery.results["test-answer"][1], expected(small, 0.5))
    assert delivery.network.device.type == "cpu", "the window is to say where the network runs now"
    (failure,) = held.failures
    assert failure.severity == "warning"
    assert "memory" in failure.message
    assert "CPU" in failure.message
    assert "20 GiB" in failure.details
    held.edit("input.edits.brightness", 0.75)
    torch.testing.assert_close(held.result("test-answer")[1], expected(small, 0.75))
    assert len(held.failures) == 1


def test_out_of_memory_on_the_cpu_is_told_in_the_panels(stand, panel, handed, gated, gate, brightness):
    held = stand(handed(gated), panel("answer", brightness))
    held.ask()
    held.settled()
    gate.error = torch.OutOfMemoryError("no more")
    held.edit("input.edits.brightness", 0.5)
    (delivery,) = held.settled()
    assert "memory" in delivery.errors["test-answer"]
    gate.error = None
    held.edit("input.edits.brightness", 0.6)
    assert held.result("test-answer")[0] == 0.6


def test_a_fault_of_the_engine_itself_does_not_end_it(stand, panel, handed, small, monkeypatch, brightness):
    held = stand(handed(small), panel("answer", brightness))
    held.ask()
    held.settled()
    with monkeypatch.context() as patch:
        patch.setattr(Computation, "observe", lambda *_: 1 / 0)
        held.ask()
        (delivery,) = held.settled()
    assert "division by zero" in delivery.errors["test-answer"]
    assert len(held.failures) == 1
    held.ask()
    assert held.result("test-answer")[0] == 0.0
