"""Asks for the network that the shown one is compared with: a shipped one, or a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QMenu, QWidget

from cnnviz.checkpoints.shipped import shipped_networks
from cnnviz.data.kinds import NETWORK_SUFFIXES
from cnnviz.scene.document import Document
from cnnviz.scene.models import NetworkChoice


def compare_with(document: Document, source: str | None) -> None:
    """Compare the shown network with ``source``, on the same device; with nothing where it is None."""
    device = document.scene.network.device
    other = None if source is None else NetworkChoice(source=source, device=device)
    document.edit("panels.compare.other", other)


def ask_for_other(parent: QWidget, document: Document) -> bool:
    """Ask for a file to compare with; False where none was chosen."""
    patterns = " ".join(f"*{suffix}" for suffix in NETWORK_SUFFIXES)
    path, _ = QFileDialog.getOpenFileName(parent, "Compare with", "", f"Networks ({patterns});;All (*)")
    if path:
        compare_with(document, f"file:{Path(path).resolve()}")
    return bool(path)


def fill_with_others(menu: QMenu, parent: QWidget, document: Document) -> None:
    """All that the shown network can be compared with, as entries of ``menu``."""
    menu.clear()
    present = getattr(document.scene.panel("compare"), "other", None)
    for name in shipped_networks():
        action = menu.addAction(name, partial(compare_with, document, f"shipped:{name}"))
        action.setCheckable(True)
        action.setChecked(present is not None and present.source == f"shipped:{name}")
    menu.addSeparator()
    menu.addAction("A file…", partial(ask_for_other, parent, document))
    if present is not None:
        menu.addAction("Nothing", partial(compare_with, document, None))
