"""The base of every value that a scene is made of."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable, strict value: unknown fields and non-finite floats are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
