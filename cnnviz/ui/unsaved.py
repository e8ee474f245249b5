"""What could not be saved while the program closes: said in a box, since the window is gone, and tried again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import QApplication, QFileDialog, QMessageBox

from cnnviz.ui.session import SessionKeeper

_LOOKS_EVERY_MS = 200


def ask_about_unsaved(
    trouble: str, others: Sequence[str], session: SessionKeeper, told_to_end: Callable[[], bool]
) -> None:
    """Where something was not saved, say so, and try again until the session is or the person lets it go.

    Parameters
    ----------
    trouble
        Why the session could not be saved, as a sentence that names the place; empty where it was.
    others
        Sentences of what else could not be saved, which nothing can be done about any more.
    told_to_end
        Whether the program is to end without an answer, as at a signal.
    """
    # Python hears of a signal only when some of it runs, and nothing else does while the box waits
    timer = QTimer()
    timer.timeout.connect(lambda: _leave_the_question() if told_to_end() else None)
    timer.start(_LOOKS_EVERY_MS)
    while (trouble or others) and not told_to_end():
        chosen = _ask([*filter(None, [trouble]), *others], can_save=bool(trouble))
        if chosen == "close":
            break
        others = ()  # they have been said
        trouble = session.save_now() if chosen == "again" else _saved_elsewhere(session, trouble)
    timer.stop()


def _leave_the_question() -> None:
    asking = QApplication.activeModalWidget()
    if asking is not None:
        asking.close()


def say_unsaved(sentences: Iterable[str]) -> None:
    """The same where nobody can be asked, as at a signal: on the standard error."""
    for sentence in sentences:
        if sys.stderr is not None:  # of a program without a console
            print(f"cnnviz: {sentence}", file=sys.stderr)


def _saved_elsewhere(session: SessionKeeper, trouble: str) -> str:
    path, _ = QFileDialog.getSaveFileName(None, "Save scene", "scene.cnnviz.json", "Scenes (*.json)")
    return session.save_as(Path(path)) if path else trouble


def _ask(sentences: Sequence[str], *, can_save: bool) -> str:
    """What the person wants: ``again``, ``elsewhere`` or ``close``."""
    box = QMessageBox()
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("cnnviz: not everything could be saved")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText("\n\n".join(sentences))
    roles = QMessageBox.ButtonRole
    close = box.addButton("Close without saving" if can_save else "Close", roles.RejectRole)
    if can_save:
        box.setInformativeText("Make room and try again, or save the scene elsewhere and open it from there.")
        again = box.addButton("Try again", roles.AcceptRole)
        elsewhere = box.addButton("Save elsewhere…", roles.ActionRole)
        box.setDefaultButton(again)
    box.setEscapeButton(close)
    box.exec()
    clicked = box.clickedButton()
    box.deleteLater()
    if not can_save or clicked is close or clicked is None:
        return "close"
    return "elsewhere" if clicked is elsewhere else "again"
