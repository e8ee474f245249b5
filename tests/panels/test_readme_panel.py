"""The panel that the README shows is a whole one: written down as it stands there, it computes and is drawn."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

import cnnviz.panels
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.scene import params
from cnnviz.scene.document import Document

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """The README's two files, as if they stood among the panels."""
    shown = README.read_text(encoding="utf-8").partition("<!-- a-panel -->")[2]
    files = re.findall(r"```python\n(.*?)```", shown, re.DOTALL)[:2]
    for text in files:
        name = re.search(r"# cnnviz/panels/(\w+\.py)", text)[1]
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(cnnviz.panels, "__path__", [*cnnviz.panels.__path__, str(tmp_path)])
    monkeypatch.setattr(params, "_params_of", dict(params._params_of))
    yield import_module("cnnviz.panels.sparsity").SPEC
    for name in ("sparsity", "sparsity_view"):
        sys.modules.pop(f"cnnviz.panels.{name}", None)
        vars(cnnviz.panels).pop(name, None)


def test_the_panel_computes_and_follows_its_slider(spec, tmp_path, handed, qtbot):
    halves = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        halves.weight.zero_()
        halves.bias.copy_(torch.tensor([0.4, -0.6]))
    document = Document()
    document.edit("network.source", handed(nn.Sequential(halves).eval(), (1, 8, 8), 2))
    computation = Computation((spec,), InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())
    module, _, name = spec.view.partition(":")
    view = getattr(import_module(module), name)(document)
    qtbot.addWidget(view)
    for threshold, silent in ((0.3, 0.0), (0.5, 0.5), (0.7, 1.0)):
        document.edit("panels.sparsity.threshold", threshold)
        request = Request(document.scene, document.version, frozenset({"sparsity"}))
        (delivery,) = computation.run(request, lambda: False, lambda: False)
        assert (delivery.results["sparsity"].layer, delivery.results["sparsity"].silent) == ("0", silent)
        view.show_result(delivery.results["sparsity"])
        assert (view.state, view.subtitle) == ("fresh", "0")
        assert view.findChild(import_module("cnnviz.ui.bound_slider").BoundSlider).value() == threshold
