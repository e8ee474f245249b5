"""What the training panel says before a run, and the curves of one."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PyQt6.QtCore import QObject, QPoint, pyqtSignal
from PyQt6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit

from cnnviz.data.datasets import load_dataset
from cnnviz.nets.registry import ARCHITECTURES, build, default_config
from cnnviz.panels.training import DATA, TRAINED, TrainingPlan, chosen_settings, compute
from cnnviz.panels.training_curves import curves_of
from cnnviz.panels.training_settings_view import TrainingSettingsView
from cnnviz.panels.training_view import TrainingView
from cnnviz.panels.training_words import (
    divergence_words,
    duration,
    no_gradient_words,
    pace_words,
    pending_words,
    phase_words,
    progress,
    run_name,
)
from cnnviz.scene.document import Document
from cnnviz.training.client_events import Fetching, RunState
from cnnviz.training.divergence import what_is_wrong
from cnnviz.training.losses import batch_loss
from cnnviz.training.metrics import Divergence, EpochMetrics, LayerMetrics, StepMetrics
from cnnviz.training.run_curve import RunCurve
from cnnviz.training.run_folder import PendingRun, RunRecord, write_record
from cnnviz.training.run_label import RunLabel, write_label
from cnnviz.training.settings import checked_settings
from cnnviz.ui.controls import ComboBox, ElidedLabel, Toggle
from cnnviz.ui.fitting_choice import FittingChoice
from cnnviz.ui.log_slider import LogSlider
from cnnviz.ui.slider import LabelledSlider
from cnnviz.ui.theme import theme


def plan_of(**settings):
    document = Document()
    document.edit("panels.training.settings", checked_settings(settings))
    return compute(document.scene, None, lambda: False)


@pytest.mark.parametrize("name", ["digits", "shapes", "dots"])
def test_what_is_known_of_the_data_is_so(name):
    train, test = load_dataset(name, "train"), load_dataset(name, "test")
    facts = DATA[name]
    assert (facts.train_images, facts.test_images) == (len(train.images), len(test.images))
    assert (facts.shape, facts.classes) == (train.images.shape[1:], len(train.class_names))


def test_the_plan_counts_weights_and_steps():
    count = sum(p.numel() for p in build("lenet", default_config("lenet")).parameters())
    plan = plan_of(batch_size=100)
    assert plan.words == (f"{count:,} weights, input 1×28×28: the images are enlarged from 8×8. 14 steps an epoch.")
    assert not plan.problem


def test_what_does_not_fit_is_explained():
    assert "1,438 images" in plan_of(batch_size=2000).problem
    assert "no architecture 'nothing'" in plan_of(network={"name": "nothing"}).problem
    assert "folder of images for each class" in plan_of(dataset="folder:/not/there").problem
    small = {"name": "cifar-resnet20", "config": {"classes": 7}}
    assert plan_of(network=small, dataset="shapes").problem == ""


def test_a_folder_that_comes_back_can_be_trained_on_at_once(tmp_path):
    folder = tmp_path / "images"
    said = f"The folder {folder} is not there; bring it back"
    assert plan_of(dataset=f"folder:{folder}").problem.startswith(said)
    folder.mkdir()
    assert plan_of(dataset=f"folder:{folder}").problem == ""
    folder.rmdir()
    assert plan_of(dataset=f"folder:{folder}").problem.startswith(said)


def test_what_stands_below_the_words_about_a_run_does_not_jump(qtbot):
    view = TrainingView(Document())
    qtbot.addWidget(view)
    view.resize(420, 600)
    with qtbot.waitExposed(view):
        view.show()
    start = next(button for button in view.findChildren(QAbstractButton) if button.text() == "Start")
    seen = set()
    for words in ("", "One line.", "Words that take two lines of a panel as narrow as this one is. "):
        view.show_result(TrainingPlan(words))
        QApplication.processEvents()
        seen.add(start.mapTo(view, QPoint()).y())
    assert len(seen) == 1
    view.show_result(TrainingPlan("Words that take many lines of a panel as narrow as this. " * 6))
    QApplication.processEvents()
    assert start.mapTo(view, QPoint()).y() > seen.pop()


def test_defaults_are_those_of_the_pair():
    plain = checked_settings({})
    digits = chosen_settings(plain, "lenet", False, "digits")
    assert digits.epochs > chosen_settings(digits, "lenet", False, "mnist").epochs
    further = chosen_settings(digits, "mnist-lenet", True, "mnist")
    assert further.network.keep_weights
    assert further.learning_rate < digits.learning_rate
    assert set(TRAINED.values()) <= set(ARCHITECTURES)


@pytest.mark.parametrize(("images", "batch", "epochs"), [(12, 8, 60), (180, 16, 37), (3000, 64, 9), (40_000, 64, 5)])
def test_a_folder_of_any_size_is_trained_on_long_enough(images, batch, epochs, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnviz.panels.training.images_to_train_on", lambda folder: images)
    chosen = chosen_settings(checked_settings({}), "lenet", False, f"folder:{tmp_path}")
    assert (chosen.batch_size, chosen.epochs) == (batch, epochs)
    steps = images // batch * epochs
    assert steps >= 60
    assert 5 <= steps // chosen.save_every <= 60  # places on the slider over the run
    unknown = chosen_settings(checked_settings({}), "lenet", False, "folder:/not/there")
    assert unknown.batch_size > 1


def test_the_curves_show_what_was_measured():
    curve = RunCurve()
    assert curves_of(curve, "loss") is None
    for step in range(1, 4):
        layers = tuple(LayerMetrics(f"layer{index}", step * index, 1.0, 1e-3 * index) for index in range(1, 21))
        curve.add(StepMetrics(step, 1, 2, step, 3, 2 / step, step / 4, 0.1, 8 * step, 9.0, 5.0, layers))
    curve.add(EpochMetrics(1, 3, 0.6, 0.5, 0.5, 0.75))
    loss, accuracy = curves_of(curve, "loss"), curves_of(curve, "accuracy")
    np.testing.assert_allclose(loss.series[0].y, [2, 1, 2 / 3])
    np.testing.assert_allclose(accuracy.series[0].y, [25, 50, 75])
    np.testing.assert_allclose(accuracy.series[1].y, [75])
    assert accuracy.series[1].x.tolist() == [3]
    gradients = [each.name for each in curves_of(curve, "gradients").series]
    assert len(gradients) == 9
    assert (gradients[0], gradients[1], gradients[-1]) == ("all weights", "layer1", "layer20")
    updates = {each.name: each.y for each in curves_of(curve, "updates").series}
    np.testing.assert_allclose(updates["layer20"], 0.02)
    rate = curves_of(curve, "rate", run="lenet on digits")
    assert (rate.title, rate.series[0].y.tolist()) == ("Learning rate of lenet on digits", [0.1, 0.1, 0.1])


@pytest.mark.parametrize(
    ("loss", "unit"),
    [
        ("cross-entropy", "nats/image"),
        ("binary-cross-entropy", "nats/class"),
        ("square-error-sum", "sum of classes"),
        ("square-error-mean", "mean of classes"),
    ],
)
def test_the_axis_of_the_loss_says_its_unit_as_the_loss_is_worked_out(loss, unit):
    logits, labels = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2])
    target = F.one_hot(labels, 4).double()
    off = (logits.softmax(dim=1) - target).square()
    each, both = logits.sigmoid(), target.bool()
    mean = {
        "cross-entropy": -logits.log_softmax(dim=1)[both].mean(),
        "binary-cross-entropy": -torch.where(both, each, 1 - each).log().mean(),
        "square-error-sum": off.sum(dim=1).mean(),
        "square-error-mean": off.mean(),
    }
    assert batch_loss(loss, logits, labels) == pytest.approx(mean[loss].item())
    curve = stood_at(3)
    assert unit in curves_of(curve, "loss", loss).y_label


def test_a_run_is_called_as_the_table_calls_it(tmp_path):
    settings = checked_settings({"epochs": 3})
    write_record(tmp_path / "a", RunRecord(settings=settings.changed({"learning_rate": 1.0}), began_with=settings))
    assert run_name(tmp_path / "a", settings) == "lenet on digits"
    write_label(tmp_path / "b", RunLabel(base="a"))
    assert run_name(tmp_path / "b", settings.changed({"optimizer": "sgd"})) == "lenet on digits, SGD"
    assert run_name(tmp_path / "b", settings.changed({"permute_pixels": True})) == "lenet on digits, pixels permuted"
    write_label(tmp_path / "c", RunLabel(name="after ReLU", comparison="Normalisation"))
    assert run_name(tmp_path / "c", settings) == "after ReLU (Normalisation)"
    write_label(tmp_path / "d", RunLabel(base="gone"))
    assert run_name(tmp_path / "d", settings) == "lenet on digits"


def test_before_a_run_on_permuted_pixels_that_is_said():
    assert plan_of(permute_pixels=True).words.endswith(" Their pixels are permuted.")
    assert "permuted" not in plan_of().words


def test_a_run_that_waits_says_how_long_it_will_still_take():
    curve = stood_at(52)
    assert pace_words(RunState("training", 52, 440, 2), curve) == "step 52 of 440 · 900 images/s · about 28 s left"
    assert pace_words(RunState("paused", 52, 440, 2), curve).endswith("about 28 s once it goes on")


class Standing(QObject):
    """A session that stands still."""

    changed = pyqtSignal()
    phase, goes_on, can_carry_on, is_shown, cancelling = "idle", False, False, False, False
    state, fetching, run, source = RunState("idle"), None, None, None
    trouble = unsaved = data_gone = silent = ""
    shelf = queue = SimpleNamespace(changed=SimpleNamespace(connect=lambda slot: None))

    def __init__(self, parent, **fields):
        super().__init__(parent)
        self.curve = RunCurve()
        self.pending = ()
        for name, value in fields.items():
            setattr(self, name, value)


@pytest.mark.parametrize(("scale", "width"), [(1.0, 420), (1.5, 420), (1.5, 520), (1.0, 300)])
def test_the_panel_is_never_wider_than_its_place(qtbot, scale, width):
    theme().set("dark", scale)
    try:
        view = TrainingView(Document())
        qtbot.addWidget(view)
        pending = PendingRun(Path(), RunRecord(settings=checked_settings({"dataset": "folder:" + "cats" * 20})), 154)
        view.attach(Standing(view, pending=(pending,)))
        view.resize(width, 500)
        view.show()
        assert view.minimumSizeHint().width() <= width
        choice = view.findChild(FittingChoice)
        buttons = [each for each in choice.findChildren(QAbstractButton) if each.isVisible()]
        assert bool(buttons) == choice.is_row
        seen = buttons or [choice.findChild(ComboBox)]
        assert all(choice.rect().contains(each.geometry().translated(each.parent().pos())) for each in seen if buttons)
        assert all(each.width() >= each.sizeHint().width() for each in seen)
    finally:
        theme().set("dark", 1.0)


def stood_at(step, *, of=440, epochs=20, norms=None, number=1):
    """A curve that ends there, its layers' gradients measured ``number`` times."""
    curve = RunCurve()
    for each in range(step - number + 1, step + 1):
        layers = tuple(LayerMetrics(name, norm, 1.0, 0.01) for name, norm in (norms or {}).items())
        steps = of // epochs
        curve.add(StepMetrics(each, each // steps + 1, epochs, 1, steps, 2.3, 0.1, 0.1, 64 * each, 900.0, 1.0, layers))
    return curve


def test_a_run_that_was_stopped_or_waits_is_not_said_to_be_done():
    curve = stood_at(52)
    stopped = RunState("idle", 52, 440, 2)
    assert phase_words(stopped, curve, None) == "stopped · epoch 3 of 20"
    assert progress(stopped, curve) == (52, 440)
    assert pace_words(stopped, curve) == "step 52 of 440 · 900 images/s"
    preparing = RunState("preparing")
    assert progress(preparing, curve) == (0, 0)
    assert (phase_words(preparing, curve, None), pace_words(preparing, curve)) == ("preparing", "")
    assert phase_words(RunState("idle"), RunCurve(), None) == "not training"
    for phase in ("finished", "idle"):  # so it stays where the next one could not begin
        assert phase_words(RunState(phase, 440, 440, 20), stood_at(440), None) == "finished · 20 epochs"


def test_what_is_fetched_or_read_meanwhile_is_said_once():
    preparing = RunState("preparing")
    assert phase_words(preparing, RunCurve(), Fetching("fetching x.gz", 0.4)) == "fetching x.gz, 40 %"
    assert phase_words(preparing, RunCurve(), Fetching("reading x.gz", 0.0)) == "reading x.gz, 0 %"
    damaged = Fetching("x.gz is damaged or cut short; it is fetched again", 0.0)
    assert phase_words(preparing, RunCurve(), damaged) == damaged.what


def test_layers_that_learn_nothing_any_more_are_named():
    assert no_gradient_words(stood_at(20, norms={"conv1": 0.0, "fc": 0.1})) == ""  # once may be chance
    words = no_gradient_words(stood_at(20, norms={"conv1": 0.0, "conv2": 0.0, "fc": 0.1}, number=2))
    assert words.startswith("The gradient of conv1 and conv2 is exactly 0: no image changes them any more.")
    many = stood_at(20, norms={f"conv{index}": 0.0 for index in range(9)}, number=2)
    assert "The gradient of 9 layers, conv0 to conv8, is" in no_gradient_words(many)
    assert no_gradient_words(stood_at(20, norms={"conv1": 1e-30, "fc": 0.1}, number=2)) == ""


def test_a_divergence_is_told_in_round_numbers_with_what_to_do():
    reason = what_is_wrong(335_321.4, 2.3133, 2, 0.487273)
    assert reason == (
        "Training diverged in step 2: the loss is 340,000, 140,000 times what it was at the start; "
        "choose a learning rate below 0.49."
    )
    curve = RunCurve()
    curve.add(Divergence(2, reason, 0, False, 10.0))
    assert divergence_words(curve).endswith("after step 0 again. Lower the rate, and press Continue.")
    for event in (1, 2):
        curve.add(StepMetrics(event, 1, 2, event, 22, 2.3, 0.1, 0.004, 64, 900.0))
    assert divergence_words(curve) == ""  # it goes on


def test_words(tmp_path):
    record = RunRecord(settings=checked_settings({"dataset": f"folder:{tmp_path / 'cats'}"}))
    assert pending_words(PendingRun(tmp_path, record, 12)) == "lenet on cats, step 12"
    assert [duration(seconds) for seconds in (0.2, 8.4, 200, 4800 + 3000)] == ["1 s", "8 s", "3 min", "2 h 10 min"]


def test_while_a_run_is_prepared_nothing_can_be_set_that_would_be_lost(qtbot):
    view = TrainingView(Document())
    qtbot.addWidget(view)
    session = Standing(view, phase="preparing", goes_on=True, state=RunState("preparing"))
    view.attach(session)
    assert not view.findChild(LogSlider).isEnabled()
    assert not view.findChild(TrainingSettingsView).isEnabled()
    said = [label.text() for label in view.findChildren(QLabel)]
    assert any("made ready" in each for each in said)
    assert not any("Press Start" in each for each in said)
    session.phase, session.state = "training", RunState("training")
    view.attach(session)
    assert view.findChild(LogSlider).isEnabled()
    assert view.findChild(TrainingSettingsView).isEnabled()


def test_a_run_can_be_cancelled_while_it_is_prepared(qtbot):
    view = TrainingView(Document())
    qtbot.addWidget(view)
    session = Standing(view, phase="preparing", state=RunState("preparing"), goes_on=True)
    asked = []
    session.stop = lambda: asked.append("stop")
    view.attach(session)
    stop = next(each for each in view.findChildren(QAbstractButton) if each.accessibleName().startswith("Cancel"))
    assert stop.isEnabled()
    stop.click()
    assert asked == ["stop"]
    session.cancelling = True
    view.attach(session)
    assert not stop.isEnabled()
    assert "cancelling" in [label.text() for label in view.findChildren(ElidedLabel)]
    session.phase, session.state, session.cancelling = "training", RunState("training"), False
    view.attach(session)
    assert stop.isEnabled()
    assert stop.accessibleName() == "Stop and save"


def test_the_offer_to_show_the_run_is_gone_once_it_is_shown(qtbot, monkeypatch, tmp_path):
    class Session(Standing):
        phase, state, source = "finished", RunState("finished", 440, 440, 20), "training:here"

        @property
        def is_shown(self):
            return document.scene.network.source == self.source

    document = Document()
    view = TrainingView(document)
    qtbot.addWidget(view)
    view.attach(Session(view, curve=stood_at(440)))
    show = next(button for button in view.findChildren(QAbstractButton) if button.text() == "Show")
    assert not show.isHidden()
    document.edit("network.source", "training:here")
    assert show.isHidden()
    document.edit("network.source", "shipped:mnist-lenet")
    assert not show.isHidden()


def test_settings_that_mean_nothing_for_a_schedule_are_off_and_all_say_their_unit(qtbot):
    document = Document()
    view = TrainingSettingsView(document)
    qtbot.addWidget(view)
    sliders = {each.accessibleName(): each for each in view.findChildren(LabelledSlider)}
    for schedule, cuts, waits in (("step", 1, 1), ("halve-on-divergence", 1, 0), ("one-cycle", 0, 0)):
        document.edit("panels.training.settings.schedule", schedule)
        assert (sliders["cut rate to"].isEnabled(), sliders["cut after"].isEnabled()) == (cuts, waits)
    assert sliders["cut after"].findChild(QLineEdit).text() == "5 epochs"
    assert sliders["measure every"].findChild(QLineEdit).text() == "10 steps"
    combos = {each.accessibleName(): each for each in view.findChildren(ComboBox)}
    assert combos["save every"].currentText().endswith(" steps")
    assert combos["batch"].currentText() == "64 images"
    assert all(toggle.toolTip() for toggle in view.findChildren(Toggle))
