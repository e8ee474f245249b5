"""What the README says of reading files is what the program does."""

import json
import re
from pathlib import Path

import torch

from cnnviz.checkpoints.inert.names import HARMLESS
from cnnviz.cli import main
from cnnviz.nets.registry import build

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def documented_keys():
    table = README.partition("<!-- inspect-keys -->")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_the_list_of_harmless_names_is_that_of_the_code():
    listed = README.partition("<!-- harmless-names -->")[2].partition("<!-- /harmless-names -->")[0]
    names = re.findall(r"`([^`]+)`", listed)
    assert names == sorted(HARMLESS)
    assert re.sub(r"`[^`]+`|[,\s]", "", listed) == ""


def test_nothing_on_the_list_of_harmless_names_can_do_anything():
    """No function that calls, imports, reads or writes; a class that only holds values, or torch's old placeholder."""
    words = "eval|exec|compile|open|system|import|getattr|setattr|apply|map|filter|partial|load|loads|call"
    calling = re.compile(rf"\b({words})$")
    assert not [name for name in HARMLESS if calling.search(name)]
    assert {name.partition(".")[0] for name in HARMLESS} <= {
        *("argparse", "builtins", "collections", "copyreg", "datetime", "decimal", "fractions", "pathlib", "torch"),
        "uuid",
    }


def test_the_documented_keys_of_inspect_are_there_and_no_others(tmp_path, capsys):
    keys = documented_keys()
    required = {"status", "format", "architecture", "confidence", "parameters", "tensors", "layers", "refused"}
    assert required | {"message"} <= set(keys)
    known, unnamed, empty = tmp_path / "known.pt", tmp_path / "unnamed.pt", tmp_path / "empty.pt"
    torch.save(build("cifar-resnet20", {}).state_dict(), known)
    torch.save({"a.weight": torch.rand(3, 4, 3, 3), "b.weight": torch.rand(2, 7)}, unnamed)
    empty.touch()
    for path, status in ((known, 0), (unnamed, 3), (empty, 2)):
        assert main(["inspect", str(path), "--json"]) == status
        found = json.loads(capsys.readouterr().out)
        assert list(found) == keys
        assert found["message"].endswith(".")


def test_the_documented_keys_within_lists_are_there(tmp_path, capsys):
    path = tmp_path / "net.pt"
    torch.save(build("cifar-resnet20", {}).state_dict(), path)
    main(["inspect", str(path), "--json"])
    found = json.loads(capsys.readouterr().out)
    for key in ("tensors", "layers", "candidates"):
        (line,) = re.findall(rf"^\| `{key}` \| (.*) \|$", README, re.MULTILINE)
        documented = set(re.findall(r"`(\w+)`", line))
        assert all(entry.keys() == documented for entry in found[key]), key
        assert found[key]
    main(["inspect", str(path), str(path), "--json"])
    compared = json.loads(capsys.readouterr().out)
    (line,) = re.findall(r"^Of two files it prints (.*)\.$", README, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", line)) == compared.keys() | set(compared["layers"][0])
