"""The fields of any module's layers, for scripts and notebooks."""

from collections.abc import Sequence
from types import MappingProxyType

import torch
from torch import nn

from cnnviz.core.field_table import FieldRow, field_table
from cnnviz.core.trace import prepare


def receptive_field(module: nn.Module, input_size: Sequence[int] = (3, 224, 224)) -> MappingProxyType[str, FieldRow]:
    """For every layer of ``module``, which input pixels can reach its units.

    Parameters
    ----------
    module : nn.Module
        In any mode; it runs once, in evaluation mode.
    input_size : (C, H, W)

    Returns
    -------
    mapping of str to FieldRow
        By the layers' names, in order of execution: ``size``, ``stride`` and ``padding`` as (rows, columns), and what
        else there is to say of a field that is not the same for all units.

    Raises
    ------
    ValueError
        ``input_size`` is no (C, H, W), or the module does not run on such an image.

    Examples
    --------
    >>> fields = receptive_field(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2)), (3, 32, 32))
    >>> fields["1"].size, fields["1"].stride, fields["1"].padding
    ((4, 4), (2, 2), (1, 1))
    """
    size = tuple(input_size)
    if len(size) != 3 or not all(isinstance(each, int) and each > 0 for each in size):
        raise ValueError(f"input_size is (channels, rows, columns), such as (3, 224, 224), and not {input_size!r}.")
    like = next((each for each in module.parameters() if each.is_floating_point()), torch.zeros(0))
    example = torch.zeros(1, *size, dtype=like.dtype, device=like.device)
    try:
        graph = prepare(module, example).graph
    except Exception as error:
        shown = "×".join(map(str, size))
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"The module does not run on an image of {shown}: {why}; pass another input_size.") from error
    return MappingProxyType({row.layer: row for row in field_table(graph)})
