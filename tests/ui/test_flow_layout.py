"""Controls in a row that breaks where there is no more room."""

import pytest
from PyQt6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from cnnviz.ui.flow_layout import FlowLayout


@pytest.fixture
def row(qtbot):
    widget, layout = QWidget(), FlowLayout()
    widget.buttons = [QPushButton(text) for text in ("one", "two", "three", "four")]
    for button in widget.buttons:
        button.setFixedSize(60, 20)
        layout.addWidget(button)
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.addLayout(layout)
    column.addStretch(1)
    qtbot.addWidget(widget)
    return widget


@pytest.mark.parametrize(("width", "lines"), [(260, 1), (252, 1), (251, 2), (130, 2), (60, 4)])
def test_a_line_breaks_where_the_next_control_would_be_cut_off(row, width, lines):
    row.resize(width, 200)
    row.show()
    assert row.minimumSizeHint().width() == 60
    assert len({button.y() for button in row.buttons}) == lines
    assert all(button.x() >= 0 and button.geometry().right() < width for button in row.buttons)
    places = [button.geometry() for button in row.buttons]
    assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[:i])


def test_what_is_hidden_takes_no_room(row):
    row.buttons[0].hide()
    row.resize(200, 200)
    row.show()
    assert [button.x() for button in row.buttons[1:]] == [0, 64, 128]
