"""The widget of the network panel."""

from __future__ import annotations

from PyQt6.QtWidgets import QVBoxLayout, QWidget

from cnnviz.panels.network import NetworkResult
from cnnviz.panels.network_diagram_view import NetworkDiagram
from cnnviz.scene.document import Document
from cnnviz.ui.numbers import format_count
from cnnviz.ui.panel_view import PanelView


class NetworkView(PanelView):
    """Shows the diagram; a click selects a layer or a unit, a double click folds a block, the wheel zooms and pans."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.diagram = NetworkDiagram(document, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.diagram)

    def show_result(self, result: NetworkResult) -> None:
        super().show_result(result)
        how = "" if result.method == "torch.fx" else f" · graph by {result.method}"
        self.set_subtitle(f"{format_count(result.parameters)} weights · {format_count(result.macs)} multiply-adds{how}")
        self.diagram.set_result(result)
