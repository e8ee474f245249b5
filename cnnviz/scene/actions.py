"""Changes of the scene that several places make: each one undo step."""

from __future__ import annotations

from cnnviz.core.network_changes import NetworkChange, with_change, without_change
from cnnviz.data.made_pictures import FIRST_OF
from cnnviz.data.pixel_order import PERMUTED_WORDS
from cnnviz.data.samples import sample_drawing, samples
from cnnviz.data.source import Base, Blank, MadePicture, Photo, SamplePhoto
from cnnviz.data.strokes import Drawing, Stroke
from cnnviz.scene.document import Document
from cnnviz.scene.models import Scene

FIRST_SAMPLE = "digit-5-first"
PHOTO_SAMPLE = "chelsea"


def first_scene() -> Scene:
    """What a person sees who starts the program for the first time: a network at work on a drawn digit."""
    document = Document()
    use_sample(document, FIRST_SAMPLE, example=True)
    return document.scene


def use_sample(document: Document, name: str, *, example: bool = False) -> None:
    """Put a sample on the canvas; a drawing comes as its strokes, so that it can be erased and drawn on.

    With ``example`` the first stroke of the person takes its place.
    """
    kinds = {sample.name: sample.kind for sample in samples()}
    if kinds[name] == "drawing":
        changes: dict[str, object] = {"input.base": Blank(), "input.drawing": sample_drawing(name)}
    else:
        changes = _on_blank(SamplePhoto(name=name))
    document.edit_many({**changes, "example": example})


def use_photo(document: Document, path: str, sha256: str, label: str = "") -> None:
    """Put a photo that the image store holds on the canvas; ``label`` is its class, where a data set tells it."""
    document.edit_many(
        {
            **_on_blank(Photo(path=path, sha256=sha256, label=label)),
            "example": False,
        }
    )


def use_blank(document: Document) -> None:
    """An empty canvas."""
    document.edit_many({**_on_blank(Blank()), "example": False})


def _on_blank(base: Base) -> dict[str, object]:
    """Nothing drawn on it."""
    return {"input.base": base, "input.drawing": Drawing(height=28, width=28)}


def use_network(
    document: Document,
    source: str,
    channels: int | None = None,
    *,
    dataset: str = "",
    accept: bool = False,
    trust: bool = False,
) -> None:
    """Show another network.

    Where nothing but what came with the program lies on the canvas, and it says nothing to this network, another input
    comes with it: a digit to one that sees grey, a photo to one that sees colour, and to one that learned from
    ``dataset``, which the program makes, a picture of that. A sample that suits stays, to be seen by both networks.
    ``accept`` takes an answer that is not sure, ``trust`` runs a program. What was changed in the network before is not
    changed in this one.
    """
    changes: dict[str, object] = {
        "network.source": source,
        "network.accept": accept,
        "network.trust": trust,
        "network.answer": None,
        "network.select": None,
        "selection": {},
        "changes": (),
    }
    with document.gesture():
        document.edit_many(changes)
        _suit_input(document, channels, dataset.removesuffix(PERMUTED_WORDS))


def _suit_input(document: Document, channels: int | None, dataset: str) -> None:
    scene = document.scene
    base = scene.input.base
    if not came_along(scene) or channels not in (1, 3):
        return
    made = FIRST_OF.get(dataset)
    if made is not None:
        if not isinstance(base, MadePicture) or base.dataset != dataset:
            document.edit_many({**_on_blank(made), "example": True})
    elif channels == 3:
        if not isinstance(base, SamplePhoto):
            use_sample(document, PHOTO_SAMPLE, example=True)
    elif sample_on_canvas(scene) is None or isinstance(base, SamplePhoto):
        use_sample(document, FIRST_SAMPLE, example=True)


def came_along(scene: Scene) -> bool:
    """Whether nothing but what came with the program, or with a network, lies on the canvas."""
    base = scene.input.base
    return scene.example or (isinstance(base, SamplePhoto | MadePicture) and not scene.input.drawing.strokes)


def begin_with(document: Document, base: Base) -> None:
    """Let the network that has just been opened begin with ``base``; undone with its opening."""
    drawing = Drawing(height=28, width=28)
    if not document.scene.example:
        document.amend("example", True)
    document.amend("input", document.scene.input.model_copy(update={"base": base, "drawing": drawing}))


def change_network(document: Document, change: NetworkChange) -> None:
    """Change the network that is shown; the change takes the place of an earlier one of its kind for the same layer."""
    document.edit("changes", with_change(document.scene.changes, change))


def put_back(document: Document, kind: type[NetworkChange], layer: str | None = None) -> None:
    """Take back the changes of one kind for ``layer``; without a layer all of the kind."""
    document.edit("changes", without_change(document.scene.changes, kind, layer))


def reset_changes(document: Document) -> None:
    """Show the network as it was loaded."""
    document.edit("changes", ())


def is_paper(scene: Scene) -> bool:
    """Whether the input is drawn, not photographed: the light theme shows it as ink on paper."""
    return isinstance(scene.input.base, Blank)


def sample_on_canvas(scene: Scene) -> str | None:
    """Name of the sample that lies on the canvas as it came; None for anything else."""
    base, drawing = scene.input.base, scene.input.drawing
    if isinstance(base, SamplePhoto):
        return base.name
    if not isinstance(base, Blank) or not drawing.strokes:
        return None
    drawings = (sample.name for sample in samples() if sample.kind == "drawing")
    return next((name for name in drawings if _same_strokes(sample_drawing(name).strokes, drawing.strokes)), None)


def label_of_input(scene: Scene) -> str:
    """The class of what lies on the canvas, where it is known; empty once something was drawn on it."""
    base = scene.input.base
    if isinstance(base, Photo | MadePicture):
        return "" if scene.input.drawing.strokes else base.label
    present = sample_on_canvas(scene)
    return next((sample.label for sample in samples() if sample.name == present), "")


def _same_strokes(one: tuple[Stroke, ...], other: tuple[Stroke, ...]) -> bool:
    """Those of a sample are shared until they come from a file; then their points are compared."""
    return one is other or (len(one) == len(other) and one == other)
