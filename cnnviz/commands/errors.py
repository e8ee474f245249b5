"""The errors that are a command's answer to its person, rather than a fault of the program."""


class CommandError(ValueError):
    """A command cannot do what its arguments ask for; the message is one sentence."""


def expected_errors() -> tuple[type[Exception], ...]:
    """Every kind of error whose message is meant for the person at the terminal.

    A function, because a command line that has only been painted or parsed must not have imported all of these.
    """
    from cnnviz.checkpoints.card import CheckpointError
    from cnnviz.data.assets import AssetsNotFound
    from cnnviz.data.labelled_images import DatasetError
    from cnnviz.nets.registry import ArchitectureError
    from cnnviz.training.evaluate import EvaluationError
    from cnnviz.training.run_lock import RunInUse
    from cnnviz.training.settings import SettingsError

    return (
        CommandError,
        AssetsNotFound,
        ArchitectureError,
        CheckpointError,
        DatasetError,
        EvaluationError,
        RunInUse,
        SettingsError,
    )
