"""The widget of the architecture panel: the list of layers, what can be done with it, and its sums."""

from __future__ import annotations

from typing import Any, cast

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from cnnviz.nets.layer_table import LAYER_TABLE, Kind, LayerTable, Row, free_name, new_row
from cnnviz.panels.architecture import ArchitectureParams, ArchitectureResult
from cnnviz.panels.architecture_columns_view import ColumnTitles
from cnnviz.panels.architecture_figure_view import TableFigure
from cnnviz.panels.architecture_lines_view import INPUT
from cnnviz.panels.architecture_menus_view import StartMenu, add_button
from cnnviz.panels.architecture_rows_view import LayerList
from cnnviz.scene.document import Document, SceneError
from cnnviz.scene.models import Scene
from cnnviz.training.recipes import recipe
from cnnviz.training.settings import TrainingSettings
from cnnviz.ui.controls import IconButton, text_button
from cnnviz.ui.figure import Figure
from cnnviz.ui.numbers import format_count
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

PANEL = "panels.architecture"
TABLE, CURRENT, UNFOLDED = f"{PANEL}.table", f"{PANEL}.current", f"{PANEL}.unfolded"
SETTINGS = "panels.training.settings"


class ArchitectureView(PanelView):
    """Whatever is changed in a row shows in all below it as one types; each change can be undone."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        self._start = StartMenu(self, lambda: self._params().table, self._use, self._say_trouble)
        super().__init__(document, parent)
        self._result: ArchitectureResult | None = None
        self._is_sought = False  # a row was opened, and is to be scrolled to
        self._list = LayerList()
        self._titles = ColumnTitles(lambda: self._list.width(), self)
        self._scroll = VerticalScroll(self._list)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._add = add_button(self._add_row)
        self._duplicate = IconButton("copy", "Add a copy of the open layer below it (Ctrl+D)")
        self._up = IconButton("up", "Move the open layer up (Alt+Up)")
        self._down = IconButton("down", "Move the open layer down (Alt+Down)")
        self._remove = IconButton("clear", "Remove the open layer (Delete)")
        self._sums = sentences(shrinks=True)
        self._problem = sentences(shrinks=True)
        self._remedy = text_button("", "Change the table so that it ends as it has to")
        self._train = text_button("Train this", "Make it the network of the next run, and go to the Training panel")
        self._lay_out()
        self._connect()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)
        theme().changed.connect(self._colour_problem)
        self._colour_problem()

    def header_controls(self) -> list[QWidget]:
        return [self._start.button]

    def figures(self) -> list[Figure]:
        return [] if self._result is None else [TableFigure(self._params().table, self._result)]

    def show_result(self, result: ArchitectureResult) -> None:
        super().show_result(result)
        self._result = result
        self._list.set_result(result)
        at = self._at()
        if 0 <= at < len(result.plan.rows) and result.plan.rows[at].problem:
            self._is_sought = True  # what is said of it is to be seen, too
        self._start.set_opened(result.opened)
        plan = result.plan
        weights, macs = (sum(getattr(row, name) for row in plan.rows) for name in ("weights", "macs"))
        wrong = next((row for row in plan.rows if row.problem), None)
        until = "" if wrong is None else f", up to {wrong.row.name}"
        self._sums.setText(f"{format_count(weights)} weights, {format_count(macs)} multiply-adds an image{until}")
        self._problem.setText(plan.problem)
        self._problem.setVisible(bool(plan.problem))
        self._remedy.setVisible(plan.remedy is not None)
        self._remedy.setText("" if plan.remedy is None else plan.remedy.words)
        count = len(plan.rows)
        self.set_subtitle(f"{count} {'layer' if count == 1 else 'layers'}, {format_count(weights)} weights")
        self._say_training()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._is_sought = True
        self._show_opened()

    def _lay_out(self) -> None:
        tools, end = QHBoxLayout(), QHBoxLayout()
        tools.addWidget(self._add)
        for button in (self._duplicate, self._up, self._down, self._remove):
            tools.addWidget(button)
        tools.addStretch(1)
        tools.addWidget(self._train)
        end.addWidget(self._problem, 1)
        end.addWidget(self._remedy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        layout.addLayout(tools)
        table = QVBoxLayout()
        table.setSpacing(0)
        table.addWidget(self._titles)
        table.addWidget(self._scroll, 1)
        layout.addLayout(table, 1)
        layout.addWidget(self._sums)
        layout.addLayout(end)

    def _connect(self) -> None:
        self._list.opened.connect(self._open)
        self._list.laid_out.connect(self._show_opened)
        self._list.folded.connect(self._fold)
        self._list.moved.connect(self._move)
        self._list.asked.connect(self._do)
        self._list.remedied.connect(lambda remedy: self._use(remedy.of(self._params().table)))
        self._remedy.clicked.connect(self._end_well)
        editor = self._list.editor
        editor.edited.connect(self._edit_field)
        editor.renamed.connect(self._rename)
        editor.pressed.connect(self.document.begin_gesture)
        editor.released.connect(self.document.end_gesture)
        for button, what in (
            (self._duplicate, "duplicate"),
            (self._up, "up"),
            (self._down, "down"),
            (self._remove, "remove"),
        ):
            button.clicked.connect(lambda _=False, what=what: self._do(what))
        self._train.clicked.connect(self._train_this)

    # what the person does

    def _params(self) -> ArchitectureParams:
        return cast(ArchitectureParams, self.document.scene.panel("architecture"))

    def _at(self) -> int:
        """The place of the open row; −1 where none is open, or the input."""
        params = self._params()
        return next((i for i, row in enumerate(params.table.layers) if row.name == params.current), -1)

    def _edit_layers(self, layers: list[Row], current: str | None = None) -> None:
        """One change of the table as a whole, apart from what was being typed."""
        self._list.setFocus()
        changes: dict[str, Any] = {TABLE: self._params().table.with_layers(layers)}
        if current is not None:
            changes[CURRENT] = current
        self.document.edit_many(changes)

    def _use(self, table: LayerTable) -> None:
        self._list.setFocus()
        names = {row.name for row in table.layers}
        current = self._params().current
        self.document.edit_many({TABLE: table, CURRENT: current if current in names else ""})

    def _add_row(self, kind: Kind) -> None:
        layers = list(self._params().table.layers)
        current, at = self._params().current, self._at()
        place = 0 if current == INPUT else len(layers) if at < 0 else at + 1
        row = new_row(kind, {row.name for row in layers}, **_like_the_last(kind, layers[:place]))
        self._edit_layers([*layers[:place], row, *layers[place:]], row.name)

    def _do(self, what: str) -> None:
        layers, at = list(self._params().table.layers), self._at()
        if what == "add":
            self._add.showMenu()
            return
        if at < 0:
            return
        if what == "duplicate":
            copy = layers[at].model_copy(update={"name": free_name(layers[at].kind, {row.name for row in layers})})
            self._edit_layers([*layers[: at + 1], copy, *layers[at + 1 :]], copy.name)
        elif what == "remove":
            left = [*layers[:at], *layers[at + 1 :]]
            self._edit_layers(left, left[min(at, len(left) - 1)].name if left else "")
        else:
            self._move(at, at + (-1 if what == "up" else 1))

    def _move(self, start: int, end: int) -> None:
        layers = list(self._params().table.layers)
        if 0 <= end < len(layers) and start != end:
            layers.insert(end, layers.pop(start))
            self._edit_layers(layers)

    def _edit_field(self, field: str, value: object) -> None:
        table, at = self._params().table, self._at()
        if self._params().current == INPUT:
            self.document.edit(TABLE, LayerTable(layers=table.layers, height_width=cast(Any, value)))
            return
        if at < 0:
            return
        row = table.layers[at]
        changes = {field: value}
        if field == "pooling" and value == "strided":
            changes["ceil_mode"] = False  # which a strided convolution has not
        try:
            new = type(row).model_validate(dict(row) | changes)
        except ValueError:
            self._list.set_params(self._params())  # it shows what is again
            return
        self.document.edit(TABLE, table.with_layers((*table.layers[:at], new, *table.layers[at + 1 :])))

    def _rename(self, name: str) -> None:
        layers, at = list(self._params().table.layers), self._at()
        if at >= 0:
            old = layers[at].name
            layers[at] = type(layers[at]).model_validate(dict(layers[at]) | {"name": name})
            unfolded = tuple(name if each == old else each for each in self._params().unfolded)
            table = self._params().table.with_layers(layers)
            self.document.edit_many({TABLE: table, CURRENT: name, UNFOLDED: unfolded})

    def _open(self, name: str) -> None:
        self.document.edit(CURRENT, name)

    def _fold(self, name: str) -> None:
        unfolded = self._params().unfolded
        self.document.edit(
            UNFOLDED, tuple(each for each in unfolded if each != name) if name in unfolded else (*unfolded, name)
        )

    def _end_well(self) -> None:
        if self._result is not None and self._result.plan.remedy is not None:
            self._use(self._result.plan.remedy.of(self._params().table))

    def _train_this(self) -> None:
        settings = self._training()
        start = {"name": LAYER_TABLE, "config": self._params().table.model_dump(mode="json")}
        changes: dict[str, Any] = {"network": start}
        if settings.network.name != LAYER_TABLE:
            changes |= recipe(LAYER_TABLE, settings.dataset, fast=True)
        try:
            self.document.edit(SETTINGS, settings.changed(changes))
        except SceneError as error:
            self._say_trouble(str(error))
            return
        self.panel_wanted.emit("training")

    # what is shown

    def _training(self) -> TrainingSettings:
        return cast(TrainingSettings, cast(Any, self.document.scene.panel("training")).settings)

    def _say_trouble(self, words: str) -> None:
        self._problem.setText(words)
        self._problem.show()

    def _say_training(self) -> None:
        plan = self._result.plan if self._result is not None else None
        start = self._training().network
        same = start.name == LAYER_TABLE and start.config == self._params().table.model_dump(mode="json")
        self._train.setEnabled(plan is not None and plan.is_possible)
        self._train.setText("Go to training" if same else "Train this")

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        if old is new or old.panel("architecture") is not params:
            moved = old is new or cast(ArchitectureParams, old.panel("architecture")).current != params.current
            self._list.set_params(params)
            at = self._at()
            for button in (self._duplicate, self._remove):
                button.setEnabled(at >= 0)
            self._up.setEnabled(at > 0)
            self._down.setEnabled(0 <= at < len(params.table.layers) - 1)
            if moved and at >= 0:
                self._is_sought = True
                self._list.updateGeometry()
        self._say_training()

    def _show_opened(self) -> None:
        """Scroll so that the row that was opened is seen with its settings."""
        at = self._at()
        if not self._is_sought or at < 0 or not self._list.isVisible():
            return
        self._is_sought = False
        place = self._list.open_rect(at)
        self._scroll.ensureVisible(0, place.bottom(), 0, theme().px(4))
        self._scroll.ensureVisible(0, place.top(), 0, theme().px(4))

    def _colour_problem(self) -> None:
        self._problem.setStyleSheet(f"color: {theme().colour('error').name()}")


def _like_the_last(kind: Kind, before: list[Row]) -> dict[str, object]:
    """What a new row has in common with the last of its kind above it, so that a table grows as it began."""
    alike: dict[Kind, tuple[str, ...]] = {
        "convolution": ("kernel_size", "padding", "channels"),
        "residual": (
            "form",
            "channels",
            "inner",
            "convolutions",
            "normalisation",
            "function",
            "order",
            "skip",
            "kernel_size",
        ),
        "normalisation": ("normalisation", "groups"),
        "activation": ("function",),
        "pooling": ("pooling", "window", "stride"),
    }
    last = next((row for row in reversed(before) if row.kind == kind), None)
    fields = alike.get(kind, ()) if last is not None else ()
    values = {field: getattr(last, field) for field in fields}
    return {field: value for field, value in values.items() if value is not None}
