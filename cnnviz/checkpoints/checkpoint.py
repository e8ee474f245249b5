"""Opens any file of weights: what it holds, what it is, and a live network where that is sure or was accepted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from cnnviz.checkpoints import sidecar, wording
from cnnviz.checkpoints.candidate import Candidate
from cnnviz.checkpoints.card import CheckpointError, NetworkCard
from cnnviz.checkpoints.contents import PROGRAMS, Contents, Status
from cnnviz.checkpoints.filling import DoesNotFit, filled
from cnnviz.checkpoints.foreign_code import made_by
from cnnviz.checkpoints.graph_files import GraphFile, open_graph_file
from cnnviz.checkpoints.identification import Identification, identify_network
from cnnviz.checkpoints.identify import network_path
from cnnviz.checkpoints.input_size import LARGEST_INPUT, runs_on
from cnnviz.checkpoints.known_plans import KNOWN
from cnnviz.checkpoints.layer_table import CheckpointLayer, layers_in, layers_of, weights_among
from cnnviz.checkpoints.prefixes import SavedNetwork, networks_in
from cnnviz.checkpoints.programs import is_trusted, run_program
from cnnviz.checkpoints.reader import RefusedFile, read_checkpoint
from cnnviz.checkpoints.stored_arrays import check_stored_arrays
from cnnviz.core.error_words import first_line
from cnnviz.nets.module_tree import is_buildable
from cnnviz.nets.registry import ArchitectureError, build
from cnnviz.nets.zoo import building_device

__all__ = ["Checkpoint", "open_checkpoint"]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A file of weights, and what is known of it.

    Attributes
    ----------
    path : Path
    status : str
        ``"opened"``: ``module`` is a live network. ``"partial"``: its tensors can be read, but no network is made of
        them yet, or the file asks for names beside those of tensors. ``"refused"``: no tensor can be read.
    format : str
        In words; empty where the file was refused.
    architecture : str or None
        Of ``module``, else of the likeliest candidate.
    confidence : float
        In that architecture, from 0 to 1.
    candidates : tuple of Candidate
        All answers, best first.
    module : nn.Module or None
        In evaluation mode, on the CPU.
    card : NetworkCard or None
        None while nothing tells how its images are normalised: the message then asks for it.
    contents : Contents or None
        None where the file was refused.
    refused : tuple of str
        Names outside the list of tensor constructors that the file asks for.
    message : str
        What was found, and what can be done next.
    networks : tuple of str
        By what name each network in the file is selected.
    network : SavedNetwork or None
        The one that was selected.
    input_size : (int, int, int) or None
        Channels, height and width of the images that ``module`` takes.
    """

    path: Path
    status: Status
    format: str
    message: str
    architecture: str | None = None
    confidence: float = 0.0
    candidates: tuple[Candidate, ...] = ()
    module: nn.Module | None = None
    card: NetworkCard | None = None
    contents: Contents | None = None
    refused: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    network: SavedNetwork | None = None
    input_size: tuple[int, int, int] | None = None

    @property
    def trustable(self) -> bool:
        """Whether it is a program that torch could run, if the person trusts this file."""
        return self.module is None and self.format in PROGRAMS

    @cached_property
    def parameters(self) -> int:
        """Weights of the network, without buffers; tied ones are counted once."""
        if self.module is not None:
            return sum(weights.numel() for weights in self.module.parameters())
        if self.contents is None or self.network is None:
            return 0
        return sum(
            torch.Size(entry.shape).numel() for entry in weights_among(self.contents, self.network.entries.values())
        )

    @cached_property
    def layers(self) -> tuple[CheckpointLayer, ...]:
        """A live network's layers in order of execution; else those that hold tensors."""
        if self.module is not None and self.input_size is not None:
            return layers_of(self.module, self.input_size)
        if self.contents is None or self.network is None:
            return ()
        return layers_in(self.contents, self.network)


def open_checkpoint(
    path: str | Path,
    *,
    select: str | None = None,
    accept: bool | Candidate = False,
    model: str | None = None,
    trust: bool = False,
) -> Checkpoint:
    """Open a file of weights of any kind; nothing in it is executed, unless the person trusts this very file.

    Parameters
    ----------
    path
        A file, or the name of a network that ships with the program.
    select
        Which of several networks in the file; by default the first.
    accept
        True accepts the best candidate, a candidate that one: a live network is made of it, and the answer is kept for
        this file. A candidate worked out from shapes can be corrected before, see
        :class:`cnnviz.checkpoints.chain_guess.ChainGuess`.
    model
        ``package.module:callable`` that makes the network: your own code, imported because you ask for it, and never
        from the folder of the file.

    trust
        The person trusts who made this file: torch may run the program that a TorchScript or exported file is. This is
        kept for the file with this content.

    Raises
    ------
    CheckpointError
        There is no network called ``select``, a file that is to be trusted is no program or cannot be loaded,
        the candidate does not fit the weights, or ``model`` makes none that does.
    """
    path = network_path(path)
    try:
        graph = open_graph_file(path, accept=accept is not False)
        if graph is not None:
            return _of_graph(path, graph)
    except CheckpointError as error:
        return Checkpoint(path, "refused", "", str(error))
    try:
        contents = read_checkpoint(path, KNOWN)
    except RefusedFile as error:
        return Checkpoint(path, "refused", "", str(error), refused=error.refused)
    found = networks_in(contents)
    network = _selected(found, select, path)
    file = Checkpoint(
        path=path,
        status="partial",
        format=contents.format,
        message="",
        contents=contents,
        refused=contents.refused,
        networks=tuple(network.select for network in found),
        network=network,
    )
    if trust and contents.format not in PROGRAMS:
        raise CheckpointError(
            f"{path} is of the format {contents.format}, in which nothing is ever run; open it without trust."
        )
    if contents.format in PROGRAMS and (trust or is_trusted(path)):
        return _run(file, contents)
    if network is None:
        return replace(file, message=wording.no_network(file, "it holds what training needs, and no network's weights"))
    if model is not None:
        return _made_by_code(file, contents, network, model)
    identification = identify_network(contents, network)
    kept, notice = _kept_answer(path, network) if accept is False else (None, "")
    candidates = (kept, *identification.candidates) if kept is not None else identification.candidates
    file = replace(file, candidates=candidates)
    if accept is not False:
        return _accepted(file, contents, network, accept, identification)
    best = candidates[0] if candidates else None
    foreign = [module.kind for module in contents.modules if not is_buildable(module.kind)]
    if foreign and (best is None or best.rule in ("order", "chain")):
        # What its class computes beside its layers is not in the shapes.
        kind = foreign[0]
        return replace(file, architecture=kind, confidence=1.0, message=wording.pickled(file, kind))
    if best is None and identification.lacking:
        return replace(file, message=wording.lacking(file, identification.lacking))
    if best is None:
        return replace(file, message=wording.no_network(file, identification.reason))
    file = replace(file, architecture=best.architecture, confidence=best.confidence)
    # Who accepted an answer has seen the names that the file asks for.
    if not best.sure or (contents.refused and best.rule != "accepted"):
        return replace(file, message=wording.to_be_accepted(file, best, notice))
    try:
        return _opened(file, contents, best, notice)
    except DoesNotFit as error:
        return replace(file, message=wording.no_network(file, f"of {best.title} {error}"))


def _of_graph(path: Path, graph: GraphFile) -> Checkpoint:
    """A file that holds its graph: nothing has to be worked out, but how images are normalised it does not say."""
    network = SavedNetwork("", (), {entry.name: entry for entry in graph.contents.entries})
    file = Checkpoint(
        path=path,
        status="opened" if graph.module is not None and graph.input_size is not None else "partial",
        format=graph.format,
        message="",
        architecture="the graph in the file",
        confidence=1.0,
        module=graph.module if graph.input_size is not None else None,
        contents=graph.contents,
        networks=("",),
        network=network,
        input_size=graph.input_size if graph.module is not None else None,
    )
    if graph.proposal and graph.input_size is not None:
        file = replace(file, candidates=(_proposed(graph.proposal, graph.input_size),))
    if file.module is None:
        reason = graph.message or "Its input is no image."
        return replace(file, message=f"{path} has a graph that is not run, its tensors can be looked at. {reason}")
    asks = "It does not say how its images are normalised: set mean and std."
    return replace(file, message=" ".join(part for part in (f"{path} is alive.", graph.message, asks) if part))


def _proposed(title: str, size: tuple[int, int, int]) -> Candidate:
    """The graph in the file, which the person is to accept first."""
    return Candidate(
        architecture="the graph in the file",
        config={},
        confidence=1.0,
        reasons=("The file says itself what it computes, but makes constants far larger than itself.",),
        names={},
        rule="graph",
        title=title,
        input_size=size,
    )


def _run(file: Checkpoint, contents: Contents) -> Checkpoint:
    """With the network that a trusted program is."""
    run = run_program(file.path, contents)
    file = replace(file, architecture="the program in the file", confidence=1.0)
    if run.module is None:
        return replace(file, message=f"{file.path} has tensors that can be looked at. {run.message}")
    opened = replace(file, status="opened", module=run.module, input_size=run.input_size)
    return replace(opened, message=wording.trusted(opened, run.message))


def _selected(networks: tuple[SavedNetwork, ...], select: str | None, path: Path) -> SavedNetwork | None:
    if select is None:
        return networks[0] if networks else None
    for network in networks:
        if network.select == select:
            return network
    names = ", ".join(network.select or "the whole file" for network in networks) or "none"
    raise CheckpointError(f"{path} holds no network called '{select}'; it holds {names}.")


def _kept_answer(path: Path, network: SavedNetwork) -> tuple[Candidate | None, str]:
    try:
        answer, notice = sidecar.find(path)
    except OSError as error:
        return None, f"Whether an answer was kept for it cannot be read ({error.strerror or error})."
    if answer is None or answer.select != network.select:
        return None, notice
    return answer.candidate(), notice


def _accepted(
    file: Checkpoint,
    contents: Contents,
    network: SavedNetwork,
    accept: bool | Candidate,
    identification: Identification,
) -> Checkpoint:
    """A live network of what the person accepts, which is kept for the next time."""
    if not isinstance(accept, Candidate):
        if not identification.candidates:
            return replace(file, message=wording.no_network(file, identification.reason))
        accept = identification.candidates[0]
    if accept.rule == "metadata":
        return _opened(file, contents, accept, "")
    answer = sidecar.AcceptedAnswer.of(accept, sidecar.sha256_of(file.path), network.select)
    accepted = answer.candidate()
    try:
        opened = _opened(replace(file, candidates=(accepted, *file.candidates)), contents, accepted, "")
    except DoesNotFit as error:
        raise CheckpointError(f"{file.path} cannot be opened as {accept.title}: {error}; correct it.") from error
    try:
        place = sidecar.keep(answer, file.path)
    except OSError as error:
        return replace(opened, message=f"{opened.message} The answer could not be kept ({error.strerror or error}).")
    return replace(opened, message=f"{opened.message} The answer is kept in {place}.")


def _opened(file: Checkpoint, contents: Contents, candidate: Candidate, notice: str) -> Checkpoint:
    """With a live network made of ``candidate``; raises DoesNotFit."""
    unknown = set(candidate.names.values()) - {entry.name for entry in contents.entries}
    if unknown:
        raise DoesNotFit(f"it lacks the weights '{min(unknown)}'")
    if math.prod(candidate.input_size) > LARGEST_INPUT:
        size = "×".join(map(str, candidate.input_size))
        raise DoesNotFit(f"its images of {size} are larger than any that are shown")
    try:
        with torch.device(building_device(candidate.architecture)):
            module = build(candidate.architecture, candidate.config).eval()
    except (ArchitectureError, RuntimeError, ValueError) as error:
        raise DoesNotFit(f"it cannot be built ({first_line(error)})") from error
    try:
        module = filled(module, candidate.names, contents.load)
    except CheckpointError as error:
        raise DoesNotFit(f"a tensor cannot be read: {error}") from error
    try:
        # with its weights: the device without memory imports a compiler when it first computes, which takes seconds
        with torch.no_grad():
            outputs = module(torch.zeros(1, *candidate.input_size)).shape[1]
    except (RuntimeError, ValueError) as error:
        raise DoesNotFit(f"it cannot be run ({first_line(error)})") from error
    if candidate.rule == "metadata":
        card: NetworkCard | None = NetworkCard.from_metadata(_strings(contents.metadata))
    else:
        try:
            card = candidate.card(outputs)
        except ValueError as error:
            raise DoesNotFit(f"mean and std do not fit its {candidate.input_size[0]} channels") from error
    opened = replace(
        file,
        status="opened",
        architecture=candidate.architecture,
        confidence=candidate.confidence,
        module=module,
        card=card,
        input_size=candidate.input_size,
    )
    check = check_stored_arrays(module, file.path.parent) if len(file.networks) == 1 else None
    return replace(opened, message=wording.opened(opened, candidate, check, notice))


def _made_by_code(file: Checkpoint, contents: Contents, network: SavedNetwork, spec: str) -> Checkpoint:
    """With the network that the person's own code makes, filled with the file's weights."""
    module = made_by(spec, file.path)
    expected = module.state_dict().keys()
    candidates = [network.entries, {entry.name: entry for entry in contents.entries}]
    names = max(candidates, key=lambda entries: len(entries.keys() & expected))
    try:
        module = filled(module, {name: entry.name for name, entry in names.items()}, contents.load)
    except DoesNotFit as error:
        raise CheckpointError(f"{file.path} does not fit what {spec} makes: {error}; correct --model.") from error
    size = runs_on(module)
    opened = replace(file, status="opened", architecture=spec, confidence=1.0, module=module, input_size=size)
    return replace(opened, message=wording.made_by_code(opened, spec))


def _strings(metadata: Mapping[str, object]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if isinstance(value, str)}
