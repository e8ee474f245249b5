"""A folder of checkpoints: their order, and what in it is none of them."""

import os

import pytest
import torch
from safetensors.torch import save_file

from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.run_folder import RunFolder, run_start


def save(path, shape=(2, 3), **beside):
    torch.save({"state_dict": {"a.weight": torch.ones(shape)}, **beside}, path)


def looked_at(folder, like=None):
    run = RunFolder(folder, like)
    while run.look_at_next():
        pass
    return run


def names(files):
    return [file.path.name for file in files]


def test_numbers_in_names_give_the_order(tmp_path):
    for number in (10, 9, 100, 1):
        save(tmp_path / f"step-{number}.pt")
    assert names(RunFolder(tmp_path).files) == ["step-1.pt", "step-9.pt", "step-10.pt", "step-100.pt"]
    assert run_start(tmp_path).name == "step-100.pt"
    assert [file.title for file in RunFolder(tmp_path).files] == ["step 1", "step 9", "step 10", "step 100"]


def test_what_the_files_record_goes_before_their_names(tmp_path):
    save(tmp_path / "best.pt", epoch=2, loss=0.25)
    save(tmp_path / "a.pt", epoch=3)
    save(tmp_path / "z.pt", epoch=1)
    run = looked_at(tmp_path)
    assert names(run.files) == ["z.pt", "best.pt", "a.pt"]
    assert [file.title for file in run.files] == ["epoch 1", "epoch 2", "epoch 3"]
    assert run.files[1].notes == (("loss", 0.25),)


def test_strangers_and_damaged_files_are_listed_with_the_reason(tmp_path):
    for number in range(3):
        save(tmp_path / f"epoch-{number}.pt", epoch=number)
    save(tmp_path / "other.pt", shape=(4, 3))
    torch.save({"state_dict": {"b.weight": torch.ones(2)}}, tmp_path / "stranger.pt")
    torch.save({"optimizer": {"state": torch.ones(2)}}, tmp_path / "optimizer.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "epoch-0.pt").read_bytes()[:300])
    (tmp_path / "notes.txt").write_text("no weights")
    run = looked_at(tmp_path)
    assert names(run.files) == ["epoch-0.pt", "epoch-1.pt", "epoch-2.pt"]
    problems = {file.path.name: file.problem for file in run.others}
    assert problems.keys() == {"other.pt", "stranger.pt", "optimizer.pt", "cut.pt"}
    assert "4×3, not 2×3" in problems["other.pt"]
    assert "lacks 'state_dict.a.weight'" in problems["stranger.pt"]
    assert "no network's weights" in problems["optimizer.pt"]
    assert str(tmp_path) not in problems["cut.pt"]
    assert run_start(tmp_path).name == "epoch-2.pt"


def test_what_came_changed_or_went_is_seen_and_nothing_else_is_read_again(tmp_path, monkeypatch):
    for number in range(3):
        save(tmp_path / f"{number}.pt")
    run = looked_at(tmp_path)
    save(tmp_path / "1.pt", shape=(5, 5))
    os.utime(tmp_path / "1.pt", ns=(1, 1))
    save(tmp_path / "3.pt")
    (tmp_path / "0.pt").unlink()
    run.rescan()
    assert run.left == 2
    while run.look_at_next():
        pass
    assert names(run.files) == ["2.pt", "3.pt"]
    assert names(run.others) == ["1.pt"]


def test_the_shown_checkpoint_says_what_the_run_is(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.pt")
    save(tmp_path / "mine.pt", shape=(7, 7))
    assert names(looked_at(tmp_path, tmp_path / "mine.pt").files) == ["mine.pt"]


def test_an_empty_or_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoints"):
        run_start(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        RunFolder(tmp_path / "gone")


def test_parts_of_one_checkpoint_are_not_taken_for_a_run(tmp_path):
    save(tmp_path / "model-00001-of-00002.pt")
    save(tmp_path / "model-00002-of-00002.pt")
    save(tmp_path / "whole.pt")
    assert names(RunFolder(tmp_path).files) == ["whole.pt"]


def test_a_last_checkpoint_that_is_damaged_does_not_say_what_the_run_is(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.pt")
    (tmp_path / "3.pt").write_bytes(b"not yet whole")
    run = looked_at(tmp_path)
    assert names(run.files) == ["0.pt", "1.pt", "2.pt"]
    assert names(run.others) == ["3.pt"]


def test_what_a_run_keeps_to_go_on_is_no_checkpoint_of_it(tmp_path):
    for name in ("step-00000100.safetensors", "resume-00000100.safetensors"):
        save_file({"weight": torch.zeros(2, 2)}, tmp_path / name)
    run = looked_at(tmp_path)
    assert names(run.files) == ["step-00000100.safetensors"]
    assert not run.others


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_links_and_pipes_in_the_folder_are_passed_over(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    save(folder / "epoch1.pt")
    os.mkfifo(folder / "epoch2.pt")
    (folder / "epoch3.pt").symlink_to("epoch3.pt")
    (folder / "epoch4.pt").symlink_to("nowhere.pt")
    (folder / "epoch5.pt").symlink_to(folder / "epoch2.pt")
    (folder / "epoch6.pt").symlink_to("/dev/zero")
    (folder / "epoch7.pt").mkdir()
    (folder / "epoch8.pt").symlink_to("epoch1.pt")
    run = looked_at(folder)
    assert names(run.files) == ["epoch1.pt", "epoch8.pt"]
    assert names(run.others) == []
