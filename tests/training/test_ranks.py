"""Two processes that share every batch come to what one process comes to."""

import json
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from cnnviz.training.ranks import Ranks
from cnnviz.training.settings import SettingsError

TRAIN = ["train", "--network", "lenet", "--config", '{"widths": [2, 3], "hidden": 6}', "--dataset", "digits"]
TRAIN += [
    "--epochs",
    "2",
    "--batch-size",
    "64",
    "--optimizer",
    "momentum",
    "--learning-rate",
    "0.05",
    "--device",
    "cpu",
]
TRAIN += ["--json", "--threads", "1", "--augment", "affine", "flip"]


def run(launcher, out):
    command = [sys.executable, *launcher, "-m", "cnnviz", *TRAIN, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(line), safetensors.torch.load_file(out)


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(tmp_path):
    one, weights = run([], tmp_path / "one.safetensors")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    two, shared = run(launcher, tmp_path / "two.safetensors")
    for name, tensor in weights.items():
        torch.testing.assert_close(shared[name], tensor, rtol=1e-3, atol=1e-5)
    assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-4)
    assert two["test_accuracy"] == pytest.approx(one["test_accuracy"], abs=0.01)


def test_each_process_takes_its_part_of_a_batch():
    parts = [Ranks(rank, 3).share(torch.arange(12)).tolist() for rank in range(3)]
    assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(SettingsError, match="A batch of 10 cannot be shared out evenly to 3 processes"):
        Ranks(0, 3).check(10)
