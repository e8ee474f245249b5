"""A slider with its name and its value, which can also be typed."""

from __future__ import annotations

from typing import Any

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QSlider, QWidget

from cnnviz.ui.numbers import format_number, parse_number
from cnnviz.ui.theme import theme

_KEYS = {
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
}


class SliderTrack(QSlider):
    """A horizontal slider that jumps to where it is pressed and is filled from its default to its value.

    A press to its release is one gesture, as are a key held down and a run of wheel steps.
    """

    gesture_began = pyqtSignal()
    gesture_ended = pyqtSignal()
    reset_asked = pyqtSignal()

    WHEEL_PAUSE_MS = 400

    def __init__(self, origin: int, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.origin = origin
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._in_gesture = False
        self._grip = 0.0
        self._wheel_end = QTimer(self)
        self._wheel_end.setSingleShot(True)
        self._wheel_end.setInterval(self.WHEEL_PAUSE_MS)
        self._wheel_end.timeout.connect(self._end)

    def sizeHint(self) -> QSize:
        return QSize(theme().px(96), theme().px(18))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(48), theme().px(18))

    def handle_centre(self, ticks: int | None = None) -> QPointF:
        """Where the handle is drawn, or would be at another value."""
        return QPointF(self._x_of(self.value() if ticks is None else ticks), self.height() / 2)

    def _x_of(self, value: int) -> float:
        radius = theme().px(7)
        span = max(1, self.maximum() - self.minimum())
        return radius + (value - self.minimum()) / span * (self.width() - 2 * radius)

    def _value_at(self, x: float) -> int:
        radius = theme().px(7)
        share = (x - radius) / max(1, self.width() - 2 * radius)
        return round(self.minimum() + share * (self.maximum() - self.minimum()))

    def paintEvent(self, event: QPaintEvent) -> None:
        hub, tokens = theme(), theme().current
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle, thick, radius = self.height() / 2, hub.px(4), hub.px(12) / 2
        painter.setBrush(hub.colour("line"))
        painter.drawRoundedRect(QRectF(0, middle - thick / 2, self.width(), thick), thick / 2, thick / 2)
        start, end = sorted((self._x_of(self.origin) if self.origin > self.minimum() else 0, self._x_of(self.value())))
        painter.setBrush(hub.colour("accent" if self.isEnabled() else "faint"))
        painter.drawRoundedRect(QRectF(start, middle - thick / 2, end - start, thick), thick / 2, thick / 2)
        if self.minimum() < self.origin < self.maximum():
            tick = self._x_of(self.origin)
            painter.setBrush(hub.colour("faint"))
            painter.drawRect(QRectF(tick - 0.5, middle - hub.px(4), 1, 2 * hub.px(4)))
        # A rim in the panel's colour lifts the handle off the track.
        painter.setPen(QPen(hub.colour("accent" if self.hasFocus() else "panel"), hub.px(2)))
        painter.setBrush(hub.colour("faint") if not self.isEnabled() else hub.colour("text"))
        if tokens.is_dark and self.isEnabled() and not (self.underMouse() or self.isSliderDown()):
            painter.setBrush(hub.colour("text").darker(104))
        painter.drawEllipse(self.handle_centre(), radius, radius)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        x = event.position().x()
        offset = x - self.handle_centre().x()
        # Taking hold of the handle off its middle must not move it.
        self._grip = offset if abs(offset) <= theme().px(8) else 0.0
        self._begin()
        self.setSliderDown(True)
        self.setValue(self._value_at(x - self._grip))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self.setValue(self._value_at(event.position().x() - self._grip))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self.setSliderDown(False)
            self._end()
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_asked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if Qt.Key(event.key()) in _KEYS:
            self._begin()
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat() and Qt.Key(event.key()) in _KEYS:
            self._end()
        super().keyReleaseEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self.hasFocus():  # else scrolling a panel would change whatever slider passes under the pointer
            event.ignore()
            return
        steps = event.angleDelta().y() / 120
        if not steps:
            event.ignore()
            return
        self._begin()
        self.setValue(self.value() + round(steps * self.singleStep()) or self.value())
        self._wheel_end.start()
        event.accept()

    def focusOutEvent(self, event: Any) -> None:
        self._end()
        super().focusOutEvent(event)

    def _begin(self) -> None:
        self._wheel_end.stop()
        if not self._in_gesture:
            self._in_gesture = True
            self.gesture_began.emit()

    def _end(self) -> None:
        self._wheel_end.stop()
        if self._in_gesture:
            self._in_gesture = False
            self.gesture_ended.emit()


class LabelledSlider(QWidget):
    """A row ``name ──●── value unit``; double click resets, and the value can be typed.

    Parameters
    ----------
    text
        The name at the left.
    low, high, default
        Bounds and the value a double click goes back to. A track with zero inside is filled from the default, to
        show which way it goes; any other from its lower end.
    step
        Smallest change; also that of an arrow key.
    unit
        Written after the value, such as ``"px"``; ``"°"`` and ``"×"`` stand close to it.
    digits
        Decimals of the value.
    sign
        Write ``+`` before positive values.
    label_width, value_width
        Width of the name, and least width of the value, in pixels at scale 1: the tracks of several rows line up.
    """

    edited = pyqtSignal(float)
    """The person changed the value; not emitted by `set_value`."""
    pressed = pyqtSignal()
    """A gesture begins: everything until `released` is one undo step."""
    released = pyqtSignal()

    def __init__(
        self,
        text: str,
        low: float,
        high: float,
        default: float,
        *,
        step: float = 0.01,
        unit: str = "",
        digits: int = 2,
        sign: bool = False,
        label_width: int = 72,
        value_width: int = 68,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        if not low <= default <= high or step <= 0:
            raise ValueError(f"{text}: {default} is not between {low} and {high}, or the step {step} is not positive")
        self._low, self._high, self._default, self._step = low, high, default, step
        self._unit, self._digits, self._sign, self._label_width = unit, digits, sign, label_width
        self._value_width = value_width
        self._value = float(default)
        self._label = QLabel(text, self)
        self._label.setProperty("role", "muted")
        self._track = SliderTrack(self._to_ticks(default) if low < 0 < high else 0, self)
        self._track.setRange(0, self._to_ticks(high))
        self._track.setValue(self._to_ticks(default))
        self._track.setPageStep(max(1, self._to_ticks(high) // 10))
        self._track.setAccessibleName(text)
        self._field = QLineEdit(self)
        self._field.setProperty("quiet", True)
        self._field.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._field.setAccessibleName(f"{text}, value")
        self._field.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._label)
        row.addWidget(self._track, 1)
        row.addWidget(self._field)
        self.setFocusProxy(self._track)
        self.setToolTip(tip or f"{text}: drag, type a value, or double-click to reset")
        self._track.valueChanged.connect(self._moved)
        self._track.gesture_began.connect(self.pressed)
        self._track.gesture_ended.connect(self.released)
        self._track.reset_asked.connect(self.reset)
        self._field.editingFinished.connect(self._typed)
        theme().changed.connect(self._restyle)
        self._restyle()

    def value(self) -> float:
        """The present value."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show a value, held within the bounds, without `edited`."""
        self._value = min(max(float(value), self._low), self._high)
        blocked = self._track.blockSignals(True)
        self._track.setValue(self._to_ticks(self._value))
        self._track.blockSignals(blocked)
        self._track.update()
        self._write()

    def set_high(self, high: float) -> None:
        """Change the upper bound; a value above it is held at it."""
        if high == self._high:
            return
        self._high = high
        blocked = self._track.blockSignals(True)
        self._track.setRange(0, self._to_ticks(high))
        self._track.setPageStep(max(1, self._to_ticks(high) // 10))
        self._track.blockSignals(blocked)
        self._default = min(self._default, high)
        self.set_value(self._value)

    def reset(self) -> None:
        """Go back to the default, as one gesture of the person."""
        self._edit(self._default)

    def text(self) -> str:
        """The value as written, with its unit."""
        return self._format(self._value)

    def _to_ticks(self, value: float) -> int:
        return round((value - self._low) / self._step)

    def _format(self, value: float) -> str:
        space = "" if self._unit in ("", "°", "×") else " "
        return f"{format_number(value, self._digits, sign=self._sign)}{space}{self._unit}"

    def _moved(self, ticks: int) -> None:
        self._value = min(max(self._low + ticks * self._step, self._low), self._high)
        self._write()
        self.edited.emit(self._value)

    def _edit(self, value: float) -> None:
        if value == self._value:
            return
        self.pressed.emit()
        self.set_value(value)
        self.edited.emit(self._value)
        self.released.emit()

    def _typed(self) -> None:
        number = parse_number(self._field.text())
        if number is not None and self._field.text() != self.text():
            self._edit(min(max(number, self._low), self._high))
        self._write()

    def _write(self) -> None:
        self._field.setText(self.text())

    def _restyle(self) -> None:
        hub = theme()
        # A name longer than its column moves its own track rather than being cut.
        self._label.setFixedWidth(max(hub.px(self._label_width), self._label.sizeHint().width()))
        widest = max((self._format(v) for v in (self._low, self._high, self._default)), key=len)
        self._field.setFont(hub.font("small"))
        width = QFontMetrics(hub.font("small")).horizontalAdvance(widest)
        self._field.setFixedWidth(max(hub.px(self._value_width), width + hub.px(16)))
        layout = self.layout()
        if layout is not None:
            layout.setSpacing(hub.px(4))
        self.setFixedHeight(hub.px(24))
        self._write()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset()  # on the name
