"""Runs: the table against the folders' files, the curves over one another, and what a person does with both."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPushButton

from cnnviz.core.curves import to_csv
from cnnviz.panels.runs import RunsParams, compute, shown_ids
from cnnviz.panels.runs_table_view import RunsTable
from cnnviz.panels.runs_view import RunsView
from cnnviz.panels.runs_words import (
    all_words,
    change_words,
    loss_words,
    queue_words,
    seconds_words,
    standing_words,
)
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.training.comparisons import comparisons
from cnnviz.training.metrics import EpochMetrics, StepMetrics
from cnnviz.training.run import Run
from cnnviz.training.run_folder import Curve, RunRecord, network_path, runs_folder, write_record
from cnnviz.training.run_label import RunLabel, write_label
from cnnviz.training.run_queue import RunQueue, WaitingRun, read_queue, write_queue
from cnnviz.training.settings import checked_settings
from cnnviz.ui.curve_painter import looks
from cnnviz.ui.menu_button import MenuButton
from cnnviz.ui.theme import theme

BASE = checked_settings({"epochs": 2, "batch_size": 50})


def store(name, settings, started, losses, label="", status="finished"):
    """A run of four steps an epoch with these losses."""
    folder = runs_folder() / name
    write_record(folder, RunRecord(settings=settings, started=started, status=status, total_steps=8))
    if label:
        write_label(folder, RunLabel(name=label, comparison="Rates"))
    events = []
    for step, loss in enumerate(losses, 1):
        epoch, place = divmod(step - 1, 4)
        events.append(StepMetrics(step, epoch + 1, 2, place + 1, 4, loss, 1 / loss, 0.1, 50 * step, 25.0))
        if place == 3:
            mean = float(np.mean(losses[step - 4 : step]))
            events.append(EpochMetrics(epoch + 1, step, mean, 0.5, loss * 2, 0.25 * (epoch + 1)))
    Curve(folder).append(events)
    return folder


@pytest.fixture
def three():
    """Three runs on disk and one that waits."""
    faster = BASE.changed({"learning_rate": 0.5})
    store("a", BASE, 1.0, [8.0, 7, 6, 5, 4, 3, 2, 1])
    store("b", faster, 2.0, [8.0, 4, 2, 1], label="fast", status="stopped")
    store("c", faster.changed({"optimizer": "sgd", "batch_size": 25}), 3.0, [], status="diverged")
    waits = WaitingRun(id="d", settings=BASE.changed({"dataset": "dots"}), label=RunLabel(name="place"))
    write_queue(runs_folder(), RunQueue(waiting=(waits,)))


def result_of(**params):
    document = Document()
    document.edit_many({f"panels.runs.{name}": value for name, value in params.items()})
    return list(compute(document.scene, None, lambda: False))[-1]


def test_the_table_says_what_the_files_say(three):
    a, b, c, d = result_of().lines
    assert [(line.name, line.change) for line in (a, b, c, d)] == [
        ("lenet on digits", ""),
        ("fast", "learning rate 0.5"),
        ("lenet on digits", "batches of 25, SGD"),
        ("place", "lenet on dots"),
    ]
    assert [standing_words(line) for line in (a, b, c, d)] == ["done", "stopped 50 %", "diverged", "waiting"]
    assert (a.epochs, b.epochs, c.epochs, d.epochs) == ((2, 2), (1, 2), (0, 2), (0, 2))
    assert (a.train_loss, a.test_loss, a.test_accuracy) == (2.5, 2, 0.5)
    assert (b.train_loss, b.test_loss, b.test_accuracy) == (3.75, 2, 0.25)
    assert a.seconds == pytest.approx(8 * 50 / 25)
    assert (c.seconds, c.train_loss, d.folder) == (None, None, None)
    assert "of the comparison “Rates”" in all_words(b)


def test_a_duplicate_says_of_what_it_is_one(three):
    folder = store("e", BASE.changed({"seed": 4}), 4.0, [1.0, 1.0])
    write_label(folder, RunLabel(base="a"))
    line = next(line for line in result_of().lines if line.id == "e")
    assert (line.name, line.change) == ("lenet on digits", "seed 4")  # and not what differs from the row above
    assert "a duplicate of “lenet on digits” with seed 4" in all_words(line)


def test_a_duplicate_begins_as_the_run_began_whatever_was_changed_on_its_way(three, view):
    folder = store("e", BASE, 4.0, [1.0, 1.0])
    changed = BASE.changed({"learning_rate": 0.05, "momentum": 0.5})
    write_record(folder, RunRecord(settings=changed, began_with=BASE, started=4.0, status="finished", total_steps=8))
    write_label(store("f", BASE.changed({"optimizer": "sgd"}), 5.0, [1.0]), RunLabel(base="e"))
    result = result_of(selected="e")
    e, f = (next(line for line in result.lines if line.id == name) for name in "ef")
    assert change_words(e).endswith("later learning rate 0.05, momentum 0.5")
    assert f.change == "SGD"  # and not the rate, which was that of the start
    assert "changed on its way: learning rate 0.05" in all_words(e)
    assert e.curve == "lenet on digits, later learning rate 0.05, momentum 0.5"
    ended, *others = result.changes
    (again,) = ended.changes
    assert (again.words, again.settings) == ("learning rate 0.05, momentum 0.5, from the start", changed)
    assert {each.settings.momentum for group in others for each in group.changes} == {BASE.momentum}
    view.show_result(result)
    menu = view.findChildren(MenuButton)[1].entries
    menu.aboutToShow.emit()
    assert menu.actions()[0].text().startswith("A duplicate begins as this run began.")
    assert result_of(selected="a").changes == tuple(others)


def test_what_the_waiting_runs_wait_for_is_named(three):
    lines = result_of().lines
    assert queue_words(2, False, lines) == "2 runs wait to be trained."
    assert queue_words(1, True, lines) == "1 run waits and will be trained in turn."
    trained = [replace(line, standing="training") if line.id == "b" else line for line in lines]
    assert queue_words(3, True, trained) == "“fast” of “Rates” is trained, 50 % done; 3 runs wait for it."


def test_a_run_that_could_not_begin_says_why_at_its_row(three, view):
    why = "cifar10 is not there; fetch it."
    queue = read_queue(runs_folder())
    (waits,) = queue.waiting
    write_queue(runs_folder(), queue.set_aside(waits.id, why))
    result = result_of()
    (line,) = (each for each in result.lines if each.id == waits.id)
    assert (line.standing, line.trouble) == ("waiting", why)
    assert (standing_words(line), change_words(line)) == ("not begun", why)
    assert why in all_words(line).split("\n")
    assert queue_words(0, False, result.lines, [why]) == f"1 run could not begin: {why}"
    assert queue_words(2, False, result.lines, [why, "x"]) == (
        f"2 runs could not begin, the first of them: {why} 2 runs wait to be trained."
    )
    view.show_result(result)
    table = view.findChild(RunsTable)
    assert table.rows.index(table.rows.row_of(waits.id), 1).data() == "not begun"


def test_losses_of_any_size_fit_the_column():
    found = [loss_words(loss) for loss in (2.3026, 0.0, 1.93e-5, 123456.0, math.inf, None)]
    assert found == ["2.303", "0.000", "1.9e−5", "1.2e5", "inf", ""]


@pytest.mark.parametrize(("along", "last"), [("steps", 8), ("epochs", 2), ("seconds", 16)])
def test_the_curves_lie_over_one_another_along_what_is_asked_for(three, along, last):
    curves = result_of(shown=("a", "b"), along=along, part="both").curves
    drawn = {each.name: each for each in curves.series}
    assert list(drawn) == ["lenet on digits", "lenet on digits, trained on", "fast", "fast, trained on"]
    np.testing.assert_allclose(drawn["lenet on digits, trained on"].y, [8, 7, 6, 5, 4, 3, 2, 1])
    np.testing.assert_allclose(drawn["lenet on digits, trained on"].x, np.arange(1, 9) * last / 8)
    np.testing.assert_allclose(drawn["lenet on digits"].x, [last / 2, last])
    np.testing.assert_allclose(drawn["fast"].y, [2])
    assert drawn["fast, trained on"].beside == "fast"


def test_losses_of_several_kinds_are_not_given_one_unit(three):
    assert result_of().curves.y_label == "cross-entropy (nats/image)"
    store("e", BASE.changed({"loss": "square-error-sum"}), 4.0, [1.0, 1.0])
    assert result_of(shown=("a", "e")).curves.y_label == "loss (each run's own kind)"
    assert result_of(shown=("e",)).curves.y_label == "square error (sum of classes)"


def test_accuracy_is_in_percent_and_one_part_stands_alone(three):
    test = result_of(shown=("a", "b"), quantity="accuracy", part="test").curves
    assert [each.y.tolist() for each in test.series] == [[25, 50], [25]]
    train = result_of(shown=("a",), quantity="accuracy", part="train").curves
    np.testing.assert_allclose(train.series[0].y, 100 / np.arange(8, 0, -1))
    assert "named rightly" in to_csv(train) or train.y_label == "named rightly (%)"


def test_long_curves_are_averaged_in_blocks():
    losses = np.random.default_rng(0).uniform(1, 2, 500)
    store("long", BASE, 1.0, losses.tolist())
    (curve,) = result_of(part="train", along="steps").curves.series
    np.testing.assert_allclose(curve.y, losses.reshape(100, 5).mean(axis=1))
    np.testing.assert_allclose(curve.x, np.arange(3, 501, 5))


def test_the_newest_are_drawn_until_some_are_ticked():
    runs = [SimpleNamespace(id=f"run{number:02}", label=RunLabel()) for number in range(20)]
    ids = tuple(run.id for run in runs)
    assert shown_ids(RunsParams(), runs) == ids[-5:]
    assert shown_ids(RunsParams(shown=()), runs) == ()
    assert shown_ids(RunsParams(shown=("gone", "run03")), runs) == ("run03",)
    assert len(shown_ids(RunsParams(shown=ids), runs)) == 12
    for run in runs[13:]:
        run.label = RunLabel(comparison="Rates")
    assert shown_ids(RunsParams(), runs) == ids[13:]
    assert shown_ids(RunsParams(), []) == ()


def test_runs_of_one_name_have_curves_of_their_own(three):
    store("e", BASE, 4.0, [1.0, 1.0], label="fast")
    store("f", BASE, 5.0, [1.0, 1.0], label="fast, trained on")
    names = [each.name for each in result_of(shown=("b", "e", "f")).curves.series]
    assert len(set(names)) == len(names) == 6
    assert names[0] == "fast"
    assert names[2] == "fast (2)"


def test_of_the_run_that_is_selected_duplicates_are_offered(three):
    assert result_of().selected == "d", "the last one until another is chosen"
    rates = next(group for group in result_of(selected="b").changes if group.title == "Learning rate")
    assert [change.settings.learning_rate for change in rates.changes] == [5, 1.5, 0.167, 0.05]


def test_words():
    assert [seconds_words(value) for value in (None, 3.21, 125, 7200)] == ["", "3.2 s", "2:05 min", "2 h 0 min"]


# the widget


@pytest.fixture
def view(qtbot):
    document = Document()
    view = RunsView(document)
    view.resize(640, 800)
    qtbot.addWidget(view)
    view.show()

    def show():
        view.show_result(list(compute(document.scene, None, lambda: False))[-1])
        view.repaint()

    view.compute = show
    show()
    return view


def table(view):
    return view.findChild(RunsTable)


def click(view, row, *, box=False):
    cells = table(view)
    inside = cells.box(row).center().toPoint()
    place = inside if box else cells.visualRect(cells.rows.index(row, 0)).center()
    QTest.mouseClick(cells.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))


def test_without_runs_each_comparison_has_a_button(view):
    names = [button.accessibleName() for button in view.findChildren(QPushButton) if button.isVisible()]
    assert [f"Train {each.title}" for each in comparisons()] == [name for name in names if name.startswith("Train ")]


def test_a_click_on_the_box_draws_the_curve_in_the_colour_of_the_box(three, view, pixels):
    view.compute()
    click(view, 1, box=True)
    assert view.document.scene.panel("runs").shown == ("a", "c")
    view.compute()
    click(view, 1, box=True)
    view.document.edit("panels.runs.part", "train")
    view.compute()
    assert view.document.scene.panel("runs").shown == ("a", "c", "b")
    cells = table(view)
    shown = pixels(cells.viewport())
    box = cells.box(1)
    colour = shown[round(box.top() + 3), round(box.left() + 3)]
    plot = pixels(view.findChildren(type(view._plot))[0].canvas())
    assert (plot == colour).sum() > 20, "no curve has the colour of its box"
    other = shown[round(cells.box(0).top() + 3), round(cells.box(0).left() + 3)]
    assert other != colour
    assert (plot == other).sum() > 20


def test_a_click_selects_and_the_keyboard_ticks_and_renames(three, view, qtbot):
    view.compute()
    click(view, 1)
    assert view.document.scene.panel("runs").selected == "b"
    QTest.keyClick(table(view), Qt.Key.Key_Space)
    assert "b" not in view.document.scene.panel("runs").shown
    named = []
    table(view).renamed.disconnect()
    table(view).renamed.connect(lambda *words: named.append(words))
    QTest.keyClick(table(view), Qt.Key.Key_F2)
    editor = next(each for each in table(view).findChildren(QLineEdit) if each.isVisible())
    assert editor.text() == "fast"
    editor.selectAll()
    QTest.keyClicks(editor, "faster")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: named == [("b", "faster")])


def test_in_a_narrow_panel_the_figures_that_matter_most_are_left(three, view):
    view.resize(420, 500)
    view.compute()
    heads = [
        table(view).rows.headerData(column, Qt.Orientation.Horizontal)
        for column in range(8)
        if not table(view).isColumnHidden(column)
    ]
    assert heads[:3] == ["run", "state", "test"]
    assert len(heads) < 8
    view.document.edit("panels.runs.part", "train")
    view.compute()
    assert not table(view).isColumnHidden(4)
    assert sum(table(view).columnWidth(column) for column in range(8)) <= table(view).viewport().width()


def test_the_boxes_have_the_colours_of_the_curves_in_the_other_theme_too(three, view):
    result = result_of()
    view.show_result(result)
    before = dict(view.findChild(RunsTable).colours)
    theme().set("light", 1.0)
    try:
        now = view.findChild(RunsTable).colours
        assert now == looks(result.curves)
        assert now.keys() == before.keys()
        assert now != before
    finally:
        theme().set("dark", 1.0)


@pytest.mark.parametrize(("scale", "width"), [(1.5, 440), (1.0, 330)])
def test_nothing_of_the_panel_is_beyond_its_right_edge(three, view, scale, width):
    theme().set("dark", scale)
    try:
        view.show_result(result_of())
        view.resize(width, 600)
        view.show()
        QApplication.processEvents()
        assert view.minimumSizeHint().width() <= width
        buttons = [each for each in view.findChildren(QAbstractButton) if each.isVisible()]
        assert len(buttons) > 10
        assert all(each.mapTo(view, each.rect().topRight()).x() <= width for each in buttons)
    finally:
        theme().set("dark", 1.0)


def test_the_curves_can_be_saved(three, view):
    view.document.edit("panels.runs.shown", ("a", "b"))
    view.compute()
    (figure,) = view.figures()
    assert figure.title == "Loss of 2 runs; thin: of batches trained on"
    assert "fast" in figure.csv()


def test_a_run_that_is_chosen_is_shown_in_every_panel(start, qtbot, settle):
    folder = runs_folder() / "small"
    small = {"name": "lenet", "config": {"widths": [2, 3], "hidden": 6}}
    settings = checked_settings({"network": small, "steps": 3, "device": "cpu", "threads": 1, "save_every": 1})
    run = Run.start(settings, folder, lambda event: None)
    while not run.trainer.over:
        run.advance()
    run.close()
    scene = actions.first_scene()
    program = start(scene)
    program.window.use_workspace("training")
    program.window.show_panel("runs")
    qtbot.waitUntil(lambda: bool(program.window.docks["runs"].findChildren(RunsTable)))
    (cells,) = program.window.docks["runs"].findChildren(RunsTable)
    qtbot.waitUntil(lambda: bool(cells.rows.lines))
    settle(program)
    place = cells.visualRect(cells.rows.index(0, 0)).center()
    QTest.mouseClick(cells.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert program.document.scene.network.source == f"training:{folder}"
    assert program.document.scene.panel("epochs").folder == str(folder)
    settle(program)
    saved = safetensors.torch.load_file(network_path(folder, 3))
    shown = program.stage.network.module.state_dict()
    assert all(torch.equal(shown[name], saved[name]) for name in saved)
    assert cells.shown_network == "small"
    program.document.undo()
    assert program.document.scene.network == scene.network
    assert program.document.scene.panel("epochs").folder is None
