import pytest
from pydantic import ValidationError

from cnnviz.training.run_label import RunLabel, read_label, write_label
from cnnviz.training.run_queue import QUEUE_FILE, RunQueue, WaitingRun, read_queue, waiting_run, write_queue
from cnnviz.training.settings import checked_settings

SETTINGS = checked_settings({"dataset": "dots", "permute_pixels": True, "network": {"name": "lenet"}})


def queue_of(*names):
    return RunQueue(waiting=tuple(WaitingRun(id=name, settings=SETTINGS) for name in names))


def names(queue):
    return [run.id for run in queue.waiting]


def test_the_queue_is_read_as_it_was_written(tmp_path):
    label = RunLabel(name="without", comparison="Normalisation")
    queue = queue_of("one").with_runs([waiting_run(tmp_path, SETTINGS, label)])
    write_queue(tmp_path, queue)
    assert read_queue(tmp_path) == queue
    assert read_queue(tmp_path).waiting[1].label == label


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 2}', b'{"waiting": [{"id": "../x"}]}'])
def test_a_damaged_queue_is_an_empty_one(tmp_path, content):
    (tmp_path / QUEUE_FILE).write_bytes(content)
    assert read_queue(tmp_path) == RunQueue()


def test_runs_move_go_and_are_renamed():
    queue = queue_of("a", "b", "c")
    assert names(queue.moved_up("c")) == ["a", "c", "b"]
    assert names(queue.moved_up("a")) == ["a", "b", "c"]
    assert names(queue.without("b")) == ["a", "c"]
    assert queue.relabelled("b", RunLabel(name="x")).find("b").label.name == "x"
    assert queue.find("d") is None


def test_each_waiting_run_gets_a_folder_of_its_own(tmp_path):
    (tmp_path / waiting_run(tmp_path, SETTINGS, RunLabel()).id).mkdir()
    taken = []
    for _ in range(4):
        taken.append(waiting_run(tmp_path, SETTINGS, RunLabel(), taken).id)
    assert len(set(taken)) == 4
    assert not any((tmp_path / name).exists() for name in taken)


def test_names_have_a_longest(tmp_path):
    write_label(tmp_path, RunLabel(name="x" * 80))
    assert read_label(tmp_path).name == "x" * 80
    with pytest.raises(ValidationError):
        RunLabel(name="x" * 81)
    (tmp_path / "label.json").write_text("[]")
    assert read_label(tmp_path) == RunLabel()
