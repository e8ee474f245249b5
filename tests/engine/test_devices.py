"""Where networks run."""

import pytest
import torch

from cnnviz.engine.devices import resolve_device


@pytest.fixture
def machine(monkeypatch):
    """A machine that has these accelerators."""

    def pretend(*, cuda: bool = False, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("has", "taken"),
    [({}, "cpu"), ({"mps": True}, "mps"), ({"cuda": True}, "cuda"), ({"cuda": True, "mps": True}, "cuda")],
)
def test_auto_takes_the_fastest_there_is(machine, has, taken):
    machine(**has)
    assert resolve_device("auto").type == taken


def test_the_device_asked_for_is_taken(machine):
    machine(cuda=True, mps=True)
    assert [resolve_device(choice).type for choice in ("cpu", "cuda", "mps")] == ["cpu", "cuda", "mps"]


@pytest.mark.parametrize("choice", ["cuda", "mps", "abacus"])
def test_a_device_that_is_not_there_is_refused_with_what_to_choose(machine, choice):
    machine()
    with pytest.raises(ValueError, match=rf"no {choice.upper()} device.*choose auto or cpu"):
        resolve_device(choice)
