"""The kinds of value a scenario holds, each with its rule."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Table(BaseModel):
    """One table of a scenario file: frozen, strictly typed, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        # Each table by itself is seldom read: built with the scenario that holds it, it costs less.
        defer_build=True,
    )


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A name used as a key and in result tables: lower case, digits, underscores."""

Hours = Annotated[float, Field(gt=0, le=100_000)]
"""A length of time; eleven years are more than any run can simulate."""

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
FractionBelowOne = Annotated[float, Field(ge=0, lt=1)]
AtLeastOne = Annotated[float, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]
PositiveSeconds = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(ge=0)]
