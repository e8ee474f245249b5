"""The command line: one function per command, each of which imports what it needs when it runs."""

import argparse
import errno
import io
import os
import select
import sys
from collections.abc import Sequence
from typing import NoReturn

from cnnviz import __version__
from cnnviz.commands.bench import add_bench_command
from cnnviz.commands.errors import expected_errors
from cnnviz.commands.evaluate import add_evaluate_command
from cnnviz.commands.inspect import add_inspect_command
from cnnviz.commands.measure import add_measure_command
from cnnviz.commands.screenshot import add_screenshot_command
from cnnviz.commands.train_arguments import add_train_command
from cnnviz.commands.window import add_window_arguments

USAGE_ERROR = 2
INTERRUPTED = 130
READER_GONE = 141

COMMANDS = {
    "inspect": add_inspect_command,
    "screenshot": add_screenshot_command,
    "measure": add_measure_command,
    "evaluate": add_evaluate_command,
    "train": add_train_command,
    "bench": add_bench_command,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in ``argv`` and return its exit status; an error is one line on stderr and status 2."""
    _prepare_streams()
    words = sys.argv[1:] if argv is None else list(argv)
    parser = _command_parser() if words and words[0] in COMMANDS else _window_parser()
    arguments = parser.parse_args(words)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        _drop_output()
        return READER_GONE
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _drop_output()
        print(f"cnnviz: the output cannot be written ({error.strerror}); make room.", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("cnnviz: interrupted", file=sys.stderr)
        return INTERRUPTED
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "cnnviz":
            raise
        why = " ".join(_first_cause(error).split())
        print(f"cnnviz: a library cannot be loaded ({why}); make room in memory, or install again.", file=sys.stderr)
        return USAGE_ERROR
    except Exception as error:
        if not isinstance(error, expected_errors()):
            raise
        print(f"cnnviz: {' '.join(str(error).split())}", file=sys.stderr)  # a file's name may have lines
        return USAGE_ERROR


def _first_cause(error: BaseException) -> str:
    """What the system said, without the pages that a library wraps around it, as NumPy does."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def _prepare_streams() -> None:
    """Let every word be said: to a stream that is closed in vain, to one of few letters with escapes for the others."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  as long as the process lives
        elif isinstance(stream, io.TextIOWrapper) and stream.errors != "backslashreplace":
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What is still to be written goes nowhere, or Python would complain once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reader_is_gone() -> bool:
    """Whether whoever reads the standard output has seen enough, as ``head`` does."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(flags & select.POLLERR for _, flags in poll.poll(0))


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}; '{self.prog} --help' shows what is possible\n")


def _window_parser() -> argparse.ArgumentParser:
    """Without a command: the window."""
    parser = _Parser(
        prog="cnnviz",
        description="See what goes on inside a convolutional network, live, while you draw its input.",
        epilog=f"commands: {', '.join(COMMANDS)}; 'cnnviz COMMAND --help' explains each. "
        "example: cnnviz cifar-net --input photo.jpg",
    )
    parser.add_argument("--version", action="version", version=f"cnnviz {__version__}")
    add_window_arguments(parser)
    return parser


def _command_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="cnnviz")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for add in COMMANDS.values():
        add(subparsers)
    return parser
