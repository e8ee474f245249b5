"""Symmetry: what does not move with the image, and what turns along with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pydantic import Field

from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.core.curves import Curves
    from cnnviz.core.mosaic import Mosaic
    from cnnviz.engine.observation import Observation

FARTHEST = 16


class SymmetryParams(PanelParams):
    shift: float = Field(5.0, ge=-FARTHEST, le=FARTHEST, description="How far the image moves to the right, in pixels")
    angle: float = Field(90.0, ge=-180, le=180, description="How far the image turns, in degrees, counter-clockwise")
    window: bool = Field(True, description="fade the image out towards its border before it is transformed")


@dataclass(frozen=True, eq=False)
class SymmetryResult:
    """
    Attributes
    ----------
    moved : array (C, H, W)
        The image, shifted.
    maximum, moved_maximum : float
    place : (int, int)
        Row and column where the maximum of the moved image lies.
    trace : Curves
        The maximum, and the column where it lies, over the shift.
    turned : array (1, N, N)
        The image, turned.
    spectra : tuple of Mosaic
        Magnitudes of F(Tx) and T F(x), logarithmic, in one scale.
    error : float
        ‖|F(Tx)| − T|F(x)|‖ / ‖F(x)‖; NaN where ``why`` says why.
    """

    moved: np.ndarray
    maximum: float
    moved_maximum: float
    place: tuple[int, int]
    trace: Curves
    turned: np.ndarray | None = None
    spectra: tuple[Mosaic, ...] = ()
    error: float = float("nan")
    why: str = ""


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> SymmetryResult:
    import numpy as np
    import torch

    from cnnviz.core.curves import Curves, Mark, series
    from cnnviz.core.mosaic import mosaics_together
    from cnnviz.core.symmetry_scenes import maximum_under_translation, spectrum_under_rotation
    from cnnviz.core.transforms import Transform, move_images

    params = cast(SymmetryParams, scene.panel("symmetry"))
    image = torch.from_numpy(observation.rendered.edited)
    shifts = np.arange(-FARTHEST, FARTHEST + 1)
    trace = maximum_under_translation(image, [(0.0, float(shift)) for shift in (0, *shifts)])
    here = maximum_under_translation(image, [(0.0, 0.0), (0.0, params.shift)])
    curves = Curves(
        "The maximum of the image under translation",
        "shift to the right (input pixels)",
        "maximum",
        (series("maximum", shifts, trace.values[1:]),),
        (Mark("y", float(trace.values[0]), "of the unmoved image"),),
    )
    moved = move_images(image[None], Transform(0.0, params.shift))[0].clamp(0, 1).numpy()
    first = SymmetryResult(
        moved,
        float(here.values[0]),
        float(here.values[1]),
        (int(here.places[1, 1]), int(here.places[1, 2])),
        curves,
    )
    try:
        found = spectrum_under_rotation(image.mean(0), params.angle, window=params.window)
    except ValueError as error:
        return replace(first, why=str(error))
    magnitudes = [found.of_turned.abs(), found.turned.abs()]
    spectra = mosaics_together([torch.log1p(each)[None].float() for each in magnitudes], signed=False)
    turned = found.turned_image[None].clamp(0, 1).float().numpy()
    return replace(first, turned=turned, spectra=spectra, error=found.magnitude_error)


SPEC = PanelSpec(
    id="symmetry",
    title="Symmetry",
    area="right",
    params=SymmetryParams,
    depends=("network", "input"),
    compute=compute,
    view="cnnviz.panels.symmetry_view:SymmetryView",
    tip="Invariant: the maximum of a moved image. Equivariant: the Fourier transform of a turned one.",
)
