"""Controls: each shows one value and says when the person changed it; none computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetrics, QIcon, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QWidget,
)

from cnnviz.ui.icons import icon, paint_icon
from cnnviz.ui.plain_text import plain_tip
from cnnviz.ui.slider import LabelledSlider
from cnnviz.ui.theme import FontRole, theme

__all__ = ["ComboBox", "ElidedLabel", "IconButton", "LabelledSlider", "Segmented", "Toggle", "text_button"]

Option = str | tuple[str, str]
"""A key that is its own text, or (key, text)."""


def _pairs(options: Sequence[Option]) -> list[tuple[str, str]]:
    return [(option, option) if isinstance(option, str) else option for option in options]


class IconButton(QToolButton):
    """A button with an icon alone; ``tip`` says what it does (and is its accessible name). ``quiet`` has no frame."""

    def __init__(
        self, role: str, tip: str, *, quiet: bool = False, checkable: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._quiet = quiet
        self.setIcon(icon(role, "muted" if quiet else None))
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setProperty("quiet", quiet)
        theme().changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        side = theme().px(14 if self._quiet else 16)
        self.setIconSize(QSize(side, side))


def text_button(text: str, tip: str = "", *, role: str | None = None) -> QPushButton:
    """A button with a word, and an icon before it if ``role`` names one."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if role is not None:
        button.setIcon(icon(role))
        side = theme().px(16)
        button.setIconSize(QSize(side + theme().px(6), side))  # wider than the icon: a style sheet knows no gap
    return button


class Segmented(QWidget):
    """A row of joined buttons of which one is chosen, such as ``brush | erase | fill | move``."""

    chosen = pyqtSignal(str)
    """Key of the option that the person chose; not emitted by `set_value`."""

    def __init__(
        self,
        options: Sequence[Option],
        *,
        icons: Sequence[str] = (),
        tips: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keys = [key for key, _ in _pairs(options)]
        self._group = QButtonGroup(self)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._buttons: list[QPushButton] = []
        for index, (_, text) in enumerate(_pairs(options)):
            button = _Segment(text, first=index == 0, last=index == len(options) - 1)
            button.setAccessibleName(text or (tips[index] if tips else ""))
            if icons:
                button.setIcon(icon(icons[index]))
            if tips:
                button.setToolTip(tips[index])
            self._buttons.append(button)
            self._group.addButton(button, index)
            self._row.addWidget(button)
        self._buttons[0].setChecked(True)
        self._group.idClicked.connect(lambda index: self.chosen.emit(self._keys[index]))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setFocusProxy(self._buttons[0])

    def value(self) -> str:
        """Key of the chosen option."""
        return self._keys[self._group.checkedId()]

    def set_value(self, key: str) -> None:
        """Show ``key`` as chosen, without `chosen`."""
        self._buttons[self._keys.index(key)].setChecked(True)

    def button(self, key: str) -> QPushButton:
        """The button of an option."""
        return self._buttons[self._keys.index(key)]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme().colour("line"))
        painter.setBrush(theme().colour("raised"))
        radius = theme().px(6)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


class _Segment(QPushButton):
    """One button of a `Segmented`: painted here because a style sheet cannot round single corners by position."""

    def __init__(self, text: str, *, first: bool, last: bool) -> None:
        super().__init__(text)
        self._first, self._last = first, last
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        theme().changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        hub = theme()
        text = QFontMetrics(hub.font("title")).horizontalAdvance(self.text())  # as wide as when it is chosen
        sign = 0 if self.icon().isNull() else hub.px(16) + (hub.px(4) if self.text() else 0)
        return QSize(text + sign + hub.px(20 if self.text() else 14), hub.px(26))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        hub = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked() or self.underMouse() or self.hasFocus():
            painter.setBrush(hub.colour("accent" if self.isChecked() else "hover"))
            self._fill(painter, hub.px(6))
        elif not self._first:
            painter.fillRect(QRectF(0, hub.px(6), 1, self.height() - 2 * hub.px(6)), hub.colour("line"))
        if self.hasFocus() and _seen_focus(self):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(hub.colour("text"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(2.5, 2.5, -2.5, -2.5), hub.px(4), hub.px(4))
        token = "on_accent" if self.isChecked() else "text"
        painter.setPen(hub.colour(token if self.isEnabled() else "faint"))
        painter.setFont(hub.font("title" if self.isChecked() else "small"))
        metrics = painter.fontMetrics()
        width = metrics.horizontalAdvance(self.text())
        left = (self.width() - width) / 2
        if not self.icon().isNull():
            side = hub.px(16)
            space = hub.px(4) if self.text() else 0
            left = (self.width() - width - side - space) / 2
            state = QIcon.State.On if self.isChecked() else QIcon.State.Off
            mode = QIcon.Mode.Normal if self.isEnabled() else QIcon.Mode.Disabled
            box = QRectF(left, (self.height() - side) / 2, side, side).toRect()
            self.icon().paint(painter, box, Qt.AlignmentFlag.AlignCenter, mode, state)
            left += side + space
        painter.drawText(QRectF(left, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())

    def _fill(self, painter: QPainter, radius: int) -> None:
        rect = QRectF(self.rect())
        if not self._first:
            rect.setLeft(-2.0 * radius)
        if not self._last:
            rect.setRight(self.width() + 2.0 * radius)
        painter.save()
        painter.setClipRect(self.rect())
        painter.drawRoundedRect(rect, radius, radius)
        painter.restore()


def _seen_focus(widget: QWidget) -> bool:
    """Whether focus came by the keyboard; a click shows by itself what it chose."""
    return widget.testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange) or (
        widget.window() is not None and widget.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
    )


class ComboBox(QComboBox):
    """A list to choose from; the wheel changes it only when it has the focus."""

    chosen = pyqtSignal(str)
    """Key of the option that the person chose; not emitted by `set_value` and `set_options`."""

    def __init__(self, options: Sequence[Option] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.set_options(options)
        self.activated.connect(lambda _: self.chosen.emit(self.value()))

    def set_options(self, options: Sequence[Option]) -> None:
        """Replace the options, keeping what is chosen where it is still there."""
        keep = self.value()
        blocked = self.blockSignals(True)
        self.clear()
        for key, text in _pairs(options):
            self.addItem(text, key)
        self.setCurrentIndex(max(0, self.findData(keep)))
        self.blockSignals(blocked)
        self.updateGeometry()

    def value(self) -> str:
        """Key of the chosen option; empty when there is none."""
        return self.currentData() or ""

    def set_value(self, key: str) -> None:
        """Show ``key`` as chosen, without `chosen`.

        Raises
        ------
        ValueError
            ``key`` is not among the options.
        """
        index = self.findData(key)
        if index < 0:
            raise ValueError(f"no option {key!r}")
        self.setCurrentIndex(index)

    def paintEvent(self, event: QPaintEvent) -> None:
        side = theme().px(12)
        box = QRectF(self.width() - side - theme().px(7), (self.height() - side) / 2, side, side)
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        if self.currentIndex() < 0:
            option.currentText = self.placeholderText()
        style = self.style()
        assert style is not None
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        field = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        room = min(field.right(), int(box.left()) - theme().px(2)) - field.left()
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
        if not self.isEditable():  # else the text is its field's own
            painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        paint_icon(painter, box, "down", theme().colour("muted" if self.isEnabled() else "faint"))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Toggle(QCheckBox):
    """A check box painted as a small switch."""

    edited = pyqtSignal(bool)
    """The person switched it; not emitted by `set_value`."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.clicked.connect(self.edited)

    def value(self) -> bool:
        """Whether it is on."""
        return self.isChecked()

    def set_value(self, on: bool) -> None:
        """Show it on or off."""
        self.setChecked(on)

    def sizeHint(self) -> QSize:
        hub = theme()
        text = QFontMetrics(hub.font("small")).horizontalAdvance(self.text())
        return QSize(hub.px(28) + hub.px(8) + text + 2, hub.px(24))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, pos: Any) -> bool:
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        hub, on = theme(), self.isChecked()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = hub.px(28), hub.px(16)
        track = QRectF(0.5, (self.height() - height) / 2, width, height)
        painter.setPen(hub.colour("accent" if on or self.hasFocus() else "line"))
        painter.setBrush(hub.colour(("accent" if on else "raised") if self.isEnabled() else "line"))
        painter.drawRoundedRect(track, height / 2, height / 2)
        knob = height - hub.px(6)
        left = track.right() - knob - hub.px(3) if on else track.left() + hub.px(3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(hub.colour("on_accent" if on else "muted"))
        painter.drawEllipse(QRectF(left, track.center().y() - knob / 2, knob, knob))
        painter.setPen(hub.colour("text" if self.isEnabled() else "faint"))
        painter.setFont(hub.font("small"))
        text = QRectF(width + hub.px(8), 0, self.width(), self.height())
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())


class ElidedLabel(QWidget):
    """A line of text that ends in an ellipsis where there is no room, with the whole in its tool tip.

    Words that run would lay the window out anew each time; with ``widest`` the label has the width of that text always.
    """

    clicked = pyqtSignal()

    def __init__(
        self,
        text: str = "",
        *,
        widest: str = "",
        role: FontRole = "small",
        token: str = "muted",
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text, self._role, self._token, self._align, self._elide = text, role, token, align, elide
        self._widest, self._own_tip = widest, ""
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._restyle)
        self._restyle()

    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str, token: str | None = None) -> None:
        """Show another text, and in another colour of the theme if ``token`` names one."""
        if text == self._text and token in (None, self._token):
            return
        self._text, self._token = text, token or self._token
        self._restyle()

    def shown_text(self) -> str:
        """What there is room for."""
        return QFontMetrics(theme().font(self._role)).elidedText(self._text, self._elide, self.width())

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme().font(self._role))
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(min(theme().px(24), self.sizeHint().width()), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme().font(self._role))
        painter.setPen(theme().colour(self._token if self.isEnabled() else "faint"))
        painter.drawText(self.rect(), self._align | Qt.AlignmentFlag.AlignVCenter, self.shown_text())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._tell()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.ignore()
        self.clicked.emit()

    def _restyle(self) -> None:
        if self._widest:
            metrics = QFontMetrics(theme().font(self._role))
            self.setFixedWidth(metrics.horizontalAdvance(self._widest) + theme().px(4))
        policy = self.sizePolicy().horizontalPolicy()
        ignores_its_text = bool(self._widest) or policy == QSizePolicy.Policy.Ignored
        if not ignores_its_text or self.height() != self.sizeHint().height():
            self.updateGeometry()
        self._tell()
        self.update()

    def _tell(self) -> None:
        self.setAccessibleName(self._text)
        if self.toolTip() == self._own_tip:  # one that was set from outside stays
            self._own_tip = plain_tip(self._text) if self.shown_text() != self._text else ""
            self.setToolTip(self._own_tip)
