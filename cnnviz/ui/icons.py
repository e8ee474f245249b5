"""The program's icons, by what they stand for: one family (Phosphor), in the colours of the theme.

The font is the one that qtawesome carries. qtawesome itself is not imported: with qtpy it takes 0.3 s, most of what
passes until the first paint, and one font and its list of characters are all that is used of it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PyQt6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QImage, QPainter, QPen, QPixmap

from cnnviz.ui.theme import theme

ROLES = {
    "undo": "arrow-u-up-left",
    "redo": "arrow-u-up-right",
    "brush": "paint-brush",
    "erase": "eraser",
    "fill": "paint-bucket",
    "move": "hand",
    "pick": "eyedropper",
    "clear": "trash",
    "open": "folder-open",
    "paste": "clipboard",
    "copy": "copy",
    "save": "floppy-disk",
    "image": "image",
    "samples": "squares-four",
    "flip-horizontal": "arrows-left-right",
    "flip-vertical": "arrows-down-up",
    "reset": "arrow-counter-clockwise",
    "edit": "pencil-simple",
    "play": "play",
    "pause": "pause",
    "stop": "stop",
    "step": "skip-forward",
    "previous": "caret-left",
    "next": "caret-right",
    "up": "caret-up",
    "down": "caret-down",
    "more": "dots-three",
    "menu": "dots-three-vertical",
    "float": "arrow-square-out",
    "dock": "arrow-square-in",
    "maximise": "corners-out",
    "restore": "corners-in",
    "close": "x",
    "check": "check",
    "plus": "plus",
    "minus": "minus",
    "zoom-in": "magnifying-glass-plus",
    "zoom-out": "magnifying-glass-minus",
    "fit": "frame-corners",
    "dark": "moon",
    "light": "sun",
    "layout": "layout",
    "network": "tree-structure",
    "device": "cpu",
    "settings": "sliders-horizontal",
    "lesson": "book-open",
    "keyboard": "keyboard",
    "help": "question",
    "info": "info",
    "warning": "warning",
    "error": "warning-circle",
    "success": "check-circle",
    "busy": "hourglass",
    "stale": "clock-counter-clockwise",
    "empty": "selection",
    "eye": "eye",
    "camera": "camera",
    "export": "export",
    "target": "crosshair",
    "heat": "fire",
    "link": "link",
    "shuffle": "shuffle",
}


@lru_cache(maxsize=1)
def _font() -> tuple[str, dict[str, str]]:
    """The family's name, after loading it, and its characters."""
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        return "", {}
    folder = Path(spec.origin).parent / "fonts"
    charmaps = sorted(folder.glob("phosphor-charmap-*.json"))
    fonts = sorted(folder.glob("phosphor-[0-9]*.ttf"))
    if not charmaps or not fonts:
        return "", {}
    families = QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(fonts[-1])))
    characters = json.loads(charmaps[-1].read_text(encoding="utf-8"))
    return (families[0] if families else ""), {name: chr(int(code, 16)) for name, code in characters.items()}


def paint_icon(painter: QPainter, rect: QRect | QRectF, role: str, colour: QColor) -> None:
    """Draw an icon into ``rect`` with a painter at hand."""
    family, characters = _font()
    character = characters.get(ROLES[role])
    if not family or character is None:
        return
    rect = QRectF(rect)
    font = QFont(family)
    font.setPixelSize(max(1, round(min(rect.width(), rect.height()))))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, character)
    painter.restore()


class _Glyph(QIconEngine):
    """Draws a character in the theme's colour of the moment, so that a change of theme needs only a repaint."""

    def __init__(self, role: str, token: str | None) -> None:
        super().__init__()
        self._role, self._token = role, token

    def paint(self, painter: QPainter | None, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        if painter is not None:
            paint_icon(painter, rect, self._role, self._colour(mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Glyph(self._role, self._token)

    def _colour(self, mode: QIcon.Mode, state: QIcon.State) -> QColor:
        if mode == QIcon.Mode.Disabled:
            return theme().colour("faint")
        if self._token is not None:
            return theme().colour(self._token)
        return theme().colour("on_accent" if state == QIcon.State.On else "text")


def icon(role: str, token: str | None = None) -> QIcon:
    """The icon of a role: the text's colour, faint when disabled, on a checked button the colour that reads there.

    ``token`` names another colour of the theme, such as ``"muted"``. The icon follows the theme by itself.

    Raises
    ------
    KeyError
        There is no such role in `ROLES`.
    """
    if role not in ROLES:
        raise KeyError(f"no icon for {role!r}")
    return QIcon(_Glyph(role, token))


def application_icon() -> QIcon:
    """The program's own sign: a small signed feature map with one unit marked."""
    result = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        result.addPixmap(QPixmap.fromImage(_draw_sign(size)))
    return result


_SIGN = (
    ("#16384a", "#3a86ad", "#8fb4f5"),
    ("#2b1309", "#10151c", "#3f93bd"),
    ("#e59a92", "#8a2f17", "#1b1210"),
)


def _draw_sign(size: int) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 64, size / 64)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("#171a20"))
    painter.drawRoundedRect(QRectF(0, 0, 64, 64), 14, 14)
    for row, colours in enumerate(_SIGN):
        for column, colour in enumerate(colours):
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(QRectF(9 + 16 * column, 9 + 16 * row, 14, 14), 2.5, 2.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor("#ffb454"), 4))
    painter.drawRoundedRect(QRectF(23.5, 23.5, 17, 17), 4, 4)
    painter.end()
    return image
