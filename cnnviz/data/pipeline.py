"""From what an input is made of to its pixels, doing anew only what has changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnviz.data.colour import Pixels
from cnnviz.data.edits import apply_edits
from cnnviz.data.fit import fit_picture
from cnnviz.data.image_store import ImageStore
from cnnviz.data.images import ImageError, Picture, picture_from_bytes
from cnnviz.data.made_pictures import draw_made_picture
from cnnviz.data.pixel_order import permuted_picture
from cnnviz.data.samples import sample_picture
from cnnviz.data.source import Base, Blank, InputImage, MadePicture, Photo, SamplePhoto
from cnnviz.data.strokes import Rasteriser


@dataclass(frozen=True)
class RenderedInput:
    """An input at each stage, (C, H, W) in [0, 1]; a stage that did not change is the same array as before."""

    source: tuple[int, int, int]
    """Shape of the picture before it was fitted, as ``describe_fit`` takes it."""
    fitted: Pixels
    drawn: Pixels
    edited: Pixels
    """What the network gets, once it is normalised."""
    ordered: Pixels
    """The same before its pixels are permuted, for a network that learned from such; else the same array."""
    notes: tuple[str, ...]
    """What was done to the picture when it was opened, in words."""


class InputPipeline:
    """Renders inputs; keeps each stage of the last one. For one thread at a time."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._rasteriser = Rasteriser()
        self._opened: tuple[object, Picture] | None = None
        self._fitted: tuple[object, Pixels] | None = None
        self._edited: tuple[Pixels, object, Pixels] | None = None
        self._permuted: tuple[Pixels, object, Pixels] | None = None

    def render(
        self, image: InputImage, channels: int, height: int, width: int, permuted_at: tuple[int, int] | None = None
    ) -> RenderedInput:
        """The image for a network that takes ``(channels, height, width)``; its arrays are to be left unchanged.

        ``permuted_at`` is as of :func:`permuted_picture`.

        Raises
        ------
        ImageError
            The picture cannot be had any more; what was rendered before is kept.
        """
        picture = self._picture(image.base, channels, height, width)
        fitted = self._fit(image, picture, channels, height, width)
        drawn = self._rasteriser.render(fitted, image.drawing)
        ordered = self._edit(drawn, image)
        edited = self._permute(ordered, permuted_at)
        return RenderedInput(picture.pixels.shape, fitted, drawn, edited, ordered, picture.notes)

    def another(self) -> InputPipeline:
        """A pipeline with the same store, for inputs of another size beside this one's."""
        return InputPipeline(self._store)

    def _picture(self, base: Base, channels: int, height: int, width: int) -> Picture:
        key = (base, channels, height, width) if isinstance(base, Blank) else base
        if self._opened is None or self._opened[0] != key:
            if isinstance(base, Blank):
                picture = Picture(np.full((channels, height, width), base.value, np.float32), "blank canvas")
            elif isinstance(base, SamplePhoto):
                picture = sample_picture(base.name)
            elif isinstance(base, MadePicture):
                picture = draw_made_picture(base)
            else:
                picture = open_photo(base, self._store)
            self._opened = (key, picture)
        return self._opened[1]

    def _fit(self, image: InputImage, picture: Picture, channels: int, height: int, width: int) -> Pixels:
        if isinstance(image.base, Blank):
            return picture.pixels
        # Not the whole of ``fit``: mean and deviation act on what comes out.
        key = (image.base, image.fit.size, image.fit.colour, channels, height, width)
        if self._fitted is None or self._fitted[0] != key:
            self._fitted = (key, fit_picture(picture.pixels, channels, height, width, image.fit))
        return self._fitted[1]

    def _edit(self, drawn: Pixels, image: InputImage) -> Pixels:
        background = image.base.value if isinstance(image.base, Blank) else 0.0
        key = (image.edits, background)
        if self._edited is None or self._edited[0] is not drawn or self._edited[1] != key:
            self._edited = (drawn, key, apply_edits(drawn, image.edits, background))
        return self._edited[2]

    def _permute(self, ordered: Pixels, size: tuple[int, int] | None) -> Pixels:
        if size is None:
            return ordered
        if self._permuted is None or self._permuted[0] is not ordered or self._permuted[1] != size:
            self._permuted = (ordered, size, permuted_picture(ordered, size))
        return self._permuted[2]


def open_photo(photo: Photo, store: ImageStore) -> Picture:
    """The picture that ``photo`` names: from the store, else from its own file if that is still the same.

    Raises
    ------
    ImageError
        Neither has it.
    """
    path = Path(photo.path)
    try:
        return store.open(photo.sha256, path.name)
    except ImageError:
        try:
            content = path.read_bytes() if path.is_file() else b""
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != photo.sha256:
            raise
    return picture_from_bytes(content, path.name)
