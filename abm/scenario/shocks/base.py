"""What every shock has: when it happens and how long it lasts."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from abm.scenario.fields import AtLeastOne, Hours, NotNegative, Positive, Table
from abm.units import seconds

Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


class TimedShock(Table):
    """A shock at a time, or drawn at a rate.

    Give ``at_hours`` and ``duration_hours``, or ``hazard_per_year`` and ``duration_median_hours``.
    """

    lasts: ClassVar[bool] = True
    """Whether it has a length, or happens at a moment."""

    at_hours: Annotated[
        NotNegative | None, Field(le=100_000, description="Start, from the start of the run")
    ] = None
    duration_hours: Annotated[Hours | None, Field(description="Length")] = None
    hazard_per_year: Annotated[
        Positive | None, Field(description="Mean number of starts in a calm year, drawn")
    ] = None
    crash_multiplier: Annotated[
        AtLeastOne,
        Field(description="Multiple of that rate while the price moved 3 % or more in an hour"),
    ] = 1.0
    duration_median_hours: Annotated[
        Hours | None, Field(description="Median of the drawn, lognormal length")
    ] = None
    duration_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 1.0

    @model_validator(mode="after")
    def _is_timed_or_drawn(self) -> TimedShock:
        drawn = self.hazard_per_year is not None
        if drawn == (self.at_hours is not None):
            raise ValueError("give either at_hours or hazard_per_year")
        needed = "duration_median_hours" if drawn else "duration_hours"
        useless = "duration_hours" if drawn else "duration_median_hours"
        if self.lasts and getattr(self, needed) is None:
            raise ValueError(
                f"{needed} is required with {'hazard_per_year' if drawn else 'at_hours'}"
            )
        if getattr(self, useless) is not None:
            raise ValueError(
                f"{useless} is not read with {'hazard_per_year' if drawn else 'at_hours'}"
            )
        return self

    @property
    def is_drawn(self) -> bool:
        """Whether chance decides when it happens, and how often."""
        return self.at_hours is None

    @property
    def start_second(self) -> int:
        """First second at which it can happen."""
        return 0 if self.at_hours is None else seconds(self.at_hours)

    @property
    def end_second(self) -> int:
        """First second after a shock whose time is given."""
        return self.start_second + seconds(self.duration_hours or 0.0)
