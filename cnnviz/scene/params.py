"""What a panel stores in the scene, and the register that finds its type again when a scene is read."""

from __future__ import annotations

from functools import lru_cache

from pydantic import ConfigDict

from cnnviz.data.frozen import Frozen


class PanelParams(Frozen):
    """Base of every panel's parameters: each control of the panel is one field, with bounds and a doc line."""


class UnknownParams(PanelParams):
    """Parameters of a panel that this program does not have; kept as they are, so that saving loses nothing."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=True)


_params_of: dict[str, type[PanelParams]] = {}


def register_params(panel_id: str, params: type[PanelParams]) -> None:
    """Make ``params`` the type of what scenes store under ``panel_id``.

    Raises
    ------
    ValueError
        Another type is registered under this id.
    """
    known = _params_of.setdefault(panel_id, params)
    if known is not params:
        raise ValueError(f"two panels call themselves {panel_id!r}: {known.__name__} and {params.__name__}")


@lru_cache(maxsize=256)
def default_params(params: type[PanelParams]) -> PanelParams:
    """What a panel starts with; made once, since every edit asks for it and it never changes."""
    return params()


def params_type(panel_id: str) -> type[PanelParams]:
    """The type registered under ``panel_id``; :class:`UnknownParams` where there is none."""
    return _params_of.get(panel_id, UnknownParams)
