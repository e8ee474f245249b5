"""The widget of the runs: ready comparisons, the table, the queue, and curves over one another."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import cast

from PyQt6.QtCore import QPoint, QTimer
from PyQt6.QtGui import QColor, QShowEvent
from PyQt6.QtWidgets import QHBoxLayout, QMenu, QMessageBox, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from cnnviz.engine.training_weights import folder_of, source_of
from cnnviz.panels.runs import RunLine, RunsParams, RunsResult
from cnnviz.panels.runs_comparisons_view import ComparisonsPage, fill_comparisons
from cnnviz.panels.runs_table_view import RunsTable
from cnnviz.panels.runs_words import queue_words
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.training.comparisons import Comparison
from cnnviz.training.run_changes import ChangeGroup, OneChange
from cnnviz.training.run_label import RunLabel
from cnnviz.ui.controls import IconButton, Segmented, Toggle, text_button
from cnnviz.ui.curve_painter import looks
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.flow_layout import FlowLayout
from cnnviz.ui.folder_watch import FolderWatch
from cnnviz.ui.icons import icon
from cnnviz.ui.menu_button import MenuButton
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.training_session import TrainingSession

AGAIN_MS = 800
"""Between two looks at the folders while a run is trained."""
PATH = "panels.runs"
_QUANTITIES = (("loss", "loss", "What is made small"), ("accuracy", "accuracy", "Share that is named rightly"))
_PARTS = (
    ("test", "test", "Images that are not learned from: what counts"),
    ("train", "train", "Images that are learned from: whether it can be learned at all"),
    ("both", "both", "Test images, and thin those that are learned from: the gap between them"),
)
_ALONG = (
    ("epochs", "epochs", "Passes over the training images: alike for every batch size"),
    ("steps", "steps", "Changes of the weights"),
    ("seconds", "seconds", "Time of training: what a change costs"),
)
WORDS_WIDTH = 56
"""Characters in a line of words in a menu."""


class RunsView(PanelView):
    """Its buttons speak to the session and its queue; the document holds what is selected and drawn."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._session: TrainingSession | None = None
        self._result = RunsResult((), None, "", (), False)
        self._watch = FolderWatch(self)
        self._compare = MenuButton("Compare", "Runs that differ in one thing, trained in turn with one seed", "shuffle")
        self._duplicate = MenuButton("Duplicate", "The selected run again, with one thing changed", "copy")
        self._duplicate.entries.aboutToShow.connect(lambda: self._fill_changes(self._duplicate.entries))
        self._go_on = IconButton("play", "Go on with the selected run from its last checkpoint")
        self._up = IconButton("up", "Train the selected run earlier")
        self._rename = IconButton("edit", "Rename the selected run (F2)")
        self._delete = IconButton("clear", "Delete the selected run, or let it wait no more (Del)")
        self._table = RunsTable()
        self._waiting = sentences("muted")
        self._train = text_button("Train them", "Train those that wait, one after the other", role="play")
        self._quantity = Segmented([each[:2] for each in _QUANTITIES], tips=[each[2] for each in _QUANTITIES])
        self._part = Segmented([each[:2] for each in _PARTS], tips=[each[2] for each in _PARTS])
        self._along = Segmented([each[:2] for each in _ALONG], tips=[each[2] for each in _ALONG])
        self._logarithmic = Toggle("log")
        self._logarithmic.setToolTip("Loss on a logarithmic axis: how far below one another small losses are")
        self._plot = CurvePlot(self)
        self._none = sentences("muted")
        self._page = ComparisonsPage()
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(self._scan_again)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._scan_again)
        self._lay_out()
        self._connect()
        theme().changed.connect(self._restyle)
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)
        self._say_queue()

    def attach(self, session: TrainingSession) -> None:
        """Train with this session; without one there is nothing but to look at."""
        self._session = session
        session.queue.load()
        session.changed.connect(self._on_session)
        session.queue.changed.connect(self._on_queue)
        session.shelf.changed.connect(self._soon.start)
        session.shelf.not_in_trash.connect(self._ask_to_delete)
        self._watch_folder()
        self._say_queue()

    def figures(self) -> list[Figure]:
        figure = self._plot.figure()
        return [] if figure is None or self._plot.isHidden() else [figure]

    def show_result(self, result: RunsResult) -> None:
        super().show_result(result)
        self._result = result
        self._stack.setCurrentIndex(1 if result.lines else 0)
        colours = self._colours()
        self._table.shown_network = self._shown_network()
        params = self._params()
        self._table.set_lines(result.lines, result.selected, colours, params.part)
        self._plot.setVisible(result.curves is not None)
        self._none.setVisible(result.curves is None)
        if result.curves is not None:
            self._plot.set_curves(result.curves)
        drawn = sum(bool(line.curve) for line in result.lines)
        self._none.setText(
            "The curves are drawn here as soon as there are figures."
            if drawn or any(line.is_shown for line in result.lines)
            else "Tick the boxes of runs to lay their curves over one another."
        )
        done = sum(line.standing == "finished" for line in result.lines)
        count = f"{len(result.lines)} run{'s' if len(result.lines) > 1 else ''}"
        self.set_subtitle(f"{count}, {done} done" if result.lines else "")
        self._say_queue()
        self._say_buttons()

    def _colours(self) -> dict[str, QColor]:
        """Of the curves, by their names, in the theme as it is now."""
        return looks(self._result.curves) if self._result.curves is not None else {}

    def _restyle(self) -> None:
        self._table.colours = self._colours()
        self._table.viewport().update()

    def _lay_out(self) -> None:
        top, queue, how, what = FlowLayout(), QHBoxLayout(), FlowLayout(), FlowLayout()
        for button in (self._compare, self._duplicate, self._go_on, self._up, self._rename, self._delete):
            top.addWidget(button)
        queue.addWidget(self._waiting, 1)
        queue.addWidget(self._train)
        for row, controls in ((what, (self._quantity, self._part)), (how, (self._along, self._logarithmic))):
            for control in controls:
                row.addWidget(control)
        full = QWidget()
        layout = QVBoxLayout(full)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        layout.addLayout(top)
        layout.addWidget(self._table, 1)
        layout.addLayout(queue)
        layout.addLayout(what)
        layout.addLayout(how)
        layout.addWidget(self._plot, 1)
        layout.addWidget(self._none, 1)
        self._none.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self._page)
        self._stack.addWidget(full)

    def _connect(self) -> None:
        fill_comparisons(self._compare.entries, self._begin_comparison)
        self._page.chosen.connect(self._begin_comparison)
        self._table.chosen.connect(self._show_run)
        self._table.selected.connect(lambda run_id: self.document.edit(f"{PATH}.selected", run_id))
        self._table.toggled.connect(self._toggle)
        self._table.renamed.connect(self._rename_run)
        self._table.delete_asked.connect(self._delete_run)
        self._table.customContextMenuRequested.connect(self._open_menu)
        self._go_on.clicked.connect(lambda: self._go_on_with(self._result.selected))
        self._up.clicked.connect(lambda: self._asked().queue.move_up(self._result.selected))
        self._rename.clicked.connect(lambda: self._table.rename(self._result.selected))
        self._delete.clicked.connect(lambda: self._delete_run(self._result.selected))
        self._train.clicked.connect(self._train_or_pause)
        self._quantity.chosen.connect(lambda key: self.document.edit(f"{PATH}.quantity", key))
        self._part.chosen.connect(lambda key: self.document.edit(f"{PATH}.part", key))
        self._along.chosen.connect(lambda key: self.document.edit(f"{PATH}.along", key))
        self._logarithmic.edited.connect(lambda on: self.document.edit(f"{PATH}.logarithmic", on))
        self._watch.changed.connect(self._scan_again)

    # what the person does

    def _asked(self) -> TrainingSession:
        assert self._session is not None  # without a session every button is off
        return self._session

    def _begin_comparison(self, comparison: Comparison) -> None:
        """Train all runs of it in turn, and draw their curves and no others."""
        if self._session is None:
            return
        labels = [RunLabel(name=each.name, comparison=comparison.title) for each in comparison.variants]
        here = {"data_dir": self._session.settings.data_dir, "device": self._session.settings.device}
        settings = [each.settings.changed(here) for each in comparison.variants]
        ids = self._session.queue.add(list(zip(settings, labels, strict=True)))
        with self.document.gesture():
            self.document.edit(f"{PATH}.shown", ids)
            self.document.edit(f"{PATH}.quantity", comparison.quantity)
            self.document.edit(f"{PATH}.part", comparison.part)

    def _begin_duplicate(self, line: RunLine, change: OneChange) -> None:
        label = RunLabel(base=line.id, comparison=line.label.comparison)
        (run_id,) = self._asked().queue.add([(change.settings, label)])
        shown = [each.id for each in self._result.lines if each.is_shown]
        self.document.edit_many(
            {
                f"{PATH}.shown": tuple(dict.fromkeys([*shown, line.id, run_id])),
                f"{PATH}.selected": line.id,  # the next duplicate is one of the same run
            }
        )

    def _show_run(self, run_id: str) -> None:
        """Let every panel show its network, and its checkpoints lie on the slider."""
        line = self._line(run_id)
        if line is None or line.folder is None or line.weights is None:
            return
        source = source_of(line.folder)
        if self.document.scene.network.source == source:
            return
        with self.document.gesture():
            actions.use_network(self.document, source, line.channels, dataset=line.settings.dataset)
            self.document.edit("panels.epochs.folder", str(line.folder))

    def _toggle(self, run_id: str) -> None:
        shown = [line.id for line in self._result.lines if line.is_shown]
        chosen = [each for each in shown if each != run_id] if run_id in shown else [*shown, run_id]
        self.document.edit(f"{PATH}.shown", tuple(chosen))

    def _rename_run(self, run_id: str, name: str) -> None:
        line = self._line(run_id)
        if line is None or self._session is None:
            return
        label = line.label.model_copy(update={"name": name})
        if line.folder is None:
            self._asked().queue.rename(run_id, label)
        else:
            self._asked().shelf.rename(line.folder, label)

    def _delete_run(self, run_id: str) -> None:
        line = self._line(run_id)
        if line is None or self._session is None:
            return
        if line.folder is None:
            self._session.queue.remove(run_id)
        else:
            self._session.shelf.delete(line.folder)

    def _ask_to_delete(self, folder: Path) -> None:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(f"Delete the run {folder.name} for good?")
        box.setInformativeText("The system has no trash here. Its networks and its curve cannot be brought back.")
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.buttonClicked.connect(
            lambda button: self._asked().shelf.delete(folder, for_good=True) if button is delete else None
        )
        box.open()

    def _go_on_with(self, run_id: str) -> None:
        line = self._line(run_id)
        if line is not None and self._can_go_on(line):
            self._asked().go_on_with(cast(Path, line.folder))

    def _can_go_on(self, line: RunLine) -> bool:
        ended = line.standing in ("stopped", "interrupted") and line.weights is not None
        return ended and self._session is not None and not self._session.goes_on

    def _train_or_pause(self) -> None:
        queue = self._asked().queue
        if queue.goes:
            queue.pause()
        else:
            queue.try_again()

    def _open_menu(self, at: QPoint) -> None:
        line = self._table.line_at(at)
        if line is None or self._session is None:
            return
        menu = QMenu(self._table)
        if line.folder is not None and line.weights is not None:
            menu.addAction("Show its network", lambda: self._show_run(line.id))
        if line.id == self._result.selected:
            self._fill_changes(menu.addMenu("Duplicate"))
        if self._can_go_on(line):
            menu.addAction("Go on with it", lambda: self._go_on_with(line.id))
        menu.addAction("Rename", lambda: self._table.rename(line.id))
        if line.folder is None:
            menu.addAction("Train earlier", lambda: self._asked().queue.move_up(line.id))
        menu.addAction("Delete" if line.folder is not None else "Wait no more", lambda: self._delete_run(line.id))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._table.viewport().mapToGlobal(at))

    def _fill_changes(self, menu: QMenu | None) -> None:
        """A submenu for each thing that can be changed."""
        line = self._line(self._result.selected)
        if menu is None:
            return
        menu.clear()
        if line is None:
            return
        if line.later:
            for words in wrap(f"A duplicate begins as this run began. Later: {', '.join(line.later)}.", WORDS_WIDTH):
                menu.addAction(words).setEnabled(False)
            menu.addSeparator()
        for group in (each for each in self._result.changes if each.changes or each.why):
            self._fill_group(menu.addMenu(group.title), group, line)

    def _fill_group(self, menu: QMenu | None, group: ChangeGroup, line: RunLine) -> None:
        if menu is None:
            return
        menu.setToolTipsVisible(True)
        for words in wrap(group.why, WORDS_WIDTH):
            menu.addAction(words).setEnabled(False)
        for change in group.changes:
            action = menu.addAction(change.words)
            action.setToolTip(group.about)
            action.triggered.connect(lambda _=False, change=change: self._begin_duplicate(line, change))

    # what is shown

    def _params(self) -> RunsParams:
        return cast(RunsParams, self.document.scene.panel("runs"))

    def _line(self, run_id: str) -> RunLine | None:
        return next((line for line in self._result.lines if line.id == run_id), None)

    def _shown_network(self) -> str:
        folder = folder_of(self.document.scene.network.source)
        return folder.name if folder is not None else ""

    def _on_session(self) -> None:
        if self.isVisible() and not self._again.isActive():
            self._again.start()
        self._say_buttons()
        self._watch_folder()

    def _on_queue(self) -> None:
        self._say_queue()
        self._soon.start()

    def _watch_folder(self) -> None:
        folder = self._asked().queue.folder
        self._watch.watch(str(folder) if folder.is_dir() else "")

    def _scan_again(self) -> None:
        self.document.amend(f"{PATH}.scans", self._params().scans + 1)

    def _say_queue(self) -> None:
        queue = self._session.queue if self._session is not None else None
        runs = queue.runs if queue is not None else ()
        troubles = [run.trouble for run in runs if run.trouble]
        count = len(runs) - len(troubles)
        goes = queue is not None and queue.goes
        self._waiting.setVisible(bool(runs))
        self._train.setVisible(bool(runs))
        self._waiting.setText(queue_words(count, goes, self._result.lines, troubles))
        begin = "Train them" if len(runs) > 1 else "Train it"
        self._train.setText("Pause" if goes else begin if count else "Try again")
        self._train.setIcon(icon("pause" if goes else "play"))
        self._train.setToolTip(
            "Begin no other run after the present one"
            if goes
            else "Train those that wait, one after the other; those that could not begin have another turn"
        )

    def _say_buttons(self) -> None:
        line = self._line(self._result.selected)
        self._compare.setEnabled(self._session is not None)
        self._duplicate.setEnabled(line is not None and self._session is not None)
        self._rename.setEnabled(line is not None)
        self._go_on.setEnabled(line is not None and self._can_go_on(line))
        self._delete.setEnabled(line is not None and line.standing != "training")
        self._up.setEnabled(line is not None and line.standing == "waiting")

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        params = self._params()
        self._quantity.set_value(params.quantity)
        self._part.set_value(params.part)
        self._along.set_value(params.along)
        self._logarithmic.set_value(params.logarithmic)
        self._logarithmic.setEnabled(params.quantity == "loss")
        if old.network is not new.network:
            self._table.shown_network = self._shown_network()
            self._table.viewport().update()
        self._say_buttons()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._soon.start()
