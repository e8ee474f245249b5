"""Runs the reader of Keras files in a child process that has little memory, little time and nothing to write to."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cnnviz
from cnnviz.checkpoints.card import CheckpointError
from cnnviz.checkpoints.keras.plan import KerasPlan

_MEMORY = 280 << 20
"""Bytes of address space beside the mapped file and the libraries."""
_CPU_SECONDS = 4
_PATIENCE = 30.0
"""Seconds on the clock, which pass faster than the child's own on a busy computer."""
_START = "import sys; sys.path.append(sys.argv.pop(1)); from cnnviz.checkpoints.keras import child; child.main()"


def read_plan(path: Path) -> KerasPlan:
    """What the Keras file ``path`` says, without its weights.

    Raises
    ------
    CheckpointError
        It cannot be read, or h5py is not installed.
    """
    if find_spec("h5py") is None:
        raise CheckpointError(
            f"{path} needs h5py, which is not installed; install it with 'pip install cnnviz[keras]'."
        )
    try:
        if not path.is_file():
            raise CheckpointError(f"{path} is not a file; give the path of an .h5 or .keras file.")
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                raise CheckpointError(f"{path} is empty; get the file again.")
            file.seek(0)
            return _answer(path, file.fileno())
    except (OSError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be read ({reason}); check the path and its permissions.") from error


def _answer(path: Path, file: int) -> KerasPlan:
    folder = str(Path(cnnviz.__file__).parent.parent)
    # Isolated (-I) from the working folder and from what the environment could add, also from filters of HDF5's.
    command = [sys.executable, "-I", "-X", "utf8", "-c", _START, folder, str(_MEMORY), str(_CPU_SECONDS)]
    kept = {key: value for key, value in os.environ.items() if key in ("SYSTEMROOT", "LD_LIBRARY_PATH")}
    try:
        done = subprocess.run(
            command,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            env={**kept, "OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckpointError(f"{path} cannot be read: it takes far longer than any network does.") from error
    if done.returncode:
        raise CheckpointError(f"{path} cannot be read: it takes more time or memory than any network does.")
    answer = json.loads(done.stdout)
    if "plan" not in answer:
        raise CheckpointError(f"{path} cannot be read as Keras: {answer['refusal']}; get the file again.")
    plan: KerasPlan = answer["plan"]
    return plan
