"""What ``cnnviz bench open`` measures: files of 500 MB in the window against bare ``torch.load`` in the same run."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RUNS = 5
ARCHITECTURE = "vgg16"
"""138 million weights, 528 MB."""


def open_files(runs: int = RUNS) -> dict[str, Any]:
    """Make a zip and a legacy checkpoint in a temporary folder, and open each :data:`RUNS` times in the window.

    ``filters_ms`` is from the person's asking for the file to the paint that shows its first filters,
    ``bare_filters_ms`` a ``torch.load`` that maps the file plus reading the first layer; ``legacy_ms`` is the reading
    of all tensors of a legacy file, ``bare_legacy_ms`` that of ``torch.load``. Memory is that which no file backs.
    """
    with tempfile.TemporaryDirectory() as folder:
        zipped, legacy = Path(folder) / "zip.pt", Path(folder) / "legacy.pt"
        _make(zipped, legacy)
        names = ("bare_filters_ms", "filters_ms", "alive_ms", "bare_legacy_ms", "legacy_ms", "identify_ms")
        taken: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(runs):
            taken["bare_filters_ms"].append(_in_process("bare_filters", zipped))
            taken["bare_legacy_ms"].append(_in_process("bare_legacy", legacy))
            taken["legacy_ms"].append(_in_process("legacy", legacy))
            taken["identify_ms"].append(_in_process("identify", zipped))
        memory: dict[str, float] = {}
        for run in range(runs):
            window = _child("window", zipped if run % 2 == 0 or run == runs - 1 else legacy)
            if window["kind"] == "zip":
                taken["filters_ms"].append(window["filters_ms"])
                taken["alive_ms"].append(window["alive_ms"])
            memory[f"{window['kind']}_above_idle_mb"] = window["above_idle_mb"]
        shown = zipped.stat().st_size / 2**20
    medians = {name: round(statistics.median(values), 1) for name, values in taken.items()}
    return {
        **medians,
        "filters_above_bare_ms": round(medians["filters_ms"] - medians["bare_filters_ms"], 1),
        "legacy_ratio": round(medians["legacy_ms"] / medians["bare_legacy_ms"], 2),
        "shown_mb": round(shown, 1),
        **{name: round(value, 1) for name, value in memory.items()},
    }


def one(what: str, path: Path) -> dict[str, Any]:
    """In a process of its own: one figure, which nothing that was measured before has warmed up."""
    measured: dict[str, Callable[[Path], float]] = {
        "bare_filters": _bare_filters,
        "bare_legacy": _bare_legacy,
        "legacy": _legacy,
        "identify": _identify,
    }
    return _window(path) if what == "window" else {"ms": measured[what](path)}


def _in_process(what: str, path: Path) -> float:
    return float(_child(what, path)["ms"])


def _child(what: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "cnnviz", "bench", "open", "--alone", f"{what}:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _make(zipped: Path, legacy: Path) -> None:
    import torch

    from cnnviz.nets.registry import build

    torch.manual_seed(0)
    state = build(ARCHITECTURE, {}).state_dict()
    torch.save(state, zipped)
    torch.save(state, legacy, _use_new_zipfile_serialization=False)


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def _bare_filters(path: Path) -> float:
    import torch

    return _timed(lambda: next(iter(torch.load(path, mmap=True, weights_only=True).values())).clone())


def _bare_legacy(path: Path) -> float:
    import torch

    return _timed(lambda: torch.load(path, weights_only=True))


def _legacy(path: Path) -> float:
    import torch

    from cnnviz.checkpoints.reader import read_checkpoint

    torch.zeros(1)

    def read() -> object:
        contents = read_checkpoint(path)
        return [contents.load(entry.name) for entry in contents.entries]

    return _timed(read)


def _identify(path: Path) -> float:
    from cnnviz.checkpoints.identification import identify
    from cnnviz.checkpoints.reader import read_checkpoint

    contents = read_checkpoint(path)
    return _timed(lambda: identify(contents))


def _window(path: Path) -> dict[str, Any]:
    """Open the file in the program's window, as a person does, and watch until its filters and all of it are shown."""
    from cnnviz.app import Program, qt_application
    from cnnviz.checkpoints.sandbox import is_one_ahead
    from cnnviz.scene import actions

    application = qt_application()
    with tempfile.TemporaryDirectory() as folder:
        program = Program(actions.first_scene(), Path(folder), keep_session=False)
        program.show()
        end = time.monotonic() + 120
        while program.stage.shown_version < 0 and time.monotonic() < end:
            program.stage.wait_until_idle(1.0)
        program.stage.wait_until_idle()
        while not is_one_ahead() and time.monotonic() < end:  # no person is faster
            application.processEvents()
            time.sleep(0.01)
        idle = _unbacked_mb()
        moments: dict[str, float] = {}
        waiting: list[str] = []

        def delivered(delivery: Any) -> None:
            shown = delivery.results.get("filters")
            if shown is not None and tuple(shown.shape) == (64, 3, 3, 3):
                waiting.append("filters_ms")
            if delivery.complete and delivery.network is not None and delivery.network.name == path.stem:
                waiting.append("alive_ms")

        def painted() -> None:
            for name in waiting:
                moments.setdefault(name, (time.perf_counter() - begun) * 1e3)
            waiting.clear()

        program.stage.delivered.connect(delivered)
        program.window.painted.connect(painted)
        begun = time.perf_counter()
        program.controller.open_network(f"file:{path}")
        while "alive_ms" not in moments and time.monotonic() < end:
            application.processEvents()
            time.sleep(0.0005)
        program.stage.wait_until_idle()
        gc.collect()
        above = _unbacked_mb() - idle
        program.window.close()
        application.processEvents()
    return {**moments, "above_idle_mb": above, "kind": path.stem}


def _unbacked_mb() -> float:
    """Memory of this process that no file backs, in MB; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024
