"""The sentence said before Qt is started, held against whether Qt then does start."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cnnviz.ui import preflight

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 and Wayland are asked for on Linux")

ASK = "from cnnviz.ui.preflight import display_problem; print(display_problem({need_window}) or '')"
START_QT = "import sys; from PyQt6.QtWidgets import QApplication; QApplication([]); sys.exit(0)"


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without a display, and with ``changes``."""
    ours = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE", "QT_QPA_PLATFORM", "QT_PLUGIN_PATH")
    return {name: value for name, value in os.environ.items() if name not in ours} | changes


def python(code: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=environment(**changes), capture_output=True, text=True, timeout=250
    )


def said(*, need_window: bool = True, **changes: str) -> str:
    run = python(ASK.format(need_window=need_window), **changes)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout.strip()


def qt_starts(**changes: str) -> bool:
    return python(START_QT, **changes).returncode == 0


def one_sentence(text: str) -> bool:
    return "\n" not in text and text.endswith(".") and text[0].isupper() and ". " not in text


@pytest.fixture
def unusable(tmp_path: Path):
    """Makes ``library`` unusable for a child process: an empty file shadows the machine's own."""

    def shadow(*libraries: str) -> str:
        for library in libraries:
            (tmp_path / library).touch()
        return str(tmp_path)

    return shadow


@linux_only
@pytest.mark.parametrize("display", [":4242", "no display at all"])
def test_a_display_that_nobody_answers_is_named(display):
    sentence = said(DISPLAY=display)
    assert one_sentence(sentence)
    assert f"display {display} does not answer" in sentence
    assert "cnnviz screenshot" in sentence
    assert not qt_starts(DISPLAY=display)


@linux_only
def test_without_any_display_the_command_that_needs_none_is_named():
    sentence = said()
    assert one_sentence(sentence)
    assert "DISPLAY and WAYLAND_DISPLAY not set" in sentence
    assert "cnnviz screenshot" in sentence
    assert not qt_starts()


@linux_only
def test_a_wayland_display_that_nobody_answers_is_named(tmp_path):
    changes = {"WAYLAND_DISPLAY": "wayland-4242", "XDG_RUNTIME_DIR": str(tmp_path)}
    sentence = said(**changes)
    assert "wayland-4242 does not answer" in sentence or "libwayland" in sentence
    assert not qt_starts(**changes)


@linux_only
@pytest.mark.parametrize("library", ["libxcb-cursor.so.0", "libxkbcommon-x11.so.0", "libX11-xcb.so.1"])
def test_a_library_that_the_window_lacks_is_named_with_its_package(unusable, library):
    changes = {"LD_LIBRARY_PATH": unusable(library), "DISPLAY": ":4242"}
    sentence = said(**changes)
    assert one_sentence(sentence)
    assert library in sentence
    assert f"apt install {preflight.WINDOW_LIBRARIES[library]}`" in sentence
    assert not qt_starts(**changes)


@linux_only
@pytest.mark.parametrize("library", ["libEGL.so.1", "libGL.so.1", "libglib-2.0.so.0", "libdbus-1.so.3"])
def test_a_library_that_every_use_of_qt_lacks_is_named_with_its_package(unusable, library):
    changes = {"LD_LIBRARY_PATH": unusable(library), "QT_QPA_PLATFORM": "offscreen"}
    sentence = said(need_window=False, **changes)
    assert one_sentence(sentence)
    assert library in sentence
    assert f"apt install {preflight.QT_LIBRARIES[library]}`" in sentence
    assert not qt_starts(**changes)


@linux_only
def test_all_that_is_missing_is_named_at_once(unusable):
    folder = unusable("libxcb-icccm.so.4", "libxcb-cursor.so.0", "libxcb-keysyms.so.1")
    sentence = said(LD_LIBRARY_PATH=folder, DISPLAY=":4242")
    packages = sentence.partition("apt install ")[2].partition("`")[0].split()
    assert set(packages) == {"libxcb-icccm4", "libxcb-cursor0", "libxcb-keysyms1"}


@linux_only
@pytest.mark.skipif(shutil.which("gcc") is None, reason="builds a library that the machine does not have, with gcc")
def test_a_library_that_no_machine_has_is_named_by_debians_rule(tmp_path):
    source, library, plugin = tmp_path / "empty.c", tmp_path / "libxcb-cursor.so.42", tmp_path / "libqxcb.so"
    source.write_text("int unused;\n")
    build = ["gcc", "-shared", "-fPIC", "-Wl,--no-as-needed", str(source), "-o"]
    subprocess.run([*build, str(library), f"-Wl,-soname,{library.name}"], check=True)
    subprocess.run([*build, str(plugin), str(library)], check=True)
    library.unlink()
    sentence = said(DISPLAY=":4242", QT_QPA_PLATFORM_PLUGIN_PATH=str(tmp_path))
    assert "without libxcb-cursor.so.42" in sentence
    assert "apt install libxcb-cursor42" in sentence


@linux_only
def test_a_platform_that_qt_does_not_have_is_named():
    sentence = said(QT_QPA_PLATFORM="nonsense")
    assert "'nonsense'" in sentence
    assert not qt_starts(QT_QPA_PLATFORM="nonsense")


@linux_only
@pytest.mark.parametrize("platform", ["offscreen", "minimal", "offscreen:fontengine=freetype", "xcb;offscreen"])
def test_drawing_into_memory_needs_no_display(platform):
    assert said(QT_QPA_PLATFORM=platform) == ""
    assert qt_starts(QT_QPA_PLATFORM=platform)


@linux_only
def test_without_a_window_no_display_is_asked_for():
    assert said(need_window=False, DISPLAY=":4242") == ""


@pytest.fixture
def guarded_display(tmp_path):
    """An X server that only the owner of a key may use, with the key's file."""
    if not (shutil.which("Xvfb") and shutil.which("xauth")):
        pytest.skip("needs Xvfb and xauth")
    key = tmp_path / "key"
    key.touch()
    subprocess.run(["xauth", "-q", "-f", str(key), "add", ":0", ".", "0123456789abcdef" * 2], check=True)
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-auth", str(key), "-nolisten", "tcp"],
        pass_fds=[write_end],
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with open(read_end) as numbers:
        display = f":{numbers.readline().strip()}"
    subprocess.run(["xauth", "-q", "-f", str(key), "add", display, ".", "0123456789abcdef" * 2], check=True)
    yield display, str(key)
    server.terminate()
    server.wait()


@linux_only
def test_a_display_that_answers_is_no_problem_and_one_that_refuses_says_why(guarded_display, tmp_path):
    display, key = guarded_display
    assert said(DISPLAY=display, XAUTHORITY=key) == ""
    assert qt_starts(DISPLAY=display, XAUTHORITY=key)
    nobody = str(tmp_path / "nobody")
    sentence = said(DISPLAY=display, XAUTHORITY=nobody)
    assert "does not let this user in" in sentence
    assert "uthoriz" in sentence
    assert not qt_starts(DISPLAY=display, XAUTHORITY=nobody)


def without_library(monkeypatch, message: str, error: type[Exception]) -> None:
    def importing(name: str):
        raise error(message, name="PyQt6")

    monkeypatch.setattr(preflight.importlib, "import_module", importing)


def test_qt_that_is_not_installed_is_said_so(monkeypatch):
    without_library(monkeypatch, "No module named 'PyQt6'", ModuleNotFoundError)
    sentence = preflight.display_problem(need_window=False)
    assert sentence is not None
    assert "PyQt6 is not installed" in sentence


def test_an_import_that_fails_for_another_reason_keeps_its_reason(monkeypatch):
    without_library(monkeypatch, "DLL load failed while importing QtGui", ImportError)
    assert preflight.display_problem(need_window=False) == (
        "Qt cannot be loaded: DLL load failed while importing QtGui."
    )


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_macos_and_windows_are_not_asked_for_a_display(monkeypatch, system):
    def loading(name: str):
        raise AssertionError(f"loads {name}")

    monkeypatch.setattr(preflight.sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", loading)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    assert preflight.display_problem(need_window=True) is None


@pytest.mark.parametrize(
    ("variables", "order"),
    [
        ({}, ("xcb",)),
        ({"DISPLAY": ":0"}, ("xcb",)),
        ({"WAYLAND_DISPLAY": "wayland-0"}, ("wayland",)),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, ("xcb", "wayland")),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0", "XDG_SESSION_TYPE": "wayland"}, ("wayland", "xcb")),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "wayland;xcb:opengl"}, ("wayland", "xcb")),
    ],
)
def test_platforms_are_tried_in_qts_order(variables, order):
    assert preflight.platforms(variables) == order


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libX11.so.6", "libx11-6"),
        ("libxcb-util.so.1", "libxcb-util1"),
        ("libxcb-shm.so.0", "libxcb-shm0"),
        ("libfreetype.so.6", "libfreetype6"),
        ("libwayland-cursor.so.0", "libwayland-cursor0"),
        ("libgthread-2.0.so.0", "libglib2.0-0"),
        *preflight.WINDOW_LIBRARIES.items(),
    ],
)
def test_packages_are_named_as_debian_names_them(monkeypatch, library, package):
    monkeypatch.setattr(preflight, "WINDOW_LIBRARIES", {})  # the rule alone gives what the table says
    assert preflight.debian_package(library) == package
