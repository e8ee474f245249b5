"""The window is painted before anything heavy is imported."""

import os
import subprocess
import sys

import pytest
import safetensors.numpy
import torch
from numpy import zeros

FIRST_PAINT = """
import sys
from importlib import import_module
import cnnviz.panels
from cnnviz.app import Program, qt_application
from cnnviz.commands.starting import starting_scene
from cnnviz.scene.actions import first_scene
from argparse import Namespace
from pathlib import Path

HEAVY = ("torch", "sklearn", "skimage", "matplotlib", "scipy")
application = qt_application()
for spec in cnnviz.panels.PANELS:
    import_module(spec.view.partition(":")[0])
given = Namespace(network=sys.argv[2] or None, input=None, device=None, scene=None, model=None)
scene = starting_scene(given, first_scene())
program = Program(scene, Path(sys.argv[1]), keep_session=False)
painted = []
program.window.first_painted.connect(lambda: painted.append([name for name in HEAVY if name in sys.modules]))
program._start = lambda: None
program.show()
while not painted:
    application.processEvents()
picture = program.window.grab().toImage()
colours = {picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)}
print(painted[0], len(colours) > 5)
program.discard()
"""


@pytest.mark.parametrize("file", ["", "weights.th", "weights.safetensors", "notes.pt"])
def test_nothing_heavy_is_imported_before_the_first_paint(tmp_path, file):
    """Also with the name of a file from elsewhere, of whatever kind."""
    path = tmp_path / file
    if file.endswith(".safetensors"):
        safetensors.numpy.save_file({"conv.weight": zeros((4, 3, 3, 3), "float32")}, path)
    elif file.startswith("weights"):
        torch.save({"state_dict": {"conv.weight": torch.zeros(4, 3, 3, 3)}}, path)
    elif file:
        torch.save({"notes": torch.zeros(3)}, path)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_PAINT, tmp_path / "state", path if file else ""],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[] True"
