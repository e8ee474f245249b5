"""What an input is made of: a base, a drawing on top of it, edits, and the fit to the network."""

from typing import Annotated, Literal

from pydantic import Field

from cnnviz.data.edits import Edits
from cnnviz.data.fit import Fit
from cnnviz.data.frozen import Frozen
from cnnviz.data.strokes import Drawing


class Blank(Frozen):
    """An even canvas at the network's size."""

    kind: Literal["blank"] = "blank"
    value: float = Field(0.0, ge=0, le=1, description="0 black, 1 white")


class Photo(Frozen):
    """A picture that was opened or pasted."""

    kind: Literal["photo"] = "photo"
    path: str = Field(max_length=4096, description="Where it came from, or its name if it was pasted")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Hash of its bytes: its name in the store of images")
    label: str = Field("", max_length=200, description="Its class, where it is of a labelled data set")


class SamplePhoto(Frozen):
    """One of the pictures that come with the program."""

    kind: Literal["sample"] = "sample"
    name: str = Field(max_length=100)


class MadePicture(Frozen):
    """A picture of a data set that the program makes."""

    kind: Literal["made"] = "made"
    dataset: str = Field(max_length=100)
    seed: int = Field(ge=0, description="Another number gives another picture")
    label: str = Field(max_length=200, description="Its class")


Base = Annotated[Blank | Photo | SamplePhoto | MadePicture, Field(discriminator="kind")]


class InputImage(Frozen):
    """All that decides which image the network gets."""

    base: Base = Blank()
    drawing: Drawing = Drawing(height=28, width=28)
    edits: Edits = Edits()
    fit: Fit = Fit()
