"""The poolings of the network in a list, each with the kind that stands in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from cnnviz.core.choices import POOLING_WORDS, PoolingKind
from cnnviz.core.network_changes import NetworkChange, SwapPooling
from cnnviz.panels.pooling_maps import PoolingEntry
from cnnviz.scene.actions import change_network, put_back
from cnnviz.scene.document import Document
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, text_button
from cnnviz.ui.short_names import short_name
from cnnviz.ui.slider import LabelledSlider
from cnnviz.ui.theme import theme
from cnnviz.ui.vertical_scroll import VerticalScroll

ALL = ""
OWN = "own"
BLUR = "blur"
"""Of windows of one cell: what is left of a layer that leaves cells out is smoothed, and nothing else."""
_MOST_ROWS = 3
_FEW_ROWS = 2


class PoolingSwaps(QWidget):
    """A row for each pooling, and one for all of them; window, blur and width of the chosen one below."""

    chosen = pyqtSignal(str)
    """The person wants to see this pooling's maps."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._entries: tuple[PoolingEntry, ...] = ()
        self._current: str | None = None
        self._is_low = False
        self._rows: dict[str, _Row] = {}
        self._all = self._row_of_all("every pooling", "Swap all poolings that have a window at once", windows=True)
        self._strides = self._row_of_all(
            "every stride", "Have something pool wherever cells are left out", windows=False
        )
        self._list = QVBoxLayout()
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(theme().px(2))
        inside = QWidget()
        inside.setProperty("role", "page")
        inside.setLayout(self._list)
        self._area = VerticalScroll(inside)
        look: dict[str, Any] = {"step": 1, "digits": 0, "label_width": 46, "value_width": 16}
        tip = "Rows and columns of the window; the maps keep their size unless the padding is set too"
        self._window = LabelledSlider("window", 1, 8, 2, tip=tip, **look)
        tip = "Cells from window to window; all maps that follow get another size, which dense layers may refuse"
        self._stride = LabelledSlider("stride", 1, 8, 2, tip=tip, **look)
        tip = "Cells on every side; until it is set, as many as keep the window about the same centre"
        self._padding = LabelledSlider("padding", 0, 4, 0, tip=tip, **look)
        self._taps = LabelledSlider("blur", 1, 7, 3, tip="Width of the blur, in cells", **look)
        self._sigma = LabelledSlider(
            "sigma",
            0.1,
            4,
            1,
            step=0.1,
            digits=1,
            tip="Width of the Gaussian, in cells",
            label_width=48,
            value_width=30,
        )
        self._keeps = ElidedLabel()
        sizes, tuning = QHBoxLayout(), QHBoxLayout()
        for row in (sizes, tuning):
            row.setSpacing(theme().px(4))
        sliders = (
            (self._window, "window", sizes),
            (self._stride, "stride", sizes),
            (self._padding, "padding", sizes),
            (self._taps, "taps", tuning),
            (self._sigma, "sigma", tuning),
        )
        for slider, field, row in sliders:
            slider.edited.connect(partial(self._tune, field))
            slider.pressed.connect(document.begin_gesture)
            slider.released.connect(document.end_gesture)
            row.addWidget(slider, 1)
            slider.hide()
        tuning.addWidget(self._keeps, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(2))
        layout.addWidget(self._all)
        layout.addWidget(self._strides)
        layout.addWidget(self._area)
        layout.addLayout(sizes)
        layout.addLayout(tuning)
        theme().changed.connect(self._fit)

    def show_entries(self, entries: tuple[PoolingEntry, ...], current: str | None) -> None:
        """Show the network's poolings; ``current`` is the one whose maps are seen."""
        if tuple(self._rows) != tuple(entry.layer for entry in entries):
            self._remake(entries)
        self._entries, self._current = entries, current
        for entry in entries:
            self._rows[entry.layer].show_entry(entry, entry.layer == current)
        windows = [entry for entry in entries if entry.windowed and not entry.leaves_out]
        strides = [] if windows else [entry for entry in entries if entry.leaves_out]
        for row, swapped in ((self._all, windows), (self._strides, strides)):
            kinds = {_shown(entry) for entry in swapped}
            row.setVisible(len(swapped) > 1)
            common = next(iter(kinds)) if len(kinds) == 1 else None
            row.show_kind(common, changed=bool(kinds - {None}), mixed=len(kinds) > 1)
        self._show_tuning()
        self._fit()

    def _row_of_all(self, name: str, tip: str, *, windows: bool) -> _Row:
        """``tip`` says what it swaps at once: windows, or, in a network without any, strides."""
        row = _Row(name, tip, ALL, _kinds_of(PoolingEntry("", "", "", None, True, 2, 2, 0, not windows)))
        row.kind_chosen.connect(partial(self._swap, None))
        row.put_back.connect(partial(put_back, self._document, SwapPooling))
        return row

    def set_low(self, low: bool) -> None:
        """Take as little height as can be."""
        if low != self._is_low:
            self._is_low = low
            self._show_tuning()
            self._fit()

    def _remake(self, entries: tuple[PoolingEntry, ...]) -> None:
        for row in self._rows.values():
            self._list.removeWidget(row)
            row.deleteLater()
        self._rows = {}
        for entry in entries:
            about = ": look at its maps"
            if entry.leaves_out:
                about = ", leaves cells out; swapped, it is taken at every cell and then pooled"
            tip = f"{entry.layer}, {entry.own}{about}"
            row = _Row(entry.layer, tip, entry.layer, _kinds_of(entry))
            row.kind_chosen.connect(partial(self._swap, entry.layer))
            row.put_back.connect(partial(self._put_back, entry.layer))
            row.looked.connect(partial(self.chosen.emit, entry.layer))
            self._list.addWidget(row)
            self._rows[entry.layer] = row

    def _swap(self, layer: str | None, kind: str) -> None:
        if kind == OWN:
            if layer is None:
                put_back(self._document, SwapPooling)
            else:
                self._put_back(layer)
            return
        known = next((entry.change for entry in self._entries if entry.layer == layer and entry.change), None)
        if kind == BLUR:
            change_network(self._document, SwapPooling("blur_average", layer, window=1))
            return
        chosen = SwapPooling(cast(PoolingKind, kind), layer)
        if known is not None:
            chosen = replace(known, kind=chosen.kind, layer=layer, window=None if known.only_blurs else known.window)
        change_network(self._document, chosen)

    def _put_back(self, layer: str) -> None:
        """Where all were swapped together, the others stay as they are now."""
        kept: list[NetworkChange] = []
        for change in self._document.scene.changes:
            if not isinstance(change, SwapPooling) or change.layer not in (None, layer):
                kept.append(change)
            elif change.layer is None:
                others = (each for each in self._entries if each.layer != layer and each.change == change)
                kept.extend(replace(change, layer=each.layer) for each in others if each.windowed)
        self._document.edit("changes", tuple(kept))

    def _change(self) -> SwapPooling | None:
        return next((entry.change for entry in self._entries if entry.layer == self._current), None)

    def _tune(self, field: str, value: float) -> None:
        change = self._change()
        if change is None:
            return
        number = value if field == "sigma" else round(value)
        change_network(self._document, replace(change, **{field: number}))  # type: ignore[arg-type]

    def _show_tuning(self) -> None:
        change = self._change()
        entry = next((entry for entry in self._entries if entry.layer == self._current), None)
        windowed = entry is not None and entry.windowed
        for slider in (self._window, self._stride, self._padding):
            slider.setVisible(change is not None and windowed)
        self._taps.setVisible(change is not None and change.kind.startswith("blur"))
        self._sigma.setVisible(change is not None and change.kind == "weighted")
        self._keeps.setVisible(change is None and not self._is_low)
        self._keeps.set_text("" if entry is None else f"{entry.layer} is as it was loaded: {entry.own}")
        if change is None:
            return
        if entry is not None:
            self._window.set_value(change.window or entry.window or 2)
            self._stride.set_value(change.stride or entry.stride)
            self._padding.set_value(entry.padding if change.padding is None else change.padding)
        self._taps.set_value(change.taps)
        self._sigma.set_value(change.sigma)

    def _fit(self) -> None:
        rows = min(max(len(self._rows), 1), _FEW_ROWS if self._is_low else _MOST_ROWS)
        self._area.setFixedHeight(rows * (theme().px(28) + theme().px(2)))


def _kinds_of(entry: PoolingEntry) -> list[tuple[str, str]]:
    """What can stand in the place of it."""
    if not entry.windowed:
        return [(kind, POOLING_WORDS[kind]) for kind in ("max", "average")]
    if entry.leaves_out:  # it is what “strided” would be
        return [(BLUR, "blurred"), *((kind, words) for kind, words in POOLING_WORDS.items() if kind != "strided")]
    return list(POOLING_WORDS.items())


def _shown(entry: PoolingEntry) -> str | None:
    """The choice that its change is."""
    if entry.change is None:
        return None
    if entry.leaves_out and entry.change.only_blurs:
        return BLUR
    return OWN if entry.leaves_out and entry.change.kind == "strided" else entry.change.kind


class _Row(QWidget):
    """The name of a pooling, the kind that stands there, and a button that puts its own back."""

    kind_chosen = pyqtSignal(str)
    put_back = pyqtSignal()
    looked = pyqtSignal()

    def __init__(self, name: str, tip: str, key: str, kinds: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._name = text_button(name, tip)
        self._full_name = name
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # all rows alike
        self._name.setCheckable(key != ALL)
        self._name.setEnabled(key != ALL)
        self._name.clicked.connect(self.looked)
        self._kind = ComboBox([(OWN, "its own"), *kinds])
        self._kind.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._kind.setMinimumContentsLength(8)
        self._kind.setAccessibleName(f"Kind of {name}")
        self._kind.chosen.connect(self.kind_chosen)
        self._back = IconButton("reset", f"Put {name} back as it was", quiet=True)
        self._back.clicked.connect(self.put_back)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._name, 2)
        row.addWidget(self._kind, 3)
        row.addWidget(self._back)
        theme().changed.connect(self._fit)
        self._fit()

    def show_entry(self, entry: PoolingEntry, current: bool) -> None:
        self._kind.setItemText(0, f"its own: {entry.own}")
        self._name.setChecked(current)
        self.show_kind(_shown(entry), changed=entry.change is not None)

    def show_kind(self, kind: str | None, *, changed: bool, mixed: bool = False) -> None:
        self._kind.set_value(kind or OWN)
        if mixed:
            self._kind.setCurrentIndex(-1)
            self._kind.setPlaceholderText("different kinds")
        self._back.setEnabled(changed)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._shorten()

    def _fit(self) -> None:
        self.setFixedHeight(theme().px(28))
        self._shorten()

    def _shorten(self) -> None:
        """The button says as much of the name as it has room for."""
        room = self._name.width() - theme().px(20)
        self._name.setText(short_name(self._full_name, self._name.fontMetrics(), room))
