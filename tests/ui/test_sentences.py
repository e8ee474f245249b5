"""Sentences wrap, and what looks like mark-up in them is shown as it is."""

from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cnnviz.ui.sentences import sentences

LONG = "A sentence of many words, which does not fit into one line of a panel that is as narrow as this one is."


def test_names_that_look_like_mark_up_are_shown_as_they_are(shown, pixels):
    plain, marked = shown(sentences(text="conv<b>1</b>"), 200, 30), shown(sentences(text="conv1"), 200, 30)
    assert plain.sizeHint().width() > marked.sizeHint().width()


def test_a_sentence_is_as_high_as_its_lines_and_asks_for_no_width(shown):
    page = QWidget()
    label = sentences("muted", LONG, shrinks=True)
    layout = QVBoxLayout(page)
    layout.addWidget(label)
    layout.addStretch(1)
    shown(page, 160, 400)
    assert page.width() == 160
    assert label.height() >= 4 * label.fontMetrics().height()
