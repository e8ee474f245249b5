"""Scenes on disk: saved atomically, read with the reason told when that is impossible."""

from __future__ import annotations

import json
import time
from itertools import chain, count
from pathlib import Path

from pydantic import ValidationError

from cnnviz.data.atomic import write_atomically
from cnnviz.scene.document import SceneError
from cnnviz.scene.models import SCHEMA_VERSION, Scene

MAX_BYTES = 64 * 2**20


def save_scene(scene: Scene, path: Path) -> None:
    """Write ``scene`` as JSON; the file is whole or as it was before."""
    write_atomically(path, scene.model_dump_json(indent=1).encode())


def load_scene(path: Path) -> Scene:
    """Read a scene.

    Raises
    ------
    SceneError
        In one sentence: missing, unreadable, damaged, not a scene, or of a newer program.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SceneError(f"{path.name} is larger than a scene can be; choose a file saved with File › Save scene.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SceneError(f"The scene {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SceneError(f"{path.name} is no scene; choose a file saved with File › Save scene.") from error
    return parse_scene(text, path.name)


def parse_scene(text: str, name: str) -> Scene:
    """Read a scene from JSON text; ``name`` is what the messages call it.

    That a file is trusted is not taken from it: who sends a scene could send a program with it. What this person
    trusts is kept in their own data folder.

    Raises
    ------
    SceneError
        It is no scene, or one of a newer version; in a sentence that says what to do.
    """
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{name} is damaged: it is not JSON; choose another scene.") from error
    if not isinstance(tree, dict) or "version" not in tree:
        raise SceneError(f"{name} is no scene; choose a file saved with File › Save scene.")
    if isinstance(tree["version"], int) and tree["version"] > SCHEMA_VERSION:
        raise SceneError(
            f"{name} was saved by a newer cnnviz (scene version {tree['version']}); update cnnviz to open it."
        )
    try:
        scene = Scene.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SceneError(f"{name} is damaged at {where or 'its top'}: {first['msg']}; choose another scene.") from error
    return scene.model_copy(update={"network": scene.network.model_copy(update={"trust": False})})


def restore_session(path: Path) -> tuple[Scene | None, str | None]:
    """The scene of the last session, and what to tell the person.

    A damaged file is kept aside under a name of its own, so that nothing that was made is lost.
    """
    if not path.exists():
        return None, None
    try:
        return load_scene(path), None
    except SceneError as error:
        aside = _free_name(path)
        try:
            path.rename(aside)
        except OSError as reason:
            return (
                None,
                f"The last session could not be read ({error}) nor kept aside ({reason.strerror}); started afresh.",
            )
        return None, f"The last session could not be read, so this is a fresh one; the old file is kept as {aside}."


def _free_name(path: Path) -> Path:
    """A name beside ``path`` that no file has."""
    stem = f"{path.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    names = (f"{stem}{suffix}{path.suffix}" for suffix in chain([""], (f"-{number}" for number in count(2))))
    return next(free for name in names if not (free := path.with_name(name)).exists())
