"""The widget of the checkpoints over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.engine.training_weights import source_of
from cnnviz.panels.epochs import EpochsParams, EpochsResult
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.training.run_folder import RUN_FILE
from cnnviz.ui.bound_slider import BoundSlider
from cnnviz.ui.checkpoint_player import CheckpointPlayer
from cnnviz.ui.controls import ElidedLabel, IconButton, Toggle, text_button
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.folder_watch import FolderWatch
from cnnviz.ui.icons import icon
from cnnviz.ui.numbers import format_number
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.slider import SliderTrack
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

if TYPE_CHECKING:
    from cnnviz.checkpoints.run_folder import RunFile


class EpochsView(PanelView):
    """A slider over the checkpoints, a player, and what in the folder is no checkpoint of this run."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._files: tuple[RunFile, ...] = ()
        self._player = CheckpointPlayer(document, self)
        self._watch = FolderWatch(self)
        self._title = ElidedLabel("", role="title", token="text")
        self._title.setAccessibleName("Checkpoint")
        self._count = ElidedLabel("", align=Qt.AlignmentFlag.AlignRight)
        self._name = ElidedLabel("", elide=Qt.TextElideMode.ElideMiddle)
        for label in (self._title, self._count, self._name):  # their words run: they must not lay the window out anew
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._play = IconButton("play", "Play from here on")
        before = IconButton("previous", "Checkpoint before", quiet=True)
        after = IconButton("next", "Next checkpoint", quiet=True)
        self._live = text_button("Live", "Show the network of this run as it trains on, or as it ended", role="eye")
        self._track = SliderTrack(0, self)
        self._track.setAccessibleName("Checkpoints")
        self._notes = sentences()
        self._speed = BoundSlider(document, "panels.epochs.speed", "speed", step=0.5, digits=1, unit="/ s")
        self._repeat = Toggle("repeat")
        self._repeat.setToolTip("Begin again after the last checkpoint")
        self._follow_new = Toggle("follow a run that trains")
        self._follow_new.setToolTip("While the last checkpoint is shown, show each new one as it is written")
        self._others = sentences("muted")
        self._others.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._others.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._plot = CurvePlot(self, movable_cursor=True)
        self._plot.setMinimumHeight(theme().px(120))
        self._plot.cursor_grabbed.connect(document.begin_gesture)
        self._plot.cursor_moved.connect(self._point_at)
        self._plot.cursor_dropped.connect(document.end_gesture)
        self._plot.hide()
        self._lay_out(before, after)
        self._play.clicked.connect(self._player.toggle)
        before.clicked.connect(lambda: self._player.step(-1))
        self._live.clicked.connect(self._show_live)
        after.clicked.connect(lambda: self._player.step(1))
        self._track.gesture_began.connect(document.begin_gesture)
        self._track.gesture_ended.connect(document.end_gesture)
        self._track.valueChanged.connect(self._slid)
        self._track.reset_asked.connect(lambda: self._player.show(len(self._files) - 1))
        self._repeat.edited.connect(lambda on: document.edit("panels.epochs.repeat", on))
        self._follow_new.edited.connect(lambda on: document.edit("panels.epochs.follow", on))
        self._player.playing_changed.connect(self._say_playing)
        self._watch.changed.connect(self._scan_again)
        self._is_behind = False  # the folder changed while nobody could see it
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def _lay_out(self, before: QWidget, after: QWidget) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        head, strip, switches = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        head.addWidget(self._title, 3)
        head.addWidget(self._count, 2)
        for control in (self._play, before, self._track, after, self._live):
            strip.addWidget(control, 1 if control is self._track else 0)
        switches.addWidget(self._repeat)
        switches.addWidget(self._follow_new)
        switches.addStretch(1)
        page = QWidget()
        page.setProperty("role", "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._notes)
        column.addWidget(self._others)
        column.addStretch(1)
        scroll = VerticalScroll(page)
        self._told = scroll
        layout.addLayout(head)
        layout.addWidget(self._name)
        layout.addLayout(strip)
        layout.addWidget(self._speed)
        layout.addLayout(switches)
        layout.addWidget(self._plot, 4)
        layout.addWidget(scroll, 1)

    def show_result(self, result: EpochsResult) -> None:
        super().show_result(result)
        self._files = result.files
        self._player.set_paths([file.path for file in result.files])
        if not result.folder:
            self.set_subtitle("")
            self.show_empty("Open the folder of a training run: File › Open folder of checkpoints…, or drop it here.")
            return
        left = f" · {result.left} to be looked at" if result.left else ""
        self.set_subtitle(f"{Path(result.folder).name}{left}")
        if not result.files:
            self.show_empty(_told(result) or "The folder holds no checkpoints; choose the folder of a training run.")
            return
        blocked = self._track.blockSignals(True)
        self._track.setRange(0, len(result.files) - 1)
        self._track.setPageStep(max(1, len(result.files) // 10))
        self._track.blockSignals(blocked)
        self._plot.setVisible(result.curves is not None)
        if result.curves is not None:
            self._plot.set_curves(result.curves)
        self._others.setText(_told(result))
        self._others.setVisible(bool(result.others))
        self._say_present()
        # with nothing to say the plot has its room
        self._told.setVisible(self._plot.isHidden() or bool(result.others) or not self._notes.isHidden())

    def figures(self) -> list[Figure]:
        figure = self._plot.figure()
        return [] if figure is None or self._plot.isHidden() else [figure]

    def _point_at(self, step: float) -> None:
        """Show the checkpoint nearest to a step of the curve."""
        steps = [(abs(at - step), index) for index, file in enumerate(self._files) if (at := _step(file)) is not None]
        if steps:
            self._slid(min(steps)[1])

    def _say_present(self) -> None:
        """Which checkpoint the document shows."""
        index = self._player.index
        self._plot.set_cursor(None if index is None or self._shows_run() else _step(self._files[index]))
        count = len(self._files)
        shows_run = self._shows_run()
        self._live.setVisible(self._is_own_run() and not shows_run)
        if shows_run:
            self._move_to(count - 1)
            self._title.set_text("as it is now", "text")
            self._name.set_text("Move the slider to go back to a checkpoint of this run.")
            self._name.show()
            self._notes.setText("")
            self._notes.hide()
            self._count.set_text(f"{count} checkpoints")
            return
        if index is None:
            self._title.set_text("another network is shown", "muted")
            self._name.set_text("Move the slider to show a checkpoint of this run.")
            self._name.show()
            self._notes.setText("")
            self._count.set_text(f"{count} checkpoints")
            return
        file = self._files[index]
        self._move_to(index)
        self._title.set_text(file.title, "text")
        self._name.set_text(file.path.name)
        self._name.setVisible(file.title != file.path.stem)
        self._count.set_text(f"{index + 1} of {count}")
        self._notes.setText(" · ".join(f"{name} {format_number(value)}" for name, value in file.notes))
        self._notes.setVisible(bool(file.notes))

    def _move_to(self, index: int) -> None:
        blocked = self._track.blockSignals(True)
        self._track.setValue(index)
        self._track.blockSignals(blocked)
        self._track.update()

    def _folder(self) -> str:
        return cast(EpochsParams, self.document.scene.panel("epochs")).folder or ""

    def _shows_run(self) -> bool:
        """Whether the panels show the run itself, whose weights come as it trains."""
        source: str = self.document.scene.network.source
        return source == source_of(self._folder())

    def _is_own_run(self) -> bool:
        """Whether the folder is that of a run of this program."""
        return (Path(self._folder()) / RUN_FILE).is_file()

    def _show_live(self) -> None:
        self._player.pause()
        self.document.edit("network.source", source_of(self._folder()))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._is_behind:
            self._is_behind = False
            QTimer.singleShot(0, self._scan_again)

    def _slid(self, index: int) -> None:
        self._player.pause()
        self._player.show(index)

    def _say_playing(self, playing: bool) -> None:
        self._play.setIcon(icon("pause" if playing else "play"))
        words = "Pause" if playing else "Play from here on"
        self._play.setToolTip(words)
        self._play.setAccessibleName(words)

    def _scan_again(self) -> None:
        self._is_behind = self.visibleRegion().isEmpty()
        if self._is_behind:
            return  # a run that trains beside it changes the folder all the time
        params = cast(EpochsParams, self.document.scene.panel("epochs"))
        self.document.amend("panels.epochs.scans", params.scans + 1)

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        params = cast(EpochsParams, new.panel("epochs"))
        self._watch.watch(params.folder or "")
        self._speed.refresh()
        self._repeat.set_value(params.repeat)
        self._follow_new.set_value(params.follow)
        if old.network is not new.network and self._files:
            self._say_present()


def _step(file: RunFile) -> int | None:
    """After how many steps a checkpoint of a run of this program was written."""
    kind, _, number = file.path.stem.partition("-")
    return int(number) if kind == "step" and number.isdecimal() else None


def _told(result: EpochsResult) -> str:
    """The files that are no checkpoints of this run, with the reason."""
    lines = [f"{file.path.name} {file.problem}" for file in result.others]
    return "\n".join([f"Left out ({len(lines)}):", *lines]) if lines else ""
