"""Images at other sizes."""

import numpy as np

from cnnviz.data.colour import Pixels

Box = tuple[float, float, float, float]


def resample(pixels: Pixels, height: int, width: int, box: Box | None = None) -> Pixels:
    """The part ``box`` (top, left, bottom, right; the whole without it) of an image at another size.

    Anti-aliased bilinear, that is with a triangle as wide as two pixels of the coarser image: what Pillow, and so
    torchvision's transforms, do by default. Never leaves the range of the values. Of equal size it is an exact copy.
    """
    from PIL import Image

    channels, old_height, old_width = pixels.shape
    top, left, bottom, right = box or (0, 0, old_height, old_width)
    if (top, left, bottom, right) == (0, 0, height, width) == (0, 0, old_height, old_width):
        return pixels.copy()
    resampled = np.empty((channels, height, width), np.float32)
    for channel, target in zip(pixels, resampled, strict=True):
        image = Image.fromarray(np.ascontiguousarray(channel))
        resized = image.resize((width, height), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
        target[:] = np.asarray(resized)
    return resampled
