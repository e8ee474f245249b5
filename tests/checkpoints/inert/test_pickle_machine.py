"""Plain values come out as ``pickle.loads`` makes them; everything else is only recorded."""

import collections
import pickle
import pickletools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.checkpoints.inert import limits
from cnnviz.checkpoints.inert.pickle_machine import _OPCODES
from cnnviz.checkpoints.inert.pickles import PickleReader
from cnnviz.checkpoints.inert.refusal import Refusal
from cnnviz.checkpoints.inert.source import Source
from cnnviz.checkpoints.inert.values import Call, Collection, FileBytes, Global

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_characters="\n\\'\x00\x1a\r"))
    | st.binary(max_size=50)
)
_KEYS = st.text(max_size=5) | st.integers(-(2**40), 2**40) | st.booleans() | st.none()
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


def read(data):
    reader = PickleReader()
    value, end = reader.read(Source(data))
    return value, end, reader.names.all()


@given(_VALUES, st.integers(2, 5))
@settings(max_examples=150, deadline=None)
def test_plain_values_are_what_pickle_makes_of_them(value, protocol):
    data = pickle.dumps(value, protocol)
    found, end, _ = read(data)
    assert found == pickle.loads(data)  # noqa: S301
    assert repr(found) == repr(value)  # True is not 1, and -0.0 is not 0.0
    assert end == len(data)


@pytest.mark.parametrize("protocol", [0, 1])
def test_the_text_protocols_are_read_too(protocol):
    value = {"epoch": 12, "lr": -0.5, "large": 10**30, "flags": [True, False, None], "shape": (1, (2,), ())}
    found, _, _ = read(pickle.dumps(value, protocol))
    assert found == value


def test_every_opcode_of_every_protocol_is_known():
    assert {ord(opcode.code) for opcode in pickletools.opcodes} == set(_OPCODES)


def test_shared_and_cyclic_values_stay_one_object():
    inner = [1]
    cycle = [inner, inner]
    cycle.append(cycle)
    found, _, _ = read(pickle.dumps(cycle, 4))
    assert found[0] is found[1]
    assert found[2] is found


def test_containers_of_the_standard_library_become_dictionaries():
    for value in (
        collections.OrderedDict(b=1, a=2),
        collections.Counter("abca"),
        collections.defaultdict(list, x=[1]),
    ):
        found, _, names = read(pickle.dumps(value, 2))
        assert found == dict(value)
        assert any(name.startswith("collections.") for name in names)
    assert read(pickle.dumps(complex(1, -2), 2))[0] == complex(1, -2)
    assert read(pickle.dumps({3}, 2))[0].items == [3]


class Thing:
    def __init__(self):
        self.size = 3


def test_an_instance_is_recorded_and_not_made():
    found, _, names = read(pickle.dumps(Thing(), 2))
    assert isinstance(found, Call)
    assert found.full.endswith("test_pickle_machine.Thing")
    assert found.state == [{"size": 3}]
    assert names == (found.full, *names[1:])


@pytest.mark.parametrize(
    "data",
    [
        b"(I1\nios\nsystem\n.",
        b"(cos\nsystem\nI1\no.",
        b"cos\nsystem\nI1\n\x85R.",
        b"cos\nsystem\nI1\n\x85\x81.",
        b"cos\nsystem\nI1\n\x85}\x92.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93I1\n\x85R.",
        b"cos\nsystem\nI1\n\x85R}b.",
        b"\x80\x02cos\nsystem\n0N.",
    ],
    ids=["INST", "OBJ", "REDUCE", "NEWOBJ", "NEWOBJ_EX", "STACK_GLOBAL", "BUILD", "popped"],
)
def test_every_way_of_asking_for_a_call_only_names_it(data):
    found, _, names = read(data)
    assert names == ("os.system",)
    assert found is None or (isinstance(found, Call) and found.full == "os.system" and found.arguments[0] == 1)


def test_a_name_alone_stays_a_name():
    found, _, _ = read(b"cos.path\njoin\n.")
    assert isinstance(found, Global)
    assert found.full == "os.path.join"


def test_large_bytes_stay_in_the_file():
    data = pickle.dumps(b"x" * 5000, 4)
    found, _, _ = read(data)
    assert isinstance(found, FileBytes)
    assert data[found.start : found.start + found.size] == b"x" * 5000


def test_a_class_as_a_key_is_its_name():
    found, _, names = read(b"\x80\x02}(ccallbacks\nEarly\nK\x01K\x01K\x02\x86K\x02u.")
    assert found == {"callbacks.Early": 1, "(1, 2)": 2}
    assert names == ("callbacks.Early",)


def test_sets_are_never_hashed():
    found, _, _ = read(b"\x80\x04\x8f(]]\x90.")
    assert isinstance(found, Collection)
    assert found.items == [[], []]


_ENCODE = b"c_codecs\nencode\n"
_FRAME_OF_12 = b"\x95" + struct.pack("<Q", 12)
_LONG = struct.pack("<i", 1 << 20)
_HOSTILE = {
    "cut short": (b"\x80\x02]q\x00(K\x01", "too early"),
    "an unknown opcode": (b"\x80\x02\xff.", "0xff"),
    "a protocol of the future": (b"\x80\x06N.", "protocol 6"),
    "two protocols": (b"\x80\x02\x80\x02N.", "twice"),
    "a protocol in the middle": (b"\x80\x02N\x80\x040.", "twice"),
    "an opcode across a frame's end": (b"\x80\x04\x95" + struct.pack("<Q", 3) + b"J\x01\x00\x00\x00.", "straddles"),
    "a frame inside a frame": (b"\x80\x04" + _FRAME_OF_12 + b"\x95" + struct.pack("<Q", 1) + b"N..", "inside another"),
    "a frame beyond the end": (b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.", "longer than the file"),
    "a computed name": (b"\x80\x04\x8c\x02os" + _ENCODE + b"\x8c\x06system\x8c\x06latin1\x86R\x93.", "computes a name"),
    "the extension registry": (b"\x80\x02\x82\x01.", "extension registry"),
    "a buffer outside": (b"\x80\x05\x97.", "outside the file"),
    "an empty stack": (b"\x80\x02R.", "not there"),
    "a value below a mark": (b"\x80\x02N(\x85.", "not there"),
    "no mark": (b"\x80\x02Nt.", "never opened"),
    "a memo that is not there": (b"\x80\x02h\x07.", "never there"),
    "a negative length": (b"\x80\x02T\xff\xff\xff\xff.", "too early"),
    "a huge length": (b"\x80\x02X\xff\xff\xff\x7f.", "text"),
    "a huge length of bytes": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", "too early"),
    "a huge integer": (b"\x80\x02\x8b" + _LONG + b"\1" * (1 << 20) + b".", "too large"),
    "a negative integer length": (b"\x80\x02\x8b\xff\xff\xff\xff.", "too large"),
    "a huge decimal": (b"I" + b"9" * 5000 + b"\n.", "without an end"),
    "a wrong decimal": (b"I1e9\n.", "number that is none"),
    "a key that is a list": (b"\x80\x02}]K\x01s.", "dictionary key"),
    "a key that is a tuple of tuples": (b"\x80\x02}))\x86K\x01s.", "dictionary key"),
    "a key that is a call": (b"\x80\x02}cos\nsystem\n)RK\x01s.", "dictionary key"),
    "a key without a value": (b"\x80\x02}(K\x01u.", "without its value"),
    "a state on a list": (b"\x80\x02]}b.", "plain value"),
    "items of an integer": (b"\x80\x02K\x01K\x02a.", "no list"),
    "marks within marks": (b"\x80\x02" + b"(" * 5000 + b".", "nested too deeply"),
    "more values than fit": (b"\x80\x02" + b"N" * (limits.STACK + 10) + b".", "piles up"),
    "more lists than fit": (b"\x80\x02" + b"]0" * (limits.CONTAINERS + 10) + b".", "lists"),
    "more opcodes than fit": (b"\x80\x02" + b"N0" * (limits.STEPS // 2 + 10) + b".", "opcodes"),
    "bytes that are none": (b"\x80\x04" + _ENCODE + b"\x8c\x03\xe2\x82\xac\x8c\x06latin1\x86R.", "bytes that are none"),
    "text that is none": (b"\x80\x02X\x01\x00\x00\x00\xff.", "not UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_pickle_that_does_what_none_does_is_refused_in_a_sentence(name):
    data, words = _HOSTILE[name]
    with pytest.raises(Refusal, match=words) as refusal:
        read(data)
    assert "\n" not in str(refusal.value)


def test_names_are_reported_although_the_pickle_fails():
    reader = PickleReader()
    behind = b"csubprocess\nPopen\n\x80\x04\x8c\x05posix\x94\x8c\x05execv\x93."
    data = b"\x80\x02cos\nsystem\n0\xff" + behind
    with pytest.raises(Refusal):
        reader.read(Source(data))
    assert {"os.system", "subprocess.Popen", "posix.execv"} <= set(reader.names.all())


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_names_are_found_in_pickles_that_nothing_reads(protocol):
    reader = PickleReader()
    hidden = pickle.dumps([print, eval, collections.OrderedDict], protocol)
    reader.search(Source(pickle.dumps([1], protocol) + hidden + b"\x01\x02" + hidden))
    assert {name.rsplit(".", 1)[1] for name in reader.names.all()} == {"print", "eval", "OrderedDict"}
