import pytest
from PyQt6.QtCore import QSize
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cnnviz.ui.panel_port import PanelPort
from cnnviz.ui.theme import theme


class Panel(QWidget):
    def __init__(self, width, height):
        super().__init__()
        self.least = QSize(width, height)

    def minimumSizeHint(self):
        return self.least


@pytest.fixture
def port(qtbot):
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
    port = PanelPort(holder)
    layout.addWidget(port)
    qtbot.addWidget(holder)
    port.set_panel(Panel(300, 200))
    holder.resize(400, 300)
    holder.show()
    qtbot.waitExposed(holder)
    yield port
    theme().set(scale=1.0)


def bars(port):
    return port.horizontalScrollBar().maximum(), port.verticalScrollBar().maximum()


def test_a_panel_has_all_the_room_there_is(port):
    assert port.widget().size() == QSize(400, 300)
    assert bars(port) == (0, 0)
    assert port.minimumSizeHint() == QSize(300, 200)


def test_a_panel_that_needs_more_room_scrolls(port, qtbot):
    port.window().resize(200, 100)
    qtbot.waitUntil(lambda: port.horizontalScrollBar().isVisible() and port.verticalScrollBar().isVisible())
    assert port.widget().width() >= 300
    assert port.widget().height() >= 200
    across, down = bars(port)
    assert across == port.widget().width() - port.viewport().width() > 0
    assert down == port.widget().height() - port.viewport().height() > 0


def test_only_the_way_that_is_too_short_scrolls(port, qtbot):
    port.window().resize(400, 150)
    qtbot.waitUntil(port.verticalScrollBar().isVisible)
    across, down = bars(port)
    assert across == 0
    assert down > 0
    assert port.widget().width() == port.viewport().width()


def test_in_larger_type_it_may_be_as_small_as_in_ordinary_type(port):
    theme().set(scale=1.5)
    port.widget().least = QSize(450, 300)  # what grows with the type
    assert port.minimumSizeHint().width() == 300
    assert port.minimumSizeHint().height() < 200


def test_a_panel_that_comes_to_need_more_room_gets_it(port, qtbot):
    port.widget().least = QSize(900, 200)
    port.widget().updateGeometry()
    qtbot.waitUntil(lambda: port.widget().width() == 900)
    assert bars(port)[0] > 0
