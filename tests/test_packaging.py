"""What is handed to a person: the wheel, the packages that the README lists, the version."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import cnnviz
from cnnviz.cli import main
from cnnviz.ui.preflight import QT_LIBRARIES, WINDOW_LIBRARIES

CHECKOUT = Path(__file__).parents[1]
SHIPPED = sorted(path.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.glob("assets/**/*") if path.is_file())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling comes with the extra 'test'")
    folder = tmp_path_factory.mktemp("wheel")
    build = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert build.returncode == 0, build.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_the_program_and_its_files(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert any(name.endswith(".safetensors") for name in SHIPPED)
    assert {f"cnnviz/{name}" for name in SHIPPED} <= names
    assert {"cnnviz/__init__.py", "cnnviz/__init__.pyi", "cnnviz/core/graph.py"} <= names
    assert {name.partition("/")[0] for name in names} == {"cnnviz", f"cnnviz-{cnnviz.__version__}.dist-info"}


def test_the_installed_program_finds_its_files_beside_itself(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    find = "import sys; sys.path[:0] = sys.argv[1:]; import cnnviz.data.assets as assets; print(assets.assets_folder())"
    run = subprocess.run(
        [sys.executable, "-c", find, str(site)], cwd=elsewhere, capture_output=True, text=True, timeout=250
    )
    assert run.stdout.strip() == str(site / "cnnviz" / "assets"), run.stderr


def test_a_bare_debian_is_given_what_qt_needs():
    (asks,) = re.findall(r"python3 -c '\n(import runpy.*?)'\)", (CHECKOUT / ".ci/run").read_text(), re.DOTALL)
    run = subprocess.run([sys.executable, "-c", asks], cwd=CHECKOUT, capture_output=True, text=True, timeout=250)
    assert set(run.stdout.split()) == {*QT_LIBRARIES.values(), *WINDOW_LIBRARIES.values()}, run.stderr


def test_the_version_stands_in_one_place(wheel):
    assert wheel.name.startswith(f"cnnviz-{cnnviz.__version__}-")
    assert "version" not in tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert metadata.version("cnnviz") == cnnviz.__version__


def test_every_runtime_requirement_is_used():
    """A requirement that no file needs makes every installation slower."""
    module_of = {"scikit-image": "skimage", "pillow": "PIL"}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    required = [re.match(r"[\w-]+", line)[0] for line in project["dependencies"]]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in Path(cnnviz.__file__).parent.rglob("*.py"))
    unused = [name for name in required if not re.search(rf"\b{module_of.get(name, name)}\b", sources)]
    assert unused == []


def test_the_readme_lists_the_packages_that_a_bare_debian_needs():
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    listed = [line.split()[2:] for line in readme.splitlines() if line.startswith("apt install ")]
    assert listed == [list(dict.fromkeys(libraries.values())) for libraries in (QT_LIBRARIES, WINDOW_LIBRARIES)]


def test_the_readme_names_options_that_the_commands_have(capsys):
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    synopses = re.findall(r"^cnnviz .*", readme.partition("## Command line")[2].partition("###")[0], re.MULTILINE)
    assert len(synopses) == 8
    for synopsis in synopses:
        command = [word for word in synopsis.split()[1:2] if word.isalpha()]
        with pytest.raises(SystemExit) as end:
            main([*command, "--help"])
        assert end.value.code == 0
        explained = capsys.readouterr().out
        assert [option for option in re.findall(r"--[a-z-]+", synopsis) if option not in explained] == []
        assert "example: cnnviz" in " ".join(explained.split())


def test_the_readme_shows_pictures_that_exist():
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert pictures
    assert [picture for picture in pictures if not (CHECKOUT / picture).is_file()] == []
