"""Colours, sizes and fonts of every widget, and the colour tables of the maps.

``theme()`` is the one hub: widgets read ``theme().current`` when they paint and listen to ``theme().changed``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

from cnnviz.ui.stylesheet import stylesheet

TableKind = Literal["signed", "unsigned", "grey", "photo"]
ThemeName = Literal["dark", "light", "system"]
FontRole = Literal["body", "title", "small", "tiny", "number", "mono"]

LEVELS = 253
"""Table entries 0…252 are values; the rest is reserved."""
ZERO_INDEX = 126
"""The entry of zero in a signed table."""
NAN_INDEX, INFINITE_INDEX, GAP_INDEX = 253, 254, 255


@dataclass(frozen=True)
class Tokens:
    """The named colours of one theme, as ``#rrggbb``."""

    name: Literal["dark", "light"]
    window: str
    panel: str
    raised: str
    hover: str
    line: str
    text: str
    muted: str
    faint: str
    accent: str
    on_accent: str
    mark: str
    ok: str
    warning: str
    error: str
    signed_map: str
    unsigned_map: str
    # Values that are no numbers must not be taken for any colour of any map: pure magenta and pure cyan are in none.
    nan: str = "#ff2bd6"
    infinite: str = "#00e5ff"

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"


DARK = Tokens(
    name="dark",
    window="#0f1115",
    panel="#171a20",
    raised="#1f232b",
    hover="#2a2f39",
    line="#2a2f39",
    text="#e7eaf0",
    muted="#98a1b0",
    faint="#5d6675",
    accent="#5aa9ff",
    on_accent="#0b1017",
    mark="#ffb454",
    ok="#57c785",
    warning="#f2c94c",
    error="#ff6b6b",
    signed_map="crameri:berlin",
    unsigned_map="bids:inferno",
)
LIGHT = Tokens(
    name="light",
    window="#eceef2",
    panel="#ffffff",
    raised="#f4f5f8",
    hover="#e6e9ef",
    line="#d9dde4",
    text="#1a1e25",
    muted="#5f6978",
    faint="#9aa3b0",
    accent="#1f6feb",
    on_accent="#ffffff",
    mark="#c2570c",
    ok="#1a8f4c",
    warning="#a86a00",
    error="#c62828",
    signed_map="colorbrewer:RdBu_r",
    unsigned_map="bids:viridis",
)


def palette(tokens: Tokens) -> QPalette:
    """The Qt palette of a theme, for what no style sheet rule reaches."""
    result = QPalette()
    roles = {
        QPalette.ColorRole.Window: tokens.window,
        QPalette.ColorRole.WindowText: tokens.text,
        QPalette.ColorRole.Base: tokens.panel,
        QPalette.ColorRole.AlternateBase: tokens.raised,
        QPalette.ColorRole.Text: tokens.text,
        QPalette.ColorRole.Button: tokens.raised,
        QPalette.ColorRole.ButtonText: tokens.text,
        QPalette.ColorRole.BrightText: tokens.error,
        QPalette.ColorRole.ToolTipBase: tokens.raised,
        QPalette.ColorRole.ToolTipText: tokens.text,
        QPalette.ColorRole.PlaceholderText: tokens.faint,
        QPalette.ColorRole.Highlight: tokens.accent,
        QPalette.ColorRole.HighlightedText: tokens.on_accent,
        QPalette.ColorRole.Link: tokens.accent,
        QPalette.ColorRole.Light: tokens.line,
        QPalette.ColorRole.Midlight: tokens.line,
        QPalette.ColorRole.Mid: tokens.line,
        QPalette.ColorRole.Dark: tokens.line,
        QPalette.ColorRole.Shadow: tokens.window,
    }
    for role, colour in roles.items():
        result.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.faint))
    return result


def _argb(colour: str) -> int:
    return 0xFF000000 | int(colour[1:], 16)


def relative_luminance(argb: int) -> float:
    """Brightness of an sRGB colour as WCAG 2 defines it, 0 (black) to 1 (white)."""
    channels = ((argb >> shift & 0xFF) / 255 for shift in (16, 8, 0))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=32)
def text_is_black_on(kind: TableKind, tokens: Tokens) -> np.ndarray:
    """Per table entry, whether black text on it has more contrast than white; either then has at least 4.5."""
    # (L + 0.05) / 0.05 and 1.05 / (L + 0.05) meet at L = 0.179, where both are 4.58.
    return np.array([relative_luminance(int(colour)) > 0.179 for colour in colour_table(kind, tokens)])


@lru_cache(maxsize=32)
def colour_table(kind: TableKind, tokens: Tokens) -> np.ndarray:
    """The ARGB colour of every index of a mosaic, read-only uint32 of shape (256,).

    ``signed`` has zero, the middle of a diverging map, at entry 126; ``unsigned`` is perceptually uniform; ``grey`` is
    a drawing (light strokes on dark, in the light theme dark strokes on light, so that "nothing" looks like the
    panel); ``photo`` is black to white in both themes. Entries 253, 254 and 255 are NaN, infinity and the gap.
    """
    table = np.empty(256, np.uint32)
    if kind in ("grey", "photo"):
        ramp = np.round(np.linspace(0, 255, LEVELS)).astype(np.uint32)
        if kind == "grey" and not tokens.is_dark:
            ramp = ramp[::-1]
        table[:LEVELS] = 0xFF000000 | ramp << 16 | ramp << 8 | ramp
    else:
        # Imported late: the maps are first needed after the window has been painted.
        from cmap import Colormap

        name = tokens.signed_map if kind == "signed" else tokens.unsigned_map
        red, green, blue = np.round(Colormap(name).lut(LEVELS)[:, :3] * 255).astype(np.uint32).T
        table[:LEVELS] = 0xFF000000 | red << 16 | green << 8 | blue
    table[NAN_INDEX] = _argb(tokens.nan)
    table[INFINITE_INDEX] = _argb(tokens.infinite)
    table[GAP_INDEX] = _argb(tokens.panel)
    table.flags.writeable = False
    return table


class ThemeHub(QObject):
    """Which theme is shown and how large; applies both to the whole application."""

    changed = pyqtSignal()
    """Connect a method written in Python: Qt's own ones that are no slots, such as ``updateGeometry``, would still be
    called after their widget was deleted."""

    SCALES = (0.75, 2.0)

    def __init__(self) -> None:
        super().__init__()
        self._name: ThemeName = "dark"
        self._scale = 1.0
        self._tokens = DARK
        self._follows_system = False
        self._is_applied = False
        # Every paint asks for colours and fonts, and making them costs as much as the painting.
        self._colours: dict[str, QColor] = {}
        self._fonts: dict[FontRole, QFont] = {}

    @property
    def name(self) -> ThemeName:
        """What was asked for: ``dark``, ``light`` or ``system``."""
        return self._name

    @property
    def current(self) -> Tokens:
        """The colours now shown."""
        return self._tokens

    @property
    def scale(self) -> float:
        """Factor on every size and font, 0.75 to 2."""
        return self._scale

    def set(self, name: ThemeName | None = None, scale: float | None = None) -> None:
        """Change the theme, the scale or both, everywhere at once; ``None`` keeps what is.

        Nothing is done where all is so already: to style a window anew takes a part of a second.

        Raises
        ------
        ValueError
            ``name`` is no theme.
        """
        if name is not None and name not in ("dark", "light", "system"):
            raise ValueError(f"no theme {name!r}; there are dark, light and system")
        before = self._name, self._scale, self._tokens
        self._name = name or self._name
        if scale is not None:
            low, high = self.SCALES
            self._scale = min(max(float(scale), low), high)
        self._tokens = LIGHT if self._resolve() == "light" else DARK
        if self._is_applied and (self._name, self._scale, self._tokens) == before:
            return
        self._colours.clear()
        self._fonts.clear()
        self._apply()
        self.changed.emit()

    def colour(self, token: str) -> QColor:
        """The colour of a token by its name, such as ``"accent"``: one for all, so copy it to change it."""
        colour = self._colours.get(token)
        if colour is None:
            colour = self._colours[token] = QColor(getattr(self._tokens, token))
        return colour

    def table(self, kind: TableKind) -> np.ndarray:
        """`colour_table` in the current theme."""
        return colour_table(kind, self._tokens)

    def px(self, size: float) -> int:
        """A size of the 4-pixel grid at the present scale, in logical pixels."""
        return max(1, round(size * self._scale))

    def font(self, role: FontRole = "body") -> QFont:
        """The system's sans with tabular figures, in one of the sizes the program uses."""
        if role not in self._fonts:
            self._fonts[role] = self._make_font(role)
        return QFont(self._fonts[role])

    def _make_font(self, role: FontRole) -> QFont:
        size, weight = {
            "body": (13, QFont.Weight.Normal),
            "title": (12, QFont.Weight.DemiBold),
            "small": (12, QFont.Weight.Normal),
            "tiny": (11, QFont.Weight.Normal),
            "number": (22, QFont.Weight.DemiBold),
            "mono": (12, QFont.Weight.Normal),
        }[role]
        which = QFontDatabase.SystemFont.FixedFont if role == "mono" else QFontDatabase.SystemFont.GeneralFont
        font = QFont(QFontDatabase.systemFont(which).family())
        font.setPixelSize(self.px(size))
        font.setWeight(weight)
        if hasattr(QFont, "setFeature"):  # Qt 6.7
            font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def _resolve(self) -> str:
        if self._name != "system":
            return self._name
        hints = QGuiApplication.styleHints()
        if hints is None:
            return "dark"
        if not self._follows_system:
            hints.colorSchemeChanged.connect(self._follow_system)
            self._follows_system = True
        return "light" if hints.colorScheme() == Qt.ColorScheme.Light else "dark"

    def _follow_system(self) -> None:
        if self._name == "system":
            self.set()

    def _apply(self) -> None:
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        if app.style() is None or app.style().name() != "fusion":
            app.setStyle("Fusion")  # the native styles ignore parts of a style sheet, each other ones
        app.setPalette(palette(self._tokens))
        app.setFont(self.font())
        app.setStyleSheet(stylesheet(self._tokens, self._scale))
        self._is_applied = True


_hub: ThemeHub | None = None


def theme() -> ThemeHub:
    """The hub of the whole application, made when first asked for."""
    global _hub
    if _hub is None:
        _hub = ThemeHub()
    return _hub
