"""Tables in files of their own."""

import json

import pytest

from cnnviz.nets.layer_table import LayerTable
from cnnviz.nets.table_file import TableFileError, compact, is_table, read_table, write_table
from cnnviz.nets.table_presets import TABLE_PRESETS


def test_what_is_written_is_read_again(tmp_path):
    for name, preset in TABLE_PRESETS.items():
        table = LayerTable(layers=preset.table.layers, height_width=(12, 20))
        write_table(table, tmp_path / f"{name}.json")
        assert read_table(tmp_path / f"{name}.json") == table
        assert is_table(tmp_path / f"{name}.json")
        assert LayerTable.model_validate(json.loads(json.dumps(compact(table)))) == table


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "holds no table"),
        (b'{"layers": []}', "holds no table"),
        (
            b'{"cnnviz_layer_table": 1, "layers": [{"kind": "linear", "name": "a", "features": 0}]}',
            "wrong at 'layers.0",
        ),
        (b" " * 4_000_001 + b"{}", "is no JSON"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, content, words):
    path = tmp_path / "table.json"
    path.write_bytes(content)
    with pytest.raises(TableFileError, match=words):
        read_table(path)


def test_files_that_are_not_there_or_cannot_be_written(tmp_path):
    assert not is_table(tmp_path / "none.json")
    with pytest.raises(TableFileError, match="choose another file"):
        read_table(tmp_path / "none.json")
    with pytest.raises(TableFileError, match="choose another place"):
        write_table(TABLE_PRESETS["lenet"].table, tmp_path)
