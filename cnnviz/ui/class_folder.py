"""Asks for images of one's own, one folder a class."""

from __future__ import annotations

from PyQt6.QtWidgets import QFileDialog, QWidget


def ask_for_class_folder(parent: QWidget) -> str:
    """The data set of the folder that the person chooses, as ``folder:PATH``; empty where none is chosen."""
    path = QFileDialog.getExistingDirectory(parent, "A folder with one folder of images per class")
    return f"folder:{path}" if path else ""
