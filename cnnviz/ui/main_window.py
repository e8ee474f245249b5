"""The window: docks for the panels, maximised by a double click, laid out afresh or as they were left."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from itertools import pairwise

from PyQt6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QResizeEvent, QShowEvent

from cnnviz.engine.panel import PanelSpec
from cnnviz.scene.models import WindowLayout
from cnnviz.ui.dock import Dock, DockWindow, visible_to_person
from cnnviz.ui.icons import application_icon
from cnnviz.ui.notices import NoticeStack
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import theme

LAYOUT_VERSION = 1
DEFAULT_SIZE = (1600, 1000)

# how the docks stand at first: columns from left to right, each with (panel, share of the height), and their widths
COLUMNS: tuple[tuple[float, tuple[tuple[str, float], ...]], ...] = (
    (304, (("input", 0.60), ("samples", 0.18), ("prediction", 0.22))),
    (900, (("network", 0.46), ("activations", 0.54))),
    (372, (("filters", 0.46), ("unit", 0.54))),
)


class MainWindow(DockWindow):
    """Holds the docks; knows nothing of what the panels show."""

    painted = pyqtSignal()
    """A repaint of the window has ended."""
    first_painted = pyqtSignal()
    seen_changed = pyqtSignal()
    """Other panels than before can be seen."""
    closing = pyqtSignal()
    files_dropped = pyqtSignal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("cnnviz")
        self.setWindowIcon(application_icon())
        self.setAcceptDrops(True)
        self.docks: dict[str, Dock] = {}
        self._areas: dict[str, str] = {}
        self.notices = NoticeStack(self)
        self._default_state = QByteArray()
        self._before_maximise: QByteArray | None = None
        self._was_painted = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(0)
        self._settle.timeout.connect(self.seen_changed)
        self.resize(self._size_that_fits())

    def _size_that_fits(self) -> QSize:
        """The default size, or what the screen has room for beside the window's frame."""
        screen = self.screen()
        room = screen.availableGeometry().size() - QSize(4, 32) if screen is not None else QSize(*DEFAULT_SIZE)
        return QSize(*DEFAULT_SIZE).boundedTo(room) if room.width() > 800 else QSize(*DEFAULT_SIZE)

    def add_panels(self, panels: Iterable[tuple[PanelSpec, PanelView]]) -> None:
        """Give each panel a dock and lay them out as at first."""
        for spec, view in panels:
            dock = Dock(spec.id, spec.title, view, self)
            dock.setToolTip("")
            dock.title_bar.setToolTip(spec.tip)
            dock.maximise_requested.connect(lambda dock=dock: self.toggle_maximised(dock))
            dock.seen_changed.connect(lambda _seen: self._settle.start())
            self.docks[spec.id] = dock
            self._areas[spec.id] = spec.area
        self._arrange()

    def visible_panels(self) -> frozenset[str]:
        """Panels of which a person can see anything."""
        return frozenset(panel_id for panel_id, dock in self.docks.items() if visible_to_person(dock))

    def layout_state(self) -> WindowLayout:
        """Where everything stands, for the scene."""
        state = self._before_maximise if self._before_maximise is not None else self.saveState(LAYOUT_VERSION)
        return WindowLayout(
            version=LAYOUT_VERSION,
            state=base64.b64encode(state.data()).decode(),
            geometry=base64.b64encode(self.saveGeometry().data()).decode(),
        )

    def restore_layout(self, layout: WindowLayout) -> bool:
        """Put everything where it stood; False, and the first layout, where that cannot be read."""
        if not layout.state:
            return False
        try:
            geometry = base64.b64decode(layout.geometry, validate=True)
            state = base64.b64decode(layout.state, validate=True)
        except ValueError:
            return False
        if geometry:
            self.restoreGeometry(QByteArray(geometry))
        restored = layout.version == LAYOUT_VERSION and self.restoreState(QByteArray(state), LAYOUT_VERSION)
        if not restored:
            self.reset_layout()
        return restored

    def reset_layout(self) -> None:
        """Every panel back to its first place."""
        self._before_maximise = None
        for dock in self.docks.values():
            dock.setFloating(False)
            dock.show()
        self._arrange()

    def toggle_maximised(self, dock: Dock) -> None:
        """Give one panel the whole window, or take it back."""
        if self._before_maximise is not None:
            self.restore_from_maximised()
            return
        self._before_maximise = self.saveState(LAYOUT_VERSION)
        dock.setFloating(False)
        for other in self.docks.values():
            other.setVisible(other is dock)

    def restore_from_maximised(self) -> bool:
        """Back to the docks as they stood; False where nothing is maximised."""
        if self._before_maximise is None:
            return False
        state, self._before_maximise = self._before_maximise, None
        self.restoreState(state, LAYOUT_VERSION)
        return True

    def _arrange(self) -> None:
        left = Qt.DockWidgetArea.LeftDockWidgetArea
        columns = [[self.docks[panel_id] for panel_id, _ in rows if panel_id in self.docks] for _, rows in COLUMNS]
        known = {dock for column in columns for dock in column}
        for dock in self.docks.values():
            self.removeDockWidget(dock)
        heads = [column[0] for column in columns if column]
        for before, head in zip([None, *heads], heads, strict=False):
            if before is None:
                self.addDockWidget(left, head)
            else:
                self.splitDockWidget(before, head, Qt.Orientation.Horizontal)
        for column in columns:
            for above, below in pairwise(column):
                self.splitDockWidget(above, below, Qt.Orientation.Vertical)
        for panel_id, dock in self.docks.items():
            if dock not in known and all(columns):
                host = {"left": columns[0][-1], "centre": columns[1][-1], "right": columns[2][0]}[self._areas[panel_id]]
                self.tabifyDockWidget(host, dock)
                host.raise_()
            dock.show()
        self._share_space()

    def _share_space(self) -> None:
        """The first layout's proportions, at the present size of the window."""
        scale = theme().scale
        fixed = [width * scale for width, _ in COLUMNS]
        spare = max(self.width() - fixed[0] - fixed[2], fixed[1] * 0.4)
        if self.width() < DEFAULT_SIZE[0] * scale:
            squeeze = max(self.width() / (DEFAULT_SIZE[0] * scale), 0.82)
            fixed = [width * squeeze for width in fixed]
            spare = self.width() - fixed[0] - fixed[2]
        widths = [fixed[0], spare, fixed[2]]
        heads = [self.docks[rows[0][0]] for _, rows in COLUMNS if rows[0][0] in self.docks]
        self.resizeDocks(heads, [round(width) for width in widths[: len(heads)]], Qt.Orientation.Horizontal)
        for _, rows in COLUMNS:
            docks = [self.docks[panel_id] for panel_id, _ in rows if panel_id in self.docks]
            heights = [round(share * self.height()) for panel_id, share in rows if panel_id in self.docks]
            self.resizeDocks(docks, heights, Qt.Orientation.Vertical)

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.UpdateRequest:
            self.painted.emit()
            if not self._was_painted:
                self._was_painted = True
                self.first_painted.emit()
        return handled

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._settle.start()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._settle.start()

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.WindowStateChange:
            self._settle.start()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape:
            if self.restore_from_maximised():
                return
            if self.isFullScreen():
                self.showNormal()
                return
        super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is not None:
            event.acceptProposedAction()
            self.files_dropped.emit([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self.closing.emit()
        super().closeEvent(event)
