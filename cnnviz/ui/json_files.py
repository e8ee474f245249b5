"""Opening what is kept as JSON: scenes, and tables of layers."""

from __future__ import annotations

from pathlib import Path

from cnnviz.nets.table_file import TableFileError, is_table, read_table
from cnnviz.scene.document import Document, SceneError
from cnnviz.scene.store import load_scene
from cnnviz.ui.main_window import MainWindow


def open_json(document: Document, window: MainWindow, path: Path) -> None:
    """Show the scene, or the table in the Architecture panel; says what is wrong with the file."""
    try:
        if is_table(path):
            document.edit("panels.architecture.table", read_table(path))
            window.show_panel("architecture")
        else:
            document.replace(load_scene(path))
    except (SceneError, TableFileError) as error:
        window.notices.show_message(str(error), "warning")
