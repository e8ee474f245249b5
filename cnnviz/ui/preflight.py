"""Why Qt could not start on this machine, in one sentence, found out before Qt is asked to.

Qt ends the whole process where a platform plugin's library is missing or no display answers, and an import that fails
shows a traceback; neither tells a person what to install. Only the standard library is imported here.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

# What a bare Debian lacks, by the file that the loader asks for.
QT_LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
}
WINDOW_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}

WITHOUT_A_DISPLAY = "`cnnviz screenshot --out FILE.png` needs none"

_UNUSABLE = re.compile(r"(?:^|/)(lib[^\s/:]+\.so[.\d]*): (?:cannot open shared object file|file too short|invalid ELF)")


def display_problem(need_window: bool) -> str | None:
    """Why a QApplication could not be made here, in one sentence that says what to do; None where it could.

    Parameters
    ----------
    need_window : bool
        False where Qt draws into memory only, so that neither a display nor its libraries are needed.
    """
    problem = _import_problem()
    if problem or not need_window or sys.platform in ("darwin", "win32"):
        return problem
    problems = []
    for platform in platforms(os.environ):
        problem = _platform_problem(platform)
        if problem is None:  # Qt goes down its list until one platform starts
            return None
        problems.append(problem)
    return problems[0]


def platforms(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The platform plugins that Qt will try on Linux, in its order."""
    chosen = environment.get("QT_QPA_PLATFORM", "")
    if chosen:
        return tuple(name.partition(":")[0] for name in chosen.split(";") if name)
    found = [
        name for name, variable in (("xcb", "DISPLAY"), ("wayland", "WAYLAND_DISPLAY")) if environment.get(variable)
    ]
    if environment.get("XDG_SESSION_TYPE") == "wayland":
        found.sort(key=lambda name: name != "wayland")
    return tuple(found) or ("xcb",)


def debian_package(library: str) -> str:
    """The Debian package that holds ``library``, a file name such as ``libEGL.so.1``.

    A library that is in neither table gets the name that Debian's naming rule gives: ``libfoo.so.1`` is in ``libfoo1``,
    ``libfoo2.so.1`` in ``libfoo2-1``.
    """
    known = (QT_LIBRARIES | WINDOW_LIBRARIES).get(library)
    if known:
        return known
    stem, _, version = library.partition(".so")
    dash = "-" if stem[-1].isdigit() else ""
    return (stem + (dash + version[1:] if version else "")).lower().replace("_", "-")


def _import_problem() -> str | None:
    try:
        for module in ("PyQt6.QtCore", "PyQt6.QtGui", "PyQt6.QtWidgets"):
            importlib.import_module(module)
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed in this Python: install the program again with pip."
    except ImportError as error:
        return _library_problem("Qt cannot be loaded", str(error), QT_LIBRARIES)
    return None


def _platform_problem(platform: str) -> str | None:
    """Why the platform plugin ``platform`` could not start."""
    if platform == "xcb" and not os.environ.get("DISPLAY"):
        # Said before libraries are: a server without a screen lacks nothing that an installation would mend.
        return _no_display()
    files = _plugin_files(platform)
    if not files:
        return f"This Qt has no platform plugin named {platform!r}; unset QT_QPA_PLATFORM or name another."
    errors = [error for file in files if (error := _loading_error(str(file)))]
    if len(errors) == len(files):
        return _library_problem("Qt cannot open a window", errors[0], QT_LIBRARIES | WINDOW_LIBRARIES)
    if platform == "xcb":
        return _x_problem()
    if platform.startswith("wayland"):
        return _wayland_problem()
    return None


def _no_display() -> str:
    unset = " and ".join(name for name in ("DISPLAY", "WAYLAND_DISPLAY") if not os.environ.get(name))
    return f"There is no display to open a window on ({unset} not set); {WITHOUT_A_DISPLAY}."


def _plugin_files(platform: str) -> list[Path]:
    """The files that hold the plugin, of the first folder that has it; before Qt 6.10 Wayland's are several."""
    from PyQt6.QtCore import QLibraryInfo

    stem = "wayland" if platform.startswith("wayland") else platform
    folders = [
        *map(Path, _folders_in("QT_QPA_PLATFORM_PLUGIN_PATH")),
        *(Path(folder) / "platforms" for folder in _folders_in("QT_PLUGIN_PATH")),
        Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms",
    ]
    for folder in folders:
        files = sorted({*folder.glob(f"libq{stem}.so"), *folder.glob(f"libq{stem}-*.so")})
        if files:
            return files
    return []


def _folders_in(variable: str) -> list[str]:
    return [folder for folder in os.environ.get(variable, "").split(os.pathsep) if folder]


def _x_problem() -> str | None:
    """Why no connection to the X server can be made; Qt would abort on it."""
    xcb = _load("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]

    def refused() -> bool:
        connection = xcb.xcb_connect(None, None)
        failed = bool(xcb.xcb_connection_has_error(connection))
        xcb.xcb_disconnect(connection)
        return failed

    failed, said = _with_standard_error(refused)
    if not failed:
        return None
    display = os.environ["DISPLAY"]
    if said:  # only a server that answered gives a reason
        return f"The display {display} does not let this user in ({said}): set XAUTHORITY to the file with its key."
    return f"The display {display} does not answer: set DISPLAY to a running one; {WITHOUT_A_DISPLAY}."


def _wayland_problem() -> str | None:
    """Why no connection to the Wayland compositor can be made."""
    wayland = _load("libwayland-client.so.0")
    wayland.wl_display_connect.restype = ctypes.c_void_p
    wayland.wl_display_connect.argtypes = [ctypes.c_char_p]
    wayland.wl_display_disconnect.argtypes = [ctypes.c_void_p]
    connection = wayland.wl_display_connect(None)
    if connection:
        wayland.wl_display_disconnect(connection)
        return None
    display = os.environ.get("WAYLAND_DISPLAY")
    if not display:
        return _no_display()
    return f"The Wayland display {display} does not answer: set WAYLAND_DISPLAY to a running one; {WITHOUT_A_DISPLAY}."


def _library_problem(consequence: str, error: str, needed: Mapping[str, str]) -> str:
    """The loader's ``error`` as one sentence that names every package still to be installed, not only the first."""
    match = _UNUSABLE.search(error)
    if match is None:
        return f"{consequence}: {error}."
    library = match[1]
    lacking = [library, *(name for name in needed if name != library and _loading_error(name))]
    packages = " ".join(dict.fromkeys(map(debian_package, lacking)))
    return f"{consequence} without {library}: install it, on Debian or Ubuntu with `apt install {packages}`."


def _loading_error(library: str) -> str | None:
    try:
        _load(library)
    except OSError as error:
        return str(error)
    return None


def _load(library: str) -> ctypes.CDLL:
    return ctypes.CDLL(library)


def _with_standard_error(call: Callable[[], bool]) -> tuple[bool, str]:
    """What ``call`` returns, and what C code wrote to standard error meanwhile: libxcb gives its reasons only there."""
    try:
        original = os.dup(2)
    except OSError:  # started without a standard error
        return call(), ""
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            result = call()
        finally:
            os.dup2(original, 2)
            os.close(original)
        file.seek(0)
        return result, " ".join(file.read().decode(errors="replace").split())
