"""Pictures to begin with: the project's own drawings of digits, and photos that scikit-image brings along."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import numpy as np

from cnnviz.data.assets import assets_folder
from cnnviz.data.images import ImageError, Picture, open_picture
from cnnviz.data.strokes import Drawing, Rasteriser, Stroke

_HANDS = ("first", "second")

# Read as files: scikit-image's own functions would download one that is missing.
_PHOTOS = {
    "chelsea": ("Cat", "chelsea.png"),
    "astronaut": ("Astronaut", "astronaut.png"),
    "coffee": ("Cup of coffee", "coffee.png"),
    "rocket": ("Rocket", "rocket.jpg"),
    "camera": ("Man with a camera", "camera.png"),
    "coins": ("Coins", "coins.png"),
    "brick": ("Brick wall", "brick.png"),
    "grass": ("Grass", "grass.png"),
}


@dataclass(frozen=True)
class Sample:
    """One entry of the strip of samples; ``label`` is its class, where it is of one that data sets know."""

    name: str
    title: str
    kind: Literal["drawing", "photo"]
    label: str = ""


@lru_cache(maxsize=1)
def samples() -> tuple[Sample, ...]:
    """All samples, drawings first; reads no file."""
    drawings = [
        Sample(_digit_name(digit, hand), f"{digit}, {hand} hand", "drawing", str(digit))
        for hand in _HANDS
        for digit in range(10)
    ]
    return (*drawings, *(Sample(name, title, "photo") for name, (title, _) in _PHOTOS.items()))


def sample_drawing(name: str) -> Drawing:
    """The strokes of a sample that is a drawing, white for a black canvas of 28×28.

    Raises
    ------
    ImageError
        No drawing has this name, or the program's files are damaged.
    """
    if _sample(name).kind != "drawing":
        raise ImageError(f"The sample “{name}” is a photo and has no strokes: choose a drawing.")
    return _drawings()[name]


def sample_picture(name: str) -> Picture:
    """A sample as a picture; drawings are rendered white on black at the size of their canvas.

    Raises
    ------
    ImageError
        No sample has this name, or its file is missing.
    """
    sample = _sample(name)
    if sample.kind == "drawing":
        drawing = sample_drawing(name)
        black = np.zeros((1, drawing.height, drawing.width), np.float32)
        return Picture(Rasteriser().render(black, drawing), sample.title)
    _, file = _PHOTOS[name]
    with resources.as_file(resources.files("skimage.data") / file) as path:
        picture = open_picture(path)
    return Picture(picture.pixels, sample.title, picture.notes)


def _sample(name: str) -> Sample:
    for sample in samples():
        if sample.name == name:
            return sample
    known = ", ".join(sample.name for sample in samples())
    raise ImageError(f"There is no sample “{name}”: choose one of {known}.")


def _digit_name(digit: int, hand: str) -> str:
    return f"digit-{digit}-{hand}"


@lru_cache(maxsize=1)
def _drawings() -> dict[str, Drawing]:
    try:
        stored = json.loads((assets_folder() / "samples" / "digits.json").read_text(encoding="utf-8"))
        height, width = stored["canvas"]
        return {
            name: Drawing(
                height=height,
                width=width,
                strokes=tuple(Stroke(diameter=stored["diameter"], points=points) for points in strokes),
            )
            for name, strokes in stored["digits"].items()
        }
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ImageError("The program's own drawings are missing or damaged: install the program again.") from error
