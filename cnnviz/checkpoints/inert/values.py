"""What a pickle is read into: values that only say what the file asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import limits
from .dtypes import ITEM_BYTES
from .refusal import Refusal


@dataclass(frozen=True, slots=True, eq=False)
class Global:
    """A name that the file asks for; it is never looked up."""

    module: str
    name: str

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Call:
    """A call, or a new instance of a class, that the file asks for; it is never made."""

    what: Any
    arguments: tuple[Any, ...]
    state: list[Any] = field(default_factory=list)
    """What the file would then set on the result."""
    items: list[Any] = field(default_factory=list)
    """What it would append to the result, or pairs that it would set in it."""

    @property
    def full(self) -> str:
        return self.what.full if isinstance(self.what, Global) else "a computed value"


@dataclass(frozen=True, slots=True, eq=False)
class FileBytes:
    """Bytes that are left where they lie in the file."""

    start: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """A set, kept as the list of what was put in: putting it into a set of Python's would call its hashes."""

    items: list[Any]


@dataclass(slots=True, eq=False)
class Place:
    """Where the bytes of a storage are.

    Attributes
    ----------
    start : int
        Offset in the file.
    size : int
        Bytes there; of the compressed form where ``inflated`` is given.
    crc : int or None
        CRC-32 that the archive states for them.
    inflated : int or None
        Bytes after inflating.
    inline : bytes or None
        The bytes themselves, where they lie in one piece nowhere in the file.
    """

    start: int = 0
    size: int = 0
    crc: int | None = None
    inflated: int | None = None
    inline: bytes | None = None


@dataclass(slots=True, eq=False)
class Storage:
    """A run of elements that tensors look into.

    Attributes
    ----------
    key : str
        The file's name for it; storages of one key are one.
    dtype : str
        Its own element type, ``"uint8"`` where it is untyped.
    size : int
        Bytes.
    place : Place or None
        Where these bytes are; None where there are none.
    skip : int
        Bytes to leave out at the beginning of ``place``, or of ``whole``.
    whole : Storage or None
        The storage that this is a part of, whose place is the one that counts.
    big_endian : bool
        Each element's bytes are in reverse.
    """

    key: str
    dtype: str
    size: int
    place: Place | None = None
    skip: int = 0
    big_endian: bool = False
    whole: Storage | None = None

    def part(self, key: str, first: int, elements: int) -> Storage:
        """The storage of ``elements`` from the one numbered ``first``; refused where they are not inside."""
        first, elements = sizes((first, elements), "view")
        item = ITEM_BYTES[self.dtype]
        if (first + elements) * item > self.size:
            raise Refusal(f"a tensor in it looks beyond the end of its storage '{self.key}'")
        return Storage(key, self.dtype, elements * item, skip=self.skip + first * item, whole=self.whole or self)


@dataclass(slots=True, eq=False)
class DeclaredTensor:
    """A tensor as the file declares it.

    ``kind`` is ``"dense"``, ``"quantised"``, ``"sparse"``, ``"nested"``, ``"meta"``, or ``"empty"`` for a tensor that
    was asked for but not filled yet. ``parts`` are the dense tensors that a sparse, nested or quantised one is made of.
    """

    kind: str
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...] = ()
    offset: int = 0
    storage: Storage | None = None
    conjugate: bool = False
    negative: bool = False
    note: str = ""
    parts: tuple[DeclaredTensor, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def become(self, other: DeclaredTensor) -> None:
        """Take over everything from ``other``; whoever already holds this tensor sees it filled."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))


def is_integer(value: Any) -> bool:
    return type(value) is int


def sizes(value: Any, what: str) -> tuple[int, ...]:
    """``value`` as non-negative integers below the limit."""
    if type(value) not in (tuple, list) or len(value) > limits.RANK:
        raise Refusal(f"a tensor's {what} is not a short tuple of integers")
    for number in value:
        if not is_integer(number) or not 0 <= number < limits.SIZE:
            raise Refusal(f"a tensor's {what} has an impossible entry")
    return tuple(value)


def count(shape: tuple[int, ...]) -> int:
    """Elements of ``shape``; a refusal where they are too many to be counted by 64-bit programs."""
    total = 1
    for size in shape:
        # Zeros too: the product of the others overflows in programs that multiply from the left.
        total *= max(size, 1)
        if total >= limits.SIZE:
            raise Refusal(f"a tensor's shape {list(shape)} has too many elements")
    return 0 if 0 in shape else total


def dense(storage: Storage, offset: Any, shape: Any, stride: Any, dtype: str | None = None) -> DeclaredTensor:
    """A tensor that looks into ``storage``; refused where it would look outside.

    ``offset`` and ``stride`` are counted in elements of ``dtype``, which is the storage's own unless given. It is noted
    as expanded where it has more elements than the storage, as steps of zero or overlapping rows make it.
    """
    dtype = dtype or storage.dtype
    shape, stride = sizes(shape, "shape"), sizes(stride, "stride")
    (offset,) = sizes((offset,), "offset")
    if len(shape) != len(stride):
        raise Refusal(f"a tensor has {len(shape)} sizes but {len(stride)} strides")
    last = sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) if count(shape) else -1
    if (offset + last + 1) * ITEM_BYTES[dtype] > storage.size:
        raise Refusal(
            f"a tensor of shape {list(shape)} needs more bytes than the {storage.size} of its storage '{storage.key}'"
        )
    without_steps = any(size > 1 and step == 0 for size, step in zip(shape, stride, strict=True))
    note = "expanded" if without_steps or count(shape) * ITEM_BYTES[dtype] > storage.size else ""
    return DeclaredTensor("dense", dtype, shape, stride, offset, storage, note=note)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a row-major tensor, in elements."""
    steps: list[int] = []
    step = 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(size, 1)
    return tuple(reversed(steps))
