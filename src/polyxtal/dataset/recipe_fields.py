"""Types of the fields of recipes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Strict: a number in quotes, or `true`, is a mistake.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True)]
Positive = Annotated[Number, Field(gt=0.0)]


class Part(BaseModel):
    """A mapping of known fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def is_number(value: object) -> bool:
    """Return whether this is a number, not a string, a list or a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)
