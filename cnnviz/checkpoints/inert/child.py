"""The child process that reads PyTorch's files, safetensors and NumPy's, told by their content."""

from __future__ import annotations

from typing import Any

from ..sandboxed import answer as answer_of
from ..sandboxed import serve
from .constructors import CONSTRUCTORS
from .names import outside
from .pickles import PickleReader
from .recognise import read_plan
from .source import Source


def answer(source: Source) -> dict[str, Any]:
    """A plan under ``"plan"``, or a sentence under ``"refusal"`` with the names that were asked for."""
    reader = PickleReader()
    return answer_of(lambda _: read_plan(source, reader), memoryview(b""), lambda: _asked(reader))


def main() -> None:
    reader = PickleReader()
    serve(lambda data: read_plan(Source(data), reader), lambda: _asked(reader))


def _asked(reader: PickleReader) -> list[str]:
    return outside(reader.names.all(), CONSTRUCTORS)
