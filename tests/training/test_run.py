"""Runs that are killed, run out of disk, or go on from what is left of them."""

import errno
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.open import open_network
from cnnviz.training import checkpoints
from cnnviz.training.metrics import EpochMetrics, Notice, Saved, StepMetrics
from cnnviz.training.run import Run
from cnnviz.training.run_folder import (
    LOCK_FILE,
    dismiss,
    pending_runs,
    read_curve,
    read_record,
    resumable_steps,
    resume_path,
    saved_steps,
)
from cnnviz.training.run_lock import RunInUse, RunLock, is_locked
from cnnviz.training.settings import checked_settings

SETTINGS = {
    "network": {"name": "lenet", "config": {"widths": [2, 3], "hidden": 6}},
    "dataset": "digits",
    "epochs": 2,
    "batch_size": 100,
    "learning_rate": 0.003,
    "optimizer": "adam",
    "augmentations": ["affine"],
    "dropout": 0.2,
    "save_every": 5,
    "device": "cpu",
    "threads": 1,
}


def completed(run):
    while not run.trainer.over:
        run.advance()
    run.close()
    return run.trainer.weights()


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.fixture
def told():
    return []


@pytest.fixture
def settings():
    return checked_settings(SETTINGS)


def test_a_run_leaves_networks_that_open_and_its_curve(tmp_path, settings, told):
    run = Run.start(settings, tmp_path / "run", told.append, command="as tested")
    weights = completed(run)
    assert saved_steps(tmp_path / "run") == (0, 5, 10, 15, 20, 25, 28)
    assert resumable_steps(tmp_path / "run") == (25, 28)
    assert [event.step for event in told if isinstance(event, Saved)] == [0, 5, 10, 15, 20, 25, 28]
    first, last = (open_network(event.path) for event in told if isinstance(event, Saved) and event.step in (0, 28))
    assert equal(last.module.state_dict(), weights)
    assert not equal(first.module.state_dict(), weights)
    assert last.card.test_accuracy == pytest.approx(run.trainer.history[-1].test_accuracy, abs=1e-6)
    assert last.card.command == "as tested"
    assert list(read_curve(tmp_path / "run")) == [e for e in told if isinstance(e, StepMetrics | EpochMetrics)]
    assert read_record(tmp_path / "run").status == "finished"
    assert pending_runs(tmp_path) == ()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights and the curve of a run to which nothing happens."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    weights = completed(Run.start(checked_settings(SETTINGS), folder, lambda event: None))
    return weights, curve_of(folder)


def curve_of(folder):
    return [(event.step, event.loss) if isinstance(event, StepMetrics) else event for event in read_curve(folder)]


@pytest.mark.parametrize("steps", [0, 3, 5, 13, 14, 17])
def test_going_on_after_a_fault_gives_the_same_bits_and_curve(tmp_path, settings, told, steps, whole):
    run = Run.start(settings, tmp_path / "run", lambda event: None)
    while run.trainer.step < steps:
        run.advance()
    run.abandon()
    (pending,) = pending_runs(tmp_path)
    assert (pending.folder, pending.step) == (tmp_path / "run", steps // 5 * 5)
    weights, curve = whole
    assert equal(completed(Run.resume(tmp_path / "run", told.append)), weights)
    assert curve_of(tmp_path / "run") == curve


TRAIN = ["train", "--network", "lenet", "--dataset", "digits", "--batch-size", "64", "--epochs", "3", "--threads", "1"]
TRAIN += [
    "--config",
    '{"widths": [2, 3], "hidden": 6}',
    "--dropout",
    "0.2",
    "--save-every",
    "10",
    "--optimizer",
    "nadam",
    "--device",
    "cpu",
]


def command(folder, out, *more):
    return [sys.executable, "-m", "cnnviz", *TRAIN, "--out", str(folder / out), *more]


def tensors_of(path):
    return {name: tensor.numpy().tobytes() for name, tensor in safetensors.torch.load_file(path).items()}


def wait_for(condition, process):
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    pytest.fail("it took too long")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tensors that the command makes when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(folder, "whole.safetensors"), check=True, capture_output=True)
    return tensors_of(folder / "whole.safetensors")


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_goes_on_to_the_bytes_of_an_undisturbed_one(tmp_path, undisturbed, number):
    cut = tmp_path / "cut.run"
    with subprocess.Popen(command(tmp_path, "cut.safetensors"), stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: saved_steps(cut)[-1:] >= (30,), process)
        process.send_signal(number)
        error = process.stderr.read()
    again = subprocess.run(command(tmp_path, "cut.safetensors"), capture_output=True, text=True, check=False)
    assert again.returncode == 2
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "which is saved; the same command with --resume goes on" in error
    else:
        assert [run.folder for run in pending_runs(tmp_path)] == [cut]
    assert "holds a run that is not finished" in again.stderr
    subprocess.run(command(tmp_path, "cut.safetensors", "--resume"), check=True, capture_output=True)
    assert tensors_of(tmp_path / "cut.safetensors") == undisturbed
    assert not cut.exists()


def test_a_full_disk_is_said_once_and_the_run_goes_on(tmp_path, settings, told, monkeypatch):
    write = checkpoints.write_atomically
    full = True

    def failing(path, content):
        if full and "00000000" not in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(checkpoints, "write_atomically", failing)
    run = Run.start(settings, tmp_path / "run", told.append)
    while run.trainer.step < 12:
        run.advance()
    run.settle()
    notices = [event.message for event in told if isinstance(event, Notice)]
    assert len(notices) == 1  # although steps 5 and 10 are not saved
    assert "Step 5 cannot be saved" in notices[0]
    assert "No space left on device" in notices[0]
    assert saved_steps(tmp_path / "run") == (0,)
    full = False
    weights = completed(run)
    assert equal(open_network(told[-1].path).module.state_dict(), weights)


def test_all_that_is_lost_as_the_program_ends_is_said(tmp_path, settings, told):
    folder = tmp_path / "run"
    run = Run.start(settings, folder, told.append)
    while run.trainer.step < 7:
        run.advance()
    run.settle()
    folder.rename(tmp_path / "moved")
    folder.write_text("in the way")
    run.close(killed=True)
    notices = [event.message for event in told if isinstance(event, Notice)]
    assert any(notice.startswith(f"Step 7 cannot be saved in {folder}") for notice in notices)
    assert any(notice.startswith(f"The curve cannot be written in {folder}") for notice in notices)


def test_a_damaged_checkpoint_is_passed_over(tmp_path, settings, whole):
    run = Run.start(settings, tmp_path / "run", lambda event: None)
    while run.trainer.step < 11:
        run.advance()
    run.abandon()
    content = resume_path(tmp_path / "run", 10).read_bytes()
    for damage in (content[: len(content) // 2], b"", b"\x80\x04" + content[2:]):
        resume_path(tmp_path / "run", 10).write_bytes(damage)
        state = checkpoints.load_checkpoint(tmp_path / "run")
        assert state.step == 5
    assert equal(completed(Run.resume(tmp_path / "run", lambda event: None)), whole[0])


def test_a_folder_that_is_removed_while_it_runs_is_made_again(tmp_path, settings, told):
    run = Run.start(settings, tmp_path / "run", told.append)
    for file in (tmp_path / "run").iterdir():
        file.unlink()
    (tmp_path / "run").rmdir()
    completed(run)
    assert saved_steps(tmp_path / "run")[-1] == 28
    assert not [event for event in told if isinstance(event, Notice)]


def test_a_run_that_is_worked_on_is_neither_offered_nor_taken(tmp_path, settings):
    run = Run.start(settings, tmp_path / "run", lambda event: None)
    assert pending_runs(tmp_path) == ()
    with pytest.raises(RunInUse, match="Another process works on the run"):
        Run.resume(tmp_path / "run", lambda event: None)
    run.abandon()
    assert len(pending_runs(tmp_path)) == 1
    dismiss(tmp_path / "run")
    assert pending_runs(tmp_path) == ()
    assert saved_steps(tmp_path / "run") == (0,)


def hold(path, ready):
    with RunLock(Path(path)):
        ready.set()
        time.sleep(60)


def test_a_lock_goes_with_the_process_that_held_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(str(tmp_path / LOCK_FILE), ready))
    process.start()
    assert ready.wait(60)
    assert is_locked(tmp_path / LOCK_FILE)
    process.kill()
    process.join()
    assert not is_locked(tmp_path / LOCK_FILE)
    assert not is_locked(tmp_path / "nothing")


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(CheckpointError, match="holds no run; start one anew"):
        Run.resume(tmp_path, lambda event: None)
    (tmp_path / "run.json").write_text(json.dumps({"version": 2}))
    assert read_record(tmp_path) is None
    assert pending_runs(tmp_path.parent) == ()


def test_the_number_of_threads_is_restored(tmp_path, settings):
    run = Run.start(settings.changed({"threads": 2}), tmp_path / "run", lambda event: None)
    run.abandon()
    torch.set_num_threads(1)
    resumed = Run.resume(tmp_path / "run", lambda event: None)
    assert torch.get_num_threads() == 2
    resumed.abandon()


def test_many_networks_are_thinned_out_evenly(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(checkpoints, "KEPT_NETWORKS", 8)
    run = Run.start(settings.changed({"save_every": 1, "epochs": 3}), tmp_path / "run", lambda event: None)
    completed(run)
    steps = saved_steps(tmp_path / "run")
    assert len(steps) == 8
    assert steps[0] == 0
    assert steps[-1] == 42
    assert max(after - before for before, after in itertools.pairwise(steps)) <= 16


def test_a_run_that_diverged_is_on_again_once_it_goes_on(tmp_path):
    wild = {**SETTINGS, "optimizer": "sgd", "learning_rate": 1e6, "schedule": "constant", "dropout": None}
    run = Run.start(checked_settings(wild), tmp_path / "run", lambda event: None)
    while not run.trainer.over:
        run.advance()
    assert read_record(tmp_path / "run").status == "diverged"
    run.change(run.trainer.settings.changed({"learning_rate": 1e-3}))
    run.settle()
    assert read_record(tmp_path / "run").status == "running"  # killed now, it is offered to go on
    completed(run)
    assert read_record(tmp_path / "run").status == "finished"
    assert run.trainer.history[-1].train_loss < 3


def test_what_was_changed_on_the_way_is_told_from_how_the_run_began(tmp_path, settings):
    run = Run.start(settings, tmp_path / "run", lambda event: None)
    earlier = settings.changed({"batch_size": 50})
    run.change(earlier)  # before the first step: the run begins with it
    for _ in range(3):
        run.advance()
    run.change(earlier.changed({"learning_rate": 0.01}))
    run.advance()
    run.change(earlier.changed({"learning_rate": 0.02}))
    run.close()
    record = read_record(tmp_path / "run")
    assert (record.settings.learning_rate, record.first_settings) == (0.02, earlier)
    resumed = Run.resume(tmp_path / "run", lambda event: None)
    resumed.close()
    assert read_record(tmp_path / "run").first_settings == earlier
    again = Run.start(read_record(tmp_path / "run").first_settings, tmp_path / "again", lambda event: None)
    for _ in range(3):
        again.advance()
    again.close()
    ours, theirs = (
        [event.loss for event in read_curve(tmp_path / name) if isinstance(event, StepMetrics)]
        for name in ("again", "run")
    )
    assert ours == theirs[:3]
