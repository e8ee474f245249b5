"""One place that hears of every error."""

import threading

import pytest

from cnnviz.engine.failures import FailuresHub, plain_words


def test_what_came_before_the_listener_goes_first_and_in_order():
    hub = FailuresHub()
    hub.tell("first")
    hub.tell("second", "error", "details")
    heard = []
    hub.listen(heard.append)
    hub.tell("third", "info")
    assert [(each.message, each.severity, each.details) for each in heard] == [
        ("first", "warning", ""),
        ("second", "error", "details"),
        ("third", "info", ""),
    ]


def test_an_error_is_told_with_its_traceback():
    hub = FailuresHub()
    heard = []
    hub.listen(heard.append)
    try:
        raise KeyError("no such layer\nand more")
    except KeyError as error:
        hub.report(error, "Opening the network")
    (failure,) = heard
    assert failure.message.startswith("Opening the network failed: ")
    assert "\n" not in failure.message
    assert "Traceback" in failure.details
    assert "test_failures.py" in failure.details


@pytest.mark.parametrize(
    ("error", "words"),
    [(ValueError("one\ntwo"), "one"), (ValueError("  \n"), "ValueError"), (RuntimeError(), "RuntimeError")],
)
def test_plain_words(error, words):
    assert plain_words(error) == words


def test_every_failure_of_many_threads_is_heard_once_while_the_listener_comes():
    hub = FailuresHub()
    heard = []
    begin = threading.Barrier(5)

    def tell(number):
        begin.wait()
        for step in range(200):
            hub.tell(f"{number} {step}")

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    begin.wait()
    hub.listen(lambda failure: heard.append(failure.message))
    for thread in threads:
        thread.join()
    assert sorted(heard) == sorted(f"{number} {step}" for number in range(4) for step in range(200))
    for number in range(4):
        mine = [int(message.split()[1]) for message in heard if message.startswith(f"{number} ")]
        assert mine == sorted(mine)
