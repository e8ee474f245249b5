"""The gradient of one weight with all its numbers: the kernel to choose from, δ × input = products, and the links."""

from __future__ import annotations

from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cnnviz.panels.backpropagation_weight import Matrix, WeightWords
from cnnviz.scene.document import Document
from cnnviz.ui.colour_bar import ColourBar
from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.mosaic_view import MosaicView, Place
from cnnviz.ui.number_grid import NumberGrid
from cnnviz.ui.numbers import format_number
from cnnviz.ui.sentences import sentences
from cnnviz.ui.sheet import Sheet, SheetColumn
from cnnviz.ui.theme import theme

MAP_PX = 96
NARROWEST_MAP_PX = 72
PATH = "panels.backpropagation"
_COLUMNS = (
    SheetColumn("unit", "Where the chain is, from the weight's layer up to the answer", lambda row: row.unit),
    SheetColumn("δ", "∂L/∂(this unit), as autograd has it", lambda row: row.delta),
    SheetColumn("= Σ local derivative × δ above", "Over all units that read it", lambda row: row.terms),
    SheetColumn("largest term", "Local derivative × δ; the next row goes on from there", lambda row: row.largest),
)


class WeightChain(QScrollArea):
    """A click in the kernel chooses the weight; the boxes choose its output and input channel."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._words: WeightWords | None = None
        self._out = self._box("to", "The output channel that the weight helps to make; arrow keys go on")
        self._in = self._box("from", "The input channel that the weight reads, within its group; arrow keys go on")
        self._out.valueChanged.connect(self._choose_out)
        self._in.valueChanged.connect(lambda value: document.edit(f"{PATH}.input_channel", value))
        self._kernel = NumberGrid(self)
        self._kernel.setAccessibleName("Kernel")
        self._kernel.setToolTip("Click the weight whose gradient is written out")
        self._kernel.cell_clicked.connect(
            lambda row, column: document.edit_many({f"{PATH}.row": row, f"{PATH}.column": column})
        )
        self._maps = tuple(MosaicView(self) for _ in range(3))
        self._bars = tuple(ColourBar(Qt.Orientation.Horizontal) for _ in range(3))
        self._captions = tuple(ElidedLabel("", token="text") for _ in range(3))
        self._sum = sentences()
        self._links = Sheet(_COLUMNS, "Links of the chain")
        self._sum.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._lay_out()

    def _box(self, prefix: str, tip: str) -> QSpinBox:
        box = QSpinBox()
        box.setPrefix(f"{prefix} ")
        box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        box.setToolTip(tip)
        box.setAccessibleName(tip)
        return box

    def _lay_out(self) -> None:
        page = QWidget()
        page.setProperty("role", "page")
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme().px(8))
        grid.setVerticalSpacing(theme().px(3))
        boxes = QHBoxLayout()
        boxes.setSpacing(theme().px(3))
        boxes.addWidget(self._in)
        boxes.addWidget(self._out)
        grid.addLayout(boxes, 0, 0)
        grid.addWidget(self._kernel, 1, 0, 2, 1)
        for column, (view, bar, caption) in enumerate(zip(self._maps, self._bars, self._captions, strict=True)):
            view.setFixedHeight(theme().px(MAP_PX))
            for part in (view, bar):  # all three side by side also in a narrow panel
                part.setMinimumWidth(theme().px(NARROWEST_MAP_PX))
            view.setAccessibleName(("δ of the output channel", "What the weight meets", "Products")[column])
            view.hovered.connect(self._point)
            grid.addWidget(caption, 0, column + 1, Qt.AlignmentFlag.AlignBottom)
            grid.addWidget(view, 1, column + 1)
            grid.addWidget(bar, 2, column + 1)
            grid.setColumnStretch(column + 1, 1)
        grid.setColumnStretch(0, 1)
        # the grid would grow with its width: the sum and its links come first
        self._kernel.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        rows = QVBoxLayout(page)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(theme().px(5))
        rows.addWidget(self._sum)
        rows.addLayout(grid)
        rows.addWidget(self._links)
        rows.addStretch(1)
        self.setWidget(page)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(theme().px(160))

    def show_words(self, words: WeightWords | None) -> None:
        """Show a weight's gradient; None while it is not there yet."""
        self._words = words
        known = words is not None and words.kernel is not None
        for part in (self._out, self._in, self._kernel, *self._maps, *self._bars, *self._captions, self._links):
            part.setVisible(known)
        if words is None:
            self._sum.setText("Being worked out.")
            return
        self._sum.setText(words.problem or words.sentence)
        if words.kernel is None or words.delta is None or words.inputs is None or words.products is None:
            return
        self._show_boxes(words)
        kernel = words.kernel
        self._kernel.set_values(
            kernel.mosaic.indices, kernel.values, "signed", window=(11, 11), centre=words.index[2:], digits=3
        )
        self._kernel.set_marked(words.index[2:])
        for view, bar, matrix in zip(self._maps, self._bars, (words.delta, words.inputs, words.products), strict=True):
            view.set_mosaic(matrix.mosaic, "signed")
            bar.set_scale("signed", matrix.mosaic.low, matrix.mosaic.high)
        self._links.set_rows(words.links)
        self._point(None)

    def _show_boxes(self, words: WeightWords) -> None:
        for box, size, value in (
            (self._out, words.shape[0], words.index[0]),
            (self._in, words.shape[1], words.index[1]),
        ):
            blocker = QSignalBlocker(box)
            box.setRange(0, size - 1)
            box.setValue(value)
            blocker.unblock()

    def _choose_out(self, value: int) -> None:
        if self._words is not None:
            self._document.edit_many({"selection.layer": self._words.layer, "selection.channel": value})

    def _point(self, place: Place | None) -> None:
        """The numbers at the place that is pointed at, or what each map is."""
        words = self._words
        if words is None or words.delta is None or words.inputs is None or words.products is None:
            return
        matrices: tuple[Matrix, ...] = (words.delta, words.inputs, words.products)
        texts = (
            words.delta_words,
            "× input met",
            f"= products, Σ over {_places(matrices[0])}",
        )
        for view, caption, matrix, text, sign in zip(
            self._maps, self._captions, matrices, texts, ("", "× ", "= "), strict=True
        ):
            view.set_cell(place)
            if place is not None and place[1] < matrix.values.shape[0] and place[2] < matrix.values.shape[1]:
                text = f"{sign}{format_number(float(matrix.values[place[1:]]), 4)}"
            caption.set_text(text)


def _places(matrix: Matrix) -> str:
    count = matrix.values.size
    return "1 place" if count == 1 else f"{count:,} places"
