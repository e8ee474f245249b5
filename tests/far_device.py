"""A device that is not there: tensors on it lie in memory of the CPU, but mix with the CPU's no more than a GPU's do.

It shows on any machine what crosses between a network's device and the CPU, and that nothing is forgotten to be moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

FAR = torch.device("meta")
"""What the device calls itself."""


class FarTensor(Tensor):
    """A tensor on the far device; ``near`` holds its values."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> FarTensor:
        made = Tensor._make_wrapper_subclass(
            cls, near.shape, strides=near.stride(), storage_offset=near.storage_offset(), dtype=near.dtype, device=FAR
        )
        made.near = near
        return made

    # What torch does not pass through any dispatch.

    def __getitem__(self, index: Any) -> Any:
        each = index if isinstance(index, tuple) else (index,)
        return super().__getitem__(tuple(torch.tensor(part) if isinstance(part, list) else part for part in each))

    def new_tensor(self, values: Any, *, dtype: torch.dtype | None = None) -> Tensor:
        return torch.tensor(values, dtype=dtype or self.dtype).to(FAR)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{function}: no far device is in use")


@dataclass(frozen=True)
class Transfer:
    """What came from the far device: ``what`` tells the operation."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return torch.Size(self.shape).numel() * self.dtype.itemsize


class FarDevice(TorchDispatchMode):
    """While it is in use, ``FAR`` computes, and ``back`` holds all that came from it to the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.back: list[Transfer] = []
        self._constants = _Constants()

    def __enter__(self) -> FarDevice:
        self._constants.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._constants.__exit__(*error)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        aten = torch.ops.aten
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        far = [each for each in given if isinstance(each, FarTensor)]
        asked = kwargs.get("device")
        to_far = asked is not None and torch.device(asked).type == FAR.type
        if function in (aten._local_scalar_dense.default, aten.equal.default) and far:
            self.back.append(Transfer(far[0].dtype, ()))
        copies = function in (aten._to_copy.default, aten.copy_.default, aten.to.device, aten.to.dtype_layout)
        if function is aten.copy_.default:
            source, target = args[1], args[0]
            if isinstance(source, FarTensor) and not isinstance(target, FarTensor):
                self.back.append(Transfer(source.dtype, tuple(source.shape)))
        elif copies and far and asked is not None and not to_far:
            self.back.append(Transfer(far[0].dtype, tuple(far[0].shape)))
        elif far and not copies:
            near = [each for each in given if not isinstance(each, FarTensor) and each.ndim]
            indexes = function in (aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default)
            if near and not indexes:
                raise RuntimeError(f"{function}: tensors on the far device and on the CPU")
        if to_far:
            kwargs["device"] = torch.device("cpu")
        out = function(*_near(args), **_near(kwargs))
        stays = to_far or (bool(far) and not (copies and asked is not None))
        if function is aten.copy_.default:
            return args[0]
        schema = function._schema
        if schema.is_mutable and schema.name.endswith("_") and isinstance(args[0], FarTensor):
            return args[0]
        return tree_map(lambda each: FarTensor(each) if isinstance(each, Tensor) else each, out) if stays else out


class _Constants(TorchFunctionMode):
    """Numbers that are written into tensors on the far device, which torch does not dispatch either."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if function in (torch.tensor, torch.as_tensor) and str(kwargs.get("device")) == FAR.type:
            del kwargs["device"]
            return function(*args, **kwargs).to(FAR)
        return function(*args, **kwargs)


def _near(tree: Any) -> Any:
    return tree_map(lambda each: each.near if isinstance(each, FarTensor) else each, tree)
