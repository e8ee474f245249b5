"""The command line: one function per command, each of which imports what it needs when it runs."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from cnnviz import __version__
from cnnviz.commands.errors import expected_errors
from cnnviz.commands.evaluate import add_evaluate_command
from cnnviz.commands.train import add_train_command

USAGE_ERROR = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in ``argv`` and return its exit status; an error is one line on stderr and status 2."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        return status
    except KeyboardInterrupt:
        print("cnnviz: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if not isinstance(error, expected_errors()):
            raise
        print(f"cnnviz: {error}", file=sys.stderr)
        return USAGE_ERROR


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}; '{self.prog} --help' shows what is possible\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="cnnviz",
        description="See what goes on inside a convolutional network.",
        epilog="example: cnnviz evaluate mnist-lenet --dataset mnist",
    )
    parser.add_argument("--version", action="version", version=f"cnnviz {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    add_train_command(subparsers)
    add_evaluate_command(subparsers)
    return parser
