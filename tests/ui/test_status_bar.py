"""The line at the bottom."""

import mmap
import sys

import pytest

from cnnviz.ui.controls import ElidedLabel
from cnnviz.ui.frame_clock import FrameClock
from cnnviz.ui.status_bar import StatusBar, resident_bytes


@pytest.fixture
def clock(qapp):
    return FrameClock()


@pytest.fixture
def bar(shown, clock):
    return shown(StatusBar(clock), 900, 30)


def words(bar):
    return [label.text() for label in bar.findChildren(ElidedLabel)]


def test_the_network_and_how_its_layers_were_found_are_said(bar):
    bar.set_network("mnist-lenet", "torch.fx", ())
    assert any("mnist-lenet" in text and "torch.fx" in text for text in words(bar))
    bar.set_network("mine", "hooks", ("Functions between modules are not shown.",))
    assert any("hooks" in text for text in words(bar))
    tips = [label.toolTip() for label in bar.findChildren(ElidedLabel)]
    assert any("Functions between modules" in tip for tip in tips)


def test_times_are_said_once_there_are_some(bar, clock):
    bar.refresh()
    assert not any("frame" in text or "forward" in text for text in words(bar))
    clock.painted(0)
    clock.edited(1)
    clock.painted(1)
    bar.set_forward(12.34)
    bar.refresh()
    (times,) = [text for text in words(bar) if "forward" in text]
    assert "forward 12.3 ms" in times
    assert "frame" in times


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_the_memory_is_that_of_the_process():
    before = resident_bytes()
    with mmap.mmap(-1, 64 * 2**20) as pages:  # what is allocated may be memory that was freed and kept
        for place in range(0, len(pages), mmap.PAGESIZE):
            pages[place] = 1
        assert resident_bytes() - before == pytest.approx(len(pages), rel=0.3)
