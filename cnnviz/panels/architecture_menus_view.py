"""The menus of the architecture panel: kinds of layers to add, what to start from, what to change throughout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFileDialog, QMenu, QWidget

from cnnviz.core.choices import POOLING_WORDS
from cnnviz.nets.layer_table import Kind, LayerTable
from cnnviz.nets.table_file import TABLE_SUFFIX, TableFileError, read_table, write_table
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.nets.table_variants import (
    with_normalisation,
    with_pooling,
    with_residual,
    without_normalisation,
    without_residual,
)
from cnnviz.panels.architecture_words import KIND_WORDS
from cnnviz.ui.icons import icon
from cnnviz.ui.menu_button import MenuButton

if TYPE_CHECKING:
    from cnnviz.panels.architecture import OpenNetwork

_FILES = f"Tables of layers (*{TABLE_SUFFIX})"

Use = Callable[[LayerTable], None]


def add_button(add: Callable[[Kind], None]) -> MenuButton:
    """Offers every kind of layer."""
    button = MenuButton("Add", "Add a layer below the one that is open, else at the end (Insert)", "plus")
    button.entries.setToolTipsVisible(True)
    for kind, (words, tip) in KIND_WORDS.items():
        action = QAction(words, button.entries)
        action.setToolTip(tip)
        action.triggered.connect(partial(_call, add, kind))
        button.entries.addAction(action)
    return button


class StartMenu:
    """What to start from, what to change in every layer at once, and files.

    Parameters
    ----------
    table : callable
        The present table.
    use : callable
        Takes another in its place.
    tell : callable
        Is told what went wrong.
    """

    def __init__(self, owner: QWidget, table: Callable[[], LayerTable], use: Use, tell: Callable[[str], None]) -> None:
        self._owner, self._table, self._use, self._tell = owner, table, use, tell
        self._opened: OpenNetwork | None = None
        self.button = MenuButton("Start from", "Take another table, change this one throughout, or keep it in a file")
        self.button.entries.setToolTipsVisible(True)
        self.button.entries.aboutToShow.connect(self.fill)

    def set_opened(self, opened: OpenNetwork) -> None:
        """What the network that is open has to offer."""
        self._opened = opened

    def fill(self) -> None:
        """Bring the entries up to date."""
        menu = self.button.entries
        menu.clear()
        for preset in TABLE_PRESETS.values():
            self._entry(menu, preset.title, preset.words, partial(self._use, preset.table))
        menu.addSeparator()
        self._add_opened(menu)
        menu.addSeparator()
        menu.addMenu(self._throughout(menu))
        menu.addSeparator()
        self._entry(menu, "Open a table…", "A file that was saved here", self._open, "open")
        self._entry(menu, "Save the table…", "As JSON; cnnviz train --network FILE trains it", self._save, "save")

    def _add_opened(self, menu: QMenu) -> None:
        opened = self._opened
        if opened is None:
            return
        words = f"Edit the architecture of {opened.name}" if opened.is_own else f"The layers of {opened.name}"
        table = opened.table
        tip = opened.words or "The network that is open; weights start anew"
        action = self._entry(menu, words, tip, lambda: None if table is None else self._use(table), "network")
        action.setEnabled(table is not None)
        if table is None:
            reason = QAction(_shortened(opened.words), menu)
            reason.setToolTip(opened.words)
            reason.setEnabled(False)
            menu.addAction(reason)

    def _throughout(self, parent: QMenu) -> QMenu:
        menu = QMenu("Change every layer", parent)
        menu.setToolTipsVisible(True)
        changes: tuple[tuple[str, str, Callable[[LayerTable], LayerTable]], ...] = (
            ("Batch normalisation before activations", "After convolution or linear layer", with_normalisation),
            (
                "Batch normalisation after activations",
                "Between activation and pooling",
                partial(with_normalisation, place="after"),
            ),
            ("Group normalisation", "That of no other image", partial(with_normalisation, normalisation="group")),
            ("No normalisation", "Layers get a bias in its place", without_normalisation),
            ("Residual blocks without skips", "The plain twin, with the same weights", without_residual),
            ("Residual blocks with skips", "f(x) + x", with_residual),
        )
        for words, tip, change in changes:
            self._entry(menu, words, tip, partial(self._change, change))
        pools = QMenu("Pooling", menu)
        for kind, words in POOLING_WORDS.items():
            self._entry(pools, words, "", partial(self._change, partial(with_pooling, kind=kind)))
        self._entry(pools, "none", "All maps stay larger", partial(self._change, partial(with_pooling, kind="none")))
        menu.addMenu(pools)
        return menu

    def _change(self, change: Callable[[LayerTable], LayerTable]) -> None:
        self._use(change(self._table()))

    def _open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._owner, "Open a table of layers", "", _FILES)
        if path:
            try:
                self._use(read_table(Path(path)))
            except TableFileError as error:
                self._tell(str(error))

    def _save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self._owner, "Save the table", f"architecture{TABLE_SUFFIX}", _FILES)
        if chosen:
            path = Path(chosen)
            try:
                write_table(self._table(), path if path.suffix else path.with_suffix(TABLE_SUFFIX))
            except TableFileError as error:
                self._tell(str(error))

    def _entry(self, menu: QMenu, words: str, tip: str, do: Callable[[], None], role: str | None = None) -> QAction:
        action = QAction(words, menu)
        action.setToolTip(tip)
        if role is not None:
            action.setIcon(icon(role))
        action.triggered.connect(lambda _=False: do())
        menu.addAction(action)
        return action


def _call(function: Callable[[Kind], None], kind: Kind, _checked: bool = False) -> None:
    function(kind)


def _shortened(words: str) -> str:
    return words if len(words) <= 60 else f"{words[:59]}…"
