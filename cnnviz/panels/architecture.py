"""Architecture: a network as a table of layers that can be changed, with its sizes as one types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from cnnviz.data.facts import DATA
from cnnviz.data.pixel_order import PERMUTED_WORDS
from cnnviz.engine.observation import LoadedNetwork, Observation
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.nets.layer_table import LAYER_TABLE, LayerTable
from cnnviz.nets.table_presets import TABLE_PRESETS
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams
from cnnviz.training.settings import TrainingSettings

if TYPE_CHECKING:
    from cnnviz.checkpoints.card import NetworkCard
    from cnnviz.core.field_table import FieldRow
    from cnnviz.core.graph import LayerGraph
    from cnnviz.nets.table_plan import TablePlan

_FOLDER_SHAPE = (3, 64, 64)
"""To which the images of a folder are brought where the table names no size."""


class ArchitectureParams(PanelParams):
    table: LayerTable = Field(
        default_factory=lambda: TABLE_PRESETS["lenet"].table,
        description="the layers, from the input to the output",
        json_schema_extra={"undo": "gesture"},
    )
    current: str = Field("", description="row whose settings are open", json_schema_extra={"undo": "none"})
    unfolded: tuple[str, ...] = Field(
        (), description="residual blocks whose layers are listed", json_schema_extra={"undo": "none"}
    )


@dataclass(frozen=True)
class OpenNetwork:
    """The layers of the network that is open, to start from.

    Attributes
    ----------
    table : LayerTable or None
        None where they are no chain of layers that a table can have.
    words : str
        Why there is none, or what was left out.
    is_own : bool
        Whether it was trained from a table, which this is.
    """

    name: str
    table: LayerTable | None
    words: str = ""
    is_own: bool = False


@dataclass(frozen=True, eq=False)
class ArchitectureResult:
    """``fields`` has the receptive field of each layer of ``plan.graph``, by its name."""

    plan: TablePlan
    fields: Mapping[str, FieldRow]
    data: str
    opened: OpenNetwork


def data_of(scene: Scene) -> tuple[str, tuple[int, int, int], int]:
    """Title, shape and number of classes of the data set that the next run is trained on."""
    settings: TrainingSettings = cast(Any, scene.panel("training")).settings
    facts = DATA.get(settings.dataset)
    if facts is not None:
        return facts.title.removesuffix(" (on board)"), facts.shape, facts.classes
    folder = Path(settings.dataset.partition(":")[2])
    return folder.name, _FOLDER_SHAPE, max(_classes_in(folder), 2)


def _classes_in(folder: Path) -> int:
    try:
        inner = folder / "train"
        return sum(each.is_dir() for each in (inner if inner.is_dir() else folder).iterdir())
    except OSError:
        return 0


_known: dict[tuple[LayerTable, tuple[int, int, int], int], tuple[TablePlan, Mapping[str, FieldRow]]] = {}
"""The table that was worked out last."""
_opened: list[tuple[LayerGraph, OpenNetwork]] = []
"""The network that was looked at last, by its graph: weights that arrive in training change nothing."""


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> ArchitectureResult:
    params = cast(ArchitectureParams, scene.panel("architecture"))
    data, shape, classes = data_of(scene)
    key = (params.table, shape, classes)
    if key not in _known:
        found = worked_out(*key)
        _known.clear()
        _known[key] = found
    plan, fields = _known[key]
    return ArchitectureResult(plan, fields, data, _opened_network(observation.network))


def worked_out(
    table: LayerTable, shape: tuple[int, int, int], classes: int
) -> tuple[TablePlan, Mapping[str, FieldRow]]:
    """The sizes of a table for images of ``shape``, and the receptive field of every layer by its name."""
    from cnnviz.core.field_table import field_table
    from cnnviz.nets.table_plan import plan_table

    plan = plan_table(table, shape, classes)
    return plan, {row.layer: row for row in field_table(plan.graph)}


def _opened_network(network: LoadedNetwork) -> OpenNetwork:
    if not _opened or _opened[0][0] is not network.graph:
        _opened[:] = [(network.graph, _table_of(network))]
    return _opened[0][1]


def _table_of(network: LoadedNetwork) -> OpenNetwork:
    from cnnviz.nets.registry import ArchitectureError, table_of
    from cnnviz.nets.table_from_network import NoTable, table_of_network

    try:
        if network.card.architecture == LAYER_TABLE and not network.changes:
            return OpenNetwork(network.name, _as_the_data(table_of(network.card.config), network.card), is_own=True)
        table, words = table_of_network(network.module, network.graph)
        return OpenNetwork(network.title, table, words)
    except (ArchitectureError, NoTable) as error:
        return OpenNetwork(network.title, None, str(error))


def _as_the_data(table: LayerTable, card: NetworkCard) -> LayerTable:
    """Without a size of its own where it had that of the data it was trained on."""
    facts = DATA.get(card.dataset.removesuffix(PERMUTED_WORDS))
    same = facts is not None and facts.shape[1:] == table.height_width
    return LayerTable(layers=table.layers) if same else table


SPEC = PanelSpec(
    id="architecture",
    title="Architecture",
    area="right",
    params=ArchitectureParams,
    depends=("network",),
    reads=("training",),
    compute=compute,
    view="cnnviz.panels.architecture_view:ArchitectureView",
    tip="Put a network together layer by layer, and train it.",
)
