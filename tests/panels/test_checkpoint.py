"""Checkpoint: what is said of a file, its hash, and its tensors' statistics against NumPy's."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.checkpoints.identify import network_path
from cnnviz.core import tensor_statistics
from cnnviz.core.tensor_statistics import real_values
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.nets.registry import build
from cnnviz.panels import PANELS
from cnnviz.scene.document import Document


@pytest.fixture
def computation_of(tmp_path):
    """What the panel is given for a scene, one delivery after the other; and what goes wrong meanwhile."""

    def begin(edits):
        document, hub, told = Document(), FailuresHub(), []
        hub.listen(told.append)
        document.edit_many(edits)
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), hub)
        request = Request(document.scene, document.version, frozenset({"checkpoint"}))
        return iter(computation.run(request, lambda: False, lambda: False)), told

    return begin


@pytest.fixture
def looked_at(computation_of):
    """All results for a file, the coarse one first; what was refused in words is the last."""

    def look(path, table="tensors"):
        deliveries, _ = computation_of({"panels.checkpoint.path": path and str(path), "panels.checkpoint.table": table})
        return [each.results.get("checkpoint", each.errors.get("checkpoint")) for each in deliveries]

    return look


def test_a_file_is_told_first_and_measured_then(looked_at, tmp_path):
    path = tmp_path / "copy.safetensors"
    path.write_bytes(network_path("mnist-lenet").read_bytes())
    first, *_, last = looked_at(path)
    assert (first.status, first.sha256, first.done) == ("opened", None, 0)
    assert last.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert last.parameters == 114_314
    assert [row.name for row in last.rows] == sorted(row.name for row in last.rows)
    assert sum(row.values for row in last.rows) == 114_314
    assert sum(row.share for row in last.rows) == pytest.approx(1)
    assert all(row.statistics is not None for row in last.rows)


def test_a_tensor_whose_values_cannot_be_read_says_so_and_the_others_are_measured(looked_at, monkeypatch):
    def refusing(tensor):
        if tensor.ndim == 4:
            raise ValueError("the values are damaged")
        return real_values(tensor)

    monkeypatch.setattr(tensor_statistics, "real_values", refusing)
    rows = looked_at(None)[-1].rows
    unread = [row for row in rows if len(row.shape) == 4]
    assert [(row.note, row.statistics) for row in unread] == [("(its values cannot be read)", None)] * 2
    assert all(row.statistics is not None and not row.note for row in rows if row not in unread)


def test_without_a_file_it_is_the_networks_own(looked_at):
    assert looked_at(None)[-1].path == str(network_path("mnist-lenet"))


def test_a_state_dict_that_is_no_known_network_is_shown_by_its_tensors(looked_at, tmp_path):
    torch.manual_seed(1)
    weight = torch.randn(3, 5)
    weight[0, 0], weight[1, 1], weight[2, 2] = float("nan"), float("inf"), 0.0
    path = tmp_path / "odd.pt"
    torch.save({"epoch": 7, "state_dict": {"odd.weight": weight}}, path)
    last = looked_at(path)[-1]
    assert last.status == "partial"
    (row,) = last.rows
    assert row.shape == (3, 5)
    finite = weight.numpy()[np.isfinite(weight.numpy())].astype(np.float64)
    assert row.statistics.norm == pytest.approx(np.linalg.norm(finite))
    assert row.statistics.mean == pytest.approx(finite.mean())
    assert row.statistics.std == pytest.approx(finite.std())
    assert (row.statistics.zeros, row.statistics.not_finite) == (1, 2)
    assert ("epoch", "7") in last.metadata


def test_a_file_that_asks_for_code_says_so(looked_at, tmp_path):
    class Evil:
        def __reduce__(self):
            return eval, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    path = tmp_path / "evil.pt"
    torch.save({"weight": torch.ones(2), "extra": Evil()}, path)
    last = looked_at(path)[-1]
    assert any("eval" in name for name in last.refused)
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_is_one_sentence(looked_at, tmp_path):
    (message,) = looked_at(tmp_path / "gone.pt")
    assert "gone.pt" in message
    assert "open another" in message


@pytest.mark.parametrize("change", ["gone", "a folder", "shorter"])
def test_a_file_that_changes_while_it_is_looked_at_has_no_hash(computation_of, tmp_path, change):
    path = tmp_path / "copy.safetensors"
    path.write_bytes(network_path("mnist-lenet").read_bytes())
    deliveries, told = computation_of({"panels.checkpoint.path": str(path)})
    next(deliveries)  # what the file is
    if change == "shorter":
        path.write_bytes(b"")
    else:
        path.unlink()
    if change == "a folder":
        path.mkdir()
    last = [*deliveries][-1]
    assert dict(last.errors) == {}
    result = last.results["checkpoint"]
    assert (result.status, result.sha256, result.done) == ("opened", "", len(result.rows))
    assert told == []


def test_a_module_from_python_lists_its_tensors(computed):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3))
    result = computed("checkpoint", module, (1, 8, 8))
    assert result.parameters == sum(each.numel() for each in module.parameters())
    assert [row.name for row in result.rows] == list(module.state_dict())
    assert result.rows[0].statistics.norm == pytest.approx(float(module[0].weight.detach().norm()), rel=1e-6)


def test_layers_are_listed_with_what_they_cost(computed):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    edits = {"panels.checkpoint.table": "layers"}
    conv, relu, flatten, linear = computed("checkpoint", module, (1, 8, 8), edits).layers
    assert (conv.name, conv.type, conv.output_shape) == ("0", "Conv2d", (2, 6, 6))
    assert (conv.weights, conv.macs) == (2 * 9 + 2, 36 * 2 * 9)
    assert (conv.weight_bytes, conv.map_bytes) == (20 * 4, 72 * 4)
    assert (relu.weights, relu.macs, relu.map_bytes) == (0, 0, 72 * 4)
    assert (flatten.output_shape, linear.macs) == ((72,), 72 * 3)


def test_layers_of_a_file_that_is_not_run_have_their_weights_alone(looked_at, tmp_path):
    path = tmp_path / "nobodys.pt"
    torch.save({"body.weight": torch.ones(4, 7, 3, 3), "body.bias": torch.ones(4)}, path)
    *_, result = looked_at(path, table="layers")
    (layer,) = result.layers
    assert (layer.type, layer.weights, layer.weight_bytes) == ("Conv2d", 4 * 7 * 9 + 4, (4 * 7 * 9 + 4) * 4)
    assert (layer.output_shape, layer.macs, layer.map_bytes) == (None, None, None)


def test_what_is_said_in_the_window_names_no_option_of_the_command_line(looked_at, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "several.pt"
    chain = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24 * 24, 10)).state_dict()
    torch.save({"model": chain, "ema": chain}, path)
    message = looked_at(path)[-1].message
    assert message.startswith("several.pt may be a chain of 2 layers")
    assert "correct it in the panel Guess where it is wrong, and open it" in message
    assert "which you can choose below" in message
    assert "--" not in message
    known = tmp_path / "known.pt"
    torch.save(build("cifar-resnet20", {}).state_dict(), known)
    said = looked_at(known)[-1].message
    assert "--" not in said
    assert str(tmp_path) not in said


def test_one_of_several_networks_in_a_file_can_be_chosen(start, tmp_path, settle, latest, named):
    from PyQt6.QtCore import Qt
    from PyQt6.QtTest import QTest

    from cnnviz.scene import actions

    torch.manual_seed(0)
    path = tmp_path / "two.pt"
    states = {name: build("cifar-resnet20", {}).state_dict() for name in ("state_dict", "ema_state_dict")}
    torch.save(states, path)
    document = Document(actions.first_scene())
    actions.use_network(document, f"file:{path}", 3)
    program = start(document.scene)
    program.window.show_panel("checkpoint")
    settle(program)
    assert latest["checkpoint"].networks == ("state_dict", "ema_state_dict")
    combo = named(program.window, "Network in the file")
    assert combo.value() == "state_dict"
    QTest.keyClick(combo, Qt.Key.Key_Down)
    settle(program)
    assert program.document.scene.network.select == "ema_state_dict"
    assert latest["checkpoint"].selected == "ema_state_dict"
    shown = latest["filters"].kernel_values
    expected = states["ema_state_dict"]["conv1.weight"][0].mean(0)
    np.testing.assert_allclose(shown, expected.numpy(), rtol=1e-5, atol=1e-6)
    actions.use_network(program.document, "shipped:mnist-lenet", 1)
    assert program.document.scene.network.select is None
