import pytest

from cnnviz.core.error_words import first_line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            RuntimeError("mat1 and mat2 shapes cannot be multiplied.\nat line 3"),
            "mat1 and mat2 shapes cannot be multiplied",
        ),
        (ValueError("\n  two words \n"), "two words"),
        (AssertionError(), "AssertionError"),
        (TypeError(" \n "), "TypeError"),
    ],
)
def test_the_first_line_is_a_part_of_a_sentence(error, words):
    assert first_line(error) == words
