"""Time of one more point in a stroke, against drawing everything anew: ``python tests/bench/bench_strokes.py``."""

import math
import statistics
import time

import numpy as np

from cnnviz.data.strokes import Drawing, Rasteriser, Stroke


def spiral(size: int, points: int) -> list[tuple[float, float]]:
    """A hand that goes round and outwards, a few pixels at a time."""
    turns = [8 * math.pi * i / points for i in range(points)]
    return [(size * (0.5 + 0.015 * a * math.sin(a)), size * (0.5 + 0.015 * a * math.cos(a))) for a in turns]


def measure(channels: int, size: int, diameter: float, points: int = 300) -> tuple[float, float]:
    """Median microseconds of an appended point, and of a render from scratch when the drawing is complete."""
    base = np.zeros((channels, size, size), np.float32)
    path = spiral(size, points)
    earlier = Stroke(diameter=diameter, points=tuple(path[::3]), colour=(0.2, 0.9, 0.4))
    drawing = Drawing(height=size, width=size, strokes=(earlier, Stroke(diameter=diameter, points=(path[0],))))
    rasteriser = Rasteriser()
    rasteriser.render(base, drawing)
    appended = []
    for row, column in path[1:]:
        drawing = drawing.extended(row, column)
        start = time.perf_counter()
        rasteriser.render(base, drawing)
        appended.append(time.perf_counter() - start)
    scratch = []
    for _ in range(5):
        start = time.perf_counter()
        Rasteriser().render(base, drawing)
        scratch.append(time.perf_counter() - start)
    return statistics.median(appended) * 1e6, statistics.median(scratch) * 1e6


def main() -> None:
    print(f"{'image':>12} {'brush':>6} {'one more point':>15} {'from scratch':>13}")
    for channels, size, diameter in [
        (1, 28, 2.2),
        (3, 32, 2.5),
        (3, 64, 5.0),
        (1, 224, 12.0),
        (3, 224, 12.0),
        (3, 224, 18.0),
    ]:
        appended, scratch = measure(channels, size, diameter)
        print(f"{channels:>4}×{size}×{size} {diameter:>6} {appended:>12.0f} µs {scratch:>10.0f} µs")


if __name__ == "__main__":
    main()
