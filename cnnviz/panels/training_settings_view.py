"""The settings of a run: the common ones, and the rarer in a fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from cnnviz.panels.training import TrainingParams
from cnnviz.scene.document import Document, SceneError
from cnnviz.scene.models import Scene
from cnnviz.training.choices import (
    AUGMENTATION_NAMES,
    CUTTING_SCHEDULES,
    DEVICES,
    LOSSES,
    MOMENTUM_OPTIMIZERS,
    OPTIMIZER_TITLES,
    PRECISIONS,
    SCHEDULES,
    WAITING_SCHEDULES,
)
from cnnviz.training.settings import TrainingSettings
from cnnviz.ui.controls import ComboBox, Toggle, text_button
from cnnviz.ui.slider import LabelledSlider
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

SETTINGS = "panels.training.settings"
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_DECAYS = (0, 1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1)
_EVERY = (0, 5, 10, 20, 50, 100, 200, 500, 1000)


class TrainingSettingsView(QWidget):
    """Each control is one field of the settings, and shows what the document says."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._shows: list[Callable[[TrainingSettings], None]] = []
        self._fixed: list[QWidget] = []
        page = QWidget()
        page.setProperty("role", "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, theme().px(6), 0)
        column.setSpacing(theme().px(6))
        column.addLayout(self._common())
        column.addWidget(self._augmentations())
        self._fold = text_button("More settings", "Seed, device, momentum, saving and testing", role="down")
        self._fold.clicked.connect(lambda: document.edit("panels.training.more", not self._params().more))
        column.addWidget(self._fold, 0, Qt.AlignmentFlag.AlignLeft)
        self._more = QWidget()
        self._more.setLayout(self._rare())
        column.addWidget(self._more)
        column.addStretch(1)
        scroll = VerticalScroll(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)

    def set_running(self, running: bool) -> None:
        """While a run goes on, what would make another of it cannot be changed."""
        for widget in self._fixed:
            widget.setEnabled(not running)

    def _common(self) -> QGridLayout:
        grid = _grid()
        self._add(grid, "epochs", self._slider("epochs", 1, 100, 0, "Passes over the training images"))
        self._add(grid, "batch", self._numbers("batch_size", _BATCHES, "images", _TIP_BATCH))
        self._add(
            grid,
            "optimiser",
            self._combo("optimizer", [*OPTIMIZER_TITLES.items()], "How a gradient becomes a change"),
        )
        self._add(grid, "schedule", self._combo("schedule", _words(SCHEDULES), _TIP_SCHEDULE))
        self._add(grid, "loss", self._combo("loss", _words(LOSSES), _TIP_LOSS))
        decay = self._numbers("weight_decay", _DECAYS, "", "Pulls weights towards 0 at each step, not biases")
        self._add(grid, "weight decay", decay)
        self._add(grid, "smoothing", self._slider("label_smoothing", 0, 0.5, 2, "Share of the target for all classes"))
        self._add(grid, "dropout", self._dropout())
        return grid

    def _rare(self) -> QGridLayout:
        grid = _grid()
        self._momentum = self._slider("momentum", 0, 0.99, 2, "Of SGD with momentum and Nesterov")
        self._add(grid, "momentum", self._momentum)
        self._factor = self._slider("schedule_factor", 0.05, 0.95, 2, _TIP_FACTOR)
        self._wait = self._slider("schedule_epochs", 1, 50, 0, _TIP_WAIT, "epochs")
        self._add(grid, "cut rate to", self._factor)
        self._add(grid, "cut after", self._wait)
        seed = self._slider("seed", 0, 99, 0, "Of all random numbers: the same seed gives the same run")
        device = self._combo("device", _words(DEVICES), "auto takes CUDA, then MPS, then the processor")
        self._add(grid, "seed", seed)
        self._add(grid, "device", device)
        self._add(grid, "precision", self._combo("precision", _words(PRECISIONS), "float16 and bfloat16 save memory"))
        self._add(grid, "save every", self._numbers("save_every", _EVERY, "steps", _TIP_SAVE))
        self._add(grid, "test every", self._slider("test_every", 0, 20, 0, "0: at the end alone", "epochs"))
        self._add(grid, "measure every", self._slider("measure_every", 1, 100, 0, _TIP_MEASURE, "steps"))
        self._data = text_button("Data folder…", _TIP_DATA, role="open")
        self._data.clicked.connect(self._ask_data)
        self._add(grid, "data", self._data)
        permuted = Toggle("permuted")
        permuted.setToolTip("The pixels of all images in one other order: what is near is near no more")
        permuted.edited.connect(partial(self._edit, "permute_pixels"))
        self._shows.append(lambda settings: permuted.set_value(settings.permute_pixels))
        self._add(grid, "pixels", permuted)
        self._fixed += [seed, device, self._data, permuted]
        return grid

    def _augmentations(self) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        title = QLabel("random changes to each image")
        title.setProperty("role", "muted")
        grid.addWidget(title, 0, 0, 1, 3)
        for index, name in enumerate(AUGMENTATION_NAMES):
            toggle = Toggle(name)
            toggle.setToolTip(_AUGMENTATION_TIPS[name])
            toggle.edited.connect(partial(self._augment, name))
            self._shows.append(partial(_show_augmentation, toggle, name))
            grid.addWidget(toggle, 1 + index // 3, index % 3)
        return box

    def _dropout(self) -> QWidget:
        slider = LabelledSlider("", 0, 0.9, 0, step=0.05, digits=2, label_width=0, tip=_TIP_DROPOUT)
        slider.edited.connect(partial(self._edit, "dropout"))
        self._gestures(slider)
        self._shows.append(lambda settings: slider.set_value(settings.dropout or 0.0))
        return slider

    def _slider(self, field: str, low: float, high: float, digits: int, tip: str, unit: str = "") -> LabelledSlider:
        default = TrainingSettings.model_fields[field].default
        slider = LabelledSlider(
            "",
            low,
            high,
            min(max(default, low), high),
            step=10**-digits,
            unit=unit,
            digits=digits,
            label_width=0,
            value_width=84 if unit else 68,
            tip=tip,
        )
        is_whole = isinstance(default, int)
        slider.edited.connect(lambda value: self._edit(field, round(value) if is_whole else round(value, digits)))
        self._gestures(slider)
        self._shows.append(lambda settings: slider.set_value(getattr(settings, field)))
        return slider

    def _gestures(self, slider: LabelledSlider) -> None:
        slider.pressed.connect(self._document.begin_gesture)
        slider.released.connect(self._document.end_gesture)

    def _combo(self, field: str, options: Sequence[tuple[str, str]], tip: str) -> ComboBox:
        combo = ComboBox(options)
        combo.setToolTip(tip)
        combo.chosen.connect(partial(self._edit, field))
        self._shows.append(lambda settings: combo.set_value(getattr(settings, field)))
        return combo

    def _numbers(self, field: str, offered: Sequence[float], unit: str, tip: str) -> ComboBox:
        """A list of numbers, with that of the document where it is none of them."""
        combo = ComboBox()
        combo.setToolTip(tip)
        kind = int if isinstance(TrainingSettings.model_fields[field].default, int) else float
        combo.chosen.connect(lambda key: self._edit(field, kind(float(key))))

        def show(settings: TrainingSettings) -> None:
            present = getattr(settings, field)
            combo.set_options([(f"{number:g}", f"{number:g} {unit}".strip()) for number in sorted({*offered, present})])
            combo.set_value(f"{present:g}")

        self._shows.append(show)
        return combo

    def _add(self, grid: QGridLayout, name: str, control: QWidget) -> None:
        row = grid.rowCount()
        label = QLabel(name)
        label.setProperty("role", "muted")
        control.setAccessibleName(name)
        grid.addWidget(label, row, 0)
        grid.addWidget(control, row, 1)

    def _params(self) -> TrainingParams:
        return cast(TrainingParams, self._document.scene.panel("training"))

    def _edit(self, field: str, value: Any) -> None:
        try:
            self._document.edit(f"{SETTINGS}.{field}", value)
        except SceneError:
            self._follow(self._document.scene, self._document.scene)  # what cannot be is not shown either

    def _augment(self, name: str, on: bool) -> None:
        chosen = {*self._params().settings.augmentations, name} if on else {*self._params().settings.augmentations}
        chosen -= set() if on else {name}
        self._edit("augmentations", tuple(each for each in AUGMENTATION_NAMES if each in chosen))

    def _ask_data(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder with the data sets", self._params().settings.data_dir)
        if folder:
            self._edit("data_dir", folder)

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels:
            return
        params = self._params()
        for show in self._shows:
            show(params.settings)
        self._momentum.setEnabled(params.settings.optimizer in MOMENTUM_OPTIMIZERS)
        self._factor.setEnabled(params.settings.schedule in CUTTING_SCHEDULES)
        self._wait.setEnabled(params.settings.schedule in WAITING_SCHEDULES)
        self._data.setText(Path(params.settings.data_dir).name or "Data folder…")
        self._data.setToolTip("\n".join(each for each in (params.settings.data_dir, _TIP_DATA) if each))
        self._more.setVisible(params.more)
        self._fold.setText("Fewer settings" if params.more else "More settings")


_TIP_BATCH = "Images per step: small batches give noisy gradients and many steps, large ones the other way round"
_TIP_SCHEDULE = (
    "How the learning rate changes: it stays; falls in steps; falls along a cosine; rises and falls once; is cut where "
    "the loss makes no progress; or is cut where training diverges, which then goes on from the last good weights"
)
_TIP_LOSS = (
    "What is made small: −log of the probability of the right class; the same of each class by itself (binary); or the "
    "square of what the probabilities are off, mean or sum over classes"
)
_TIP_FACTOR = "What a learning rate that is cut is multiplied by; of the schedules step and the two that halve"
_TIP_WAIT = "Epochs from one step to the next, or without progress before a plateau is one"
_TIP_SAVE = "Steps from one checkpoint to the next; 0: at the end alone. Each is a place on the slider over epochs"
_TIP_MEASURE = "Steps from one measurement of gradients and updates to the next; each costs some time"
_TIP_DATA = "The folder in which MNIST, Fashion-MNIST and CIFAR-10 lie; without one they are fetched"
_AUGMENTATION_TIPS = {
    "affine": "Shifted, turned, made larger or smaller, and slanted",
    "thickness": "Strokes thinner or thicker: for bright ones on dark ground",
    "brightness": "All values multiplied by 0.6 to 1.6",
    "flip": "Half of the images mirrored, left to right: not for digits or letters",
    "crop": "Shifted by up to an eighth of the side",
    "cutout": "A square of a quarter of the side made grey",
}
_TIP_DROPOUT = "Probability in every dropout layer of the network; a network without such layers is trained without"


def _show_augmentation(toggle: Toggle, name: str, settings: TrainingSettings) -> None:
    toggle.set_value(name in settings.augmentations)


def _words(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name.replace("-", " ")) for name in names]


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme().px(8))
    grid.setVerticalSpacing(theme().px(4))
    grid.setColumnStretch(1, 1)
    return grid
