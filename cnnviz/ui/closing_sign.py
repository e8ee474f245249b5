"""What is seen of a program that has closed its window and still has to finish something."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEventLoop, QMargins, Qt
from PyQt6.QtWidgets import QApplication, QLabel

from cnnviz.ui.icons import application_icon
from cnnviz.ui.theme import theme

PATIENCE_S = 1.0
"""What ends sooner than this is not spoken of."""
_LOOKS_AGAIN_S = 0.05


def wait_until(ended: Callable[[float], bool], words: str) -> None:
    """Wait until something has ended; if that takes more than a moment, a small window says in ``words`` what for.

    ``ended`` waits for at most so many seconds and says whether it has. What the person does meanwhile is left aside.
    """
    if ended(PATIENCE_S):
        return
    sign = QLabel(words)
    sign.setWindowTitle("cnnviz")
    sign.setWindowIcon(application_icon())
    sign.setWindowFlag(Qt.WindowType.WindowCloseButtonHint, False)
    sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
    side = theme().px(28)
    sign.setContentsMargins(QMargins(side, side, side, side))
    sign.show()
    while not ended(_LOOKS_AGAIN_S):
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    sign.close()
    sign.deleteLater()
