"""Finer answers that wait until nothing newer is asked for."""

import time

from cnnviz.engine.panel import Rest

LONG_S = 600.0


def resting(seconds, begun):
    """A panel's computation whose fine answer waits."""

    def compute(scene, observation, cancelled):
        yield "coarse"
        yield Rest(seconds)
        begun.append(scene.input.edits.brightness)
        yield "fine"

    return compute


def answers(deliveries, panel):
    return [delivery.results[panel] for delivery in deliveries if panel in delivery.results]


def test_a_fine_answer_comes_after_its_rest_which_is_no_answer_itself(stand, panel, handed, small):
    held = stand(handed(small), panel("slow", resting(0.05, [])))
    start = time.monotonic()
    held.ask()
    assert answers(held.settled(), "test-slow") == ["coarse", "fine"]
    assert time.monotonic() - start >= 0.05


def test_a_newer_scene_ends_the_rest_and_the_answer_is_never_begun(stand, panel, handed, small):
    begun = []
    held = stand(handed(small), panel("slow", resting(LONG_S, begun)))
    held.ask()
    while not held.deliveries:
        time.sleep(0.001)
    held.visible = frozenset()
    held.edit("input.edits.brightness", 0.5)
    held.settled()
    assert begun == []


def test_one_panels_rest_holds_up_no_other(stand, panel, handed, small):
    def other(scene, observation, cancelled):
        yield "coarse"
        yield "fine"

    held = stand(handed(small), panel("slow", resting(LONG_S, [])), panel("other", other))
    held.ask()
    while answers(held.deliveries, "test-other") != ["coarse", "fine"]:
        time.sleep(0.001)
    held.visible = frozenset()
    held.ask()
    assert answers(held.settled(), "test-slow") == ["coarse"]
