"""A second network beside the one that is shown: loaded once, kept, and run on the same input."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.engine.input_tensor import moments
from cnnviz.engine.network_host import NetworkHost, NetworkUnavailable
from cnnviz.engine.observation import LoadedNetwork, Observation, selected_layer
from cnnviz.engine.shared_pass import SharedPass
from cnnviz.scene.models import NetworkChoice, Scene

if TYPE_CHECKING:
    from cnnviz.checkpoints.checkpoint import Checkpoint
    from cnnviz.data.pipeline import InputPipeline


@dataclass(frozen=True, eq=False)
class OtherNetwork:
    """What was found under a choice: a live network, or a file's tensors alone.

    Attributes
    ----------
    network : LoadedNetwork or None
        None where only tensors can be read; ``why_not`` then says why.
    checkpoint : Checkpoint or None
        The file, where it is no whole live network.
    """

    name: str
    choice: NetworkChoice
    network: LoadedNetwork | None
    checkpoint: Checkpoint | None = None
    why_not: str = ""


class OtherNetworkHost:
    """Keeps the last network that a panel asked for; used by the engine's thread."""

    def __init__(self, pipeline: InputPipeline) -> None:
        self._pipeline = pipeline
        self._host = NetworkHost()
        self._choice: NetworkChoice | None = None
        self._other: OtherNetwork | None = None
        self._refusal: NetworkUnavailable | None = None
        self._stamp: tuple[int, int] | None = None
        self._pass = SharedPass()

    def loaded(self, choice: NetworkChoice) -> OtherNetwork | None:
        """The network of ``choice`` where it is the one kept; None where it has to be loaded first.

        Raises
        ------
        NetworkUnavailable
            It was tried, and nothing could be read.
        """
        if self._choice != choice or self._stamp != _stamp(choice):
            return None
        if self._refusal is not None:
            raise self._refusal
        return self._other

    def load(self, choice: NetworkChoice) -> OtherNetwork:
        """The network of ``choice``, which takes as long as opening it does.

        Raises
        ------
        NetworkUnavailable
            Nothing can be read under it; the message says why.
        """
        known = self.loaded(choice)
        if known is not None:
            return known
        self._choice, self._stamp = choice, _stamp(choice)
        self._other, self._refusal, self._pass, self._host = None, None, SharedPass(), NetworkHost()
        try:
            self._other = _opened(self._host, choice)
        except NetworkUnavailable as error:
            self._refusal = error
            raise
        return self._other

    def look(
        self,
        network: LoadedNetwork,
        shown: Observation,
        scene: Scene,
        layers: Collection[str],
        cancelled: Callable[[], bool],
    ) -> Observation:
        """One pass of ``network`` on the input of ``shown``, fitted to what it takes; the last one is used again.

        Raises
        ------
        ValueError
            The input cannot be fitted to it.
        Exception
            Whatever the network raises.
        """
        card, own = network.card, shown.network.card
        alike = (card.input_size, card.permuted_at) == (own.input_size, own.permuted_at)
        rendered = shown.rendered if alike else self._pipeline.render(scene.input, *card.input_size, card.permuted_at)
        mean, std = moments(scene, network)
        observation = Observation(network, rendered, mean, std, selected_layer(scene, network.graph))
        return self._pass.look(observation, layers, cancelled)


def _stamp(choice: NetworkChoice) -> tuple[int, int] | None:
    """Tells a file from what it was before; None for what is no file, or is gone."""
    kind, _, name = choice.source.partition(":")
    try:
        status = Path(name).stat() if kind == "file" else None
    except OSError:
        return None
    return None if status is None else (status.st_mtime_ns, status.st_size)


def _opened(host: NetworkHost, choice: NetworkChoice) -> OtherNetwork:
    """A live network; where a file is none, its tensors beside what of it runs."""
    from cnnviz.checkpoints.checkpoint import open_checkpoint

    kind, _, name = choice.source.partition(":")
    try:
        network = host.load(choice)
    except NetworkUnavailable as error:
        checkpoint = open_checkpoint(name) if kind == "file" else None
        if checkpoint is None or checkpoint.network is None:
            raise
        return OtherNetwork(Path(name).stem, choice, None, checkpoint, str(error))
    if not network.lacks:
        return OtherNetwork(network.name, choice, network)
    return OtherNetwork(network.name, choice, network, open_checkpoint(name, select=choice.select), network.lacks)
