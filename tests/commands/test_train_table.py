"""``cnnviz train --network FILE.json``: a table of layers from the Architecture panel."""

import json

import pytest

from cnnviz.checkpoints.identify import read_card
from cnnviz.cli import main
from cnnviz.nets.layer_table import LAYER_TABLE, LayerTable
from cnnviz.nets.registry import table_of
from cnnviz.nets.table_file import write_table
from cnnviz.nets.table_presets import TABLE_PRESETS


def test_a_table_is_trained_and_stands_in_the_card(tmp_path, capsys):
    table = TABLE_PRESETS["perceptron"].table
    write_table(table, tmp_path / "mine.json")
    out = tmp_path / "mine.safetensors"
    arguments = ["--dataset", "digits", "--steps", "3", "--threads", "1", "--out", str(out), "--json"]
    assert main(["train", "--network", str(tmp_path / "mine.json"), *arguments]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["checkpoint"] == str(out)
    card = read_card(out)
    assert card.architecture == LAYER_TABLE
    assert table_of(card.config) == LayerTable(layers=table.layers, height_width=(8, 8))
    assert "mine.json" not in card.command  # the command holds the table itself
    assert '"kind": "linear"' in card.command


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ('{"layers": []}', "holds no table of layers"),
        (
            '{"cnnviz_layer_table": 1, "layers": [{"kind": "linear", "name": "fc1"}]}',
            "fc1: A linear layer reads numbers",
        ),
    ],
)
def test_a_table_that_cannot_be_trained_is_said_in_one_line(tmp_path, capsys, content, words):
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content)
    arguments = ["--dataset", "digits", "--steps", "3", "--out", str(tmp_path / "out.safetensors")]
    assert main(["train", "--network", str(path), *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
