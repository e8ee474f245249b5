"""The engine's thread: what it computes, what it skips, and that nothing stops it."""

import threading
import time

import pytest
import torch
from torch import nn

from cnnviz.engine import computation
from cnnviz.engine.panel import ComputeCancelled


def test_a_request_is_answered_with_what_the_network_computes(stand, panel, handed, small, brightness, expected):
    held = stand(handed(small, mean=(0.25,), std=(0.5,)), panel("answer", brightness))
    held.edit("input.edits.brightness", 0.75)
    delivery = held.settled()[-1]
    value, output = delivery.results["test-answer"]
    assert value == 0.75
    torch.testing.assert_close(output, expected(small, (0.75 - 0.25) / 0.5))
    assert delivery.complete
    assert delivery.version == held.document.version
    assert delivery.network.name.startswith("Small")
    assert delivery.network_error is None
    assert delivery.total_ms >= delivery.forward_ms > 0


def test_while_a_pass_runs_only_the_newest_request_waits_and_none_is_cancelled(
    stand, panel, handed, gated, gate, brightness
):
    held = stand(handed(gated), panel("answer", brightness))
    held.ask()
    held.settled()
    passes = gate.passes
    gate.hold()
    held.edit("input.edits.brightness", 0.1)
    gate.wait_for_pass()
    for step in range(2, 10):
        held.edit("input.edits.brightness", step / 10)
    assert held.deliveries == []
    gate.open.set()
    values = [delivery.results["test-answer"][0] for delivery in held.settled()]
    assert values == [0.1, 0.9]
    assert gate.passes == passes + 2


def test_another_network_cancels_the_running_pass(stand, panel, handed, gated, gate, small, brightness):
    last = type(gate)()
    held = stand(handed(nn.Sequential(gate, small, last)), panel("answer", brightness))
    held.ask()
    held.settled()
    passes = last.passes
    gate.hold()
    held.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    held.document.edit("network.source", handed(small))
    held.ask()
    gate.open.set()
    (delivery,) = held.settled()
    assert delivery.version == held.document.version
    assert delivery.network.module is small
    assert last.passes == passes, "the cancelled pass went on to its last layer"


def test_all_panels_share_one_pass_and_it_is_used_again(stand, panel, handed, gated, gate, brightness):
    panel("nobody", brightness)
    first = panel("first", lambda scene, seen, _: seen.values["1.conv"].sum(), layers=lambda scene, graph: ["1.conv"])
    second = panel("second", lambda scene, seen, _: seen.values["1.pool"].sum(), layers=lambda scene, graph: ["1.pool"])
    third = panel(
        "third",
        lambda scene, seen, _: scene.selection.channel,
        depends=("network", "input", "unit"),
        layers=lambda scene, graph: ["1.conv"],
    )
    held = stand(handed(gated), first, second, third)
    held.ask()
    held.settled()
    passes = gate.passes
    held.edit("input.edits.brightness", 0.5)
    (delivery,) = held.settled()
    assert set(delivery.results) == {"test-first", "test-second", "test-third"}
    assert gate.passes == passes + 1

    held.edit("selection.channel", 2)
    (delivery,) = held.settled()
    assert delivery.results == {"test-third": 2}
    assert delivery.forward_ms is None, "there was no pass"
    for path, value in (
        ("appearance.theme", "light"),
        ("layout.state", "AA"),
        ("pointer", {"layer": "1.conv", "channel": 0, "row": 0, "column": 0}),
        ("panels.test-nobody.level", 1),
        ("input.edits.rotation", 0.0),
    ):
        held.edit(path, value)
        (delivery,) = held.settled()
        assert delivery.results == {}, path
        assert delivery.complete
        assert delivery.version == held.document.version
    assert gate.passes == passes + 1


def test_what_a_panel_depends_on_decides_when_it_is_computed(stand, panel, handed, small):
    on = {
        name: panel(name, lambda *_, name=name: name, depends=(name,), layers=None)
        for name in ("network", "input", "layer", "unit", "pointer")
    }
    held = stand(handed(small, mean=(0.25,), std=(0.5,)), *on.values())
    held.ask()
    held.settled()

    def computed(path, value):
        held.edit(path, value)
        (delivery,) = held.settled()
        return set(delivery.results.values())

    assert computed("input.edits.brightness", 0.3) == {"input"}
    assert computed("input.fit.normalise", "none") == {"input"}
    assert computed("selection.layer", "pool") == {"layer", "unit"}
    assert computed("selection.channel", 1) == {"unit"}
    assert computed("pointer", {"layer": "conv", "channel": 0, "row": 0, "column": 1}) == {"pointer"}
    assert computed("panels.test-layer.level", 1) == {"layer"}
    assert computed("network.device", "cpu") == {"network"}


def test_hidden_panels_compute_nothing_until_they_are_seen(stand, panel, handed, gated, gate, brightness):
    seen, hidden = panel("seen", brightness), panel("hidden", brightness)
    held = stand(handed(gated), seen, hidden)
    held.visible = frozenset({seen.id})
    held.ask()
    (delivery,) = held.settled()
    assert set(delivery.results) == {seen.id}
    passes = gate.passes
    held.visible = frozenset({seen.id, hidden.id})
    held.ask()
    (delivery,) = held.settled()
    assert set(delivery.results) == {hidden.id}
    assert gate.passes == passes, "the pass was there already"

    held.visible = frozenset()
    held.edit("input.edits.brightness", 0.5)
    (delivery,) = held.settled()
    assert (dict(delivery.results), gate.passes) == ({}, passes)


def test_a_newly_visible_panel_may_ask_for_further_layers(stand, panel, handed, gated, gate, small, brightness):
    seen = panel("seen", brightness)
    asks = panel("asks", lambda scene, seen, _: seen.values["1.relu"].clone(), layers=lambda *_: ["1.relu"])
    held = stand(handed(gated), seen, asks)
    held.visible = frozenset({seen.id})
    held.edit("input.edits.brightness", 0.5)
    held.settled()
    passes = gate.passes
    held.visible = frozenset({seen.id, asks.id})
    held.ask()
    with torch.no_grad():
        wanted = small.relu(small.conv(torch.full((1, 1, 8, 8), 0.5)))
    torch.testing.assert_close(held.result(asks.id), wanted)
    assert gate.passes == passes + 1


class Refining:
    """A panel's computation: a coarse answer, then as many finer ones as the test lets through."""

    def __init__(self, finer: int = 2) -> None:
        self.finer = finer
        self.begun = 0
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def __call__(self, scene, observation, cancelled):
        self.begun += 1
        yield "coarse"
        for step in range(self.finer):
            self.entered.release()
            assert self.open.wait(30)
            if self.error is not None:
                raise self.error
            yield f"fine {step}"


def test_slow_panels_answer_coarse_first_and_fine_then(stand, panel, handed, small, brightness):
    held = stand(handed(small), panel("slow", Refining()), panel("answer", brightness))
    held.ask()
    deliveries = held.settled()
    assert [delivery.results.get("test-slow") for delivery in deliveries] == ["coarse", "fine 0", "fine 1"]
    assert "test-answer" in deliveries[0].results
    assert all("test-answer" not in delivery.results for delivery in deliveries[1:])


def test_two_slow_panels_refine_in_turn(stand, panel, handed, small):
    held = stand(handed(small), panel("slow", Refining(2)), panel("other", Refining(1)))
    held.ask()
    refined = [next(iter(delivery.results.items())) for delivery in held.settled()[1:]]
    assert refined == [("test-slow", "fine 0"), ("test-other", "fine 0"), ("test-slow", "fine 1")]


def test_a_superseded_fine_answer_is_dropped_and_computed_anew(stand, panel, handed, small):
    slow = Refining()
    held = stand(handed(small), panel("slow", slow))
    slow.open.clear()
    held.ask()
    assert slow.entered.acquire(timeout=30)
    held.edit("appearance.theme", "light")
    slow.open.set()
    results = [delivery.results["test-slow"] for delivery in held.settled()]
    assert results == ["coarse", "fine 0", "coarse", "fine 0", "fine 1"]
    assert slow.begun == 2


@pytest.mark.parametrize("error", [RuntimeError("half way"), ValueError("half way")])
def test_a_fault_in_a_fine_answer_is_that_panels_alone(stand, panel, handed, small, error, brightness):
    slow = Refining()
    slow.error = error
    held = stand(handed(small), panel("slow", slow), panel("other", Refining(1)), panel("answer", brightness))
    held.ask()
    deliveries = held.settled()
    errors = {name: message for delivery in deliveries for name, message in delivery.errors.items()}
    assert set(errors) == {"test-slow"}
    assert "half way" in errors["test-slow"]
    assert any(delivery.results.get("test-other") == "fine 0" for delivery in deliveries)


def test_a_panel_that_gives_itself_up_is_computed_anew(stand, panel, handed, small):
    slow = Refining()
    slow.error = ComputeCancelled()
    held = stand(handed(small), panel("slow", slow))
    held.ask()
    assert [delivery.results["test-slow"] for delivery in held.settled()] == ["coarse"]
    slow.error = None
    held.ask()
    assert [delivery.results["test-slow"] for delivery in held.settled()] == ["coarse", "fine 0", "fine 1"]


def test_with_a_slow_network_panels_that_need_no_pass_come_first(
    stand, panel, handed, gated, gate, brightness, monkeypatch
):
    monkeypatch.setattr(computation, "EARLY_DELIVERY_MS", 20.0)
    free = panel("free", lambda scene, *_: scene.input.edits.brightness, layers=None)
    held = stand(handed(gated), panel("answer", brightness), free)
    held.ask()
    held.settled()
    gate.hold()
    held.edit("input.edits.brightness", 0.25)
    gate.wait_for_pass()
    time.sleep(0.05)  # this pass is a slow one
    gate.open.set()
    held.settled()
    gate.hold()
    held.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    (early,) = held.deliveries
    assert dict(early.results) == {"test-free": 0.5}
    assert not early.complete
    gate.open.set()
    early, late = held.settled()
    assert set(late.results) == {"test-answer"}
    assert late.complete


def test_closing_in_the_middle_of_a_pass_ends_it_at_the_next_layer(stand, panel, handed, gated, gate, brightness):
    held = stand(handed(gated), panel("answer", brightness))
    held.ask()
    held.settled()
    gate.hold()
    held.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    held.edit("input.edits.brightness", 0.6)
    assert held.engine.close(0.05) is False, "the pass cannot have ended"
    gate.open.set()
    assert held.engine.close(30) is True
    assert held.deliveries == []
    assert held.engine.idle
    held.ask()
    assert held.engine.wait_until_idle(0.1), "a closed engine takes no request"


def test_closing_an_idle_engine_ends_its_thread(stand, panel, handed, small, brightness):
    held = stand(handed(small), panel("answer", brightness))
    held.ask()
    held.settled()
    assert held.engine.close() is True
    assert "cnnviz-engine" not in {thread.name for thread in threading.enumerate()}
    assert held.engine.close() is True


def test_waiting_gives_up_after_its_time(stand, panel, handed, gated, gate, brightness):
    held = stand(handed(gated), panel("answer", brightness))
    held.ask()
    held.settled()
    gate.hold()
    held.edit("input.edits.brightness", 0.5)
    gate.wait_for_pass()
    assert not held.engine.idle
    assert held.engine.wait_until_idle(0.01) is False
    gate.open.set()
    assert held.engine.wait_until_idle(30)
    assert held.engine.idle


def test_the_synchronous_engine_has_delivered_when_a_request_returns(stand, panel, handed, small, brightness, expected):
    threads = threading.active_count()
    held = stand(handed(small), panel("slow", Refining()), panel("answer", brightness), synchronous=True)
    held.edit("input.edits.brightness", 0.5)
    assert threading.active_count() == threads
    assert [delivery.results.get("test-slow") for delivery in held.deliveries] == ["coarse", "fine 0", "fine 1"]
    assert held.engine.idle
    torch.testing.assert_close(held.deliveries[0].results["test-answer"][1], expected(small, 0.5))


def test_a_request_made_while_the_synchronous_engine_delivers_comes_after(stand, panel, handed, small, brightness):
    held = stand(handed(small), panel("slow", Refining()), panel("answer", brightness), synchronous=True)
    asked = []

    class Asking(list):
        def append(self, delivery):
            super().append(delivery)
            if not asked:
                asked.append(True)
                held.edit("input.edits.brightness", 0.9)

    held.engine._deliver = (kept := Asking()).append
    held.ask()
    versions = [delivery.version for delivery in kept]
    assert versions == sorted(versions)
    assert kept[-1].version == held.document.version
    assert kept[-1].results["test-slow"] == "fine 1"
    assert sum("fine 0" in delivery.results.values() for delivery in kept) == 1


def test_no_hook_is_left_on_a_module(stand, panel, handed, gated, small, brightness):
    held = stand(handed(gated), panel("answer", brightness, layers=lambda *_: ["1.conv", "1.relu"]))
    for step in range(3):
        held.edit("input.edits.brightness", step / 3)
    held.settled()
    for module in gated.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_a_module_handed_over_stays_where_it_is_and_in_its_mode(stand, panel, handed, small, brightness):
    small.train()
    small.head.eval()
    held = stand(handed(small), panel("answer", brightness))
    held.ask()
    (delivery,) = held.settled()
    assert delivery.network.device == small.conv.weight.device
    assert (small.training, small.conv.training, small.head.training) == (True, True, False)
