"""Where the files that come with the program lie."""

from pathlib import Path


class AssetsNotFound(FileNotFoundError):
    """The folder with the program's networks, icons and samples is not there."""


def assets_folder() -> Path:
    """The folder ``assets``: in the installed package, else in the checkout, else in the working folder.

    Raises
    ------
    AssetsNotFound
        None of these places has it.
    """
    return find_assets(package=Path(__file__).resolve().parents[1], working_folder=Path.cwd())


def find_assets(package: Path, working_folder: Path) -> Path:
    """The first of the places where ``assets`` can lie, given the package's and the working folder."""
    places = (package / "assets", package.parent / "assets", working_folder / "assets")
    for place in places:
        # Any project may have a folder "assets"; only this program's has networks in it.
        if (place / "networks").is_dir():
            return place
    raise AssetsNotFound(
        f"The program's own files are missing: there is no folder 'networks' in {', '.join(map(str, places))}; "
        "install the program again."
    )
