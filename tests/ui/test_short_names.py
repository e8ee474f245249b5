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
        ("layer1.0.conv_", "l1.0.conv1"),
        ("l1.0.conv1", "l1.0.conv1"),
        ("…conv1_", "…conv1"),
    ],
)
def test_a_path_loses_whole_words_and_steps_from_its_beginning(metrics, kept, shown):
    assert short_name("layer1.0.conv1", metrics, metrics.horizontalAdvance(kept)) == shown


def test_no_more_words_than_need_be_are_cut_to_their_initials_and_blocks_stay_apart(metrics):
    def shown(name, kept):
        return short_name(name, metrics, metrics.horizontalAdvance(kept))

    assert shown("encoder.blocks.0.block.1", "e.blocks.0.block.1") == "e.blocks.0.block.1"
    assert shown("encoder.blocks.0.block.1", "e.b.0.block.1_") == "e.b.0.block.1"
    narrow = [
        shown(f"{half}.blocks.{number}.block.1", "e.b.0.b.1_") for half in ("encoder", "decoder") for number in (0, 1)
    ]
    assert narrow == ["e.b.0.b.1", "e.b.1.b.1", "d.b.0.b.1", "d.b.1.b.1"]


@pytest.mark.parametrize("name", ["encoder.blocks.0.block.0", "features.shortcut_projection", "aeroplane and more"])
def test_what_is_shown_never_takes_more_room_than_there_is(metrics, name):
    for width in range(20, 200, 7):
        assert metrics.horizontalAdvance(short_name(name, metrics, width)) <= width


def test_steps_that_say_next_to_nothing_are_not_left_alone(metrics):
    shown = short_name("encoder.pooling_projection", metrics, metrics.horizontalAdvance("…rojection"))
    assert len(shown) > 5
    assert "encoder.pooling_projection".endswith(shown[1:])


def test_the_last_step_alone_keeps_its_end(metrics):
    shown = short_name("layer1.0.shortcut", metrics, metrics.horizontalAdvance("…ortcut"))
    assert shown.startswith("…")
    assert "shortcut".endswith(shown[1:])
