"""The short list of calls that make tensors and plain values; all others are only recorded.

Each function here says what torch's or numpy's function of that name would have made. None of them calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dtypes import QUANTISED, canonical
from .numpy_values import CALLS as NUMPY_CALLS
from .numpy_values import NumpyType, fill
from .refusal import Refusal
from .values import Collection, DeclaredTensor, FileBytes, Global, Storage, count, dense, is_integer, sizes

Persistent = Callable[[Any], Any]


class TensorMaker:
    """Makes declared tensors out of the calls in a pickle.

    Parameters
    ----------
    persistent : callable
        What a persistent id stands for in this container, which is a :class:`Storage` most of the time.
    """

    def __init__(self, persistent: Persistent) -> None:
        self.persistent = persistent

    def call(self, what: Global, arguments: tuple[Any, ...]) -> Any:
        of_numpy = NUMPY_CALLS.get(what.full)
        found = of_numpy or _TABLE.get(what.full)
        if found is None:
            return None
        function, fewest, most = found
        if not fewest <= len(arguments) <= most:
            raise Refusal(f"it calls {what.full} with {len(arguments)} arguments")
        return function(*arguments) if of_numpy else function(self, *arguments)

    def build(self, target: Any, state: Any) -> bool:
        if isinstance(target, NumpyType):
            target.big_endian = type(state) is tuple and state[1:2] == (">",)
            return True
        if not isinstance(target, DeclaredTensor):
            return False
        if target.kind == "array":
            target.become(fill(state))
        elif target.kind == "empty" and type(state) in (tuple, list) and len(state) in (4, 5):
            # Pickles of the first releases: an empty tensor, then its storage, offset, size and stride.
            target.become(dense(self.storage(state[0]), *state[1:4]))
        # A parameter's state repeats its flags, a tensor's its attributes in Python: neither changes a value.
        return True

    def storage(self, value: Any) -> Storage:
        """The storage that a call was given; some writers put the persistent id itself there."""
        if type(value) is tuple and value[:1] == ("storage",):
            value = self.persistent(value)
        if not isinstance(value, Storage):
            raise Refusal("a tensor in it has no storage")
        return value


def _dtype(value: Any) -> str:
    if isinstance(value, Global) and value.module == "torch":
        name = canonical(value.name)
        if name is not None:
            return name
    raise Refusal("a tensor in it has an element type that torch does not have")


def _tensor(maker: TensorMaker, storage: Any, offset: Any, shape: Any, stride: Any, *rest: Any) -> DeclaredTensor:
    """``_rebuild_tensor`` and ``_rebuild_tensor_v2``; ``rest``: requires_grad, backward hooks, bits."""
    return _with_bits(dense(maker.storage(storage), offset, shape, stride), rest[2] if len(rest) > 2 else None)


def _typed_tensor(
    maker: TensorMaker,
    storage: Any,
    offset: Any,
    shape: Any,
    stride: Any,
    _grad: Any,
    _hooks: Any,
    dtype: Any,
    *rest: Any,
) -> DeclaredTensor:
    """``_rebuild_tensor_v3``, whose storage is untyped."""
    return _with_bits(dense(maker.storage(storage), offset, shape, stride, _dtype(dtype)), rest[0] if rest else None)


def _with_bits(tensor: DeclaredTensor, bits: Any) -> DeclaredTensor:
    if type(bits) is dict:
        tensor.conjugate, tensor.negative = bits.get("conj") is True, bits.get("neg") is True
        marks = [word for word, is_set in (("conjugated", tensor.conjugate), ("negated", tensor.negative)) if is_set]
        tensor.note = ", ".join(filter(None, [tensor.note, *marks]))
    return tensor


def _is_tensor(value: Any) -> DeclaredTensor:
    if not isinstance(value, DeclaredTensor):
        raise Refusal("a parameter in it is made of something that is no tensor")
    return value


def _parameter(_maker: TensorMaker, data: Any = None, *_rest: Any) -> DeclaredTensor:
    return DeclaredTensor("empty", "float32", (0,), (1,)) if data is None else _is_tensor(data)


def _blank(_maker: TensorMaker, *arguments: Any) -> DeclaredTensor | None:
    return None if arguments else DeclaredTensor("empty", "float32", (0,), (1,))


def _quantised(
    maker: TensorMaker, storage: Any, offset: Any, shape: Any, stride: Any, quantiser: Any, _grad: Any, _hooks: Any
) -> DeclaredTensor:
    tensor = dense(maker.storage(storage), offset, shape, stride)
    if tensor.dtype not in QUANTISED or type(quantiser) is not tuple or not isinstance(quantiser[:1][0], Global):
        raise Refusal("a quantised tensor in it does not say how it is quantised")
    scheme, *rest = quantiser
    tensor.kind, tensor.note = "quantised", f"quantised ({scheme.name})"
    if scheme.full == "torch.per_tensor_affine" and len(rest) == 2:
        scale, zero = rest
        if type(scale) not in (float, int) or not is_integer(zero) or abs(zero) >= 1 << 31:
            raise Refusal("a quantised tensor in it has no proper scale")
        tensor.details = {"scheme": scheme.name, "scale": float(scale), "zero_point": zero}
        return tensor
    if scheme.full in ("torch.per_channel_affine", "torch.per_channel_affine_float_qparams") and len(rest) == 3:
        scales, zeros, axis = rest
        tensor.parts = (_is_tensor(scales), _is_tensor(zeros))
        if not is_integer(axis) or not 0 <= axis < len(tensor.shape):
            raise Refusal("a quantised tensor in it has an axis that is none of its own")
        if any(part.shape != (tensor.shape[axis],) for part in tensor.parts):
            raise Refusal("a quantised tensor in it has another number of scales than of channels")
        tensor.details = {"scheme": scheme.name, "axis": axis}
        return tensor
    raise Refusal("a quantised tensor in it is quantised in a way that torch does not know")


def _sparse(_maker: TensorMaker, layout: Any, data: Any) -> DeclaredTensor:
    name = layout.name if isinstance(layout, Global) else ""
    parts = {"sparse_coo": 2, "sparse_csr": 3, "sparse_csc": 3, "sparse_bsr": 3, "sparse_bsc": 3}.get(name)
    if parts is None or type(data) is not tuple or len(data) not in (parts + 1, parts + 2):
        raise Refusal("a sparse tensor in it has a layout that torch does not know")
    tensors = tuple(_is_tensor(part) for part in data[:parts])
    shape = sizes(data[parts], "shape")
    count(shape)
    details = {"layout": name, "coalesced": data[parts + 1] is True if len(data) > parts + 1 else None}
    note = f"sparse ({name.removeprefix('sparse_')})"
    return DeclaredTensor("sparse", tensors[-1].dtype, shape, note=note, parts=tensors, details=details)


def _nested(_maker: TensorMaker, buffer: Any, *layout: Any) -> DeclaredTensor:
    parts = tuple(_is_tensor(part) for part in (buffer, *layout))
    rows = parts[1].shape
    return DeclaredTensor(
        "nested", parts[0].dtype, parts[0].shape, note=f"nested ({rows[0] if rows else 0} tensors)", parts=parts
    )


def _meta(_maker: TensorMaker, dtype: Any, shape: Any, stride: Any, _grad: Any = False) -> DeclaredTensor:
    shape, stride = sizes(shape, "shape"), sizes(stride, "stride")
    count(shape)
    if len(shape) != len(stride):
        raise Refusal(f"a tensor has {len(shape)} sizes but {len(stride)} strides")
    return DeclaredTensor("meta", _dtype(dtype), shape, stride, note="meta (without values)")


def _wrapper(maker: TensorMaker, kind: Any, dtype: Any, shape: Any, stride: Any, *_rest: Any) -> DeclaredTensor:
    tensor = _meta(maker, dtype, shape, stride)
    tensor.note = f"a {kind.full if isinstance(kind, Global) else 'subclass'}, whose values are elsewhere"
    return tensor


def _from_other(_maker: TensorMaker, data: Any, dtype: Any, *_rest: Any) -> DeclaredTensor | None:
    """Tensors of a device without storages, saved as a plain one to be converted."""
    return data if isinstance(data, DeclaredTensor) and data.dtype == _dtype(dtype) else None


def _from_type(maker: TensorMaker, function: Any, kind: Any, arguments: Any, _state: Any) -> Any:
    if not isinstance(function, Global) or type(arguments) is not tuple:
        return None
    made = maker.call(function, arguments)
    if isinstance(made, DeclaredTensor) and isinstance(kind, Global) and kind.full not in _PLAIN_TYPES:
        made.note = ", ".join(filter(None, [made.note, f"a {kind.full}"]))
    return made


def _layout(_maker: TensorMaker, name: Any) -> Global:
    return Global("torch", str(name).removeprefix("torch.") if type(name) is str else "")


def _dictionary(_maker: TensorMaker, *arguments: Any) -> dict[Any, Any] | None:
    """An ordered dictionary, or one that counts or has a default, with its items where they are given."""
    pairs = arguments[-1] if arguments else ()
    if isinstance(pairs, Global):  # the default of a defaultdict
        pairs = ()
    if type(pairs) is dict:
        return dict(pairs)
    if type(pairs) not in (list, tuple):
        return None
    made: dict[Any, Any] = {}
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2 or type(pair[0]) not in (str, int, bytes, float, bool):
            return None
        made[pair[0]] = pair[1]
    return made


def _encode(_maker: TensorMaker, text: Any, encoding: Any = "") -> bytes | None:
    """Bytes as protocol 2 writes them."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        return None
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise Refusal("a pickle in it has bytes that are none; it is damaged") from error


def _bytearray(_maker: TensorMaker, *arguments: Any) -> bytes | FileBytes | None:
    """Bytes; protocol 2 writes empty ones as a call without arguments."""
    if not arguments:
        return b""
    return arguments[0] if isinstance(arguments[0], bytes | FileBytes) else None


def _complex(_maker: TensorMaker, real: Any, imaginary: Any) -> complex | None:
    return complex(real, imaginary) if type(real) in (int, float) and type(imaginary) in (int, float) else None


def _set(_maker: TensorMaker, items: Any = ()) -> Collection | None:
    return Collection(list(items)) if type(items) in (list, tuple) else None


def _size(_maker: TensorMaker, shape: Any = ()) -> tuple[int, ...]:
    return sizes(shape, "shape")


def _device(_maker: TensorMaker, *arguments: Any) -> str:
    return ":".join(str(argument)[:40] for argument in arguments if type(argument) in (str, int))


def _typed_list(_maker: TensorMaker, items: Any) -> list[Any] | None:
    return items if type(items) is list else None


def _tagged(_maker: TensorMaker, value: Any, _kind: Any) -> Any:
    return value


_PLAIN_TYPES = frozenset({"torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"})
_REBUILD: dict[str, tuple[Callable[..., Any], int, int]] = {
    "_rebuild_tensor": (_tensor, 4, 4),
    "_rebuild_tensor_v2": (_tensor, 6, 7),
    "_rebuild_tensor_v3": (_typed_tensor, 7, 8),
    "_rebuild_parameter": (_parameter, 3, 3),
    "_rebuild_parameter_with_state": (_parameter, 4, 4),
    "_rebuild_qtensor": (_quantised, 7, 7),
    "_rebuild_sparse_tensor": (_sparse, 2, 2),
    "_rebuild_sparse_csr_tensor": (_sparse, 2, 2),
    "_rebuild_nested_tensor": (_nested, 4, 4),
    "_rebuild_meta_tensor_no_storage": (_meta, 4, 4),
    "_rebuild_wrapper_subclass": (_wrapper, 8, 8),
    "_rebuild_device_tensor_from_cpu_tensor": (_from_other, 4, 4),
    "_rebuild_device_tensor_from_numpy": (_from_other, 4, 4),
    "_rebuild_xla_tensor": (_from_other, 4, 4),
}
_TENSOR_CLASSES = ("Tensor", "FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor", "LongTensor", "IntTensor",
                   "ShortTensor", "CharTensor", "ByteTensor", "BoolTensor")  # fmt: skip
_TABLE: dict[str, tuple[Callable[..., Any], int, int]] = {
    **{f"torch._utils.{name}": entry for name, entry in _REBUILD.items()},
    **{f"torch.{name}": (_blank, 0, 8) for name in _TENSOR_CLASSES},
    **{f"torch.cuda.{name}": (_blank, 0, 8) for name in _TENSOR_CLASSES[1:]},
    "torch._tensor._rebuild_from_type_v2": (_from_type, 4, 4),
    "torch._tensor._rebuild_from_type": (_from_type, 4, 4),
    "torch.nn.parameter.Parameter": (_parameter, 0, 2),
    "torch.nn.parameter.Buffer": (_parameter, 0, 2),
    "torch.serialization._get_layout": (_layout, 1, 1),
    "torch.Size": (_size, 0, 1),
    "torch.device": (_device, 1, 2),
    "torch.jit._pickle.build_intlist": (_typed_list, 1, 1),
    "torch.jit._pickle.build_doublelist": (_typed_list, 1, 1),
    "torch.jit._pickle.build_boollist": (_typed_list, 1, 1),
    "torch.jit._pickle.build_tensorlist": (_typed_list, 1, 1),
    "torch.jit._pickle.restore_type_tag": (_tagged, 2, 2),
    "collections.OrderedDict": (_dictionary, 0, 1),
    "collections.Counter": (_dictionary, 0, 1),
    "collections.defaultdict": (_dictionary, 0, 2),
    "_codecs.encode": (_encode, 1, 2),
    "builtins.bytearray": (_bytearray, 0, 1),
    "builtins.bytes": (_bytearray, 0, 1),
    "builtins.complex": (_complex, 2, 2),
    "builtins.set": (_set, 0, 1),
    "builtins.frozenset": (_set, 0, 1),
}

CONSTRUCTORS = (
    frozenset(_TABLE)
    | frozenset(NUMPY_CALLS)
    | {
        "torch.per_tensor_affine",
        "torch.per_tensor_symmetric",
        "torch.per_channel_affine",
        "torch.per_channel_symmetric",
        "torch.per_channel_affine_float_qparams",
        "torch.strided",
        "torch.sparse_coo",
        "numpy.ndarray",
    }
)
"""Every name that makes a tensor or a plain value, or tells one how it is made."""
