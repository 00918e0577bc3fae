"""What really happened, to be set beside what a scenario makes of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from abm.scenario.fields import NotNegative, Table


class HistoricRange(Table):
    """The range that is reported of one measure of the event a scenario is built on."""

    outcome: Annotated[
        str,
        Field(description="loss_usd (bad debt and what is unresolved), or a number of a run's row"),
    ]
    per: Annotated[str | None, Field(description="Outcome that it is divided by")] = None
    low: Annotated[NotNegative, Field(description="Least that is reported")]
    high: Annotated[NotNegative, Field(description="Most that is reported")]
    source: Annotated[str, Field(min_length=1, description="Who reports it")]

    @model_validator(mode="after")
    def _is_a_range(self) -> HistoricRange:
        if self.high < self.low:
            raise ValueError(f"high = {self.high} is below low = {self.low}")
        return self
