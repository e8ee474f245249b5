"""Fields for a mean and a standard deviation of one's own."""

from __future__ import annotations

from PyQt6.QtWidgets import QFormLayout, QLineEdit, QWidget

from cnnviz.data.fit import Fit
from cnnviz.scene.document import Document, SceneError
from cnnviz.ui.sentences import sentences


class MomentsEditor(QWidget):
    """Two lines of numbers, one number or one for each channel; what cannot be is said below and changes nothing."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._mean, self._std = QLineEdit(), QLineEdit()
        self._problem = sentences("muted")
        self._problem.hide()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("mean", self._mean)
        form.addRow("std", self._std)
        form.addRow(self._problem)
        for line in (self._mean, self._std):
            line.setPlaceholderText("0.485 0.456 0.406")
            line.setToolTip("One number, or one for each channel; inputs are (x − mean) / std with x in [0, 1]")
            line.editingFinished.connect(self._edit)
        self.refresh()

    def refresh(self) -> None:
        """Show what the document says, unless the person is typing."""
        fit = self._document.scene.input.fit
        for line, numbers in ((self._mean, fit.mean), (self._std, fit.std)):
            if not line.hasFocus():
                line.setText(" ".join(f"{number:g}" for number in numbers))

    def _edit(self) -> None:
        fit = self._document.scene.input.fit
        try:
            mean, std = _numbers(self._mean.text()), _numbers(self._std.text())
            if (mean, std) != (fit.mean, fit.std):
                changed = Fit.model_validate({**dict(fit), "mean": mean, "std": std})
                self._document.edit("input.fit", changed)
        except (SceneError, ValueError):
            self._problem.setText("Give as many numbers as means as standard deviations, and these above 0.")
            self._problem.show()
            return
        self._problem.hide()


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.replace(",", " ").replace(";", " ").split())
