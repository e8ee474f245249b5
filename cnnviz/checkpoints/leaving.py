"""Leaves a file in the midst of its being opened, where nobody wants it any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)


class FileLeft(Exception):
    """The file that was being opened is not wanted any more; nothing is wrong with it."""


@contextmanager
def left_when(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Within it, opening a file ends with :class:`FileLeft` soon after ``unwanted`` says so; holds for this thread."""
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def go_on() -> None:
    """Said now and then by what takes long; raises :class:`FileLeft`."""
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted():
        raise FileLeft
