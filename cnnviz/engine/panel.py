"""How a panel declares itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams, register_params

if TYPE_CHECKING:
    from cnnviz.core.graph import LayerGraph
    from cnnviz.engine.observation import Observation

Dependency = Literal["network", "input", "layer", "unit", "pointer"]
Area = Literal["left", "centre", "right"]
Cancelled = Callable[[], bool]


class ComputeCancelled(Exception):
    """Raised by a computation that found its result no longer wanted."""


@dataclass(frozen=True)
class Rest:
    """Yielded by a computation in place of a finer result: the next one is not begun for so many seconds.

    What a newer scene makes useless is then never begun, and a hand that draws does not wait for it.
    """

    seconds: float


@dataclass(frozen=True)
class PanelSpec:
    """A panel as a declaration: the engine runs ``compute``, the window loads ``view``.

    Attributes
    ----------
    id : str
        Names its parameters in scenes, and the panel in workspaces and on the command line; it never changes.
    title, tip : str
        In the title bar, and one sentence on what it teaches.
    area : str
        Where it is put where the workspace does not name it.
    params : type of PanelParams
        All that can be set in it, with the defaults that it starts with.
    depends : tuple of str
        What the result is made from besides the panel's own parameters; it is computed again when one of these changed.
    reads : tuple of str
        Ids of other panels whose parameters it is made from, too.
    compute : callable
        ``compute(scene, observation, cancelled)`` runs on the engine's thread and returns a frozen result, ready to
        draw. A generator yields a coarse result first and finer ones after it, or a :class:`Rest` between them.
    layers : callable or None
        ``layers(scene, graph)`` names the layers whose values ``compute`` reads; None where it reads no forward pass.
    view : str
        ``"module:Class"`` of the widget, imported when the window is built.
    weights : callable
        ``weights(scene)`` tells whether what it needs of the network includes its weights; where not, those that
        come from a run while it trains leave its result as it is.
    early : bool
        Whether it has something to show of the first layer of a large file while the rest is still being opened.
    """

    id: str
    title: str
    area: Area
    params: type[PanelParams]
    depends: tuple[Dependency, ...]
    compute: Callable[[Scene, Observation, Cancelled], Any]
    view: str
    layers: Callable[[Scene, LayerGraph], Collection[str]] | None = None
    tip: str = ""
    reads: tuple[str, ...] = ()
    weights: Callable[[Scene], bool] = lambda scene: True
    early: bool = False

    def __post_init__(self) -> None:
        register_params(self.id, self.params)
