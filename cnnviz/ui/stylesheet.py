"""The style sheet of the whole application, made from a theme's colours and the scale."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnviz.ui.theme import Tokens

_RULES = Template("""
QMainWindow, QDialog { background: $window; color: $text; }
QLabel { color: $text; background: transparent; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="faint"] { color: $faint; font-size: ${px11}px; }
QLabel[role="title"] { font-size: ${px12}px; font-weight: 600; }
QLabel[role="number"] { font-size: ${px22}px; font-weight: 600; }
QLabel[role="pill"] {
    background: $raised; color: $muted; border: 1px solid $line; border-radius: ${px6}px; padding: 1px ${px8}px;
    font-size: ${px11}px;
}
QLabel:disabled { color: $faint; }

QPushButton, QToolButton, QComboBox {
    background: $raised; color: $text; border: 1px solid $line; border-radius: ${px6}px;
    min-height: ${px24}px; max-height: ${px24}px; padding: 0 ${px10}px;
}
QToolButton { padding: 0 ${px4}px; min-width: ${px16}px; }
QPushButton:hover, QToolButton:hover, QComboBox:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed { background: $line; }
QPushButton:checked, QToolButton:checked { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton:disabled, QToolButton:disabled, QComboBox:disabled { color: $faint; background: $panel; }
QPushButton:focus, QToolButton:focus, QComboBox:focus { border: 1px solid $accent; }
QPushButton:checked:focus, QToolButton:checked:focus { border: 2px solid $text; }
QPushButton:default { background: $accent; color: $on_accent; border-color: $accent; }
QToolButton[quiet="true"] {
    background: transparent; border: 1px solid transparent; padding: 0; border-radius: ${px4}px;
    min-width: ${px20}px; max-width: ${px20}px; min-height: ${px20}px; max-height: ${px20}px;
}
QToolButton[quiet="true"]:hover, QToolButton[quiet="true"]:pressed { background: $hover; }
QToolButton[quiet="true"]:focus { border: 1px solid $accent; }
QToolButton::menu-indicator, QPushButton::menu-indicator { image: none; width: 0; }

QComboBox { padding-right: ${px4}px; }
QComboBox::drop-down { border: none; width: ${px22}px; }
QComboBox QAbstractItemView, QListView[role="choices"] {
    background: $raised; color: $text; border: 1px solid $line; padding: ${px4}px; outline: 0;
    selection-background-color: $hover; selection-color: $text;
}
QComboBox QAbstractItemView::item, QListView[role="choices"]::item {
    min-height: ${px24}px; padding: 0 ${px6}px; border-radius: ${px4}px;
}
QComboBox QAbstractItemView::item:selected, QListView[role="choices"]::item:selected {
    background: $hover; color: $text;
}

QLineEdit, QAbstractSpinBox {
    background: $raised; color: $text; border: 1px solid $line; border-radius: ${px6}px;
    min-height: ${px24}px; max-height: ${px24}px; padding: 0 ${px8}px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit:focus, QAbstractSpinBox:focus, QPlainTextEdit:focus, QTextEdit:focus { border: 1px solid $accent; }
QLineEdit[wrong="true"], QLineEdit[wrong="true"]:focus { border: 1px solid $error; }
QLineEdit[quiet="true"] {
    background: transparent; border: 1px solid transparent; padding: 0 ${px4}px; border-radius: ${px4}px;
    min-height: ${px18}px; max-height: ${px18}px;
}
QLineEdit[quiet="true"]:hover { border-color: $line; }
QLineEdit[quiet="true"]:focus { background: $raised; border-color: $accent; }
QComboBox QLineEdit, QComboBox QLineEdit:focus {
    background: transparent; border: none; padding: 0; min-height: ${px18}px; max-height: ${px22}px;
}
QLineEdit:disabled, QAbstractSpinBox:disabled { color: $faint; }
QPlainTextEdit, QTextEdit, QTextBrowser, QListView, QTreeView, QTableView {
    background: $panel; color: $text; border: 1px solid $line; border-radius: ${px6}px; padding: ${px4}px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QHeaderView::section {
    background: $raised; color: $muted; border: none; border-bottom: 1px solid $line; padding: ${px4}px ${px8}px;
}
QTableView[dense="true"] QHeaderView::section { padding: ${px2}px ${px4}px; font-size: ${px11}px; }

QScrollArea, QScrollArea > QWidget > QWidget[role="page"] { background: transparent; border: none; }
QScrollBar { background: transparent; border: none; }
QScrollBar:vertical { width: ${px8}px; margin: 0; }
QScrollBar:horizontal { height: ${px8}px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: ${px2}px; margin: ${px2}px; }
QScrollBar::handle:vertical { min-height: ${px24}px; }
QScrollBar::handle:horizontal { min-width: ${px24}px; }
QScrollBar::handle:hover, QScrollBar::handle:pressed { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; border: none; background: none; }
QScrollBar::add-page, QScrollBar::sub-page { background: none; }
QAbstractScrollArea::corner { background: transparent; border: none; }

QMenuBar { background: $panel; color: $text; border-bottom: 1px solid $line; }
QMenuBar::item { background: transparent; padding: ${px4}px ${px10}px; border-radius: ${px4}px; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $hover; }
QMenu { background: $raised; color: $text; border: 1px solid $line; padding: ${px4}px; }
QMenu::item { padding: ${px5}px ${px24}px ${px5}px ${px28}px; border-radius: ${px4}px; }
QMenu::item:selected { background: $hover; }
QMenu::item:disabled { color: $faint; }
QMenu::separator { height: 1px; background: $line; margin: ${px4}px ${px8}px; }
QMenu::icon { padding-left: ${px8}px; }
QToolTip {
    background: $raised; color: $text; border: 1px solid $line; padding: ${px6}px ${px8}px; font-size: ${px12}px;
}

QTabBar { background: transparent; border: none; qproperty-drawBase: 0; }
QTabBar::tab {
    background: transparent; color: $muted; border: none; border-bottom: 2px solid transparent;
    padding: 0 ${px6}px; margin: 0 ${px4}px; height: ${px28}px; font-size: ${px12}px; font-weight: 600;
}
QTabBar::tab:first { margin-left: ${px6}px; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:focus { color: $accent; }
QTabBar QToolButton { background: $panel; border: none; border-radius: 0; padding: 0; }
QTabWidget::pane { border: none; }

QMainWindow::separator { background: $window; width: ${px4}px; height: ${px4}px; }
QMainWindow::separator:hover { background: $accent; }
QSplitter::handle { background: $window; }
QSplitter::handle:hover { background: $accent; }
QToolBar { background: $panel; border: none; border-bottom: 1px solid $line; padding: ${px4}px ${px8}px;
    spacing: ${px8}px; }
QToolBar::separator { background: $line; width: 1px; margin: ${px4}px ${px4}px; }
QStatusBar { background: $panel; color: $muted; border-top: 1px solid $line; font-size: ${px11}px; }
QStatusBar QLabel { color: $muted; font-size: ${px11}px; padding: 0 ${px8}px; }
QStatusBar::item { border: none; }

QCheckBox { color: $text; spacing: ${px8}px; background: transparent; }
QCheckBox:disabled { color: $faint; }
QProgressBar { background: $raised; border: none; border-radius: ${px2}px; max-height: ${px4}px; color: transparent; }
QProgressBar::chunk { background: $accent; border-radius: ${px2}px; }
""")

_SIZES = (2, 4, 5, 6, 8, 10, 11, 12, 16, 18, 20, 22, 24, 28)


def stylesheet(tokens: Tokens, scale: float) -> str:
    """The rules for every widget class the program uses, with sizes in pixels at ``scale``."""
    sizes = {f"px{size}": max(1, round(size * scale)) for size in _SIZES}
    return _RULES.substitute(vars(tokens), **sizes)
