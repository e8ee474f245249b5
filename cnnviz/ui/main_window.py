"""The window: docks for the panels, maximised by a double click, laid out afresh or as they were left."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from functools import partial

from PyQt6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QPaintEvent, QResizeEvent, QShowEvent
from PyQt6.QtWidgets import QWidget

from cnnviz.engine.panel import PanelSpec
from cnnviz.scene.models import WindowLayout
from cnnviz.ui.arrangement import (
    FIRST_WIDTH,
    Standing,
    arrange,
    columns_as_they_stand,
    follow_type,
    put_aside,
    share_space,
)
from cnnviz.ui.dock import Dock, DockWindow, visible_to_person
from cnnviz.ui.icons import application_icon
from cnnviz.ui.notices import NoticeStack
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.theme import theme
from cnnviz.ui.workspaces import WORKSPACES, Workspace, offered

LAYOUT_VERSION = 2
TURNS_TO_SETTLE = 5
DEFAULT_SIZE = (FIRST_WIDTH, 1000)


class MainWindow(DockWindow):
    """Holds the docks; knows nothing of what the panels show."""

    painted = pyqtSignal()
    """A repaint of the window has ended."""
    first_painted = pyqtSignal()
    """The window and the panels in it are on the screen for the first time."""
    seen_changed = pyqtSignal()
    """Other panels than before can be seen."""
    workspace_changed = pyqtSignal(str)
    """Title of the workspace that was entered."""
    closing = pyqtSignal()
    files_dropped = pyqtSignal(list)
    figure_offered = pyqtSignal(object)
    """A panel's menu asked to save one of its figures."""
    image_wanted = pyqtSignal(object, str, str)
    """A panel asked for an image as the input, as `PanelView.image_wanted`."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("cnnviz")
        self.setWindowIcon(application_icon())
        self.setAcceptDrops(True)
        self.docks: dict[str, Dock] = {}
        self._areas: dict[str, str] = {}
        self.notices = NoticeStack(self)
        self._workspace = WORKSPACES[0]
        self._laid_out = WORKSPACES[0]  # as it was fitted to the window
        self._laid_out_scale = 1.0
        self._to_share = 0  # turns in which panels that stood elsewhere find out how little room they need here
        self._has_own_widths = False  # which a person has dragged, so that they are not shared out anew
        self._grasped: list[int] = []  # the widths when a button of the mouse went down on the window
        self._before_type: list[Standing] = []  # as they stood when the type changed, till they are fitted to it
        self._left_as: dict[str, tuple[QByteArray, float]] = {}  # how the other workspaces were left, with which type
        self._to_raise: tuple[Dock, ...] = ()
        self._before_maximise: QByteArray | None = None
        self._was_painted = False
        self._layout_left: WindowLayout | None = None
        self._gone_with_it: list[Dock] = []
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(0)
        self._settle.timeout.connect(self._refit)
        self._settle.timeout.connect(self.notices.arrange)  # docks that have come to be shown lie over them
        self._settle.timeout.connect(self.seen_changed)
        theme().changed.connect(self._on_theme)
        self.resize(self._size_that_fits())

    def _size_that_fits(self) -> QSize:
        """The default size, or what the screen has room for beside the window's frame."""
        screen = self.screen()
        room = screen.availableGeometry().size() - QSize(4, 32) if screen is not None else QSize(*DEFAULT_SIZE)
        return QSize(*DEFAULT_SIZE).boundedTo(room) if room.width() > 800 else QSize(*DEFAULT_SIZE)

    def add_panels(self, panels: Iterable[tuple[PanelSpec, Callable[[], PanelView]]]) -> None:
        """Give each panel a dock and lay them out as at first; its widget is made when a person is to see it."""
        for spec, make_view in panels:
            dock = Dock(spec.id, spec.title, partial(self._built, make_view), self)
            dock.setToolTip("")
            dock.title_bar.setToolTip(spec.tip)
            dock.figure_offered.connect(self.figure_offered)
            dock.maximise_requested.connect(lambda dock=dock: self.toggle_maximised(dock))
            dock.seen_changed.connect(lambda _seen: self._settle.start())
            dock.toggleViewAction().triggered.connect(lambda shown, dock=dock: dock.raise_() if shown else None)
            self.docks[spec.id] = dock
            self._areas[spec.id] = spec.area
        self._workspace = self.workspaces()[0]
        self._arrange()

    def _built(self, make_view: Callable[[], PanelView]) -> PanelView:
        view = make_view()
        view.panel_wanted.connect(self.show_panel)
        view.image_wanted.connect(self.image_wanted)
        return view

    def build_seen(self) -> None:
        """Make the widgets of panels that have come to be seen."""
        for panel_id in self.visible_panels():
            self.docks[panel_id].build()

    def workspaces(self) -> tuple[Workspace, ...]:
        """Those that there are panels for, in the order of the menu."""
        return offered(self.docks.keys())

    @property
    def workspace(self) -> Workspace:
        return self._workspace

    def use_workspace(self, workspace_id: str) -> None:
        """Show the panels of another workspace, as they were left there.

        Raises
        ------
        ValueError
            There is none of this id; names those that there are.
        """
        known = {workspace.id: workspace for workspace in self.workspaces()}
        if workspace_id not in known:
            raise ValueError(f"There is no workspace {workspace_id!r}; give one of {', '.join(known)}.")
        if workspace_id == self._workspace.id:
            self.restore_from_maximised()
            return
        focused = self.focusWidget()
        self._left_as[self._workspace.id] = self._state(), self._laid_out_scale
        self._enter(known[workspace_id])
        if workspace_id in self._left_as:
            left_as, self._laid_out_scale = self._left_as[workspace_id]
            self.restoreState(left_as, LAYOUT_VERSION)
            self._has_own_widths = True
            self._to_share = 0
            self._give_back(focused)

    def show_panel(self, panel_id: str) -> None:
        """Bring a panel to the front, wherever it stands; nothing where there is none of this id."""
        dock = self.docks.get(panel_id)
        if dock is not None:
            self.restore_from_maximised()
            dock.show()
            dock.raise_()

    def visible_panels(self) -> frozenset[str]:
        """Panels of which a person can see anything."""
        return frozenset(panel_id for panel_id, dock in self.docks.items() if visible_to_person(dock))

    def layout_state(self) -> WindowLayout:
        """Where everything stands, or stood as the window was closed, for the scene."""
        if self._layout_left is not None:
            return self._layout_left
        return WindowLayout(
            version=LAYOUT_VERSION,
            workspace=self._workspace.id,
            panels=tuple(self.docks),
            state=base64.b64encode(self._state().data()).decode(),
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
        known = {workspace.id: workspace for workspace in self.workspaces()}
        if layout.workspace in known:
            self._enter(known[layout.workspace])
        restored = layout.version == LAYOUT_VERSION and self.restoreState(QByteArray(state), LAYOUT_VERSION)
        if not restored:
            self.reset_layout()
            return False
        self._to_raise = ()
        self._to_share = 0
        self._has_own_widths = True
        self._place_new(set(layout.panels))
        if not self.isVisible():  # before the first paint nothing tells which tab is in front
            for dock in self.docks.values():
                if not dock.isHidden():
                    dock.build()
        return True

    def reset_layout(self) -> None:
        """Every panel of the workspace back to its first place."""
        self._left_as.pop(self._workspace.id, None)
        self._enter(self._workspace)

    def _enter(self, workspace: Workspace) -> None:
        self._before_maximise = None
        for dock in self.docks.values():
            if dock.isFloating():  # else Qt hides it for a moment, and the focus goes elsewhere
                dock.setFloating(False)
        self._workspace = workspace
        self._arrange()
        self._to_share = TURNS_TO_SETTLE if self.isVisible() else 0
        self._settle.start()
        self.workspace_changed.emit(workspace.title)

    def _place_new(self, known: set[str]) -> None:
        """Panels that a saved layout does not know become a tab of their area, open where the workspace has them."""
        hosts = self._workspace.of(known & self.docks.keys())
        if not hosts.columns:
            self.reset_layout()
            return
        for panel_id in self.docks.keys() - known:
            dock = self.docks[panel_id]
            self.removeDockWidget(dock)  # Qt has put it at the foot of a column
            shown = panel_id in self._workspace.panels
            put_aside(self, self.docks, dock, self._areas[panel_id], hosts, show=shown)

    def _state(self) -> QByteArray:
        """Where the docks stand, or stood before one was maximised."""
        return self._before_maximise if self._before_maximise is not None else self.saveState(LAYOUT_VERSION)

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
        focused = self.focusWidget()
        self._laid_out, self._laid_out_scale = self._fitted(), theme().scale
        self._has_own_widths, self._before_type = False, []
        fronts = tuple(self.docks[slot.panels[0]] for column in self._laid_out.columns for slot in column.slots)
        for dock in fronts:
            dock.build()  # as large as it has to be, before the space is shared out
        arrange(self, self.docks, self._areas, self._laid_out)
        self._give_back(focused)
        self._to_raise = () if self.isVisible() else fronts  # Qt forgets which tab is in front of what is not shown

    def _give_back(self, focused: QWidget | None) -> None:
        """The focus, which Qt has given on while the docks were moved: no button is to get it by itself."""
        if self.isVisible() and focused is not None:
            (focused if focused.isVisible() else self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _fitted(self) -> Workspace:
        scale = theme().scale
        return self._workspace.fitted(self.width() / scale, self.height() / scale)

    def _on_theme(self) -> None:
        if theme().scale != self._laid_out_scale and not self._before_type and self._before_maximise is None:
            self._before_type = columns_as_they_stand(self.docks.values())  # what they hold has not grown yet
        self._settle.start()

    def _refit(self) -> None:
        """Lay out anew in a window or type of another size; where a person has put panels, only widths follow."""
        is_sharing, ratio = self._to_share > 0, theme().scale / self._laid_out_scale
        is_fitted = self._laid_out == self._fitted()
        if self._to_share:
            self._to_share -= 1
            self._settle.start()
        if (is_fitted and ratio == 1 and not is_sharing) or self._before_maximise is not None:
            return
        if not self._is_as_laid_out() or (is_fitted and self._has_own_widths):
            before = self._before_type or columns_as_they_stand(self.docks.values())
            if ratio != 1 and before:
                self._laid_out_scale, self._before_type = theme().scale, []
                follow_type(self, before, ratio, self._workspace)
        elif is_fitted:
            self._laid_out_scale, self._before_type = theme().scale, []
            share_space(self, self.docks, self._laid_out)
        else:
            self._arrange()

    def _is_as_laid_out(self) -> bool:
        """Whether the same panels stand in the same places, whatever their sizes."""
        shown = [dock for dock in self.docks.values() if not dock.isHidden()]
        if any(dock.isFloating() for dock in shown):
            return False
        tabs = {
            frozenset([dock, *(tab for tab in self.tabifiedDockWidgets(dock) if not tab.isHidden())]) for dock in shown
        }
        slots = (slot for column in self._laid_out.columns for slot in column.slots)
        return tabs == {frozenset(self.docks[name] for name in slot.panels) for slot in slots}

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonPress:
            self._grasped = self._widths()
        handled = super().event(event)
        if event.type() == QEvent.Type.UpdateRequest:
            self.painted.emit()
        elif event.type() == QEvent.Type.MouseButtonRelease:  # it may have dragged what lies between two columns
            self._has_own_widths |= self._grasped != self._widths()
        return handled

    def _widths(self) -> list[int]:
        return [column.width for column in columns_as_they_stand(self.docks.values())]

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self.first_painted.emit)  # the panels are painted after it, before the event ends

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._layout_left = None
        for dock in self._gone_with_it:
            dock.show()
        self._gone_with_it = []
        for dock in self._to_raise:
            dock.raise_()
        self._to_raise = ()
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
        self._layout_left = self.layout_state()
        self._gone_with_it = [dock for dock in self.docks.values() if dock.isFloating() and dock.isVisible()]
        for each in (self, *self._gone_with_it):  # gone at once, however long what is told of it takes to end
            each.hide()
        self.closing.emit()
        super().closeEvent(event)
