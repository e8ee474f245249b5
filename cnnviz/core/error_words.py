"""What an exception says, as a part of a sentence of one's own."""


def first_line(error: BaseException) -> str:
    """The first line of what ``error`` says, without a full stop; its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
