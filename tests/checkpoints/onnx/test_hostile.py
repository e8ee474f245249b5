"""Files that are damaged, or that lie: one clear sentence, at once, and nothing read that should not be."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, load_model_from_string, numpy_helper

import cnnviz
from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.onnx.open import GeneratedTooMuch, open_onnx, read_plan
from cnnviz.checkpoints.onnx.values import contents_of
from cnnviz.checkpoints.sandbox import START

F32 = np.float32
RELU = helper.make_node("Relu", ["x"], ["y"], "act")


@pytest.fixture
def network(graphs, random):
    """The bytes of a small file with weights."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "s", "s", "s", "s"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["y"]),
    ]
    constants = {"w": random.random((2, 1, 3, 3), F32), "s": random.random(2, F32), "shape": np.array([0, 2, -1])}
    return graphs.write(nodes, (1, 1, 4, 4), constants=constants).read_bytes()


def refusal(path, data=None):
    """The sentence with which a file is refused."""
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        open_onnx(path)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def changed(data, change):
    model = load_model_from_string(data)
    change(model)
    return model.SerializeToString()


def test_a_file_that_is_cut_short_anywhere_is_refused_or_still_whole(graphs, network, tmp_path):
    path = tmp_path / "cut.onnx"
    for length in range(len(network)):
        path.write_bytes(network[:length])
        with pytest.raises(CheckpointError):
            graphs.open(path)


def test_mutated_files_open_or_are_refused(graphs, network, tmp_path):
    """The rest of the program never sees another error."""
    path = tmp_path / "mutated.onnx"
    random = np.random.default_rng(11)
    refused = 0
    for number in range(600):
        data = bytearray(network)
        for _ in range(random.integers(1, 4)):
            data[random.integers(len(data))] = random.integers(256)
        path.write_bytes(data)
        try:
            found = open_onnx(path) if number % 50 == 0 else graphs.open(path)
        except CheckpointError:
            refused += 1
        else:
            assert found.module is not None or found.message
    assert 50 < refused < 550


def test_what_is_no_onnx_file_is_refused(tmp_path):
    path = tmp_path / "file"
    assert "empty" in refusal(path, b"")
    for data in (b"PK\x03\x04" + bytes(100), b"\x80\x02}q\x00.", b"hello, world", bytes(1000), b"\x89HDF\r\n\x1a\n"):
        refusal(path, data)
    assert "is a folder" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "missing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([("Relu", ["b"], ["a"]), ("Relu", ["a"], ["b"]), ("Relu", ["x"], ["y"])], "not in order"),
        ([("Relu", ["a"], ["y"]), ("Relu", ["x"], ["a"])], "not in order"),
        ([("Relu", ["nothing"], ["y"])], "nothing gives"),
        ([("Relu", ["x"], ["y"]), ("Neg", ["x"], ["y"])], "two values are called 'y'"),
        ([("Relu", ["x"], ["x"])], "two values are called 'x'"),
        ([("Relu", ["x"], ["z"])], "nothing gives its output 'y'"),
    ],
)
def test_graphs_that_no_order_fits_are_refused(graphs, nodes, said):
    path = graphs.write([helper.make_node(*node) for node in nodes], (1, 1, 2, 2))
    assert said in refusal(path)


def test_names_that_are_given_twice_are_refused(network, tmp_path):
    path = tmp_path / "twice.onnx"
    twice = changed(network, lambda model: model.graph.initializer.append(model.graph.initializer[0]))
    assert "two values are called 'w'" in refusal(path, twice)
    attribute = changed(network, lambda model: model.graph.node[0].attribute.append(model.graph.node[0].attribute[0]))
    assert "two attributes called 'pads'" in refusal(path, attribute)
    assert "two graphs" in refusal(path, network + b"\x3a\x00")


@pytest.mark.parametrize("shape", [[2**62], [2**31, 2**31, 4], [-1, 3], [1] * 17, [0, 2**62], [2**62, 2**62]])
def test_tensors_that_claim_what_is_not_there_are_refused(network, tmp_path, shape):
    def claim(model):
        del model.graph.initializer[0].dims[:]
        model.graph.initializer[0].dims.extend(shape)

    assert "'w'" in refusal(tmp_path / "huge.onnx", changed(network, claim))


def test_tensors_of_unknown_types_are_refused(network, tmp_path):
    def retype(model):
        model.graph.initializer[0].data_type = 99

    assert "type 99" in refusal(tmp_path / "type.onnx", changed(network, retype))


def test_packed_numbers_must_be_as_many_as_the_shape_says(graphs, tmp_path):
    data = graphs.write([RELU], (1, 2)).read_bytes()

    def add(model):
        model.graph.initializer.append(helper.make_tensor("t", TensorProto.INT64, [2], [1, 300]))
        model.graph.initializer[0].dims[0] = 3

    assert "has 2 values" in refusal(tmp_path / "few.onnx", changed(data, add))


def external(location, size=8, **entries):
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def with_external(graphs, tensor):
    path = graphs.write([RELU], (1, 2))
    path.write_bytes(changed(path.read_bytes(), lambda model: model.graph.initializer.append(tensor)))
    return path


def test_weights_in_a_file_beside_it_are_read(graphs, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "all.bin").write_bytes(b"\0" * 16 + np.array([1.5, -2], F32).tobytes())
    path = with_external(graphs, external("weights/all.bin", offset=16, length=8))
    assert contents_of(read_plan(path), path).load("t").tolist() == [1.5, -2.0]


@pytest.mark.parametrize(
    ("location", "entries", "said"),
    [
        ("../secret", {}, "outside"),
        ("weights/../../secret", {}, "outside"),
        ("/etc/passwd", {}, "outside"),
        ("..\\secret", {}, "outside"),
        ("C:\\secret", {}, "outside"),
        ("\\\\server\\share", {}, "outside"),
        ("", {}, "outside"),
        ("a\0b", {}, "outside"),
        ("missing", {}, "not beside it"),
        (".", {}, "not beside it"),
        ("short.bin", {}, "too short"),
        ("long.bin", {"offset": 1 << 62}, "too short"),
        ("long.bin", {"offset": -8}, "needs 8 bytes"),
        ("long.bin", {"length": 1 << 40}, "needs 8 bytes"),
        ("long.bin", {"offset": "x"}, "no number"),
        ("link", {}, "link to outside"),
    ],
)
def test_weights_anywhere_else_are_not_read(graphs, tmp_path, location, entries, said):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(64))
    (folder / "short.bin").write_bytes(bytes(7))
    (folder / "long.bin").write_bytes(bytes(64))
    (folder / "link").symlink_to(tmp_path / "secret")
    made = with_external(graphs, external(location, **entries))
    path = folder / "model.onnx"
    path.write_bytes(made.read_bytes())
    assert said in refusal(path)


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand", "Tile", "Add", "Range", "Pad", "Resize"])
def test_a_small_file_that_makes_large_constants_asks_first(graphs, operator, soon):
    side = 1 << 20 if operator == "Range" else 6000
    shape = np.array([1, 1, side, side])
    one = np.ones((1, 1, 1, 1), F32)
    constants = {"one": one, "shape": shape, "row": np.ones((side, 1), F32), "column": np.ones((1, side), F32)}
    made = {
        "ConstantOfShape": helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        "Expand": helper.make_node("Expand", ["one", "shape"], ["big"]),
        "Tile": helper.make_node("Tile", ["one", "shape"], ["big"]),
        "Add": helper.make_node("Add", ["row", "column"], ["big"]),
        "Pad": helper.make_node("Pad", ["one", "pads"], ["big"]),
        "Resize": helper.make_node("Resize", ["one", "", "", "shape"], ["big"]),
    }
    constants["pads"] = np.array([0, 0, 0, 0, 0, 0, side - 1, side - 1])
    many = [helper.make_node("Range", ["zero", "limit", "step"], [f"r{index}"]) for index in range(9)]
    nodes = (
        [*many, helper.make_node("Concat", [f"r{index}" for index in range(9)], ["big"], axis=0)]
        if operator == "Range"
        else [made[operator]]
    )
    constants |= {"zero": np.array(0), "limit": np.array(1 << 20), "step": np.array(1)}
    nodes += [helper.make_node("ReduceMax", ["big"], ["m"], keepdims=0), helper.make_node("Add", ["x", "m"], ["y"])]
    if operator == "Range":
        nodes.insert(-1, helper.make_node("Cast", ["m"], ["f"], to=1))
        nodes[-1] = helper.make_node("Add", ["x", "f"], ["y"])
    path = graphs.write(nodes, (1, 1, 2, 2), constants=constants)
    with soon(2), pytest.raises(GeneratedTooMuch, match="MB that are not in the file") as caught:
        open_onnx(path)
    assert caught.value.size > 64_000_000
    allowed = open_onnx(path, generated_limit=400_000_000)
    assert allowed.module(torch.zeros(1, 1, 2, 2)).shape == (1, 1, 2, 2)


def test_a_constant_that_no_memory_could_hold_is_not_made(graphs):
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("Conv", ["x", "big"], ["y"]),
    ]
    for shape in ([2**40, 1, 3, 3], [2**31, 2**31, 1, 1], [143_000_000, 1, 1, 1]):
        path = graphs.write(nodes, (1, 1, 4, 4), constants={"shape": np.array(shape)})
        try:
            assert open_onnx(path).module is None
        except GeneratedTooMuch:
            continue


def test_endless_lists_and_names_are_refused(graphs, tmp_path):
    path = tmp_path / "long.onnx"
    node = helper.make_node("Relu", ["x"], ["y"], pads=list(range(70_000)))
    assert "longer than" in refusal(path, graphs.write([node], (1, 2)).read_bytes())
    node = helper.make_node("Relu", ["x"], ["y"], "n" * 70_000)
    assert "longer than" in refusal(path, graphs.write([node], (1, 2)).read_bytes())
    nodes = [helper.make_node("Relu", ["x"], [f"v{index}"]) for index in range(20_001)]
    assert "more than 20,000 nodes" in refusal(graphs.write([*nodes, RELU], (1, 2)))


def test_deep_nesting_is_not_followed(graphs):
    """Graphs within graphs are those of control flow, which is not computed."""
    graph = helper.make_graph([RELU], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    for _ in range(20):
        node = helper.make_node("If", ["x"], ["y"], then_branch=graph)
        graph = helper.make_graph([node], "g", [], graph.output)
    node = helper.make_node("If", ["x"], ["y"], then_branch=graph)
    found = open_onnx(graphs.write([node], (1, 2)))
    assert found.module is None
    assert "If" in found.message


def test_an_image_that_is_too_large_is_not_made(graphs):
    found = open_onnx(graphs.write([RELU], (1, 3, 60_000, 60_000)))
    assert found.module is None
    assert "GiB" in found.message
    assert "too large" in open_onnx(graphs.write([RELU], (1, 3, 2**40, 3))).message


def test_a_file_that_shrinks_after_it_was_opened_is_noticed(graphs):
    weight = numpy_helper.from_array(np.ones(4, F32), "t")
    path = with_external(graphs, weight)
    contents = contents_of(read_plan(path), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="shorter"):
        contents.load("t")


def test_the_parser_needs_the_standard_library_alone(network):
    """So that a process without anything else can read what is not trusted."""
    code = (
        f"{START} from cnnviz.checkpoints.onnx.parse import parse;"
        "print(len(parse(memoryview(sys.stdin.buffer.read()))['nodes']), 'numpy' in sys.modules)"
    )
    folder = os.path.dirname(cnnviz.__file__)
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, folder], input=network, capture_output=True, timeout=250, check=True
    )
    assert run.stdout.split() == [b"4", b"False"]


_WATCHED = """
import codecs, os
from cnnviz.checkpoints.onnx.parse import parse
from cnnviz.checkpoints.sandboxed import answer
codecs.lookup("utf-8")
data = sys.stdin.buffer.read()
harmless = ("object.__getattr__", "sys._getframe")
sys.addaudithook(lambda event, _: None if event in harmless else os._exit(77))
sys.stdout.write("read" if "plan" in answer(lambda data: {**parse(data)}, memoryview(data)) else "refused")
"""


def test_reading_touches_nothing(network, graphs, tmp_path):
    """In a process where every audit event but reading is fatal; with all that a file could ask for in it."""
    outside = changed(network, lambda model: model.graph.initializer.append(external("../secret")))
    inside = changed(network, lambda model: model.graph.initializer.append(external("weights.bin")))
    custom = graphs.write([helper.make_node("Run", ["x"], ["y"], domain="evil", code="import os")], (1, 2)).read_bytes()
    code = START + _WATCHED
    command = [sys.executable, "-I", "-S", "-c", code, os.path.dirname(cnnviz.__file__)]
    for data, expected in ((network, b"read"), (outside, b"refused"), (inside, b"read"), (custom, b"read")):
        run = subprocess.run(command, input=data, capture_output=True, timeout=250, check=False)
        assert (run.returncode, run.stdout) == (0, expected), run.stderr
