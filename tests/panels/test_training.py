"""What the training panel says before a run, and the curves of one."""

import numpy as np
import pytest
from PyQt6.QtCore import QPoint
from PyQt6.QtWidgets import QAbstractButton, QApplication

from cnnviz.data.datasets import load_dataset
from cnnviz.nets.registry import ARCHITECTURES, build, default_config
from cnnviz.panels.training import DATA, TRAINED, TrainingPlan, chosen_settings, compute
from cnnviz.panels.training_curves import curves_of
from cnnviz.panels.training_view import TrainingView
from cnnviz.panels.training_words import duration, pending_words
from cnnviz.scene.document import Document
from cnnviz.training.metrics import EpochMetrics, LayerMetrics, StepMetrics
from cnnviz.training.run_curve import RunCurve
from cnnviz.training.run_folder import PendingRun, RunRecord
from cnnviz.training.settings import checked_settings


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


def test_words(tmp_path):
    record = RunRecord(settings=checked_settings({"dataset": f"folder:{tmp_path / 'cats'}"}))
    assert pending_words(PendingRun(tmp_path, record, 12)) == "Go on with lenet on cats, step 12"
    assert [duration(seconds) for seconds in (0.2, 8.4, 200, 4800 + 3000)] == ["1 s", "8 s", "3 min", "2 h 10 min"]
