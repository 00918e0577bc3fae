"""When a run starts, how long it lasts, how fine its steps are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from abm.scenario.fields import Hours, Table
from abm.units import seconds


class Clock(Table):
    """The run's time: integer seconds from ``start_utc``, in equal steps."""

    start_utc: Annotated[str, Field(description="Start of the run, ISO 8601, in UTC")]
    hours: Annotated[Hours, Field(description="Length of the run, in hours")]
    step_seconds: Annotated[
        int, Field(ge=1, le=3_600, description="Length of one step, in seconds")
    ] = 60

    @field_validator("start_utc")
    @classmethod
    def _is_utc(cls, value: str) -> str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("must be a time such as 2020-03-12T00:00:00Z") from error
        if moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
            raise ValueError("must be in UTC: end it with Z")
        return value

    @model_validator(mode="after")
    def _whole_steps(self) -> Clock:
        if seconds(self.hours) % self.step_seconds:
            raise ValueError(
                f"hours = {self.hours} is not a whole number of steps of {self.step_seconds} s"
            )
        return self

    @property
    def start(self) -> datetime:
        """The moment at which second 0 stands."""
        return datetime.fromisoformat(self.start_utc)

    @property
    def horizon_seconds(self) -> int:
        """Second of the last step."""
        return seconds(self.hours)

    @property
    def step_count(self) -> int:
        """Steps in the run."""
        return self.horizon_seconds // self.step_seconds
