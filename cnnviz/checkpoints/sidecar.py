"""What a person said of a file, kept with the file's hash so that it is never taken for another's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from cnnviz.checkpoints.candidate import Candidate
from cnnviz.data.atomic import write_atomically
from cnnviz.nets.public import InputStatistics

_LARGEST = 16 * 1024 * 1024
_CHUNK = 1 << 20

_Size = Annotated[int, Field(ge=1, le=8_192)]


class AcceptedAnswer(BaseModel):
    """The architecture that a person accepted for the file of this hash."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cnnviz_answer: Literal[1] = 1
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    select: str = ""
    """Which of several networks in the file."""
    architecture: str
    title: str
    config: dict[str, JsonValue]
    names: dict[str, str]
    """From the architecture's names of its weights to the file's."""
    input_size: tuple[_Size, _Size, _Size]
    mean: tuple[float, ...] | None = None
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, candidate: Candidate, sha256: str, select: str) -> Self:
        """What accepting ``candidate`` says of the file with this hash."""
        statistics = candidate.statistics
        return cls(
            sha256=sha256,
            select=select,
            architecture=candidate.architecture,
            title=candidate.title,
            config=dict(candidate.config),
            names=dict(candidate.names),
            input_size=candidate.input_size,
            mean=statistics.mean if statistics else None,
            std=statistics.std if statistics else None,
            labels=candidate.labels,
        )

    def candidate(self) -> Candidate:
        """The answer, as sure as the person was."""
        known = self.mean is not None and self.std is not None
        return Candidate(
            architecture=self.architecture,
            config=self.config,
            confidence=1.0,
            reasons=("You accepted it for this file.",),
            names=self.names,
            rule="accepted",
            title=self.title,
            input_size=self.input_size,
            statistics=InputStatistics(self.mean or (), self.std or ()) if known else None,
            labels=self.labels,
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def keep(answer: AcceptedAnswer, path: Path) -> Path:
    """Write the answer beside the file at ``path``, else, where that cannot be, into the user's data folder.

    Returns the place; raises OSError where neither can be written.
    """
    content = answer.model_dump_json(indent=1).encode()
    try:
        write_atomically(_beside(path), content)
        return _beside(path)
    except OSError:
        place = _in_data_folder(path)
        write_atomically(place, content)
        return place


def find(path: Path) -> tuple[AcceptedAnswer | None, str]:
    """The answer that was kept for the file at ``path``, and, in a sentence, why one that is there is not taken."""
    notice = ""
    for place in (_beside(path), _in_data_folder(path)):
        content = _content(place)
        if content is None:
            continue
        try:
            answer = AcceptedAnswer.model_validate_json(content)
        except ValidationError:
            notice = f"{place} is no answer that this program wrote, and is ignored."
            continue
        if answer.sha256 != sha256_of(path):
            notice = f"{place} was written for a file of other content, and is ignored."
            continue
        return answer, notice
    return None, notice


def places(path: Path) -> tuple[Path, ...]:
    """Where an answer for the file at ``path`` may be kept, the first choice first."""
    try:
        return _beside(path), _in_data_folder(path)
    except (OSError, ValueError):
        return ()


def _content(place: Path) -> bytes | None:
    """None where there is no regular file of a size that an answer can have; a pipe would be waited for."""
    try:
        if not place.is_file() or place.stat().st_size > _LARGEST:
            return None
        return place.read_bytes()
    except OSError:
        return None


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.cnnviz.json")


def _in_data_folder(path: Path) -> Path:
    # By place and size, since to find an answer by content alone every file that is opened would have to be read whole.
    place = hashlib.sha256(f"{path.absolute()}:{path.stat().st_size}".encode()).hexdigest()[:32]
    return platformdirs.user_data_path("cnnviz", appauthor=False) / "accepted" / f"{place}.json"
