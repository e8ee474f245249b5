"""The first optimiser of a process, for which torch imports much more than itself."""

from __future__ import annotations

import threading

_loading: list[threading.Thread] = []


def is_optimizer_ready() -> bool:
    """Whether an optimiser can be made without seconds of imports; where not, they begin on a thread of their own."""
    if not _loading:
        _loading.append(threading.Thread(target=_make_one, name="cnnviz-first-optimiser", daemon=True))
        _loading[0].start()
    return not _loading[0].is_alive()


def _make_one() -> None:
    import torch

    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
