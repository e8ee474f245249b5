"""A pickle that ``torch.save`` has not written: most hold numpy arrays, some only hostile calls."""

from __future__ import annotations

import re

from .names import Names
from .pickles import PickleReader
from .plan import Plan, PlanWriter, written
from .refusal import Refusal
from .source import Source
from .walk import TreeWalker

_NAME = re.compile(r"[A-Za-z_][\w.]*")
_TEXT_STARTS = b"(]})cilNISVFLd"


def looks_like_pickle(source: Source) -> bool:
    """Whether the first bytes could be a pickle's: those of a protocol, or an opcode of the ones before protocol 2."""
    if source.data[0] == 0x80:
        return len(source) > 1 and source.data[1] <= 5
    return source.data[0] in _TEXT_STARTS


def read_plain_pickle(source: Source, reader: PickleReader) -> Plan:
    """The plan of a pickle; pickles that follow it are searched for names only."""
    try:
        value, end = reader.read(source)
    except Refusal:
        if source.data[0] == 0x80 or any(_NAME.fullmatch(name) for name in reader.names.all()):
            raise
        # Any text may begin with one of the letters above, and spell anything.
        reader.names = Names()
        raise Refusal("it is of no kind that this program knows") from None
    reader.search(source, end)
    writer = PlanWriter()
    walker = TreeWalker(writer)
    metadata = walker.walk(value)
    return written("pickle", writer, reader.names, metadata=metadata, modules=walker.modules)
