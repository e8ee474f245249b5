"""Sentences in a panel."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QSizePolicy


def sentences(role: str = "", text: str = "", *, shrinks: bool = False) -> QLabel:
    """A label that wraps; of plain text, since the names of files and layers are no mark-up.

    Parameters
    ----------
    role : str
        As the style sheet knows it: ``"muted"``, ``"title"``; empty for text as usual.
    shrinks : bool
        Whether it asks for no width of its own, so that a long name does not widen the panel.
    """
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        label.setProperty("role", role)
    if shrinks:
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)  # as high as its lines from the beginning, not from the next text on
        label.setSizePolicy(policy)
    return label
