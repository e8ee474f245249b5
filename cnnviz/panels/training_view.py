"""The widget of the training panel: what is trained, the buttons, how it stands, and its curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from PyQt6.QtCore import QRectF, Qt, QTimer
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import (
    QWIDGETSIZE_MAX,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from cnnviz.core.curves import Curves
from cnnviz.data.facts import DATA
from cnnviz.nets.layer_table import LAYER_TABLE, LayerTable, architecture_title
from cnnviz.panels import training_words as words
from cnnviz.panels.training import NETWORKS, TRAINED, TrainingParams, TrainingPlan, chosen_settings
from cnnviz.panels.training_curves import curves_of
from cnnviz.panels.training_settings_view import SETTINGS, TrainingSettingsView
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene
from cnnviz.training.settings import TrainingSettings
from cnnviz.ui.class_folder import ask_for_class_folder
from cnnviz.ui.controls import ComboBox, ElidedLabel, IconButton, text_button
from cnnviz.ui.curve_plot import CurvePlot
from cnnviz.ui.figure import Figure
from cnnviz.ui.fitting_choice import FittingChoice
from cnnviz.ui.icons import icon, paint_icon
from cnnviz.ui.log_slider import LogSlider
from cnnviz.ui.panel_view import PanelView
from cnnviz.ui.sentences import sentences
from cnnviz.ui.theme import theme
from cnnviz.ui.training_session import TrainingSession

REDRAW_MS = 100
UNSEEN_REDRAW_MS = 1000
"""What nobody sees must not take the time of what is seen."""
_PAGES = (
    (
        "loss",
        "loss",
        "Of the batches trained on, changed at random and before each step, and of the test images as they are: so the "
        "test curve can lie below the other",
    ),
    ("accuracy", "accuracy", "Share of the images that is named rightly"),
    ("gradients", "gradients", "Norm of the gradient, of all weights and layer by layer"),
    ("updates", "updates", "How large a step is beside the weights it changes: about a thousandth is usual"),
    (
        "rate",
        "rate",
        "The learning rate that each step was made with: the schedule as it went, and what was changed",
    ),
    ("settings", "settings", "Everything that decides what comes out"),
)
_KEPT = "trained:"
_FILE, _FOLDER = "file…", "folder…"


class TrainingView(PanelView):
    """Its buttons speak to the session; the document holds the settings of the next run."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._session: TrainingSession | None = None
        self._plan = TrainingPlan("")
        self._named = "", ""  # folder and name of the run whose curve is drawn
        self._network = ComboBox()
        self._network.setAccessibleName("Network")
        self._network.setToolTip("The network that is trained")
        self._network.chosen.connect(self._choose_network)
        self._data = ComboBox()
        self._data.setAccessibleName("Data")
        self._data.setToolTip("The images it learns from; those that are not on board are fetched once")
        self._data.chosen.connect(self._choose_data)
        self._about = _TwoLines()
        self._about.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._start = text_button("Start", "Begin a run with these settings", role="play")
        self._pause = IconButton("pause", "Pause")
        self._step = IconButton("step", "One step")
        self._stop = IconButton("stop", "Stop and save")
        self._phase = ElidedLabel("not training", role="title", token="text")
        self._live = text_button("Show", "Let every panel show the network that trains", role="eye")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._pace = ElidedLabel("")
        self._trouble = _Trouble()
        self._pending = text_button("Go on", "With the run beside: it was ended before it was done", role="play")
        self._pending_run = ElidedLabel("", token="text")
        self._dismiss = IconButton("close", "Offer this run no more", quiet=True)
        self._rate = LogSlider(
            "learning rate",
            1e-6,
            10,
            4e-3,
            typed=(1e-12, 1e12),
            tip="The largest of the schedule; can be changed while it trains",
        )
        self._page = FittingChoice(
            [(key, text) for key, text, _ in _PAGES], tips=[tip for _, _, tip in _PAGES], name="Curve"
        )
        self._plot = CurvePlot(self)
        self._none = sentences("muted", shrinks=True)
        self._settings = TrainingSettingsView(document)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._say_run)
        self._lay_out()
        self._connect()
        document.changed.connect(self._follow)
        self._follow(document.scene, document.scene)
        self._say_run()

    def attach(self, session: TrainingSession) -> None:
        """Train with this session; without one nothing can be started."""
        self._session = session
        session.changed.connect(self._on_session)
        for names in (session.shelf, session.queue):
            names.changed.connect(self._forget_name)
        self._say_run()

    def figures(self) -> list[Figure]:
        figure = self._plot.figure()
        return [] if figure is None or self._plot.isHidden() else [figure]

    def show_result(self, result: TrainingPlan) -> None:
        super().show_result(result)
        self._plan = result
        self._about.setText(result.problem or result.words)
        self._say_run()

    def _lay_out(self) -> None:
        what, run, offer = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        what.addWidget(self._network, 1)
        what.addWidget(self._data, 1)
        for button in (self._start, self._pause, self._step, self._stop):
            run.addWidget(button)
        run.addWidget(self._phase, 1)
        run.addWidget(self._live)
        offer.addWidget(self._pending)
        offer.addWidget(self._pending_run, 1)
        offer.addWidget(self._dismiss)
        # their words run: they must not lay the window out anew
        for label in (self._phase, self._pace, self._pending_run):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for combo in (self._network, self._data):
            combo.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(8)
            combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme().px(6))
        for part in (what, self._about, run, self._bar, self._pace, self._trouble, offer, self._rate, self._page):
            if isinstance(part, QWidget):
                layout.addWidget(part)
            else:
                layout.addLayout(part)
        layout.addWidget(self._plot, 1)
        layout.addWidget(self._none, 1)
        layout.addWidget(self._settings, 1)

    def _connect(self) -> None:
        self._start.clicked.connect(self._begin)
        self._pause.clicked.connect(self._pause_or_go_on)
        self._step.clicked.connect(self._one_step)
        self._stop.clicked.connect(lambda: self._asked().stop())
        self._live.clicked.connect(lambda: self._asked().show())
        self._pending.clicked.connect(lambda: self._asked().go_on_with(self._asked().pending[0].folder))
        self._dismiss.clicked.connect(lambda: self._asked().dismiss(self._asked().pending[0].folder))
        self._rate.number_edited.connect(lambda rate: self.document.edit(f"{SETTINGS}.learning_rate", rate))
        self._rate.pressed.connect(self.document.begin_gesture)
        self._rate.released.connect(self.document.end_gesture)
        self._page.chosen.connect(lambda key: self.document.edit("panels.training.page", key))

    # what the person does

    def _asked(self) -> TrainingSession:
        assert self._session is not None  # without a session every button is off
        return self._session

    def _begin(self) -> None:
        if self._params().page == "settings":
            self.document.edit("panels.training.page", "loss")
        self._asked().start()

    def _pause_or_go_on(self) -> None:
        session = self._asked()
        if session.phase in ("training", "testing"):
            session.pause()
        elif session.phase == "paused":
            session.resume()
        elif session.can_carry_on:
            session.carry_on()
        elif session.run is not None:
            session.go_on_with(Path(session.run.folder))

    def _one_step(self) -> None:
        session = self._asked()
        if not session.goes_on:
            session.start(paused=True)
        session.step()

    def _choose_network(self, key: str) -> None:
        settings = self._params().settings
        keeps = key.startswith(_KEPT)
        name = key.removeprefix(_KEPT)
        if key == _FILE:
            path, _ = QFileDialog.getOpenFileName(self, "Train a network further", "", "Networks (*.safetensors)")
            keeps, name = bool(path), path or settings.network.name
            if not path:
                keeps = settings.network.keep_weights
        chosen = chosen_settings(settings, name, keeps, settings.dataset)
        if name == LAYER_TABLE:
            table: LayerTable = cast(Any, self.document.scene.panel("architecture")).table
            chosen = chosen.changed({"network": {"name": name, "config": table.model_dump(mode="json")}})
        self._choose(chosen)

    def _choose_data(self, key: str) -> None:
        settings = self._params().settings
        name = key
        if key == _FOLDER:
            name = ask_for_class_folder(self) or settings.dataset
        self._choose(chosen_settings(settings, settings.network.name, settings.network.keep_weights, name))

    def _choose(self, settings: TrainingSettings) -> None:
        if settings != self._params().settings:
            self.document.edit(SETTINGS, settings)
        self._follow(self.document.scene, self.document.scene)

    # what is shown

    def _params(self) -> TrainingParams:
        return cast(TrainingParams, self.document.scene.panel("training"))

    def _on_session(self) -> None:
        if not self._redraw.isActive():
            self._redraw.start(UNSEEN_REDRAW_MS if self.visibleRegion().isEmpty() else REDRAW_MS)

    def _follow(self, old: Scene, new: Scene) -> None:
        if old is not new and old.panels is new.panels and old.network is new.network:
            return
        params = self._params()
        settings = params.settings
        start = settings.network
        networks: list[tuple[str, str]] = [(name, name) for name in NETWORKS]
        networks.append((LAYER_TABLE, architecture_title(LAYER_TABLE)))
        networks += [*((f"{_KEPT}{name}", f"{name}, trained further") for name in TRAINED)]
        present = f"{_KEPT}{start.name}" if start.keep_weights else start.name
        if present not in dict(networks):
            networks.append((present, Path(start.name).name))
        self._network.set_options([*networks, _FILE])
        self._network.set_value(present)
        data = [(name, facts.title) for name, facts in DATA.items()]
        if settings.dataset not in DATA:
            data.append((settings.dataset, words.data_words(settings.dataset)))
        self._data.set_options([*data, (_FOLDER, _FOLDER)])
        self._data.set_value(settings.dataset)
        self._rate.set_number(settings.learning_rate)
        self._page.set_value(params.page)
        if new.network is not old.network or new.panel("training") is not old.panel("training") or new is old:
            self._say_run()

    def _say_run(self) -> None:
        session, page = self._session, self._params().page
        goes_on = session is not None and session.goes_on
        phase = session.phase if session is not None else "idle"
        runs = phase in ("training", "testing")
        can_go_on = session is not None and (session.can_carry_on or _was_stopped(session))
        self._start.setEnabled(session is not None and not goes_on and not self._plan.problem)
        self._pause.setEnabled(runs or phase == "paused" or can_go_on)
        self._pause.setIcon(icon("pause" if runs or not self._pause.isEnabled() else "play"))
        name = "Pause" if runs or not self._pause.isEnabled() else "Continue"
        self._pause.setToolTip(f"{name}: {words.go_on_words(phase)}" if name == "Continue" else name)
        self._pause.setAccessibleName(name)
        self._step.setEnabled(self._start.isEnabled() or runs or phase == "paused")
        self._stop.setEnabled(session is not None and (bool(session.silent) or (goes_on and not session.cancelling)))
        self._stop.setToolTip(words.stop_words(phase))
        self._stop.setAccessibleName(words.stop_words(phase))
        self._network.setEnabled(not goes_on)
        self._data.setEnabled(not goes_on)
        # what is set between the press on Start and the first step would reach neither this run nor the next
        for control in (self._rate, self._settings):
            control.setEnabled(phase != "preparing")
        self._settings.set_running(goes_on)
        self._live.setVisible(session is not None and session.source is not None and not session.is_shown)
        pending = session.pending if session is not None and not goes_on else ()
        for part in (self._pending, self._pending_run, self._dismiss):
            part.setVisible(bool(pending))
        if pending:
            self._pending_run.set_text(words.pending_words(pending[0]))
            self._pending.setAccessibleName(f"Go on with {words.pending_words(pending[0])}")
        if session is not None:
            self._say_figures(session)
        self._show_page(page)

    def _say_figures(self, session: TrainingSession) -> None:
        state, curve = session.state, session.curve
        phase_words = words.phase_words(state, curve, session.fetching)
        self._phase.set_text("cancelling" if session.cancelling else phase_words)
        done, total = words.progress(state, curve)
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)
        self._pace.set_text(words.pace_words(state, curve))
        trouble = session.silent or session.trouble or session.unsaved or session.data_gone
        trouble = trouble or words.divergence_words(curve) or words.no_gradient_words(curve)
        self._trouble.set_text(trouble)
        self._trouble.setVisible(bool(trouble))
        named = curve.last_step is not None and self._name_of(session)
        self.set_subtitle(" · ".join(each for each in (words.result_words(curve), named) if each))

    def _show_page(self, page: str) -> None:
        curves = self._drawn(page)
        self._settings.setVisible(page == "settings")
        self._plot.setVisible(curves is not None)
        self._none.setVisible(curves is None and page != "settings")
        self._none.setText(
            words.no_curve_words(self._session.phase, self._session.curve) if self._session else words.FIRST
        )
        if curves is not None:
            self._plot.set_curves(curves)

    def _drawn(self, page: str) -> Curves | None:
        session = self._session
        if session is None or page == "settings":
            return None
        loss = session.run.settings.loss if session.run is not None else "cross-entropy"
        return curves_of(session.curve, page, loss, self._name_of(session))

    def _name_of(self, session: TrainingSession) -> str:
        """What the run is called whose curve is drawn; read once, and again when a run was renamed."""
        run = session.run
        if run is None:
            return ""
        if self._named[0] != run.folder:
            self._named = run.folder, words.run_name(Path(run.folder), run.settings)
        return self._named[1]

    def _forget_name(self) -> None:
        self._named = "", ""
        self._on_session()


def _was_stopped(session: TrainingSession) -> bool:
    """Whether the last run has a folder from which it can go on."""
    done, total = words.progress(session.state, session.curve)
    return session.phase == "idle" and session.run is not None and bool(session.run.folder) and done < total


class _Trouble(QWidget):
    """What went wrong, behind a sign that says so."""

    def __init__(self) -> None:
        super().__init__()
        self._words = sentences(shrinks=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme().px(22), 0, 0, 0)
        row.addWidget(self._words)

    def set_text(self, text: str) -> None:
        self._words.setText(text)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        hub = theme()
        painter = QPainter(self)
        side = hub.px(16)
        paint_icon(painter, QRectF(0, hub.px(1), side, side), "warning", hub.colour("warning"))


_NOTHING = "\N{NO-BREAK SPACE}"
"""As high as a line of words, which a label takes for higher than the metrics of its font say."""


class _TwoLines(QLabel):
    """Has room for two lines of text where there is one: what stands below does not jump while one chooses."""

    def __init__(self) -> None:
        super().__init__(_NOTHING)
        self.setWordWrap(True)
        self.setProperty("role", "muted")
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def setText(self, text: str | None) -> None:
        super().setText(text or _NOTHING)

    def hasHeightForWidth(self) -> bool:
        return True  # also before the first words

    def heightForWidth(self, width: int) -> int:
        return max(super().heightForWidth(width), 2 * super().heightForWidth(QWIDGETSIZE_MAX))
