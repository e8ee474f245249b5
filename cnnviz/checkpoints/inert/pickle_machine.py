"""Follows the opcodes of a pickle and builds inert values; nothing is imported, called or looked up.

A pickle is a program for a small stack machine. This one knows all opcodes of protocols 0 to 5, but what a pickle would
have imported is a :class:`Global` here, and what it would have called a :class:`Call`, unless the ``maker`` knows what
it stands for. Only plain scalars are ever hashed, and every size is checked against the bytes that there are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Protocol

from . import limits
from .budget import Budget
from .names import Names
from .refusal import Refusal
from .scalars import decimal, plain_key
from .source import Source
from .values import Call, Collection, FileBytes, Global

_LEAVE_IN_FILE = 1 << 12


class Maker(Protocol):
    """What knows the few calls that stand for tensors and plain values."""

    def call(self, what: Global, arguments: tuple[Any, ...]) -> Any:
        """The value of a call, or None where it is to be recorded only."""

    def build(self, target: Any, state: Any) -> bool:
        """Set the state of a value that ``call`` has made; False where it has none."""

    def persistent(self, identifier: Any) -> Any:
        """What a persistent id stands for."""


class PickleMachine:
    """One pickle in ``source``, from ``position`` to its STOP."""

    def __init__(self, source: Source, position: int, names: Names, budget: Budget, maker: Maker) -> None:
        self.source = source
        self.position = position
        self._begin = position
        self._frame_end = position
        self._names = names
        self._budget = budget
        self._maker = maker
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._globals: dict[tuple[str, str], Global] = {}

    def run(self) -> Any:
        """The value that the pickle stands for; afterwards ``position`` is behind its STOP."""
        data, end, budget, stack, table = self.source.data, len(self.source), self._budget, self._stack, _OPCODES
        while True:
            if self.position >= end:
                raise Refusal("a pickle in it ends too early; it is damaged or was cut short")
            budget.steps -= 1
            if budget.steps < 0:
                raise Refusal(f"its pickles have more than {limits.STEPS:,} opcodes")
            begin = self.position
            code = data[begin]
            self.position = begin + 1
            action = table.get(code)
            if action is None:
                raise Refusal(f"a pickle in it has the opcode {code:#04x}, which does not exist; it is damaged")
            action(self)
            if begin < self._frame_end < self.position:
                raise Refusal("a pickle in it has an opcode that straddles the end of a frame")
            if code == _STOP:
                return self._pop()
            if len(stack) > limits.STACK:
                raise Refusal("a pickle in it piles up more values than any checkpoint does")

    def _take(self, size: int) -> bytes:
        taken = self.source.read(self.position, size)
        self.position += size
        return taken

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _line(self, most: int) -> bytes:
        """A text argument, which ends with its line."""
        head = bytes(self.source.data[self.position : self.position + most + 1])
        size = head.find(b"\n")
        if size < 0:
            raise Refusal("a pickle in it has a line without an end")
        self.position += size + 1
        return head[:size]

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _floor(self) -> int:
        return self._marks[-1] if self._marks else 0

    def _pop(self) -> Any:
        if len(self._stack) <= self._floor():
            raise Refusal("a pickle in it takes a value that is not there; it is damaged")
        return self._stack.pop()

    def _top(self) -> Any:
        if len(self._stack) <= self._floor():
            raise Refusal("a pickle in it uses a value that is not there; it is damaged")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        if not self._marks:
            raise Refusal("a pickle in it closes a group that was never opened; it is damaged")
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _drop_to_mark(self) -> None:
        self._pop_to_mark()

    # What the opcodes do, in the order of the table below.

    def _protocol(self) -> None:
        if self.position != self._begin + 1:
            raise Refusal("a pickle in it states its protocol twice")
        version = self._number("B")
        if version > 5:
            raise Refusal(f"a pickle in it is of protocol {version}, which does not exist yet")

    def _frame(self) -> None:
        size = self._number("<Q")
        if self.position <= self._frame_end:
            raise Refusal("a pickle in it begins a frame inside another")
        if size > len(self.source) - self.position:
            raise Refusal("a pickle in it has a frame that is longer than the file")
        self._frame_end = self.position + size

    def _mark(self) -> None:
        if len(self._marks) >= limits.OPEN_MARKS:
            raise Refusal("a pickle in it is nested too deeply")
        self._marks.append(len(self._stack))

    def _pop_top(self) -> None:
        if len(self._stack) > self._floor():
            self._stack.pop()
        else:
            self._pop_to_mark()

    def _text_integer(self) -> None:
        line = self._line(limits.DIGITS)
        # Protocol 0 writes the truth values as these two integers.
        self._push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else decimal(line))

    def _long(self, size: int) -> None:
        if not 0 <= size <= limits.INTEGER_BYTES:
            raise Refusal("a pickle in it holds an integer that is too large")
        self._push(int.from_bytes(self._take(size), "little", signed=True))

    def _text_float(self) -> None:
        try:
            self._push(float(self._line(limits.DIGITS)))
        except ValueError as error:
            raise Refusal("a pickle in it has a number that is none; it is damaged") from error

    def _unicode(self, size: int) -> None:
        self._budget.take_text(size)
        try:
            self._push(self._take(size).decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError as error:
            raise Refusal("a pickle in it has text that is not UTF-8; it is damaged") from error

    def _old_string(self, size: int) -> None:
        """A string of Python 2, which is text in most files and an array's bytes in some."""
        self._budget.take_text(max(size, 0))
        raw = self._take(size)
        try:
            self._push(raw.decode("utf-8"))
        except UnicodeDecodeError:
            self._push(raw)

    def _quoted_string(self) -> None:
        line = self._line(1 << 16)
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
            raise Refusal("a pickle in it has a string without its quotes; it is damaged")
        self._budget.take_text(len(line))
        # Its escapes are left as written: no checkpoint of protocol 0 keeps more than plain names in such strings.
        self._push(line[1:-1].decode("utf-8", "replace"))

    def _bytes(self, size: int) -> None:
        if size < 0 or size > len(self.source) - self.position:
            raise Refusal("it ends too early; it is damaged or was cut short")
        base = self.source.base
        if size >= _LEAVE_IN_FILE and base is not None:
            self._push(FileBytes(base + self.position, size))
            self.position += size
            return
        self._budget.take_text(size)
        self._push(self._take(size))

    def _tuple(self, values: list[Any]) -> None:
        self._budget.take_container()
        self._push(tuple(values))

    def _short_tuple(self, size: int) -> None:
        values = [self._pop() for _ in range(size)]
        self._tuple(values[::-1])

    def _new(self, container: Any) -> None:
        self._budget.take_container()
        self._push(container)

    def _dictionary(self) -> None:
        pairs = self._pop_to_mark()
        self._new({})
        self._set_items(pairs)

    def _append(self, values: list[Any]) -> None:
        target = self._top()
        if type(target) is list:
            target.extend(values)
        elif isinstance(target, Call | Collection):
            target.items.extend(values)
        else:
            raise Refusal("a pickle in it appends to something that is no list")

    def _set_items(self, values: list[Any]) -> None:
        target = self._top()
        if len(values) % 2:
            raise Refusal("a pickle in it has a dictionary key without its value; it is damaged")
        pairs = zip(values[::2], values[1::2], strict=True)
        if type(target) is dict:
            for key, value in pairs:
                target[plain_key(key)] = value
        elif isinstance(target, Call):
            target.items.extend(pairs)
        else:
            raise Refusal("a pickle in it sets items of something that is no dictionary")

    def _one_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _put(self, index: int) -> None:
        if index < 0 or len(self._memo) >= limits.MEMO:
            raise Refusal("a pickle in it remembers more values than any checkpoint does")
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        try:
            self._push(self._memo[index])
        except KeyError as error:
            raise Refusal("a pickle in it recalls a value that was never there; it is damaged") from error

    def _name(self, module: str, name: str) -> Global:
        module = self._names.ask(module, name)
        found = self._globals.get((module, name))
        if found is None:
            found = self._globals[module, name] = Global(module, name)
        return found

    def _text_name(self) -> Global:
        module, name = (self._line(1 << 10).decode("utf-8", "replace") for _ in range(2))
        return self._name(module, name)

    def _stack_name(self) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str or len(name) + len(module) > 1 << 11:
            raise Refusal("a pickle in it computes a name that it asks for, instead of stating it")
        self._push(self._name(module, name))

    def _extension(self) -> None:
        raise Refusal("a pickle in it asks for names by numbers of Python's extension registry")

    def _out_of_band(self) -> None:
        raise Refusal("a pickle in it refers to data outside the file")

    def _made(self, what: Any, arguments: Any) -> Any:
        if type(arguments) is not tuple:
            raise Refusal("a pickle in it makes a call whose arguments are no tuple; it is damaged")
        self._budget.take_container()
        made = self._maker.call(what, arguments) if isinstance(what, Global) else None
        return Call(what, arguments) if made is None else made

    def _call(self) -> None:
        arguments, what = self._pop(), self._pop()
        self._push(self._made(what, arguments))

    def _new_with_names(self) -> None:
        named, arguments, what = self._pop(), self._pop(), self._pop()
        made = self._made(what, arguments)
        if isinstance(made, Call):
            made.state.append(named)
        self._push(made)

    def _text_instance(self) -> None:
        what = self._text_name()
        self._push(self._made(what, tuple(self._pop_to_mark())))

    def _instance(self) -> None:
        values = self._pop_to_mark()
        if not values:
            raise Refusal("a pickle in it makes an instance of nothing; it is damaged")
        self._push(self._made(values[0], tuple(values[1:])))

    def _build(self) -> None:
        state = self._pop()
        target = self._top()
        if isinstance(target, Call):
            target.state.append(state)
        elif type(target) is not dict and not self._maker.build(target, state):
            # What is set on an OrderedDict is the versions of its modules, no content.
            raise Refusal("a pickle in it sets the state of a plain value")


_Action = Callable[[PickleMachine], None]
_M = PickleMachine
_STOP = ord(".")

_OPCODES: dict[int, _Action] = {
    0x80: _M._protocol,
    0x95: _M._frame,
    _STOP: lambda m: None,
    ord("("): _M._mark,
    ord("0"): _M._pop_top,
    ord("1"): lambda m: m._drop_to_mark(),
    ord("2"): lambda m: m._push(m._top()),
    ord("N"): lambda m: m._push(None),
    0x88: lambda m: m._push(True),
    0x89: lambda m: m._push(False),
    ord("I"): _M._text_integer,
    ord("L"): lambda m: m._push(decimal(m._line(limits.DIGITS).removesuffix(b"L"))),
    ord("J"): lambda m: m._push(m._number("<i")),
    ord("K"): lambda m: m._push(m._number("B")),
    ord("M"): lambda m: m._push(m._number("<H")),
    0x8A: lambda m: m._long(m._number("B")),
    0x8B: lambda m: m._long(m._number("<i")),
    ord("F"): _M._text_float,
    ord("G"): lambda m: m._push(m._number(">d")),
    ord("S"): _M._quoted_string,
    ord("T"): lambda m: m._old_string(m._number("<i")),
    ord("U"): lambda m: m._old_string(m._number("B")),
    ord("V"): lambda m: m._push(m._line(1 << 16).decode("raw-unicode-escape", "replace")),
    ord("X"): lambda m: m._unicode(m._number("<I")),
    0x8C: lambda m: m._unicode(m._number("B")),
    0x8D: lambda m: m._unicode(m._number("<Q")),
    ord("B"): lambda m: m._bytes(m._number("<I")),
    ord("C"): lambda m: m._bytes(m._number("B")),
    0x8E: lambda m: m._bytes(m._number("<Q")),
    0x96: lambda m: m._bytes(m._number("<Q")),
    0x97: _M._out_of_band,
    0x98: _M._out_of_band,
    ord(")"): lambda m: m._push(()),
    ord("t"): lambda m: m._tuple(m._pop_to_mark()),
    0x85: lambda m: m._short_tuple(1),
    0x86: lambda m: m._short_tuple(2),
    0x87: lambda m: m._short_tuple(3),
    ord("]"): lambda m: m._new([]),
    ord("l"): lambda m: m._new(m._pop_to_mark()),
    ord("a"): lambda m: m._append([m._pop()]),
    ord("e"): lambda m: m._append(m._pop_to_mark()),
    ord("}"): lambda m: m._new({}),
    ord("d"): _M._dictionary,
    ord("s"): _M._one_item,
    ord("u"): lambda m: m._set_items(m._pop_to_mark()),
    0x8F: lambda m: m._new(Collection([])),
    0x90: lambda m: m._append(m._pop_to_mark()),
    0x91: lambda m: m._new(Collection(m._pop_to_mark())),
    ord("p"): lambda m: m._put(decimal(m._line(limits.DIGITS))),
    ord("q"): lambda m: m._put(m._number("B")),
    ord("r"): lambda m: m._put(m._number("<I")),
    0x94: lambda m: m._put(len(m._memo)),
    ord("g"): lambda m: m._get(decimal(m._line(limits.DIGITS))),
    ord("h"): lambda m: m._get(m._number("B")),
    ord("j"): lambda m: m._get(m._number("<I")),
    ord("c"): lambda m: m._push(m._text_name()),
    0x93: _M._stack_name,
    0x82: _M._extension,
    0x83: _M._extension,
    0x84: _M._extension,
    ord("R"): _M._call,
    0x81: _M._call,
    0x92: _M._new_with_names,
    ord("i"): _M._text_instance,
    ord("o"): _M._instance,
    ord("b"): _M._build,
    ord("P"): lambda m: m._push(m._maker.persistent(m._line(1 << 10).decode("utf-8", "replace"))),
    ord("Q"): lambda m: m._push(m._maker.persistent(m._pop())),
}
"""What each opcode of protocols 0 to 5 does."""
