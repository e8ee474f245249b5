"""The errors that are a command's answer to its person, rather than a fault of the program."""

import sys

_EXPECTED = {
    "cnnviz.checkpoints.card": "CheckpointError",
    "cnnviz.data.assets": "AssetsNotFound",
    "cnnviz.data.labelled_images": "DatasetError",
    "cnnviz.nets.registry": "ArchitectureError",
    "cnnviz.training.evaluate": "EvaluationError",
    "cnnviz.training.run_lock": "RunInUse",
    "cnnviz.training.settings": "SettingsError",
}


class CommandError(ValueError):
    """A command cannot do what its arguments ask for; the message is one sentence."""


def expected_errors() -> tuple[type[Exception], ...]:
    """Every kind of error whose message is meant for the person at the terminal, of those that can have been raised.

    Nothing is imported for it: where it was an import that failed half-way, as torch's does without memory, the next
    try fails in another place and tells nothing of why.
    """
    loaded = [(sys.modules[module], name) for module, name in _EXPECTED.items() if module in sys.modules]
    return CommandError, *(getattr(module, name) for module, name in loaded if hasattr(module, name))
