"""Says in the top bar that the network is not as it was loaded, and takes changes back."""

from __future__ import annotations

from functools import partial

from PyQt6.QtGui import QAction

from cnnviz.core.network_changes import NetworkChange, describe
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.menu_button import MenuButton

LONGEST = 28
"""Characters that the bar has room for; longer words are told as a number of changes."""


class ChangesButton(MenuButton):
    """Hidden while the network is as it was loaded; its menu has an entry for each change, and one for all."""

    def __init__(self, document: Document, reset: QAction) -> None:
        super().__init__("", "What is changed in the network; choose a change to take it back", "edit")
        self._document = document
        self._reset = reset
        self.entries.aboutToShow.connect(self._fill)
        document.changed.connect(self._show)
        self._say(document.scene)
        if not document.scene.changes:  # shown by what it stands in, and never before that
            self.hide()

    def _show(self, old: Scene, new: Scene) -> None:
        if new.changes != old.changes:
            self._say(new)
            self.setVisible(bool(new.changes))

    def _say(self, scene: Scene) -> None:
        words = all_words = describe(scene.changes)
        if len(words) > LONGEST:
            words = "1 change" if len(scene.changes) == 1 else f"{len(scene.changes)} changes"
        self.setText(words)
        self.updateGeometry()
        self.setToolTip(f"Changed in the network: {all_words}. Choose a change to take it back.")
        self._reset.setEnabled(bool(scene.changes))

    def _fill(self) -> None:
        self.entries.clear()
        for change in self._document.scene.changes:
            self.entries.addAction(f"Take back {change.words}", partial(self._take_back, change))
        self.entries.addSeparator()
        self.entries.addAction(self._reset)

    def _take_back(self, change: NetworkChange) -> None:
        self._document.edit("changes", tuple(each for each in self._document.scene.changes if each != change))
