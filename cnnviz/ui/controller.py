"""What the menus, buttons and keys of the window do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QObject
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QApplication, QFileDialog, QMenu

from cnnviz.checkpoints.identify import is_own, network_path, read_card
from cnnviz.checkpoints.shipped import shipped_networks
from cnnviz.data.facts import plain_title
from cnnviz.data.image_store import ImageStore
from cnnviz.data.kinds import NETWORK_SUFFIXES, kind_of, picture_bytes
from cnnviz.data.samples import samples
from cnnviz.engine.delivery import Delivery
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.scene.models import NetworkChoice, Scene
from cnnviz.scene.store import save_scene
from cnnviz.ui.background import Background
from cnnviz.ui.beside_frames import BesideFrames
from cnnviz.ui.changes_button import ChangesButton
from cnnviz.ui.checkpoint_export import CheckpointExport
from cnnviz.ui.clipboard import encoded
from cnnviz.ui.commands import Command, CommandSet
from cnnviz.ui.figure_export import FigureExport
from cnnviz.ui.first_input import FirstInput
from cnnviz.ui.frame_clock import FrameClock
from cnnviz.ui.graph_export import GraphExport
from cnnviz.ui.icons import icon
from cnnviz.ui.json_files import open_json
from cnnviz.ui.main_window import MainWindow
from cnnviz.ui.numbers import format_percent
from cnnviz.ui.opening import Opening
from cnnviz.ui.other_choice import ask_for_other
from cnnviz.ui.run_opening import RunOpening
from cnnviz.ui.stage import Stage
from cnnviz.ui.status_bar import StatusBar
from cnnviz.ui.top_bar import ThemeButton, TopBar, action_button

FONT_STEP = 1.1
TRAINING_DEVICE = "panels.training.settings.device"


class Controller(QObject):
    """Owns the commands; every change goes through the document."""

    def __init__(
        self,
        window: MainWindow,
        document: Document,
        stage: Stage,
        images: ImageStore,
        background: Background,
        clock: FrameClock,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._document = document
        self._images = images
        self._background = background
        self._clock = clock
        self._network_source: str | None = None
        self.commands = CommandSet(window)
        self._export = CheckpointExport(window, document, background)
        self._figures = FigureExport(window, document, background)
        self._graph_export = GraphExport(window, stage, background)
        self._runs = RunOpening(window, document, background, self.open_network)
        self._add_commands()
        self.bar = TopBar()
        self.status = StatusBar(clock)
        window.addToolBar(self.bar)
        window.setStatusBar(self.status)
        self._fill_bar()
        self._opening = Opening(document, self.status, self)
        self._opening.begun_to_show.connect(lambda: window.show_panel("checkpoint"))
        stage.delivered.connect(self._opening.take)
        stage.delivered.connect(self._on_delivered)
        self._first_input = FirstInput(document, images, background, window.notices, self)
        stage.delivered.connect(self._first_input.take)
        window.files_dropped.connect(self._open_all)
        window.image_wanted.connect(self.use_pixels)
        document.changed.connect(self._on_changed)
        self._rate = BesideFrames(250, self._say_frame_time, self)
        stage.delivered.connect(self._rate.frame)
        window.closing.connect(self._rate.stop)
        self._on_changed(document.scene, document.scene)

    def open_path(self, path: Path) -> None:
        """Open a network, an image, a scene, a table of layers or a folder of checkpoints, whichever it is."""
        kind = kind_of(path)
        if path.is_dir():
            self._runs.open(path)
        elif kind == "scene":
            open_json(self._document, self._window, path)
        elif kind == "network":
            self.open_network(f"file:{path.resolve()}")
        else:
            self.open_image(path)

    def open_image(self, path: Path) -> None:
        def job() -> str:
            return self._images.keep(picture_bytes(path))

        self._background.run(
            job,
            lambda sha: actions.use_photo(self._document, str(path), sha),
            f"Opening {path.name}",
            only_reads=True,
        )

    def use_pixels(self, pixels: np.ndarray, name: str, label: str) -> None:
        """Make an image that a panel has the input: uint8 (H, W) or (H, W, 3); ``label`` is its class."""
        self._background.run(
            lambda: self._images.keep(pixels),
            lambda sha: actions.use_photo(self._document, name, sha, label),
            f"Opening {name}",
            only_reads=True,
        )

    def open_network(self, source: str) -> None:
        """Show another network; what else a file is, the checkpoint panel says."""
        kind, _, name = source.partition(":")
        path = network_path(name)
        try:
            if kind == "shipped" or is_own(path):
                card = read_card(path)
                actions.use_network(self._document, source, card.input_size[0], dataset=card.dataset)
                self._document.amend("panels.checkpoint.path", None)
                return
        except ValueError as error:
            self._window.notices.show_message(str(error), "warning")
            return
        self._opening.begin(source, path)

    def _compare_with(self) -> None:
        if ask_for_other(self._window, self._document):
            self._window.show_panel("compare")

    # commands

    def _add_commands(self) -> None:
        document, window, add = self._document, self._window, self.commands.add
        edit = document.edit
        for command in (
            Command("open", "Open…", self._ask_open, ("Ctrl+O",), "open", "File"),
            Command("save-scene", "Save scene…", self._ask_save_scene, ("Ctrl+S",), "save", "File"),
            Command("paste", "Paste image", self._paste, ("Ctrl+V",), "paste", "File"),
            Command("save-weights", "Save weights as…", self._export.save_weights, ("Ctrl+Shift+S",), "export", "File"),
            Command("save-table", "Save tensor table as CSV…", self._export.save_table, (), None, "File"),
            Command("save-graph", "Save graph as SVG…", self._graph_export.save_svg, (), None, "File"),
            Command("open-run", "Open folder of checkpoints…", self._runs.ask, ("Ctrl+Shift+O",), None, "File"),
            Command("compare", "Compare with…", self._compare_with, (), None, "File"),
            Command("quit", "Quit", window.close, ("Ctrl+Q",), "close", "File"),
            Command("undo", "Undo", document.undo, ("Ctrl+Z",), "undo", "Edit"),
            Command("redo", "Redo", document.redo, ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "Edit"),
            Command("clear", "Clear the drawing", lambda: edit("input.drawing.strokes", ()), ("Del",), "clear", "Edit"),
            Command("blank", "Empty canvas", lambda: actions.use_blank(document), ("Ctrl+N",), "plus", "Edit"),
            Command("reset-network", "Reset network changes", self._reset_network, ("Ctrl+Shift+R",), "reset", "Edit"),
            Command("brush", "Brush", lambda: edit("panels.input.tool", "brush"), ("B",), "brush", "Tools"),
            Command("eraser", "Eraser", lambda: edit("panels.input.tool", "eraser"), ("E",), "erase", "Tools"),
            Command("fill", "Fill", lambda: edit("panels.input.tool", "fill"), ("F",), "fill", "Tools"),
            Command("move", "Move", lambda: edit("panels.input.tool", "move"), ("M",), "move", "Tools"),
            Command("theme", "Light or dark theme", self._toggle_theme, ("Ctrl+T",), "dark", "View"),
            Command("larger", "Larger", lambda: self._scale(FONT_STEP), ("Ctrl++", "Ctrl+="), "zoom-in", "View"),
            Command("smaller", "Smaller", lambda: self._scale(1 / FONT_STEP), ("Ctrl+-",), "zoom-out", "View"),
            Command("normal", "Normal size", lambda: edit("appearance.font_scale", 1.0), ("Ctrl+0",), None, "View"),
            Command("full-screen", "Full screen", self._toggle_full_screen, ("F11",), "maximise", "View"),
            Command("next-panel", "Next panel", window.focus_next_panel, ("F6",), None, "View"),
            Command("panel-before", "Panel before", window.focus_panel_before, ("Shift+F6",), None, "View"),
            Command("reset-layout", "Reset layout", window.reset_layout, ("Ctrl+Shift+L",), "reset", "View"),
            Command("keys", "Keyboard and mouse", self.commands.show_keys, ("F1",), "keyboard", "Help"),
        ):
            add(command)
        for number, workspace in enumerate(window.workspaces(), 1):
            keys = (f"Ctrl+{number}",) if number < 10 else ()
            enter = partial(window.use_workspace, workspace.id)
            add(Command(f"workspace-{workspace.id}", workspace.title, enter, keys, None, "Workspaces"))

    def _fill_bar(self) -> None:
        bar, commands = self.bar, self.commands
        bar.add_after_network(ChangesButton(self._document, commands["reset-network"]))
        bar.add_after_input(action_button(commands["undo"], "Undo"), action_button(commands["redo"], "Redo"))
        switch = ThemeButton()
        switch.clicked.connect(self._toggle_theme)
        bar.add_at_end(
            switch,
            action_button(commands["full-screen"], "Full screen"),
            action_button(commands["keys"], "Keyboard and mouse"),
        )
        for name in ("open", "open-run", "compare", "save-scene", "paste"):
            bar.file.entries.addAction(commands[name])
        bar.file.entries.addSeparator()
        for name in ("save-weights", "save-table", "save-graph"):
            bar.file.entries.addAction(commands[name])
        bar.file.entries.addSeparator()
        for name in ("keys", "quit"):
            bar.file.entries.addAction(commands[name])
        bar.network.entries.aboutToShow.connect(self._fill_networks)
        bar.device.entries.aboutToShow.connect(self._fill_devices)
        bar.layout_menu.entries.aboutToShow.connect(self._fill_layout)
        self._panels = QMenu("Panels", bar)  # in the menu itself they would be higher than many a screen
        for dock in self._window.docks.values():
            self._panels.addAction(dock.toggleViewAction())
        bar.layout_menu.setText(self._window.workspace.title)
        self._window.workspace_changed.connect(bar.layout_menu.setText)
        self._fill_inputs(bar.input.entries)

    def _fill_networks(self) -> None:
        menu = self.bar.network.entries
        menu.clear()
        present = self._document.scene.network.source
        for name in shipped_networks():
            source = f"shipped:{name}"
            card = read_card(network_path(name))
            facts = (name, "×".join(map(str, card.input_size)), _measured(card.test_accuracy, card.dataset))
            self._choice(menu, " · ".join(filter(None, facts)), source == present, partial(self.open_network, source))
        menu.addSeparator()
        menu.addAction(self.commands["open"])
        menu.addAction(self.commands["reset-network"])

    def _fill_inputs(self, menu: QMenu) -> None:
        for name in ("open", "paste", "blank", "clear"):
            menu.addAction(self.commands[name])
        menu.addSeparator()
        for kind, title in (("drawing", "Digits"), ("photo", "Photos")):
            submenu = menu.addMenu(icon("samples"), title)
            assert submenu is not None
            for sample in samples():
                if sample.kind == kind:
                    submenu.addAction(sample.title, partial(actions.use_sample, self._document, sample.name))

    def _fill_devices(self) -> None:
        menu = self.bar.device.entries
        menu.clear()
        present = self._document.scene.network.device
        words = {"auto": "auto: CUDA, then MPS, then CPU", "cpu": "CPU", "cuda": "CUDA (NVIDIA)", "mps": "MPS (Apple)"}
        for device, text in words.items():
            self._choice(menu, text, device == present, partial(self._use_device, device))

    def _use_device(self, device: str) -> None:
        """Move the network, and the run that trains or comes next."""
        self._document.edit_many({"network.device": device, TRAINING_DEVICE: device})

    def _fill_layout(self) -> None:
        menu = self.bar.layout_menu.entries
        menu.clear()
        for workspace in self._window.workspaces():
            action = self.commands[f"workspace-{workspace.id}"]
            action.setCheckable(True)
            action.setChecked(workspace.id == self._window.workspace.id)
            menu.addAction(action)
        menu.addSeparator()
        menu.addMenu(self._panels)
        menu.addSeparator()
        for name in ("reset-layout", "larger", "smaller", "normal"):
            menu.addAction(self.commands[name])

    def _choice(self, menu: QMenu, text: str, is_present: bool, do: Callable[[], object]) -> None:
        action = QAction(text, menu)
        action.setCheckable(True)
        action.setChecked(is_present)
        action.triggered.connect(lambda _checked=False: do())
        menu.addAction(action)

    def _ask_open(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in NETWORK_SUFFIXES)
        path, _ = QFileDialog.getOpenFileName(
            self._window,
            "Open a network, an image or a scene",
            "",
            "All (*);;Images (*.png *.jpg *.jpeg *.gif *.bmp *.tif *.tiff *.webp)"
            f";;Networks ({patterns});;Scenes (*.json)",
        )
        if path:
            self.open_path(Path(path))

    def _ask_save_scene(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self._window, "Save scene", "scene.cnnviz.json", "Scenes (*.json)")
        if not path:
            return
        scene = self._document.scene.model_copy(update={"layout": self._window.layout_state(), "pointer": None})
        name = Path(path).name
        self._background.run(
            lambda: save_scene(scene, Path(path)),
            lambda _: self._window.notices.show_message(f"Saved the scene as {name}.", "info"),
            f"Saving {name}",
        )

    def _open_all(self, paths: list[str]) -> None:
        for path in paths:
            self.open_path(Path(path))

    def _paste(self) -> None:
        clipboard = QApplication.clipboard()
        data = clipboard.mimeData() if clipboard is not None else None
        if data is not None and data.hasUrls():
            self._open_all([url.toLocalFile() for url in data.urls() if url.isLocalFile()])
            return
        picture = clipboard.image() if clipboard is not None else None
        if picture is None or picture.isNull():
            self._window.notices.show_message(
                "There is no image in the clipboard; copy one, or drop a file on the window.", "info"
            )
            return
        self._background.run(
            lambda: self._images.keep(encoded(picture)),
            lambda sha: actions.use_photo(self._document, "pasted image", sha),
            "Pasting the image",
            only_reads=True,
        )

    def _toggle_theme(self) -> None:
        present = self._document.scene.appearance.theme
        self._document.edit("appearance.theme", "light" if present == "dark" else "dark")

    def _reset_network(self) -> None:
        actions.reset_changes(self._document)

    def _scale(self, factor: float) -> None:
        scale = self._document.scene.appearance.font_scale * factor
        self._document.edit("appearance.font_scale", round(min(max(scale, 0.75), 2.0), 3))

    def _toggle_full_screen(self) -> None:
        if self._window.isFullScreen():
            self._window.showNormal()
        else:
            self._window.showFullScreen()

    # what the bar says

    def _on_changed(self, old: Scene, new: Scene) -> None:
        self.commands["undo"].setEnabled(self._document.can_undo)
        self.commands["redo"].setEnabled(self._document.can_redo)

    def _on_delivered(self, delivery: Delivery) -> None:
        if delivery.network_error is not None:
            self._window.notices.show_message(delivery.network_error, "warning")
            # the program goes on with what it had, and the scene says so, unless it names yet another one by now
            refused = delivery.refused
            if refused is not None and refused == self._document.scene.network:
                other = _next_try(refused) if delivery.network is None else delivery.network.choice
                if other != refused:
                    self._document.amend("network", other)
                    if other.device != refused.device:
                        self._document.amend(TRAINING_DEVICE, other.device)
            if delivery.refused_changes and delivery.refused_changes == self._document.scene.changes:
                shown = () if delivery.network is None else delivery.network.changes
                self._document.amend("changes", shown)
        if delivery.network is not None:
            if delivery.moved is not None and delivery.moved == self._document.scene.network:
                self._document.amend("network", delivery.network.choice)
            self._say_network(delivery)
            if delivery.complete:
                self._say_device(delivery.network.device.type, delivery.device_memory)
        if delivery.forward_ms is not None:
            self.status.set_forward(delivery.forward_ms)

    def _say_network(self, delivery: Delivery) -> None:
        network = delivery.network
        assert network is not None
        key = f"{network.source} {network.generation}"
        if key == self._network_source:
            return
        self._network_source = key
        card = network.card
        self.bar.network.setText(network.name)
        measured = not network.changes  # of the network as it was loaded
        self.bar.accuracy.set_text(_measured(card.test_accuracy, card.dataset) if measured else "")
        kind, _, path = network.source.partition(":")
        name = path if kind == "file" and not network.changes else network.title
        self.status.set_network(name, network.graph.method, network.graph.notes)

    def _say_device(self, kind: str, memory: int | None) -> None:
        """With the memory that the program takes there; that of the CPU stands in the line at the bottom."""
        words = kind if memory is None else f"{kind} {memory / 2**30:.1f} GB"
        if words != self.bar.device.text():
            self.bar.device.setText(words)

    def _say_frame_time(self) -> None:
        median = self._clock.median_ms
        self.bar.frame.set_text("" if median is None else f"{median:.1f} ms per frame")
        self.status.refresh()


def _measured(accuracy: float | None, dataset: str) -> str:
    return "" if accuracy is None else f"{format_percent(accuracy, 1)} on {plain_title(dataset)} test"


def _next_try(refused: NetworkChoice) -> NetworkChoice:
    """What to show where the very first choice cannot be: the same network on another device, else the default."""
    if refused.device != "auto":
        return refused.model_copy(update={"device": "auto"})
    return NetworkChoice()
