"""Random edits for a long while: memory must not grow, and no thread or hook be left.

    python tests/bench/soak.py [MINUTES]

Prints one JSON object: edits made, memory after the first minute and at the end (MB of resident memory), threads and
forward hooks before and after.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")

from PyQt6.QtCore import QEventLoop, QTimer

from cnnviz.app import Program, qt_application
from cnnviz.data.strokes import Stroke
from cnnviz.scene import actions
from cnnviz.scene.document import Document
from cnnviz.ui.status_bar import resident_bytes

NETWORKS = (("mnist-lenet", 1), ("cifar-net", 3), ("tiny-vgg", 3))
SLIDERS = {"rotation": (-180, 180), "zoom": (0.25, 4), "shift_rows": (-16, 16), "blur": (0, 8), "noise": (0, 1)}
PAUSE_MS = 40
WARM_UP_S = 60


def edit(document: Document, draw: random.Random) -> None:
    """One thing that a person may do."""
    choice = draw.random()
    if choice < 0.70:
        drawing = document.scene.input.drawing
        point = (draw.random() * drawing.height, draw.random() * drawing.width)
        if not drawing.strokes or draw.random() < 0.05:
            document.append("input.drawing.strokes", Stroke(diameter=draw.uniform(1, 6), points=(point,)))
        else:
            document.append("input.drawing.strokes.-1.points", point)
    elif choice < 0.80:
        name, (low, high) = draw.choice(list(SLIDERS.items()))
        document.edit(f"input.edits.{name}", draw.uniform(low, high))
    elif choice < 0.88:
        document.edit("selection.channel", draw.randrange(64))
    elif choice < 0.92:
        document.edit("panels.activations.scale", draw.choice(["shared", "own"]))
    elif choice < 0.94:
        document.edit("appearance.theme", draw.choice(["dark", "light"]))
    elif choice < 0.96:
        name, channels = draw.choice(NETWORKS)
        actions.use_network(document, f"shipped:{name}", channels)
    elif choice < 0.97:
        actions.use_blank(document)
    else:
        document.undo() if draw.random() < 0.7 else document.redo()


def hooks(program: Program) -> int:
    network = program.stage.network
    return 0 if network is None else sum(len(module._forward_hooks) for module in network.module.modules())


def main(minutes: float) -> None:
    application = qt_application()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        program = Program(actions.first_scene(), Path(folder))
        program.show()
        program.stage.wait_until_idle(60)
        threads = threading.active_count()
        loop, count = QEventLoop(), 0
        end, warm = time.monotonic() + minutes * 60, None
        begun = time.monotonic()
        timer = QTimer()

        def step() -> None:
            nonlocal count, warm, threads
            edit(program.document, draw)
            count += 1
            if warm is None and time.monotonic() - begun > min(WARM_UP_S, minutes * 30):
                warm, threads = resident_bytes(), threading.active_count()
            if time.monotonic() > end:
                loop.quit()

        timer.timeout.connect(step)
        timer.start(PAUSE_MS)
        loop.exec()
        timer.stop()
        program.stage.wait_until_idle(60)
        figures = {
            "minutes": minutes,
            "edits": count,
            "memory_warm_mb": round((warm or 0) / 2**20, 1),
            "memory_end_mb": round((resident_bytes() or 0) / 2**20, 1),
            "threads_before": threads,
            "threads_after": threading.active_count(),
            "hooks_after": hooks(program),
            "failures": program.window.notices.texts(),
        }
        program.window.close()
        application.processEvents()
    print(json.dumps(figures))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
