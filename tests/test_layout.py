"""How the package hangs together: what imports what, what an import loads, how large a file may grow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cnnviz

PACKAGE = Path(cnnviz.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
PANELS = sorted(path.stem for path in PACKAGE.glob("panels/*.py") if "\nSPEC = " in path.read_text(encoding="utf-8"))

QT = {"PyQt6", "pyqtgraph", "superqt", "qtawesome", "qtpy"}
MAXIMUM_LINES = 400


def name_of(path: Path) -> str:
    """``cnnviz/core/graph.py`` as ``cnnviz.core.graph``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path: Path) -> set[str]:
    """Modules, and names that may be modules, that a file imports anywhere, also inside its functions."""
    package = name_of(path) if path.stem == "__init__" else name_of(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            found.update([module, *(f"{module}.{alias.name}" for alias in node.names)])
    return found


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded once it has run ``code``."""
    report = "import sys; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=250
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_says_what_it_is_for_and_stays_small(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "has no docstring"
    assert len(text.splitlines()) <= MAXIMUM_LINES


def test_qt_is_imported_by_the_windows_parts_alone():
    def may_load_qt(path: Path) -> bool:
        room = path.relative_to(PACKAGE).parts[0]
        return room in ("ui", "lessons", "app.py") or (room == "panels" and path.stem.endswith("_view"))

    offenders = {name_of(path) for path in SOURCES if packages(imported_by(path)) & QT and not may_load_qt(path)}
    assert offenders == set()


def test_panels_leave_each_other_alone():
    """A panel's files import one another; what two compute with stands in ``panels/shared``, ``core`` or ``engine``."""

    def panel_of(module: str) -> str | None:
        """``cnnviz.panels.network_view`` belongs to ``network``, the panel that is declared there."""
        room, _, stem = module.rpartition(".")
        return next((panel for panel in PANELS if f"{stem}_".startswith(f"{panel}_") and room == "cnnviz.panels"), None)

    owners = {path: panel_of(name_of(path)) for path in PACKAGE.glob("panels/*.py") if path.stem != "__init__"}
    assert [path.name for path, owner in owners.items() if owner is None] == []
    offenders = [
        f"{name_of(path)} imports {module}"
        for path, owner in (owners | dict.fromkeys(PACKAGE.glob("panels/shared/*.py"))).items()
        for module in imported_by(path)
        if panel_of(module) not in (None, owner)
    ]
    assert offenders == []


def test_the_rooms_without_a_screen_load_no_qt():
    rooms = ("core", "data", "nets", "checkpoints", "training", "scene", "engine", "panels", "commands")
    modules = [name_of(path) for path in SOURCES if path.relative_to(PACKAGE).parts[0] in rooms]
    screenless = [module for module in modules if not module.endswith("_view")]
    loaded = packages(loaded_after("\n".join(f"import {module}" for module in screenless)))
    assert "torch" in loaded
    assert not loaded & QT


PAINT_THE_WINDOW = """
from pathlib import Path
from cnnviz.app import Program, qt_application
from cnnviz.scene.actions import first_scene
application = qt_application()
program = Program(first_scene(), Path({folder!r}), keep_session=False)
painted = []
program.window.first_painted.connect(lambda: painted.append(True))
program.window.show()
while not painted:
    application.processEvents()
"""


def test_the_window_is_painted_before_anything_heavy_is_loaded(tmp_path):
    """torch takes most of a second, during which the person would look at nothing."""
    loaded = packages(loaded_after(PAINT_THE_WINDOW.format(folder=str(tmp_path))))
    assert "PyQt6" in loaded
    assert not loaded & {"torch", "sklearn", "matplotlib", "skimage"}


@pytest.mark.parametrize("module", ["cnnviz", "cnnviz.cli"])
def test_the_command_answers_without_waiting_for_what_is_heavy(module):
    loaded = packages(loaded_after(f"import {module}"))
    assert not loaded & {*QT, "torch", "numpy", "scipy", "skimage", "PIL", "pydantic"}


def test_public_names_are_listed_and_loaded_when_they_are_used():
    assert {"open_checkpoint", "open_network", "receptive_field", "show"} <= set(cnnviz.__all__) <= set(dir(cnnviz))
    for name in cnnviz.__all__:
        assert callable(getattr(cnnviz, name))
    with pytest.raises(AttributeError, match="nonsense"):
        cnnviz.nonsense  # noqa: B018


def test_the_contracts_on_imports_hold(monkeypatch):
    linter = pytest.importorskip("importlinter.cli", reason="import-linter comes with the extra 'dev'")
    pyproject = PACKAGE.parent / "pyproject.toml"
    if not pyproject.is_file():
        pytest.skip("the contracts stand in the checkout's pyproject.toml")
    monkeypatch.chdir(pyproject.parent)
    assert linter.lint_imports(no_cache=True) == linter.EXIT_STATUS_SUCCESS
