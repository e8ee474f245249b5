"""Pickled networks that consist of torch's own layers in sequence: built anew from what the file says of them."""

from __future__ import annotations

import torch
from pydantic import JsonValue, TypeAdapter, ValidationError

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.contents import Contents
from cnnviz.checkpoints.input_size import runs_on
from cnnviz.nets.module_tree import ModuleSettings, is_buildable, is_sequential
from cnnviz.nets.registry import MODULES, ArchitectureError, build


def by_modules(contents: Contents) -> Candidate | None:
    """The network that a file's modules are; None where one of them is of another class, or they run on no image."""
    modules = contents.modules
    if not modules or not is_sequential(modules[0].kind) or not all(is_buildable(module.kind) for module in modules):
        return None
    prefix = f"{modules[0].path}." if modules[0].path else ""
    names = {entry.name.removeprefix(prefix): entry.name for entry in contents.entries if entry.name.startswith(prefix)}
    tree = [
        # Whether a layer has a bias is no attribute of it, but shows in its tensors.
        {"path": module.path, "kind": module.kind, "settings": {**module.settings, **_bias(module.path, contents)}}
        for module in modules
    ]
    try:
        checked = TypeAdapter(tuple[ModuleSettings, ...]).validate_python(tree)
        config: dict[str, JsonValue] = {"modules": [module.model_dump(mode="json") for module in checked]}
        with torch.device("meta"):
            module = build(MODULES, config).eval()
    except (ValidationError, ArchitectureError):
        return None
    input_size = runs_on(module)
    if input_size is None:
        return None
    size = "×".join(map(str, input_size))
    return Candidate(
        architecture=MODULES,
        config=config,
        confidence=1.0,
        reasons=("The file names every module and its settings, and all are torch's own.", f"It runs on {size}."),
        names=names,
        rule="modules",
        title=f"a sequence of {sum(not is_sequential(module.kind) for module in modules)} of torch's own modules",
        input_size=input_size,
    )


def _bias(path: str, contents: Contents) -> dict[str, bool]:
    names = {entry.name for entry in contents.entries}
    layer = f"{path}." if path else ""
    return {"bias": f"{layer}bias" in names} if f"{layer}weight" in names else {}
