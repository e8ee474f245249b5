"""From an edit to the paint that shows it."""

import time

import pytest

from cnnviz.ui.frame_clock import FrameClock


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still until it is set."""
    time_now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: time_now[0])

    def set_ms(milliseconds: float) -> None:
        time_now[0] = milliseconds / 1e3

    return set_ms


@pytest.fixture
def clock(qapp):
    clock = FrameClock()
    clock.painted(0)  # the start
    return clock


def test_a_frame_lasts_from_the_first_edit_that_it_answers(clock, now):
    frames = []
    clock.framed.connect(lambda version, milliseconds: frames.append((version, pytest.approx(milliseconds))))
    for version, at in ((1, 10), (2, 12), (3, 14)):
        now(at)
        clock.edited(version)
    now(20)
    clock.painted(2)
    now(23)
    clock.painted(3)
    assert frames == [(2, 10.0), (3, 9.0)]


def test_a_repaint_of_the_same_version_is_no_frame(clock, now):
    clock.edited(1)
    now(4)
    clock.painted(1)
    now(100)
    clock.painted(1)
    assert clock.median_ms == pytest.approx(4)


def test_the_start_is_no_frame(qapp, now):
    clock = FrameClock()
    clock.edited(1)
    now(900)
    clock.painted(1)
    assert clock.median_ms is None


def test_the_loading_of_a_network_is_no_frame_nor_is_what_is_drawn_meanwhile(clock, now):
    clock.edited(1)
    now(5)
    clock.painted(1)
    clock.edited(2)  # drawn just before
    now(10)
    clock.edited(3)
    clock.restart(3)
    now(12)
    clock.painted(2)
    assert clock.median_ms is None
    now(3000)
    clock.edited(4)
    clock.edited(5)  # not in what the network shows at first
    now(29_000)
    clock.painted(4)
    now(29_100)
    clock.painted(5)
    assert clock.median_ms is None
    now(29_200)
    clock.edited(6)
    now(29_208)
    clock.painted(6)
    assert clock.median_ms == pytest.approx(8)


def test_the_median_is_that_of_the_last_thirty(clock, now):
    at = 0
    for version in range(1, 61):
        now(at)
        clock.edited(version)
        at += 50 if version <= 30 else version % 3 + 1
        now(at)
        clock.painted(version)
    assert clock.median_ms == pytest.approx(2)
