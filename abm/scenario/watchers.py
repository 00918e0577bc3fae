"""Who watches a venue from outside: those whose money is in its fund, and those who can pause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from abm.errors import Problem
from abm.scenario.fields import Count, Fraction, Hours, NotNegative, PositiveSeconds, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.scenario.model import Scenario


class FundDepositors(Table):
    """Depositors of the insurance funds: they earn its fees, bear its losses, and may leave.

    Whoever leaves is paid its share of what is left then. Where there are several venues, they are
    dealt among their funds in turn.
    """

    count: Annotated[Count, Field(description="Depositors")]
    share: Annotated[
        Fraction, Field(gt=0, description="Part of a fund that is theirs; the rest is the venue's")
    ]
    size_ln_sigma: Annotated[
        NotNegative, Field(description="Log standard deviation of their sizes")
    ] = 1.0
    leave_below: Annotated[
        Fraction,
        Field(
            description="Leaves once the fund is below a share of what it was; the share is drawn "
            "for each from 0 to this"
        ),
    ]
    notice_hours: Annotated[
        NotNegative, Field(description="From asking to being paid; it bears losses until then")
    ] = 0.0


class Guardians(Table):
    """Guardians: see a theft on a chain, and pause the channels it came by once enough agree."""

    count: Annotated[Count, Field(description="Guardians")]
    quorum: Annotated[Count, Field(description="Of them who must agree")]
    notice_median_seconds: Annotated[
        PositiveSeconds, Field(description="From the theft to one guardian's vote, at the median")
    ]
    notice_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 0.5
    alarm_usd: Annotated[
        NotNegative, Field(description="Value of what is stolen or forged that they look up for")
    ] = 0.0
    pause_hours: Annotated[Hours, Field(description="How long the channels stand still")]

    @model_validator(mode="after")
    def _can_agree(self) -> Guardians:
        if self.quorum > self.count:
            raise ValueError(f"quorum = {self.quorum} is above the {self.count} guardians")
        return self


def watcher_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what depositors and guardians have nothing to watch of."""
    rule = scenario.fund_depositors
    if rule is None:
        return
    further = [venue.insurance_fund_usd for venue in scenario.further_venues.values()]
    if not any((scenario.waterfall.insurance_fund_usd, *further)):
        key = "waterfall.insurance_fund_usd"
        yield Problem(key, "0 USD", "[fund_depositors] needs a fund above 0 to be in")
