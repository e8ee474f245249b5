"""``cnnviz bench``: what it offers, and the processes of its own that it measures in."""

import json
import time

import pytest

from cnnviz.cli import main
from cnnviz.nets.registry import build

BENCHMARKS = ["live", "start", "open", "measure", "train"]


def test_only_benchmarks_are_offered(capsys):
    with pytest.raises(SystemExit) as end:
        main(["bench", "nonsense"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert [name for name in BENCHMARKS if name not in said] == []
    assert not {"alone", "bare", "tuned", "started", "opened"} & set(said.replace(",", " ").replace("'", " ").split())
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    assert "--alone" not in capsys.readouterr().out


@pytest.mark.parametrize("part", ["bare_filters", "bare_legacy", "legacy", "identify"])
def test_a_file_is_opened_in_a_process_of_its_own(part, tmp_path, capsys):
    import torch

    path = tmp_path / "weights.pt"
    torch.save(build("lenet", {}).state_dict(), path)
    begun = time.perf_counter()
    assert main(["bench", "open", "--alone", f"{part}:{path}"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["ms"] <= (time.perf_counter() - begun) * 1e3
