"""What ``cnnviz bench start`` measures: from the start of the process to the first picture, beside bare imports."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cnnviz.app import Program, qt_application
from cnnviz.scene import actions

RUNS = 5


def start(runs: int = RUNS) -> dict[str, float]:
    """Process start to first paint and to the first live result, beside a process that only imports."""
    imports, painted, resulted = [], [], []
    for _ in range(runs):
        imports.append(_timed([sys.executable, "-c", "import PyQt6.QtWidgets, pyqtgraph, torch"]))
        begun = time.time()
        command = [sys.executable, "-m", "cnnviz", "bench", "start", "--alone", "window"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        moments = json.loads(output.strip().splitlines()[-1])
        painted.append((moments["first_paint"] - begun) * 1e3)
        resulted.append((moments["first_result"] - begun) * 1e3)
    return {
        "imports_ms": round(statistics.median(imports), 1),
        "first_paint_ms": round(statistics.median(painted), 1),
        "first_result_ms": round(statistics.median(resulted), 1),
    }


def started() -> dict[str, float]:
    """In a process of its own: the moments, in seconds since the epoch, of the first paint and the first result."""
    application = qt_application()
    moments: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        program = Program(actions.first_scene(), Path(folder), keep_session=False)
        program.window.first_painted.connect(lambda: moments.setdefault("first_paint", time.time()))

        def painted() -> None:
            if program.stage.shown_version >= 0 and "first_result" not in moments:
                moments["first_result"] = time.time()
                program.window.close()

        program.window.painted.connect(painted)
        program.leave_start_behind()
        program.show()
        application.exec()
    return moments


def _timed(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    return (time.perf_counter() - begun) * 1e3
