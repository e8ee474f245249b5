"""What a file calls its tensors is shown letter by letter: Qt never takes it for HTML, which could fetch pictures."""

import torch
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QWidget
from torch import nn

from cnnviz.scene import actions
from cnnviz.ui.plain_text import plain_tip


def test_a_tool_tip_shows_what_it_is_given():
    assert plain_tip("conv1.weight") == "conv1.weight"
    assert plain_tip("a & b\nc") == "a & b\nc"
    assert "a &amp;lt; b" in plain_tip("a &lt; b")
    assert plain_tip("x <img src='y'>\n<b>") == (
        '<p style="white-space: pre-wrap">x &lt;img src=&#x27;y&#x27;&gt;\n&lt;b&gt;</p>'
    )


def taken_for_html(window):
    """Texts and tool tips with an element of HTML from the file, and how many show one as it is."""
    wrong, shown = [], 0
    for widget in window.findChildren(QWidget):
        texts = [(widget.toolTip(), Qt.TextFormat.AutoText)]
        if isinstance(widget, QLabel):
            texts.append((widget.text(), widget.textFormat()))
        for text, form in texts:
            if "<img" in text or "<b>x" in text:
                shown += 1
                if form is not Qt.TextFormat.PlainText and Qt.mightBeRichText(text):
                    wrong.append((type(widget).__name__, widget.accessibleName(), text[:200]))
    return wrong, shown


def test_no_word_of_a_file_is_taken_for_html(start, settle, tmp_path, latest):
    evil = "<img src='x.png'>"
    path = tmp_path / "file <b>x.pt"
    state = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24 * 24, 10)).state_dict()
    weights = {f"{evil}{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": weights, evil: 1, "note": f"{evil} " * 30}, path)
    program = start(actions.first_scene())
    for panel in ("checkpoint", "guess", "compare", "epochs"):
        program.window.show_panel(panel)
    program.controller.open_path(path)
    settle(program)
    assert latest["checkpoint"].proposal
    assert any(evil in layer.name for layer in program.stage.network.graph.layers)
    wrong, shown = taken_for_html(program.window)
    assert (wrong, shown > 2) == ([], True)
    actions.use_network(program.document, f"file:{path}", 1, accept=True)
    settle(program)
    wrong, shown = taken_for_html(program.window)
    assert (wrong, shown > 2) == ([], True)
