"""What is read of runs, piece by piece, against their files."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import safetensors.torch

from cnnviz.training import run_reader
from cnnviz.training.metrics import Divergence, EpochMetrics, StepMetrics
from cnnviz.training.run import Run
from cnnviz.training.run_folder import LOCK_FILE, Curve, RunRecord, network_path, read_curve, write_record
from cnnviz.training.run_label import RunLabel, write_label
from cnnviz.training.run_lock import RunLock
from cnnviz.training.run_reader import RunsReader
from cnnviz.training.settings import checked_settings

SETTINGS = checked_settings(
    {
        "network": {"name": "lenet", "config": {"widths": [2, 3], "hidden": 6}},
        "epochs": 2,
        "batch_size": 100,
        "device": "cpu",
        "threads": 1,
        "save_every": 10,
    }
)


def read_all(reader, *first):
    reader.rescan()
    pieces = 0
    while reader.read_more(first):
        pieces += 1
    return pieces


def step(number, loss=1.0, rate=100.0, per_epoch=4):
    epoch, place = divmod(number - 1, per_epoch)
    return StepMetrics(number, epoch + 1, 3, place + 1, per_epoch, loss, 0.5, 0.1, 50 * number, rate)


@pytest.fixture
def folder(tmp_path):
    """A run of which nothing but record and curve are there."""
    folder = tmp_path / "run"
    write_record(folder, RunRecord(settings=SETTINGS, started=5.0, total_steps=12))
    return folder


def test_a_trained_run_is_told_as_its_files_say(tmp_path):
    run = Run.start(SETTINGS, tmp_path / "run", lambda event: None)
    while not run.trainer.over:
        run.advance()
    reader = RunsReader(tmp_path)
    read_all(reader)
    assert reader.runs[0].standing == "finished"  # although its process has not let go of it
    run.close()
    write_label(tmp_path / "run", RunLabel(name="mine"))
    read_all(reader)
    (stored,) = reader.runs
    events = read_curve(tmp_path / "run")
    steps = [event for event in events if isinstance(event, StepMetrics)]
    epochs = [event for event in events if isinstance(event, EpochMetrics)]
    np.testing.assert_allclose(stored.curves.train_loss[1], [event.loss for event in steps])
    np.testing.assert_allclose(stored.curves.train_accuracy[0], [event.step for event in steps])
    np.testing.assert_allclose(stored.curves.test_accuracy[1], [event.test_accuracy for event in epochs])
    assert (stored.last_epoch, stored.last_test) == (epochs[-1], epochs[-1])
    assert (stored.label.name, stored.standing, stored.id, stored.steps) == ("mine", "finished", "run", 28)
    tensors = safetensors.torch.load_file(network_path(tmp_path / "run", 10))
    assert stored.weights == sum(tensor.numel() for tensor in tensors.values())
    assert stored.channels == 1
    taken = np.cumsum([100 / event.examples_per_second for event in steps])
    assert stored.seconds == pytest.approx(taken[-1])
    places = stored.curves.places(np.array([14.0, 28.0]), "epochs")
    np.testing.assert_allclose(places, [1, 2])
    np.testing.assert_allclose(stored.curves.places(np.array([10.0]), "seconds"), taken[9])
    np.testing.assert_allclose(stored.curves.places(np.array([10.0]), "steps"), 10)


def test_of_a_curve_that_grows_only_what_is_new_is_read(folder, monkeypatch):
    taken = []
    read = run_reader.event_from
    monkeypatch.setattr(run_reader, "event_from", lambda kind, fields: taken.append(kind) or read(kind, fields))
    curve, reader = Curve(folder), RunsReader(folder.parent)
    curve.append([step(1, 4.0), step(2, 3.0)])
    assert read_all(reader) == 1
    half = json.dumps({"kind": "StepMetrics", **asdict(step(3, 2.0))})
    with (folder / "curve.jsonl").open("a") as file:
        file.write(half[:40])
    assert read_all(reader) == 0
    with (folder / "curve.jsonl").open("a") as file:
        file.write(half[40:] + "\nrubbish\n")
    assert read_all(reader) == 1
    assert read_all(reader) == 0
    np.testing.assert_allclose(reader.runs[0].curves.train_loss[1], [4, 3, 2])
    assert taken == ["StepMetrics"] * 3


def test_a_curve_that_was_cut_is_read_anew(folder):
    curve, reader = Curve(folder), RunsReader(folder.parent)
    curve.append([step(number, 1.0 * number) for number in range(1, 9)])
    read_all(reader)
    curve.cut(3, tested=True)
    curve.append([step(4, 9.0)])
    read_all(reader)
    np.testing.assert_allclose(reader.runs[0].curves.train_loss[1], [1, 2, 3, 9])


def test_after_a_divergence_that_goes_on_the_curve_is_that_from_the_last_good_weights(folder):
    reader = RunsReader(folder.parent)
    events = [step(1, 1.0), step(2, 2.0), step(3, 99.0), Divergence(4, "It grew.", 2, True, 0.05), step(3, 1.5)]
    Curve(folder).append(events)
    read_all(reader)
    curves = reader.runs[0].curves
    assert curves.train_loss[0].tolist() == [1, 2, 3]
    assert curves.train_loss[1].tolist() == [1, 2, 1.5]
    assert curves.clock[0].tolist() == [1, 2, 3]


def test_how_runs_stand(folder):
    reader = RunsReader(folder.parent)
    reader.rescan()
    assert [run.standing for run in reader.runs] == ["interrupted"]
    with RunLock(folder / LOCK_FILE):
        reader.rescan()
        assert [run.standing for run in reader.runs] == ["training"]
    for status in ("stopped", "diverged", "finished"):
        write_record(folder, RunRecord(settings=SETTINGS, status=status))
        reader.rescan()
        assert [run.standing for run in reader.runs] == [status]


def test_runs_come_in_the_order_of_their_start_and_go(folder):
    reader = RunsReader(folder.parent)
    for name, started in (("a", 9.0), ("b", 1.0)):
        write_record(folder.parent / name, RunRecord(settings=SETTINGS, started=started))
    (folder.parent / "no run").mkdir()
    reader.rescan()
    assert [run.id for run in reader.runs] == ["b", "run", "a"]
    (folder / "run.json").unlink()
    reader.rescan()
    assert [run.id for run in reader.runs] == ["b", "a"]
    assert RunsReader(folder.parent / "not there").runs == ()


def test_large_curves_come_in_pieces_and_the_first_asked_for_first(folder, monkeypatch):
    monkeypatch.setattr(run_reader, "CHUNK_BYTES", 400)
    other = folder.parent / "other"
    write_record(other, RunRecord(settings=SETTINGS, started=9.0))
    for each in (folder, other):
        Curve(each).append([step(number) for number in range(1, 6)])
    reader = RunsReader(folder.parent)
    reader.rescan()
    assert reader.read_more(("other",))
    lengths = {run.id: len(run.curves.train_loss[0]) for run in reader.runs}
    assert lengths["run"] == 0 < lengths["other"] < 5
    assert read_all(reader) > 2
    assert all(len(run.curves.train_loss[0]) == 5 for run in reader.runs)
