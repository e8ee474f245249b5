"""Modules that the program puts in the place of a network's own."""

from typing import Any


class StandIn:
    """A module that is shown as one layer, and says of itself what is read from torch's own modules otherwise.

    Attributes
    ----------
    layer_kind : str
        Named as in ``torch.nn``, where it has the like.
    layer_geometry : Geometry or None
    layer_summary : str or None
        A few words for a diagram; None for those that are made from kind and geometry.
    layer_macs : function of an input's shape, or None
        Its multiply-adds; None for those that are counted by its weights.
    """

    layer_kind: Any = ""
    layer_geometry: Any = None
    layer_summary: Any = None
    layer_macs: Any = None
