"""The program as a person starts and uses it: its command, a real X window, a real pointer, the screen's pixels."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from skimage.measure import label, regionprops
from skimage.morphology import closing

COMMAND = Path(sys.executable).with_name("cnnviz")
WIDTH, HEIGHT = 1600, 1000
WINDOW_COLOUR = (0x0F, 0x11, 0x15)
"""Between the panels, in the dark theme."""

pytestmark = [
    pytest.mark.screen,
    pytest.mark.skipif(not COMMAND.exists(), reason=f"the program is not installed beside {sys.executable}"),
    pytest.mark.skipif(
        not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool for a real X window"
    ),
]


@dataclass(frozen=True)
class Screen:
    """An X server's screen: what is on it, and a pointer."""

    display: str
    frame_buffer: Path

    def pixels(self) -> np.ndarray:
        """The screen as ``(rows, columns, RGB)``; Xvfb keeps it in a file of the format that ``xwd`` writes."""
        data = self.frame_buffer.read_bytes()
        header = np.frombuffer(data, ">u4", count=25)
        width, height, little_endian, bytes_per_line = header[4], header[5], header[7] == 0, header[12]
        start = header[0] + 12 * header[19]  # the header, then the colour map
        rows = np.frombuffer(data, np.uint8, count=height * bytes_per_line, offset=start).reshape(height, -1)
        channels = rows.reshape(height, -1, 4)[:, :width]
        return (channels[..., 2::-1] if little_endian else channels[..., 1:]).copy()

    def xdotool(self, *words: object) -> str:
        return subprocess.run(
            ["xdotool", *map(str, words)],
            env=os.environ | {"DISPLAY": self.display},
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout

    def drag(self, points: list[tuple[int, int]]) -> None:
        """Press at the first ``(x, y)``, move through the others as a hand does, and release."""
        (x, y), *others = points
        moves = [word for x, y in others for word in ("mousemove", x, y, "sleep", 0.01)]
        self.xdotool("mousemove", x, y, "mousedown", 1, *moves, "mouseup", 1)

    def settled(self, seconds: float = 1.0) -> np.ndarray:
        """The screen, once it has not changed for so long."""
        still_since, last = time.monotonic(), self.pixels()

        def still() -> bool:
            nonlocal still_since, last
            now = self.pixels()
            if (now != last).any():
                still_since, last = time.monotonic(), now
            return time.monotonic() - still_since >= seconds

        wait_for(still, "the screen goes on changing")
        return last


def wait_for(condition: Callable[[], object], failure: str, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, failure
        time.sleep(0.05)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    read_end, write_end = os.pipe()
    command = f"Xvfb -displayfd {write_end} -screen 0 {WIDTH}x{HEIGHT}x24 -nolisten tcp -noreset -fbdir"
    server = subprocess.Popen([*command.split(), str(tmp_path)], pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with open(read_end) as numbers:
        display = f":{numbers.readline().strip()}"
    yield Screen(display, tmp_path / "Xvfb_screen0")
    server.terminate()
    server.wait(60)


@pytest.fixture
def program(screen: Screen, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The installed program, started as on the first day: without settings or a session of an earlier run."""
    of_a_screen = ("QT_", "WAYLAND_", "XDG_SESSION")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_a_screen)}
    with open(tmp_path / "output", "wb") as output:
        process = subprocess.Popen(
            [COMMAND], cwd=tmp_path, env=environment | {"DISPLAY": screen.display}, stdout=output, stderr=output
        )
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        print((tmp_path / "output").read_text())


@dataclass(frozen=True)
class Box:
    """A part of the screen; the far ends are not in it."""

    top: int
    left: int
    bottom: int
    right: int

    def of(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[self.top : self.bottom, self.left : self.right]

    def at(self, row: float, column: float) -> tuple[int, int]:
        """The pointer's ``(x, y)`` at fractions of the box."""
        return (
            round(self.left + column * (self.right - self.left)),
            round(self.top + row * (self.bottom - self.top)),
        )


def find_canvas(pixels: np.ndarray) -> Box | None:
    """The large black square in the left third, whatever is drawn on it; the lines of its pixel grid are filled."""
    black = closing(pixels[:, : WIDTH // 3].max(axis=2) <= 8, np.ones((5, 5)))
    for region in sorted(regionprops(label(black)), key=lambda region: -region.area_bbox):
        top, left, bottom, right = region.bbox
        if min(bottom - top, right - left) > 120 and abs((bottom - top) - (right - left)) <= 4:
            return Box(top, left, bottom, right)
    return None


def spans(separating: np.ndarray, first: int) -> list[tuple[int, int]]:
    """The runs between the separating rows or columns, as ``(start, stop)`` from ``first`` on."""
    edges = np.flatnonzero(np.diff(np.r_[True, separating, True].astype(int)))
    return [(first + start, first + stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def centre_panels(pixels: np.ndarray, canvas: Box) -> tuple[Box, Box]:
    """Network and Activations: the two tallest panels of the widest column, told apart by the gaps between docks."""
    gap = (pixels == WINDOW_COLOUR).all(axis=2)
    beside = gap[canvas.top : canvas.bottom]
    left, right = max(spans(beside.all(axis=0), 0), key=lambda span: span[1] - span[0])
    rows = sorted(spans(gap[:, left:right].all(axis=1), 0), key=lambda span: span[0] - span[1])[:2]
    upper, lower = (Box(top, left, bottom, right) for top, bottom in sorted(rows))
    return upper, lower


SEVEN_TOP = [(0.25 + 0.02 * step, 0.25) for step in range(26)]
SEVEN_STEM = [(0.75 - 0.012 * step, 0.25 + 0.02 * step) for step in range(29)]


def test_drawing_with_the_mouse_changes_the_canvas_and_the_panels(screen, program):
    screen.xdotool("mousemove", 0, 0)
    wait_for(lambda: screen.xdotool("search", "--onlyvisible", "--name", "cnnviz"), "no window appeared")
    wait_for(lambda: find_canvas(screen.pixels()), "no canvas on the screen")
    untouched = screen.settled()
    canvas = find_canvas(untouched)
    assert canvas is not None
    network, activations = centre_panels(untouched, canvas)

    def positions(stroke: list[tuple[float, float]]) -> list[tuple[int, int]]:
        return [canvas.at(row, column) for column, row in stroke]

    # After a first stroke has been answered everywhere, nothing that is still being loaded can pass for an answer.
    screen.drag(positions(SEVEN_TOP))

    def changed(before: np.ndarray, box: Box) -> float:
        """The share of pixels of ``box`` that differ from ``before``."""
        return float((box.of(screen.pixels()) != box.of(before)).any(axis=2).mean())

    for box in (network, activations):
        wait_for(lambda box=box: changed(untouched, box) > 0.01, "a panel does not follow the drawing")
    screen.xdotool("mousemove", *positions(SEVEN_STEM)[-1])
    before = screen.settled()

    screen.drag(positions(SEVEN_STEM))
    for box in (network, activations):
        wait_for(lambda box=box: changed(before, box) > 0.01, "a panel does not follow the drawing")
    after = screen.settled()
    x, y = positions(SEVEN_STEM)[6]  # below the first stroke, above the outline of the receptive field
    assert before[y - 1 : y + 2, x - 1 : x + 2].max() < 100, "the canvas was not dark where the stroke went"
    assert after[y - 1 : y + 2, x - 1 : x + 2].min() > 150, "the stroke is not on the canvas"
    assert program.poll() is None, "the program ended"


def test_a_panel_dragged_by_its_title_onto_another_becomes_its_tab(screen, program):
    wait_for(lambda: find_canvas(screen.pixels()), "no canvas on the screen")
    before = screen.settled()
    canvas = find_canvas(before)
    assert canvas is not None
    network, activations = centre_panels(before, canvas)
    gap = slice(network.bottom, activations.top)
    column = slice(network.left, network.right)
    assert (before[gap, column] == WINDOW_COLOUR).all()

    left, top = activations.left + 60, activations.top + 12
    ways = [(left, top), (left + 8, top + 8), (left + 30, top + 30), (left + 120, top - 60)]
    screen.drag([*ways, *[network.at(0.5 + 0.01 * step, 0.5) for step in range(20)]])
    wait_for(
        lambda: not (screen.pixels()[gap, column] == WINDOW_COLOUR).all(axis=2).mean() > 0.5,
        "the dragged panel stands where it stood",
    )
    after = screen.settled()
    (alone, *_) = sorted(spans((after[:, column] == WINDOW_COLOUR).all(axis=(1, 2)), 0), key=lambda s: s[0] - s[1])
    assert alone[0] <= network.top
    assert alone[1] >= activations.bottom
    assert program.poll() is None, "the program ended"
