import pytest
from PyQt6.QtGui import QFontMetrics

from cnnviz.ui.short_names import short_name
from cnnviz.ui.theme import theme


@pytest.fixture
def metrics(qapp):
    return QFontMetrics(theme().font("small"))


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ("layer1.0.conv1", "layer1.0.conv1"),
        ("…0.conv1_", "…0.conv1"),
        ("…conv1_", "…conv1"),
    ],
)
def test_a_path_loses_whole_steps_from_its_beginning(metrics, kept, shown):
    assert short_name("layer1.0.conv1", metrics, metrics.horizontalAdvance(kept)) == shown


@pytest.mark.parametrize("name", ["encoder.blocks.0.block.0", "features.shortcut_projection", "aeroplane and more"])
def test_what_is_shown_never_takes_more_room_than_there_is(metrics, name):
    for width in range(20, 200, 7):
        assert metrics.horizontalAdvance(short_name(name, metrics, width)) <= width


def test_steps_that_say_next_to_nothing_are_not_left_alone(metrics):
    shown = short_name("encoder.poolers.0", metrics, metrics.horizontalAdvance("…olers.0"))
    assert len(shown) > 5
    assert "encoder.poolers.0".endswith(shown[1:])


def test_the_last_step_alone_keeps_its_end(metrics):
    shown = short_name("layer1.0.shortcut", metrics, metrics.horizontalAdvance("…ortcut"))
    assert shown.startswith("…")
    assert "shortcut".endswith(shown[1:])
