"""The child process that reads ONNX files."""

from ..sandboxed import serve
from .parse import parse


def main() -> None:
    serve(lambda data: {**parse(data)})
