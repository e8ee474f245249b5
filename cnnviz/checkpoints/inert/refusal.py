"""Why a file is not read."""


class Refusal(ValueError):
    """A file, or a part of it, is not read; the message continues the sentence "FILE cannot be read: …"."""
