"""What a network file says of itself."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

FORMAT_KEY = "cnnviz_format"
FORMAT_VERSION = 1
_CARD_KEY = "cnnviz_card"

_Size = Annotated[int, Field(ge=1, le=65_536)]


class CheckpointError(ValueError):
    """A network file cannot be opened or written; the message is one sentence that says what to do next."""


def numbered_labels(outputs: int) -> tuple[str, ...]:
    """The labels of a network that does not say what its outputs mean."""
    return tuple(f"class {index}" for index in range(outputs))


class NetworkCard(BaseModel):
    """How a network was made, what it takes and what its outputs mean."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    architecture: str
    config: dict[str, JsonValue]
    labels: tuple[str, ...] = Field(min_length=1)
    input_size: tuple[_Size, _Size, _Size]
    """Channels, height, width."""
    mean: tuple[float, ...]
    """Per channel, of values in [0, 1]; taken from the image before ``std`` divides it."""
    std: tuple[Annotated[float, Field(gt=0)], ...]
    dataset: str
    test_accuracy: float | None = Field(default=None, ge=0, le=1)
    """Share of the data set's test images that it names rightly; None where it was not measured."""
    command: str = ""
    """The command that made it."""
    seed: int | None = None
    permuted_at: tuple[_Size, _Size] | None = None
    """Height and width of the images whose pixels were put in another order before training; None: in none."""

    @model_validator(mode="after")
    def _a_mean_and_std_per_channel(self) -> Self:
        channels = self.input_size[0]
        if len(self.mean) != channels or len(self.std) != channels:
            raise ValueError(f"{channels} channels need as many means and standard deviations")
        return self

    def to_metadata(self) -> dict[str, str]:
        """The card as metadata of a safetensors file, which holds strings only."""
        return {FORMAT_KEY: str(FORMAT_VERSION), _CARD_KEY: self.model_dump_json()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """The card in the metadata of a safetensors file.

        Raises
        ------
        CheckpointError
            The metadata is not this program's, of a newer version, or damaged.
        """
        if FORMAT_KEY not in metadata:
            raise CheckpointError("it was not written by cnnviz; make a network that it can open with 'cnnviz train'")
        version = metadata[FORMAT_KEY]
        if version != str(FORMAT_VERSION):
            raise CheckpointError(
                f"its format version is {version!r}, this program reads {FORMAT_VERSION}; install a newer cnnviz"
            )
        try:
            return cls.model_validate_json(metadata[_CARD_KEY])
        except KeyError as error:
            raise CheckpointError("its description is missing; get the file again") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"]))
            about = f" in '{field}'" if field else ""
            raise CheckpointError(f"its description is damaged{about} ({first['msg']}); get the file again") from error
