"""Panels in docks: rounded, with a title bar of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain

from PyQt6.QtCore import QChildEvent, QEvent, QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QShowEvent
from PyQt6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QTabBar,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from cnnviz.ui.controls import ElidedLabel, IconButton
from cnnviz.ui.icons import icon, paint_icon
from cnnviz.ui.panel_port import PanelPort
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.tab_order import move_focus, reading_order, tab_stops
from cnnviz.ui.theme import theme

_STATE_ICONS = {
    "computing": ("busy", "muted", "Computing"),
    "stale": ("stale", "warning", "Out of date: belongs to an earlier input or network"),
    "error": ("warning", "warning", "Could not be computed"),
}


def visible_to_person(dock: QDockWidget) -> bool:
    """Whether any of a dock is on the screen: not hidden, minimised, or behind another tab."""
    window = dock.window()
    if window is not None and window.isMinimized():
        return False
    return _is_seen(dock)


def _is_seen(widget: QWidget) -> bool:
    # A dock behind a tab still counts as visible for Qt, which has only moved it out of its window.
    return widget.isVisible() and not widget.visibleRegion().isEmpty()


class DockTitle(QWidget):
    """The title bar: name, what is shown, the panel's controls, and a menu."""

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock = dock
        self._name = ElidedLabel(dock.windowTitle(), role="title", token="text", parent=self)
        self._name.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._subtitle = ElidedLabel(parent=self)
        self._subtitle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._state = _StateSign(self)
        self._menu_button = IconButton("menu", f"{dock.windowTitle()}: maximise, float, close", quiet=True)
        self._menu_button.setPopupMode(self._menu_button.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._menu_button)
        menu.addAction(icon("maximise"), "Maximise or restore", dock.maximise_requested)
        self._float = menu.addAction(icon("float"), "Float", lambda: dock.setFloating(not dock.isFloating()))
        menu.addAction(icon("close"), "Close", dock.close)
        self._offered: list[QAction] = []
        menu.aboutToShow.connect(lambda: self._fill_menu(menu))
        self._menu_button.setMenu(menu)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self._name)
        self._row.addWidget(self._subtitle, 1)
        self._row.addWidget(self._state)
        self._controls_at = self._row.count()
        self._row.addWidget(self._menu_button)
        theme().changed.connect(self._restyle)
        self._restyle()

    def add_control(self, control: QWidget) -> None:
        """Put a widget before the menu."""
        self._row.insertWidget(self._row.count() - 1, control)

    def set_subtitle(self, text: str) -> None:
        """Say what is shown."""
        self._subtitle.set_text(text)

    def set_state(self, state: str) -> None:
        """Show ``computing``, ``stale`` or ``error`` as a small sign; anything else shows none."""
        self._state.set_state(state)

    @property
    def menu_button(self) -> QWidget:
        """Opens what can be done with the dock."""
        return self._menu_button

    def set_name_shown(self, shown: bool) -> None:
        """Leave the name to the tab where the dock is one of several."""
        self._name.setVisible(shown)

    def _fill_menu(self, menu: QMenu) -> None:
        """Bring the menu up to date: the other state of the dock, and the figures that the panel shows now."""
        dock = self._dock
        self._float.setText("Dock" if dock.isFloating() else "Float")
        for action in self._offered:
            menu.removeAction(action)
        self._offered = []
        for figure in dock.view.figures():
            action = QAction(icon("export"), f"Save “{figure.title}”…", menu)
            action.triggered.connect(partial(dock.figure_offered.emit, figure))
            menu.addAction(action)
            self._offered.append(action)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()  # else Qt would float the dock
        self._dock.maximise_requested.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._name.isVisibleTo(self):
            return
        painter = QPainter(self)
        painter.fillRect(QRectF(1, self.height() - 1, self.width() - 2, 1), theme().colour("line"))

    def sizeHint(self) -> QSize:
        return QSize(theme().px(160), theme().px(32))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().px(80), theme().px(32))

    def _restyle(self) -> None:
        hub = theme()
        self._row.setContentsMargins(hub.px(10), hub.px(1), hub.px(5), hub.px(2))
        self._row.setSpacing(hub.px(8))
        self.setFixedHeight(hub.px(32))
        self.update()


class _StateSign(QWidget):
    """A tiny icon; its room stays when there is nothing to say, else each sign would lay the whole window out anew."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = ""
        theme().changed.connect(self._restyle)

    def set_state(self, state: str) -> None:
        self._state = state
        words = _STATE_ICONS[state][2] if state in _STATE_ICONS else ""
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.update()

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().px(14), theme().px(14))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._state in _STATE_ICONS:
            role, token, _ = _STATE_ICONS[self._state]
            paint_icon(QPainter(self), self.rect(), role, theme().colour(token))


class Dock(QDockWidget):
    """A dock that shows one panel.

    Parameters
    ----------
    panel_id
        Name under which Qt saves where the dock stands.
    title
        The panel's name.
    view
        The panel's widget, whose subtitle, state and controls the title bar shows; or what makes it, which is called
        once, when `view` is first asked for: most panels are never looked at in a session.
    """

    maximise_requested = pyqtSignal()
    """The title was double-clicked, or the menu asked for it."""
    figure_offered = pyqtSignal(object)
    """The menu asked to save a figure of the panel."""
    seen_changed = pyqtSignal(bool)
    """A person can see the panel, or no longer: shown, hidden, or another tab chosen."""

    def __init__(
        self, panel_id: str, title: str, view: PanelView | Callable[[], PanelView], parent: QWidget | None = None
    ) -> None:
        super().__init__(title, parent)
        self.setObjectName(panel_id)
        self._make_view: Callable[[], PanelView] = (lambda: view) if isinstance(view, PanelView) else view
        self._view: PanelView | None = None
        self.title_bar = DockTitle(self)
        self.setTitleBarWidget(self.title_bar)
        self._frame = QWidget(self)
        self._frame_layout = QVBoxLayout(self._frame)
        self._port = PanelPort(self._frame)
        self._frame_layout.addWidget(self._port)
        self.setWidget(self._frame)
        if isinstance(view, PanelView):
            self.build()
        self.visibilityChanged.connect(self._visibility_changed)
        self.topLevelChanged.connect(lambda _: self._follow_tabs())
        theme().changed.connect(self._restyle)
        self._tabbed = False
        self._restyle()

    @property
    def view(self) -> PanelView:
        """The panel's widget, made now if it was not before."""
        return self.build()

    def build(self) -> PanelView:
        """Make the panel's widget, unless that was done before."""
        if self._view is not None:
            return self._view
        view = self._view = self._make_view()
        self._port.set_panel(view)
        for control in view.header_controls():
            self.title_bar.add_control(control)
        self.title_bar.set_subtitle(view.subtitle)
        self.title_bar.set_state(view.state)
        view.subtitle_changed.connect(self.title_bar.set_subtitle)
        view.state_changed.connect(self.title_bar.set_state)
        return view

    def is_tabbed(self) -> bool:
        """Whether the dock shares its place with others, so that a tab bar shows its name; closed ones do not count."""
        window = self.parentWidget()
        if not isinstance(window, QMainWindow) or self.isFloating():
            return False
        return any(not other.isHidden() for other in window.tabifiedDockWidgets(self))

    def tab_stops(self, also: QWidget | None = None) -> list[QWidget]:
        """Where Tab stops in the panel: the title's controls, the panel's, and last the menu of the dock."""
        menu = self.title_bar.menu_button
        title = [stop for stop in tab_stops(self.title_bar, also) if stop is not menu]
        return [*title, *tab_stops(self._frame, also), menu]

    def focusNextPrevChild(self, forward: bool) -> bool:
        if not self.isFloating():
            return super().focusNextPrevChild(forward)
        present = self.focusWidget()
        return move_focus(self.tab_stops(present), present, forward=forward)

    def _visibility_changed(self, visible: bool) -> None:
        self._follow_tabs()
        self.seen_changed.emit(visible)

    def _follow_tabs(self) -> None:
        tabbed = self.is_tabbed()
        if tabbed != self._tabbed:
            self._tabbed = tabbed
            self.title_bar.set_name_shown(not tabbed)
            self.title_bar.update()
            self.update()

    def event(self, event: QEvent) -> bool:
        # Neighbours join and leave the group without this dock's visibility changing, but never without a layout.
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.LayoutRequest, QEvent.Type.Show):
            self._follow_tabs()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_panel(QPainter(self), QRectF(self.rect()), open_top=self._tabbed)

    def _restyle(self) -> None:
        inside = theme().px(9)
        self._frame_layout.setContentsMargins(inside, theme().px(7), inside, inside)
        self.update()


def paint_panel(painter: QPainter, rect: QRectF, *, open_top: bool = False, open_bottom: bool = False) -> None:
    """The ground of a panel: rounded, with a thin line around; an open side goes on in what touches it."""
    hub = theme()
    radius = hub.px(8)
    box = rect.adjusted(0.5, 0.5, -0.5, -0.5)
    if open_top:
        box.setTop(rect.top() - 2 * radius)
    if open_bottom:
        box.setBottom(rect.bottom() + 2 * radius)
    path = QPainterPath()
    path.addRoundedRect(box, radius, radius)
    painter.save()
    painter.setClipRect(rect)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(hub.colour("line"), 1))
    painter.setBrush(hub.colour("panel"))
    painter.drawPath(path)
    painter.restore()


class DockWindow(QMainWindow):
    """A main window whose docks are rounded panels, with tabs on top that look like title bars.

    It is meant as the middle of the program's window, between header and status line, which reach to the edges.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        options = QMainWindow.DockOption
        self.setDockOptions(options.AllowTabbedDocks | options.AllowNestedDocks)
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        theme().changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        gap = theme().px(4)
        self.setContentsMargins(gap, gap, gap, gap)
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.focusWidget() is None or not event.spontaneous():
            self.setFocus(Qt.FocusReason.OtherFocusReason)  # else the first button would start with a focus ring

    def focusNextPrevChild(self, forward: bool) -> bool:
        present = self.focusWidget()
        return move_focus([*chain(*self._stops(present).values())], present, forward=forward)

    def focus_next_panel(self) -> None:
        """Give the focus to the first control of the next panel."""
        self._focus_panel(1)

    def focus_panel_before(self) -> None:
        """Give the focus to the first control of the panel before."""
        self._focus_panel(-1)

    def _focus_panel(self, step: int) -> None:
        present = self.focusWidget()
        groups = [stops for place, stops in self._stops(present).items() if isinstance(place, Dock)]
        within = next((index for index, stops in enumerate(groups) if present in stops), -1 if step > 0 else 0)
        if groups:
            stops = groups[(within + step) % len(groups)]
            move_focus(stops, None, forward=True)

    def _stops(self, present: QWidget | None) -> dict[QWidget, list[QWidget]]:
        """What Tab stops at by the bar or dock it is in, as one reads the window: its columns one after the other."""
        places = [
            child
            for child in self.children()
            if isinstance(child, QWidget) and not child.isWindow() and _is_seen(child)
        ]
        order = reading_order([place.geometry() for place in places], by_columns=True)
        return {
            place: place.tab_stops(present) if isinstance(place, Dock) else [*tab_stops(place, present)]
            for place in (places[index] for index in order)
        }

    # PyQt leaves a dock that comes in by these two to Python, whose garbage collector would delete it with its window
    # still painting it; a parent given beforehand hands it over.

    def tabifyDockWidget(self, first: QDockWidget | None, second: QDockWidget | None) -> None:
        self._own(second)
        super().tabifyDockWidget(first, second)

    def splitDockWidget(self, after: QDockWidget | None, dock: QDockWidget | None, way: Qt.Orientation) -> None:
        self._own(dock)
        super().splitDockWidget(after, dock, way)

    def childEvent(self, event: QChildEvent | None) -> None:
        super().childEvent(event)
        if event is not None and event.polished() and isinstance(bar := event.child(), QTabBar):
            # a slot that held the bar would be collected with it, which only Qt knows otherwise
            bar.tabBarDoubleClicked.connect(self._maximise)

    def _maximise(self, tab: int) -> None:
        """A tab is the title of its panel, and so is the bar beside the tabs of the one in front."""
        bar = self.sender()
        if not isinstance(bar, QTabBar):
            return
        name = bar.tabText(tab if tab >= 0 else bar.currentIndex())
        for dock in self.findChildren(Dock):
            if dock.windowTitle() == name:
                QTimer.singleShot(0, dock.maximise_requested.emit)  # the bar may go with the layout

    def _own(self, dock: QDockWidget | None) -> None:
        if dock is not None and dock.parent() is None:
            dock.setParent(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme().colour("window"))
        for bar in self.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if bar.isVisible():
                paint_panel(painter, QRectF(bar.geometry()), open_bottom=True)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.update()  # tab bars come and go with the layout
        return super().event(event)
