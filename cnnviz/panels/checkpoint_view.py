"""The widget of the checkpoint panel."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QLineEdit, QMessageBox, QVBoxLayout, QWidget

from cnnviz.panels.checkpoint import CheckpointParams, CheckpointResult
from cnnviz.panels.checkpoint_table_view import LAYER_COLUMNS, TENSOR_COLUMNS, SortableTable
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.ui.controls import ComboBox, ElidedLabel, Segmented, text_button
from cnnviz.ui.numbers import format_count, format_percent
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.plain_text import plain_tip
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme

_STATUS = {
    "opened": ("ok", "opened: a live network"),
    "partial": ("warning", "partial: its tensors are shown, no network is run"),
    "refused": ("error", "refused: no tensor can be read"),
}


class CheckpointView(PanelView):
    """What the file is in words, then its tensors; what is still counted says how far it is."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._result: CheckpointResult | None = None
        self._status = ElidedLabel("", role="title", token="text")
        self._facts, self._words, self._details = sentences("muted"), sentences(), sentences("muted")
        for label in (self._facts, self._words, self._details):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._accept = text_button("", "Take this answer, which is not sure, and show the network alive", role="check")
        self._accept.clicked.connect(self._open_as_proposed)
        self._correct = text_button("Correct it …", "See the whole answer in the panel Guess, correct it and try it")
        self._correct.clicked.connect(lambda: self.panel_wanted.emit("guess"))
        self._trust = text_button("Trust this file and run it …", "This file is a program: running it needs your trust")
        self._trust.clicked.connect(self._ask_for_trust)
        self._networks = ComboBox()
        self._networks.setToolTip("This file holds several networks: which one is shown")
        self._networks.setAccessibleName("Network in the file")
        self._networks.chosen.connect(self._choose_network)
        self._filter = QLineEdit()
        self._filter.setPlaceholderText("filter by name, shape or type")
        self._filter.setAccessibleName("Filter the table")
        self._filter.setToolTip("Show only the rows that hold these words, in any column")
        self._filter.setClearButtonEnabled(True)
        self._count = ElidedLabel("")
        self._tables = {
            "tensors": SortableTable(TENSOR_COLUMNS, "Tensors of the file", self),
            "layers": SortableTable(LAYER_COLUMNS, "Layers of the network", self),
        }
        self._which = Segmented([("tensors", "Tensors"), ("layers", "Layers")])
        self._which.setToolTip("List what is stored, or what computes: weights, multiply-adds and memory of each layer")
        self._which.setAccessibleName("What is listed")
        self._which.chosen.connect(lambda key: document.edit("panels.checkpoint.table", key))
        self._filter.textChanged.connect(self._apply_filter)
        row = QHBoxLayout()
        row.addWidget(self._which)
        row.addWidget(self._filter, 1)
        row.addWidget(self._count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        for widget in (self._status, self._facts, self._words, self._details):
            layout.addWidget(widget)
        buttons = QHBoxLayout()
        for button in (self._networks, self._accept, self._correct, self._trust):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addLayout(row)
        for table in self._tables.values():
            layout.addWidget(table, 1)
        self._show_chosen_table()
        document.changed.connect(self._follow)

    def show_result(self, result: CheckpointResult) -> None:
        super().show_result(result)
        self._result = result
        token, words = _STATUS[result.status]
        self._status.set_text(words, token)
        self._facts.setText(" · ".join(_facts(result)))
        self._facts.setToolTip(f"SHA-256 {result.sha256}" if result.sha256 else "")
        self._words.setText(result.message)
        details = _details(result)
        self._details.setText("\n".join(details))
        self._details.setVisible(bool(details))
        self._details.setToolTip(plain_tip("\n".join(f"{key}: {value}" for key, value in result.metadata)))
        self._accept.setText(f"Open as {result.proposal}")
        self._accept.setVisible(bool(result.proposal))
        self._correct.setVisible(bool(result.proposal))
        self._trust.setVisible(result.trustable)
        self._networks.setVisible(len(result.networks) > 1)
        if len(result.networks) > 1:
            self._networks.set_options([(name, name or "the whole file") for name in result.networks])
            self._networks.set_value(result.selected)
        self._tables["tensors"].set_rows(result.rows)
        if result.layers is not None:
            self._tables["layers"].set_rows(result.layers)
        self._say_count()
        self.set_subtitle(Path(result.path).name)

    def _open_as_proposed(self) -> None:
        if self._result is not None:
            source = f"file:{Path(self._result.path).resolve()}"
            actions.use_network(self.document, source, self._result.channels, accept=True)

    def _choose_network(self, select: str) -> None:
        if self._result is not None:
            source = f"file:{Path(self._result.path).resolve()}"
            self.document.edit_many({"network.source": source, "network.select": select, "network.answer": None})

    def _ask_for_trust(self) -> None:
        if self._result is None:
            return
        box = QMessageBox(self.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Trust this file?")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"{Path(self._result.path).name} is a program, not weights alone.")
        box.setInformativeText(
            "Torch can run it, and then it can do on this computer whatever you can: read, change and send your files. "
            "cnnviz has read its weights and its code without running any of it, and cannot tell what the code is up "
            "to. Trust it only if you know who made it and got it from them. The trust is for this very file: one of "
            "other content is asked for again."
        )
        trust = box.addButton("Trust and run", QMessageBox.ButtonRole.AcceptRole)
        stay = box.addButton("Do not run", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        source = f"file:{Path(self._result.path).resolve()}"
        assert trust is not None
        trust.clicked.connect(lambda: self.document.edit_many({"network.source": source, "network.trust": True}))
        box.open()

    def _apply_filter(self, text: str) -> None:
        for table in self._tables.values():
            table.set_filter(text)
        self._say_count()

    def _say_count(self) -> None:
        if self._result is None:
            return
        key = self._chosen_table()
        total = len(self._result.rows if key == "tensors" else self._result.layers or ())
        shown = self._tables[key].shown()
        words = f"{total} {key}" if shown == total else f"{shown} of {total} {key}"
        if key == "tensors" and self._result.done < total:
            words += f", {self._result.done} measured"
        self._count.set_text(words)

    def _chosen_table(self) -> str:
        return cast(CheckpointParams, self.document.scene.panel("checkpoint")).table

    def _follow(self, old: Scene, new: Scene) -> None:
        if old.panel("checkpoint") is not new.panel("checkpoint"):
            self._show_chosen_table()

    def _show_chosen_table(self) -> None:
        chosen = self._chosen_table()
        self._which.set_value(chosen)
        for key, table in self._tables.items():
            table.setVisible(key == chosen)
        self._say_count()


def _facts(result: CheckpointResult) -> list[str]:
    facts = [result.format] if result.format else []
    if result.architecture:
        facts.append(f"{result.architecture} ({format_percent(result.confidence, 0)} sure)")
    if result.parameters:
        facts.append(f"{format_count(result.parameters)} weights")
    facts.append(f"{result.size / 2**20:.2f} MiB")
    if result.sha256 != "":
        facts.append(f"SHA-256 {_in_groups(result.sha256)}" if result.sha256 else "hashing …")
    return facts


def _in_groups(digits: str) -> str:
    """So that a line can end between them, and eyes can compare."""
    return " ".join(digits[start : start + 16] for start in range(0, len(digits), 16))


def _details(result: CheckpointResult) -> list[str]:
    details = []
    if result.refused:
        details.append(f"Asked for, and not run: {', '.join(result.refused)}")
    if result.proposal:
        details.append(f"Could be: {result.proposal} ({'; '.join(reason.rstrip('.') for reason in result.reasons)})")
    if result.metadata:
        details.append(f"Metadata: {', '.join(_brief(key, value) for key, value in result.metadata)}")
    return details


def _brief(key: str, value: str) -> str:
    """One entry of metadata; a long value is left to the tool tip."""
    return f"{key} {value}" if len(value) <= 40 else f"{key} …"
