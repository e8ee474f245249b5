from pathlib import Path

import pytest

from cnnviz.data.assets import AssetsNotFound, assets_folder, find_assets


def make_assets(parent: Path) -> Path:
    (parent / "assets" / "networks").mkdir(parents=True)
    return parent / "assets"


def test_an_installed_package_has_its_assets_inside(tmp_path):
    inside = make_assets(tmp_path / "site-packages" / "cnnviz")
    make_assets(tmp_path / "site-packages")
    make_assets(tmp_path / "work")
    assert find_assets(tmp_path / "site-packages" / "cnnviz", tmp_path / "work") == inside


def test_an_editable_install_uses_the_checkout(tmp_path):
    beside = make_assets(tmp_path / "checkout")
    make_assets(tmp_path / "work")
    assert find_assets(tmp_path / "checkout" / "cnnviz", tmp_path / "work") == beside


def test_the_repository_as_working_folder_is_the_last_resort(tmp_path):
    here = make_assets(tmp_path / "work")
    assert find_assets(tmp_path / "site-packages" / "cnnviz", tmp_path / "work") == here


def test_another_projects_assets_are_not_taken(tmp_path):
    (tmp_path / "work" / "assets" / "images").mkdir(parents=True)
    with pytest.raises(AssetsNotFound, match="install the program again"):
        find_assets(tmp_path / "site-packages" / "cnnviz", tmp_path / "work")


def test_the_assets_of_this_program_are_found_from_any_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (assets_folder() / "networks" / "README.md").is_file()
