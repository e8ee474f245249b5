import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt, QTimer
from PyQt6.QtWidgets import QComboBox

from cnnviz.ui.colour_swatch import ColourSwatch
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, Segmented, Toggle, text_button
from cnnviz.ui.hover_card import HoverCard
from cnnviz.ui.menu_button import MenuButton
from cnnviz.ui.pixels import image_words
from cnnviz.ui.theme import DARK


@pytest.fixture
def tools(shown):
    segmented = Segmented([("brush", "brush"), ("erase", "erase"), ("fill", "fill")])
    return shown(segmented, segmented.sizeHint().width(), 26)


def test_one_of_several_is_chosen_and_only_that_has_the_accent(tools, pixels, argb):
    def accented() -> list[str]:
        picture = pixels(tools) == argb(DARK.accent)
        found = []
        for key in ("brush", "erase", "fill"):
            rect = tools.button(key).geometry()
            if picture[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1].mean() > 0.4:
                found.append(key)
        return found

    assert accented() == ["brush"]
    tools.set_value("fill")
    assert tools.value() == "fill"
    assert accented() == ["fill"]


def test_choosing_says_so_and_showing_does_not(tools, qtbot):
    heard = []
    tools.chosen.connect(heard.append)
    tools.set_value("fill")
    qtbot.mouseClick(tools.button("erase"), Qt.MouseButton.LeftButton)
    assert heard == ["erase"]
    qtbot.keyClick(tools.button("erase"), Qt.Key.Key_Left)
    assert tools.value() == "brush"


def test_segments_keep_their_width_when_chosen(tools):
    before = [tools.button(key).width() for key in ("brush", "erase", "fill")]
    tools.set_value("erase")
    assert [tools.button(key).width() for key in ("brush", "erase", "fill")] == before


def test_an_unknown_segment_is_an_error(tools):
    with pytest.raises(ValueError, match="spray"):
        tools.set_value("spray")


@pytest.fixture
def combo(shown):
    return shown(ComboBox([("max", "Maximum"), ("average", "Average")]), 140, 26)


def test_a_combo_box_speaks_in_keys(combo, qtbot):
    heard = []
    combo.chosen.connect(heard.append)
    combo.set_value("average")
    assert (combo.value(), combo.currentText()) == ("average", "Average")
    assert heard == []
    qtbot.keyClick(combo, Qt.Key.Key_Up)
    assert heard == ["max"]
    with pytest.raises(ValueError, match="no option 'median'"):
        combo.set_value("median")


def test_new_options_keep_what_is_chosen(combo):
    combo.set_value("average")
    combo.set_options(["l2", ("average", "Average")])
    assert combo.value() == "average"
    combo.set_options(["l2"])
    assert combo.value() == "l2"


def test_a_combo_box_with_nothing_chosen_says_why(combo, pixels):
    combo.setCurrentIndex(-1)
    empty = pixels(combo)
    combo.setPlaceholderText("different kinds")
    assert (pixels(combo) != empty).any()
    combo.setCurrentIndex(0)
    chosen = pixels(combo)
    combo.setPlaceholderText("")
    assert (pixels(combo) == chosen).all()


def test_a_combo_box_shows_that_it_opens(combo, pixels):
    plain = QComboBox()
    plain.addItem("Maximum")
    plain.resize(combo.size())
    right = np.s_[:, combo.width() - 22 : combo.width() - 4]
    assert (pixels(combo)[right] != pixels(plain)[right]).any()
    plain.deleteLater()


def test_a_toggle_is_switched_anywhere_on_it(shown, qtbot, pixels, argb):
    toggle = shown(Toggle("edges"), 120, 24)
    heard = []
    toggle.edited.connect(heard.append)
    toggle.set_value(False)
    toggle.clearFocus()
    assert (pixels(toggle) == argb(DARK.accent)).sum() == 0
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton, pos=QPoint(100, 12))
    assert heard == [True]
    assert (pixels(toggle) == argb(DARK.accent)).sum() > 100


def test_text_without_room_ends_in_an_ellipsis_and_is_told_whole(shown):
    label = shown(ElidedLabel("conv2, channel 6, row 7, column 8"), 80, 20)
    assert label.shown_text().endswith("…")
    assert label.toolTip() == label.text()
    label.resize(400, 20)
    assert label.shown_text() == label.text()
    assert label.toolTip() == ""


def test_a_label_can_become_narrow(hub, qtbot):
    label = ElidedLabel("a very long subtitle that no panel has room for")
    qtbot.addWidget(label)
    assert label.minimumSizeHint().width() < 40 < label.sizeHint().width()


def test_buttons_with_icons_say_what_they_do(shown, pixels):
    button = shown(IconButton("undo", "Undo the last stroke"), 28, 28)
    assert button.accessibleName() == button.toolTip() == "Undo the last stroke"
    assert (pixels(button)[8:20, 8:20] != pixels(button)[3, 14]).sum() > 20
    assert text_button("open", role="open").icon().isNull() is False


def test_a_menu_button_shows_its_word_and_opens_its_menu(shown, qtbot, pixels):
    button = MenuButton("cifar-net", "Choose a network", "network")
    opened = []
    button.entries.aboutToShow.connect(lambda: opened.append(True) or QTimer.singleShot(0, button.entries.close))
    button.entries.addAction("tiny-vgg")
    shown(button, button.sizeHint().width(), 26)
    picture = pixels(button)
    chevron = picture[:, -20:-8]
    assert (chevron[4:-4] != picture[4, 4]).any()
    button.setText("a network with a longer name")
    assert button.sizeHint().width() > button.width()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert opened == [True]


class TestColourSwatch:
    def test_on_paper_a_grey_looks_as_the_canvas_shows_it(self, hub, swatch, pixels):
        swatch.set_colour((1.0, 1.0, 1.0))
        for theme, paper, grey in (("dark", True, 255), ("light", False, 255), ("light", True, 0)):
            hub.set(theme, 1.0)
            swatch.set_grey(True, paper=paper)
            drawn = image_words(np.ones((1, 1, 1), np.float32), paper=paper)[0, 0]
            assert pixels(swatch)[13, 19] == drawn
            assert abs(int(drawn) % 256 - grey) < 40
            assert ("ink" in swatch.toolTip()) == (grey == 0)
            assert "grey 1.00" in swatch.accessibleName()

    @pytest.fixture
    def swatch(self, shown):
        return shown(ColourSwatch((1.0, 0.5, 0.0)), 38, 26)

    def test_it_shows_its_colour(self, swatch, pixels):
        assert pixels(swatch)[13, 19] == 0xFFFF8000
        swatch.set_colour((0.0, 0.0, 1.0))
        assert pixels(swatch)[13, 19] == 0xFF0000FF

    def test_for_one_channel_it_shows_the_brightness(self, swatch, pixels):
        swatch.set_grey(True)
        red, green, blue = (int(pixels(swatch)[13, 19]) >> shift & 255 for shift in (16, 8, 0))
        assert red == green == blue == pytest.approx(255 * (0.299 + 0.587 * 0.5), abs=1)

    def test_a_colour_is_picked_from_the_chart(self, swatch, qtbot):
        heard = []
        swatch.edited.connect(heard.append)
        swatch.set_colour((0.0, 0.0, 0.0))
        assert heard == []
        qtbot.mouseClick(swatch, Qt.MouseButton.LeftButton)
        chart = next(child for child in swatch.children() if child.isWidgetType() and child.isVisible())
        qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(8 + 7 * 24 + 12, 8 + 12))
        assert heard == [(1.0, 1.0, 1.0)]
        assert swatch.colour() == (1.0, 1.0, 1.0)

    def test_the_chart_goes_by_keys_and_with_escape(self, swatch, qtbot):
        heard = []
        swatch.edited.connect(heard.append)
        swatch.set_grey(True)
        qtbot.mouseClick(swatch, Qt.MouseButton.LeftButton)
        chart = next(child for child in swatch.children() if child.isWidgetType() and child.isVisible())
        for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Left, Qt.Key.Key_Return):
            qtbot.keyClick(chart, key)
        assert heard == [(0.0, 0.0, 0.0)]


class TestHoverCard:
    def test_it_names_what_is_under_the_pointer_and_stays_inside(self, shown, hub):
        from PyQt6.QtWidgets import QWidget

        window = shown(QWidget(), 300, 200)
        card = HoverCard(window)
        card.show_at(QPoint(20, 20), "conv2, channel 6", ["row 7, column 8", "−1.866"])
        assert card.text() == "conv2, channel 6\nrow 7, column 8\n−1.866"
        assert card.geometry().left() > 20
        card.show_at(QPoint(295, 195), "conv2, channel 6", ["row 7, column 8"])
        assert window.rect().contains(card.geometry())
        assert not card.geometry().contains(QPoint(295, 195))


def test_a_tool_tip_of_its_own_stays_with_a_label_whose_words_run(qapp):
    label = ElidedLabel("1 ms", widest="8888 ms")
    label.setToolTip("From an edit to its paint")
    label.set_text("2 ms")
    label.resize(4, 20)
    assert label.toolTip() == "From an edit to its paint"


def test_what_does_not_fit_a_list_to_choose_from_ends_in_an_ellipsis(shown, pixels):
    def look(text):
        box = ComboBox([("key", text)])
        box.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # else one of those that are shown has a ring
        box.setFixedWidth(110)  # Qt would adjust it to its text a moment after it is shown
        return pixels(shown(box, 110, 28))

    text = "by the class that they like best"
    seen = look(text)
    ends = [end for end in range(3, len(text) - 3) if (look(f"{text[:end]}…") == seen).all()]
    assert any((look(text[:end]) != seen).any() for end in ends)  # else the ellipsis itself is cut off
