"""The graph of a program from its text, against what torch itself makes of the program."""

import json
import time

import pytest
import torch
from torch import nn

from cnnviz.checkpoints.inert.program_graph import export_graph, script_graph
from cnnviz.checkpoints.reader import read_checkpoint


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.side = nn.Conv2d(2, 4, 1, bias=False)

    def forward(self, images):
        return torch.max_pool2d(self.convs(images) + self.side(images), 2)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Block(), nn.Conv2d(4, 2, 3)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 3))

    def forward(self, images):
        return torch.softmax(self.head(self.second(self.first(images)).mean((2, 3))), 1)


MODULES = ["first.convs.0", "first.convs.1", "first.convs.2", "first.side", "second", "head.1"]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network().eval()


def split(graph):
    """Paths and operators."""
    return [entry.rpartition(": ")[::2] for entry in graph]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["trace", "script"])
def test_the_graph_of_a_script_is_read_from_its_code(kind, network, tmp_path):
    path = tmp_path / "program.pt"
    image = torch.zeros(1, 2, 8, 8)
    made = torch.jit.trace(network, image) if kind == "trace" else torch.jit.script(network)
    torch.jit.save(made, str(path))
    found = split(read_checkpoint(path).metadata["graph"])
    # What torch's own interpreter would run, with all calls written out.
    nodes = [node.kind() for node in torch.jit.load(str(path)).inlined_graph.nodes()]
    expected = [kind.removeprefix("aten::") for kind in nodes if kind.startswith("aten::")]
    if kind == "trace":
        assert [operator for _, operator in found] == expected
    else:
        assert {operator for _, operator in found} >= {"conv2d", "batch_norm", "max_pool2d", "linear", "softmax"}
    convolutions = [path for path, operator in found if operator.lstrip("_").startswith(("conv", "linear", "batch"))]
    assert convolutions == [name for name in MODULES if name != "first.convs.2"]
    assert ("first", "max_pool2d") in found
    assert found[-1] == ("", "softmax")


@pytest.mark.filterwarnings("ignore")
def test_the_graph_of_an_exported_program_is_read_from_its_json(network, tmp_path):
    path = tmp_path / "program.pt2"
    program = torch.export.export(network, (torch.zeros(1, 2, 8, 8),))
    torch.export.save(program, path)
    found = split(read_checkpoint(path).metadata["graph"])
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    assert [operator for _, operator in found] == [node.target.overloadpacket.__name__ for node in calls]
    assert ("first.convs.0", "conv2d") in found
    assert ("head.1", "linear") in found


def code(body):
    return {"code/__torch__/net.py": f"class Net(Module):\n  other : __torch__.net.Net\n{body}"}


def followed(body):
    begin = time.process_time()
    graph = script_graph(code(body), "__torch__.net.Net")
    assert time.process_time() - begin < 5
    return graph


def test_code_that_never_ends_or_is_none_has_no_graph():
    forward = "  def forward(self: __torch__.net.Net, x: Tensor) -> Tensor:\n"
    assert followed(f"{forward}    return torch.relu(x)\n") == ["relu"]
    assert followed(f"{forward}    return (self).forward(x, )\n") == []
    assert followed(f"{forward}    return (self.other).forward((self.other).forward(x, ), )\n") == []
    assert followed(f"{forward}    return {'(' * 5000}x{')' * 5000}\n") == []
    assert followed(f"{forward}    return {'-' * 50_000}x\n") == []
    assert followed(f"{forward}    return x{'.a' * 20_000}\n") == []
    assert followed("  def forward(self\n") == []
    assert followed(f"{forward}    return torch.relu(x)\n{'#' * (1 << 20)}") == []
    many = followed(f"{forward}" + "    x = torch.relu(x)\n" * 6_000)
    assert many == []
    methods = "".join(
        f"  def m{n}(self: __torch__.net.Net, x: Tensor):\n    return (self).m{n + 1}((self).m{n + 1}(x, ), )\n"
        for n in range(30)
    )
    assert followed(f"{forward}    return (self).m0(x, )\n{methods}") == []


def test_what_the_code_says_is_not_done(tmp_path):
    mark = tmp_path / "mark"
    forward = "  def forward(self: __torch__.net.Net, x: Tensor) -> Tensor:\n"
    followed(
        f"  y = open({str(mark)!r}, 'w')\n{forward}    return torch.relu(__import__('os').system('touch {mark}'))\n"
    )
    assert not mark.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"graph_module": {"graph": {"nodes": 3}}}', "[" * 100_000])
def test_json_of_another_kind_has_no_graph(text):
    assert export_graph(text) == []
    assert export_graph(json.dumps({"graph_module": {"graph": {"nodes": [{"target": None}, {}]}}})) == []


def test_ways_that_are_not_taken_in_evaluation_are_left_out():
    body = (
        "  training : bool\n"
        "  def forward(self: __torch__.net.Net, x: Tensor) -> Tensor:\n"
        "    training = self.training\n"
        "    if training:\n      y = torch.dropout(x, 0.5)\n    else:\n      y = torch.relu(x)\n"
        "    if bool(torch.max(x)):\n      z = torch.tanh(y)\n    else:\n      z = torch.sigmoid(y)\n"
        "    return z\n"
    )
    assert followed(body) == ["relu", "max", "tanh", "sigmoid"]
