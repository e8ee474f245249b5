"""Contents made by hand, for tests of what is made of them rather than of how they are read."""

from pathlib import Path

import torch

from cnnviz.checkpoints.contents import Contents, TensorEntry


def contents_of(state, file_format="PyTorch zip", metadata=None):
    """The contents of a file with these tensors, in their order."""
    entries = tuple(
        TensorEntry(
            name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), str(tensor.data_ptr()), "", place
        )
        for place, (name, tensor) in enumerate(state.items())
    )
    return Contents(Path("network.pt"), file_format, entries, state.__getitem__, metadata or {})


def shaped(shapes):
    """Contents with tensors of these shapes, by name."""
    return contents_of({name: torch.zeros(shape) for name, shape in shapes.items()})
