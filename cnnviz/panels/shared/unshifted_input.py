"""The network's input as it would be without its shift: what a shifted one is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnviz.data.edits import Edits, apply_edits
from cnnviz.data.pixel_order import permuted_picture
from cnnviz.data.source import Blank
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.engine.observation import Observation


def is_shifted(edits: Edits) -> bool:
    return bool(edits.shift_rows or edits.shift_columns)


def unshifted(scene: Scene, observation: Observation) -> np.ndarray:
    """The image ``(C, H, W)`` in [0, 1] with all edits but the shift."""
    if not is_shifted(scene.input.edits):
        return observation.rendered.edited
    base = scene.input.base
    image = apply_edits(observation.rendered.drawn, still(scene), base.value if isinstance(base, Blank) else 0.0)
    return permuted_picture(image, observation.network.card.permuted_at)


def still(scene: Scene) -> Edits:
    """The scene's edits without the shift."""
    return scene.input.edits.model_copy(update={"shift_rows": 0.0, "shift_columns": 0.0})
