"""What is seen while a program that has closed its window still has to finish something."""

import pytest
from PyQt6.QtWidgets import QApplication

from cnnviz.ui import closing_sign
from cnnviz.ui.closing_sign import wait_until


def shown():
    return [widget.text() for widget in QApplication.topLevelWidgets() if widget.isVisible()]


@pytest.mark.parametrize(("looks", "said"), [(1, []), (4, ["Saving the run"])])
def test_only_what_takes_long_is_spoken_of_and_until_it_has_ended(hub, qapp, looks, said):
    waits, seen = [], []

    def ended(wait):
        waits.append(wait)
        seen.append(shown())
        return len(waits) == looks

    wait_until(ended, "Saving the run")
    assert len(waits) == looks
    assert waits[0] == closing_sign.PATIENCE_S
    assert seen == [[], *[said] * (looks - 1)]
    assert shown() == []
