"""Time of one more point in a long stroke, as the document takes it: ``python tests/bench/bench_document.py``."""

import statistics
import time

from cnnviz.data.strokes import Stroke
from cnnviz.scene.document import Document


def measure(length: int, points: int = 300) -> float:
    """Median microseconds of an appended point, where the stroke has ``length`` of them already."""
    document = Document()
    document.append("input.drawing.strokes", Stroke(points=tuple((float(i % 28), 3.0) for i in range(length))))
    taken = []
    with document.gesture():
        for number in range(points):
            start = time.perf_counter()
            document.append("input.drawing.strokes.-1.points", (float(number % 28), 5.0))
            taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6


def main() -> None:
    print(f"{'points':>8} {'one more':>10}")
    for length in (1, 500, 5_000, 50_000):
        print(f"{length:>8} {measure(length):>7.0f} µs")


if __name__ == "__main__":
    main()
