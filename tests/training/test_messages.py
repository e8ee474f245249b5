import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.training.messages import MalformedMessage, Message, pack, unpack

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(), st.dictionaries(st.text(), VALUES), st.binary())
def test_what_is_packed_is_unpacked(kind, fields, payload):
    message = Message(kind, fields, payload)
    assert unpack(pack(message)) == message


@given(st.data())
def test_a_message_that_is_cut_short_is_refused(data):
    packed = pack(Message("kind", {"a": 1}))
    with pytest.raises(MalformedMessage):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])


@pytest.mark.parametrize(
    "header", [b"", b"[]", b"{}", b'{"kind": 1, "fields": {}}', b'{"kind": "a"}', b"\xff", b"[" * 100_000, b"1e999"]
)
def test_headers_that_are_none_are_refused(header):
    with pytest.raises(MalformedMessage):
        unpack(struct.pack(">I", len(header)) + header)


def test_a_header_longer_than_the_message_is_refused():
    header = json.dumps({"kind": "a", "fields": {}}).encode()
    with pytest.raises(MalformedMessage, match="cut short"):
        unpack(struct.pack(">I", len(header) + 1) + header)
    with pytest.raises(MalformedMessage, match="cut short"):
        unpack(struct.pack(">I", 2**32 - 1) + header)
