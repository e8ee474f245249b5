"""About how many images a folder of class folders holds, without reading one: for what has to be known at once."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

TEST_SHARE = 0.2
"""Of the images of each class, where nobody has said which ones."""
MOST_COUNTED = 20_000
"""Some 20 ms; of larger folders it is enough to know that they are."""


def images_to_train_on(folder: Path) -> int:
    """Files in its class folders, less those that will be kept back for testing; 0 where it cannot be looked at.

    Where it has the folders ``train`` and ``test``, those of ``train``.
    """
    is_split = (folder / "train").is_dir() and (folder / "test").is_dir()
    count = 0
    try:
        for each in _visible(folder / "train" if is_split else folder):
            if each.is_dir() and count < MOST_COUNTED:
                count += len(_visible(Path(each.path)))
    except OSError:
        return 0
    return count if is_split else count - round(TEST_SHARE * count)


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [each for each in islice(entries, MOST_COUNTED) if not each.name.startswith(".")]
