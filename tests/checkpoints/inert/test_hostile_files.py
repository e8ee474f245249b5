"""Files that would run something when they are unpickled: here they end in a sentence, and nothing has happened."""

import io
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import safetensors.torch
import torch

from cnnviz.checkpoints import sandbox
from cnnviz.checkpoints.reader import RefusedFile, read_checkpoint

_PACKAGE = Path(sandbox.__file__).parents[1]


def _call(module, name, *arguments):
    """Opcodes of protocol 2 for ``module.name(*arguments)``."""
    return f"c{module}\n{name}\n".encode() + pickle.dumps(arguments, 2)[2:-1] + b"R"


def _gadgets(canary):
    """Calls that would leave ``canary`` behind, or start, load or connect something."""
    shell, code = f"touch {canary}", f"open({str(canary)!r}, 'w').close()"
    return {
        "builtins.eval": _call("builtins", "eval", code),
        "builtins.exec": _call("builtins", "exec", code),
        "builtins.compile": _call("builtins", "compile", code, "f", "exec"),
        "builtins.getattr": _call("builtins", "getattr", "x", "__class__"),
        "builtins.__import__": _call("__builtin__", "__import__", "antigravity"),
        "builtins.open": _call("builtins", "open", str(canary), "w"),
        "posix.system": _call("posix", "system", shell),
        "nt.system": _call("nt", "system", shell),
        "os.popen": _call("os", "popen", shell),
        "subprocess.Popen": _call("subprocess", "Popen", ["touch", str(canary)]),
        "subprocess.check_output": _call("subprocess", "check_output", ["touch", str(canary)]),
        "runpy._run_code": _call("runpy", "_run_code", code, {}),
        "pty.spawn": _call("pty", "spawn", ["touch", str(canary)]),
        "ctypes.CDLL": _call("ctypes", "CDLL", "libc.so.6"),
        "importlib.import_module": _call("importlib", "import_module", "antigravity"),
        "operator.attrgetter": _call("operator", "attrgetter", "system"),
        "operator.methodcaller": _call("operator", "methodcaller", "__call__"),
        "functools.partial": _call("functools", "partial", 1),
        "asyncio.unix_events._UnixSubprocessTransport._start": _call(
            "asyncio.unix_events", "_UnixSubprocessTransport._start", {}, ["touch", str(canary)], False
        ),
        "socket.create_connection": _call("socket", "create_connection", ("localhost", 9)),
        "webbrowser.open": _call("webbrowser", "open", "http://localhost"),
        "pickle.loads": _call("pickle", "loads", b"\x80\x02N."),
        "numpy.load": _call("numpy", "load", str(canary), None, True),
        "numpy.testing._private.utils.runstring": _call("numpy.testing._private.utils", "runstring", code, {}),
        "numpy.f2py.crackfortran.myeval": _call("numpy.f2py.crackfortran", "myeval", code),
        "torch.load": _call("torch", "load", str(canary)),
        "torch.hub.load": _call("torch.hub", "load", "a/b", "c"),
        "torch.jit.load": _call("torch.jit", "load", str(canary)),
        "torch.storage._load_from_bytes": _call("torch.storage", "_load_from_bytes", b"\x80\x02N."),
        "torch.utils.collect_env.run": _call("torch.utils.collect_env", "run", shell),
        "torch.utils.bottleneck.__main__.run_prof": _call("torch.utils.bottleneck.__main__", "run_prof", code, {}),
        "torch.distributed.rpc.internal._run_function": _call("torch.distributed.rpc.internal", "_run_function", code),
        "torch._dynamo.guards.GuardBuilder.get": _call("torch._dynamo.guards", "GuardBuilder.get", code),
        "torch.fx.graph_module._forward_from_src": _call("torch.fx.graph_module", "_forward_from_src", code, {}),
        "torch.serialization.torch.execWrapper": _call("torch.serialization", "torch.execWrapper", code),
        "torch.nn.Module.__reduce__": _call("torch.nn", "Module.__reduce__", 1),
        "sys.modules": b"csys\nmodules\n",
    }


# Run as the child runs, but where any event that the reader has no business with ends the process with status 77.
_WATCHED = """

import codecs
from cnnviz.checkpoints.inert import child, source
codecs.lookup("raw-unicode-escape")
data = sys.stdin.buffer.read()
harmless = ("sys._getframe", "object.__getattr__", "builtins.id")
def watch(event, arguments):
    if event not in harmless:
        sys.stderr.write(f"{event} {arguments!r}"[:300]); sys.stderr.flush()
        import os; os._exit(77)
sys.addaudithook(watch)
answer = child.answer(source.Source(memoryview(data)))
sys.stdout.write(repr(sorted(answer["refused"] if "refused" in answer else answer["plan"]["refused"])))
"""


def watched(data):
    command = [sys.executable, "-I", "-S", "-c", sandbox.START + _WATCHED, str(_PACKAGE)]
    return subprocess.run(command, input=data, capture_output=True, timeout=250, check=False)


def test_the_watch_would_see_something(tmp_path):
    """Unpickling one of the files with Python's own module ends the watched process."""
    script = _WATCHED.replace("child.answer(source.Source(memoryview(data)))", "__import__('pickle').loads(data)")
    command = [sys.executable, "-I", "-S", "-c", sandbox.START + script, str(_PACKAGE)]
    done = subprocess.run(command, input=b"cos\ngetcwd\n)R.", capture_output=True, timeout=250, check=False)
    assert done.returncode == 77
    assert b"import" in done.stderr or b"pickle.find_class" in done.stderr


def test_no_call_of_any_file_reaches_the_system(tmp_path, zipped, legacy, tensor_call):
    """All calls in one file of each kind, in a child where every audit event but reading is fatal."""
    canary = tmp_path / "canary"
    gadgets = _gadgets(canary)
    body = b"\x80\x02(" + b"".join(gadgets.values()) + b"l."
    for data in (zipped(body), legacy(body), body, zipped(b"\x80\x02}.", extra=body), b"junk" + body):
        done = watched(data)
        assert done.returncode == 0, done.stderr
        found = eval(done.stdout)  # noqa: S307 - what this test's own script has printed
        if not data.startswith(b"junk"):
            assert set(found) == set(gadgets)
    assert not canary.exists()


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_each_hostile_file_is_refused_in_one_sentence_that_names_the_call(
    kind, tmp_path, zipped, legacy, monkeypatch, soon
):
    canary = tmp_path / "canary"
    started = []
    events = []
    monkeypatch.setattr(subprocess, "Popen", _counting(subprocess.Popen, started))
    _watch_this_process(events)
    names = list(_gadgets(canary))
    for name in names if kind == "zip" else names[:6]:
        body = b"\x80\x02}X\x01\x00\x00\x00a" + _gadgets(canary)[name] + b"s."
        path = tmp_path / "hostile.pt"
        path.write_bytes(zipped(body) if kind == "zip" else legacy(body))
        events.clear()
        with soon(5), pytest.raises(RefusedFile) as refusal:
            read_checkpoint(path)
        assert refusal.value.refused == (name,)
        assert name[:80] in str(refusal.value)
        assert str(refusal.value).count("\n") == 0
        assert {event for event in events if event in _FORBIDDEN} == set()
    assert not canary.exists()
    assert len(started) == (len(names) if kind == "zip" else 6)  # the reader's own, one for each file


_FORBIDDEN = ("exec", "compile", "import", "os.system", "pickle.find_class", "socket.connect", "ctypes.dlopen")
_listeners: list[list[str]] = []


def _watch_this_process(events):
    """Audit hooks cannot be taken back; this one is installed once and tells whoever listens last."""
    if not _listeners:
        sys.addaudithook(lambda event, _arguments: _listeners[-1].append(event))
    _listeners.append(events)


def _counting(start, started):
    class Popen(start):
        def __init__(self, command, *arguments, **named):
            started.append(command)
            super().__init__(command, *arguments, **named)

    return Popen


def test_a_name_is_reported_beside_tensors_that_can_be_read(tmp_path, zipped, tensor_call):
    body = b"\x80\x02}(X\x01\x00\x00\x00w" + tensor_call() + b"X\x01\x00\x00\x00x" + _call("os", "system", "ls") + b"u."
    path = tmp_path / "half.pt"
    path.write_bytes(zipped(body, {"0": struct.pack("<4f", 1, 2, 3, 4)}))
    contents = read_checkpoint(path)
    assert contents.load("w").tolist() == [1, 2, 3, 4]
    assert contents.refused == ("os.system",)
    assert "os.system" in contents.message
    assert contents.metadata["x"] == {"class": "os.system", "arguments": ["ls"]}


@pytest.mark.parametrize(
    "place", ["popped", "behind the pickle", "another member", "behind the storages", "behind junk"]
)
def test_a_hidden_name_is_reported(place, answer, zipped, legacy, tensor_call):
    gadget = _call("os", "system", "ls")
    good = b"\x80\x02" + tensor_call() + b"."
    values = struct.pack("<4f", 1, 2, 3, 4)
    data = {
        "popped": lambda: zipped(b"\x80\x02" + gadget + b"0" + tensor_call() + b".", {"0": values}),
        "behind the pickle": lambda: zipped(good + b"\x80\x02" + gadget + b".", {"0": values}),
        "another member": lambda: zipped(good, {"0": values, "1": b"\x80\x02" + gadget + b"."}),
        "behind the storages": lambda: legacy(
            b"\x80\x02" + tensor_call().replace(b"tQ", b"NtQ") + b".", {"0": (4, values)}, b"\x80\x02" + gadget + b"."
        ),
        "behind junk": lambda: zipped(good + b"\xff\xff" + gadget + b".", {"0": values}),
    }[place]()
    plan = answer(data)["plan"]
    assert plan["refused"] == ["os.system"]
    assert [tensor["shape"] for tensor in plan["tensors"]] == [(4,)]


def _tensors(tensor_call, *calls):
    return b"\x80\x02(" + b"".join(tensor_call(**call) for call in calls) + b"l."


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([{}, {"kind": "IntStorage"}], "two different types"),
        ([{}, {"elements": 3, "shape": (3,)}], "two different types or sizes"),
        ([{"elements": -1}], "impossible number"),
        ([{"elements": 1 << 61}], "impossible number"),
        ([{"elements": 1 << 40}], "bytes"),
        ([{"shape": (-4,)}], "impossible entry"),
        ([{"shape": (5,)}], "more bytes than"),
        ([{"offset": 1}], "more bytes than"),
        ([{"offset": -1}], "impossible entry"),
        ([{"stride": (2,)}], "more bytes than"),
        ([{"stride": (-1,)}], "impossible entry"),
        ([{"shape": (4, 1)}], "2 sizes but 1 strides"),
        ([{"shape": (1 << 40, 1 << 40), "stride": (0, 0)}], "too many elements"),
        ([{"shape": (0, 1 << 62), "stride": (0, 0)}], "impossible entry"),
        ([{"shape": (1,) * 65, "stride": (1,) * 65}], "short tuple"),
        ([{"kind": "Tensor"}], "type that PyTorch does not have"),
        ([{"key": "7"}], "lacks"),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(calls, words, answer, zipped, legacy, tensor_call):
    values = struct.pack("<4f", 1, 2, 3, 4)
    assert words in answer(zipped(_tensors(tensor_call, *calls), {"0": values}))["refusal"]
    assert "refusal" in answer(legacy(_tensors(tensor_call, *calls).replace(b"tQ", b"NtQ"), {"0": (4, values)}))


def test_a_tensor_without_steps_is_counted_by_its_storage(answer, zipped, tensor_call):
    body = _tensors(tensor_call, {"shape": (1 << 30, 1 << 20), "stride": (0, 0)})
    plan = answer(zipped(body, {"0": b"\0" * 16}))["plan"]
    assert plan["tensors"][0]["note"] == "expanded"
    assert plan["storages"][0]["size"] == 16


def test_a_tensor_whose_rows_overlap_is_told_where_it_is_larger_than_its_storage(answer, zipped, tensor_call):
    """300 KB of rows that begin one number apart would be 5.6 GB when they are written out."""
    body = _tensors(tensor_call, {"elements": 8, "shape": (4, 5), "stride": (1, 1)})
    plan = answer(zipped(body, {"0": b"\0" * 32}))["plan"]
    assert [tensor["note"] for tensor in plan["tensors"]] == ["expanded"]
    body = _tensors(tensor_call, {"elements": 8, "shape": (2, 4), "stride": (1, 2)})
    assert [tensor["note"] for tensor in answer(zipped(body, {"0": b"\0" * 32}))["plan"]["tensors"]] == [""]


def _bombs():
    tuples = b"\x80\x02)" + b"\x94\x85" * 10 + b"2\x86" * 60 + b"."
    lists = b"\x80\x02]" + b"q\x00]h\x00ah\x00a" * 60 + b"."
    deep = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    nested = b"\x80\x02)" + b"\x85" * 200_000 + b"."
    cycle = b"\x80\x02]q\x00h\x00a."
    keys = b"\x80\x02)" + b"\x85" * 100_000 + b"q\x00}h\x00Ns."
    names = b"\x80\x02(" + b"".join(b"cm%d\nf\n" % number for number in range(5000)) + b"l."
    return {
        "tuples": tuples,
        "lists": lists,
        "deep": deep,
        "nested": nested,
        "cycle": cycle,
        "keys": keys,
        "names": names,
    }


@pytest.mark.parametrize("name", list(_bombs()))
def test_bombs_of_nesting_end_in_a_sentence(name, tmp_path, zipped, soon):
    path = tmp_path / "bomb.pt"
    path.write_bytes(zipped(_bombs()[name]))
    with soon(5), pytest.raises(RefusedFile) as refusal:
        read_checkpoint(path)
    assert len(str(refusal.value)) < 600


def test_a_file_of_two_kinds_is_refused(answer, saved, zipped):
    first, second = saved({"a": torch.ones(2)}, True), zipped(b"\x80\x02" + _call("os", "system", "ls") + b".")
    told = answer(first + second)
    assert "at once" in told["refusal"]
    assert told["refused"] == ["os.system"]


@pytest.mark.parametrize("front", ["safetensors", "npy", "tar", "pickle", "index"])
def test_an_archive_behind_a_file_of_another_kind_is_refused_and_searched(front, answer, saved, zipped, tarred):
    stream = io.BytesIO()
    numpy.save(stream, numpy.zeros(2))
    first = {
        "safetensors": safetensors.torch.save({"a": torch.ones(2)}),
        "npy": stream.getvalue(),
        "tar": tarred(pickle=b"\x80\x02}.", storages=b"\x80\x02K\x00.", sys_info=b"\x80\x02}."),
        "pickle": pickle.dumps({"a": 1}, 2),
        "index": b'{"weight_map": {"a": "a.pt"}}',
    }[front]
    told = answer(first + zipped(b"\x80\x02" + _call("os", "system", "ls") + b"."))
    assert "at once" in told["refusal"]
    assert told["refused"] == ["os.system"]


def test_a_cycle_beside_tensors_is_told(answer, saved):
    cycle: dict = {"w": torch.ones(2)}
    cycle["again"] = cycle
    plan = answer(saved(cycle))["plan"]
    assert plan["metadata"] == {"again": "(refers to itself)"}
    assert len(plan["tensors"]) == 1


def _of_children():
    """Seconds of the processor, which what else a computer does leaves as they are."""
    times = os.times()
    return times.children_user + times.children_system


def test_every_opcode_of_hostile_bulk_ends_in_time(tmp_path):
    """Megabytes of each cheap opcode, through the real child: in time, and far below the memory that it may have."""
    for body in (b"N", b"]", b"U\x02ab", b"cab\ncd\n", b"\x94"):
        path = tmp_path / "bulk.pkl"
        path.write_bytes(b"\x80\x04N" + body * ((4 << 20) // len(body) + 1))
        begin = _of_children()
        with pytest.raises(RefusedFile):
            read_checkpoint(path)
        assert _of_children() - begin < 5, body


def test_a_file_cut_anywhere_is_refused(answer, saved):
    for old in (False, True):
        data = saved({"a": torch.ones(3), "b": [1, "x"]}, old)
        for length in range(len(data)):
            assert "refusal" in answer(data[:length]), length


def test_only_regular_files_are_opened(tmp_path):
    pipe = tmp_path / "pipe.pt"
    os.mkfifo(pipe)
    for path, words in (
        (pipe, "pipe"),
        (tmp_path, "folder"),
        (tmp_path / "none.pt", "No such file"),
        (Path("/dev/zero"), "device"),
        (Path("a\0b"), "null"),
    ):
        with pytest.raises(RefusedFile, match=words):
            read_checkpoint(path)
