"""What a study is after, beyond its runs: narrow intervals, a value that holds, a rare event."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from abm.recording.schemas import SCHEMAS
from abm.scenario.fields import Count, Positive, Table

# Replicates that an expected shortfall or a value at risk needs beyond its level, to mean anything.
LEAST_BEYOND = 5


def _known(outcome: str) -> str:
    known = [column.name for column in SCHEMAS["runs"].columns if column.kind != "text"]
    if outcome not in known:
        raise ValueError(f"it must be one of {', '.join(known)}")
    return outcome


Outcome = Annotated[
    str, AfterValidator(_known), Field(description="Numeric column of the table runs")
]


class Stopping(Table):
    """When a point has runs enough: once the interval of an outcome is narrow."""

    outcome: Outcome
    above: Annotated[
        float | None,
        Field(description="If given, the probability that the outcome is above this is estimated"),
    ] = None
    half_width: Annotated[
        Positive, Field(description="Half the interval's width, in the outcome's unit")
    ]
    confidence: Annotated[float, Field(gt=0, lt=1, description="Of the interval")] = 0.95
    least_replicates: Annotated[int, Field(ge=2, description="Runs of each point before")] = 8
    replicates_at_once: Annotated[Count, Field(description="Runs of a point between looks")] = 4


class Calibration(Table):
    """The target that the smallest value of the study's one factor is to hold."""

    outcome: Outcome
    measure: Annotated[
        Literal["probability", "mean", "value_at_risk", "expected_shortfall"],
        Field(description="What is held below the target; probability: of an outcome above"),
    ]
    above: Annotated[float, Field(description="Of the outcome, for the measure probability")] = 0.0
    level: Annotated[
        float, Field(gt=0, lt=1, description="Of value_at_risk and expected_shortfall")
    ] = 0.975
    target: Annotated[float, Field(description="The measure is to be at most this")]
    confidence: Annotated[
        float, Field(gt=0.5, lt=1, description="That the value found holds the target")
    ] = 0.95
    tolerance: Annotated[
        Positive, Field(description="The factor's value is found to this, in its unit")
    ]
    curve_points: Annotated[
        int, Field(ge=2, le=100, description="Values spread over the range before the search")
    ] = 5
    first_replicates: Annotated[
        int, Field(ge=2, description="Runs of a value before it is looked at; then twice as many")
    ] = 20

    @model_validator(mode="after")
    def _probability_is_one(self) -> Calibration:
        if self.measure == "probability" and not 0 < self.target < 1:
            raise ValueError(f"target is {self.target}; a probability is above 0 and below 1")
        return self


class RareEvent(Table):
    """An outcome that is hardly ever above a value, under the laws of the study's factors."""

    outcome: Outcome
    above: Annotated[float, Field(description="The event is the outcome being above this")]
    samples: Annotated[
        int, Field(ge=20, le=100_000, description="Runs of each level of the splitting")
    ] = 200
    kept: Annotated[
        float, Field(gt=0, le=0.5, description="Share of the runs that each level keeps")
    ] = 0.2
    most_levels: Annotated[Count, Field(le=50, description="Levels after which it is given up")] = (
        12
    )
    repeats: Annotated[
        int, Field(ge=2, le=100, description="Independent estimates; the interval is theirs")
    ] = 4
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Of the draws of the drivers")] = 1
