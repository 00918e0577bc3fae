"""Who pays a loss that an account leaves, in which order.

A layer is a table here, a name in `LAYERS`, and a class in `abm.venue.layers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from abm.errors import Problem
from abm.scenario.fields import Hours, Name, NotNegative, Positive, Table
from abm.scenario.references import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.scenario.model import Scenario

LAYERS = {
    "fund": "the venue's insurance fund",
    "mutual_fund": "the mutual fund of several venues",
    "insurance": "the insurer",
    "backstop": "the backstop",
    "socialised": "all who had cash",
    "deleveraged": "those with profits, the most leveraged first",
}
"""Layers that can pay, with who pays in each."""

Funded = Literal["fund", "mutual_fund", "insurance", "backstop"]

FUNDED: tuple[Funded, ...] = ("fund", "mutual_fund", "insurance", "backstop")
"""Layers with money set aside, in the order in which they pay if a scenario does not say."""


class Member(Table):
    """Another venue that shares a mutual fund; it is not simulated."""

    contribution_usd: Annotated[NotNegative, Field(description="What it paid into the fund")]
    requirement_usd: Annotated[
        NotNegative | None,
        Field(description="Initial margin it requires; for that rule of sharing"),
    ] = None
    volume_usd: Annotated[
        NotNegative | None, Field(description="Premium traded there; for that rule of sharing")
    ] = None


class MutualFund(Table):
    """A fund of several venues that pays for losses of each.

    ``tranche`` takes the contribution of the venue that lost, then the others' in proportion;
    ``requirement`` and ``volume`` take from all, in proportion to margin required or premium
    traded. Nobody pays more than its contribution; what one lacks the others pay.
    """

    sharing: Annotated[
        Literal["tranche", "requirement", "volume"], Field(description="Who pays how much")
    ] = "tranche"
    own_usd: Annotated[NotNegative, Field(description="Contribution of the simulated venue")]
    others: Annotated[dict[Name, Member], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _knows_the_weights(self) -> MutualFund:
        key = {"requirement": "requirement_usd", "volume": "volume_usd"}.get(self.sharing)
        for name, member in self.others.items():
            for other in ("requirement_usd", "volume_usd"):
                if other == key and getattr(member, other) is None:
                    raise ValueError(f"others.{name}.{key} is required with {self.sharing!r}")
                if other != key and getattr(member, other) is not None:
                    raise ValueError(f"others.{name}.{other} is not read with {self.sharing!r}")
        return self


class Insurance(Table):
    """An insurer that pays losses beyond a deductible, up to a limit of the whole run."""

    cover_usd: Annotated[Positive, Field(description="What it pays at most in a run")]
    deductible_usd: Annotated[
        NotNegative, Field(description="Part of each loss, after the layers above, it leaves")
    ] = 0.0
    premium_per_year: Annotated[
        NotNegative,
        Field(description="Share of the cover, paid by the insurance fund for the run's length"),
    ] = 0.0


class ParametricInsurance(Table):
    """Pays a sum into the insurance fund once a channel or chain stood still for long enough."""

    payout_usd: Annotated[Positive, Field(description="What it pays, once")]
    premium_per_year: Annotated[
        NotNegative,
        Field(description="Share of the payout, paid by the insurance fund for the run's length"),
    ] = 0.0
    channels: Annotated[tuple[str, ...], Field(strict=False)] = ()
    chains: Annotated[tuple[str, ...], Field(strict=False)] = ()
    after_hours: Annotated[Hours, Field(description="Standing still without a break")]

    @model_validator(mode="after")
    def _watches_something(self) -> ParametricInsurance:
        if not self.channels and not self.chains:
            raise ValueError("it must name channels or chains")
        return self


class Backstop(Table):
    """Whoever stands behind the venue, such as its treasury."""

    size_usd: Annotated[Positive, Field(description="What it pays at most in a run")]


class Waterfall(Table):
    """Who pays a loss that an account leaves: funded layers in order, then the other accounts."""

    insurance_fund_usd: Annotated[NotNegative, Field(description="Fund at the start")]
    order: Annotated[
        tuple[Funded, ...],
        Field(strict=False, description="Of the funded layers; those that are not set pay nothing"),
    ] = FUNDED
    last: Annotated[
        Literal["socialise", "deleverage"],
        Field(
            description="What remains is cut from all with cash, in proportion, or from profits, "
            "those first that are large and leveraged"
        ),
    ] = "socialise"
    mutual_fund: MutualFund | None = None
    insurance: Insurance | None = None
    parametric: ParametricInsurance | None = None
    backstop: Backstop | None = None

    @model_validator(mode="after")
    def _orders_each_once(self) -> Waterfall:
        if sorted(self.order) != sorted(FUNDED):
            raise ValueError(f"order must name each of {', '.join(FUNDED)} once")
        return self

    def size_usd(self, layer: str) -> float | None:
        """Return what a funded layer starts with, in dollars; None for one that is not there."""
        sizes = {"fund": self.insurance_fund_usd}
        if self.mutual_fund is not None:
            others = self.mutual_fund.others.values()
            shared = self.mutual_fund.own_usd + sum(other.contribution_usd for other in others)
            sizes["mutual_fund"] = shared
        if self.insurance is not None:
            sizes["insurance"] = self.insurance.cover_usd
        if self.backstop is not None:
            sizes["backstop"] = self.backstop.size_usd
        return sizes.get(layer) or None

    def premiums_usd(self, hours: float) -> float:
        """Return what both insurances cost for a run of so many hours, in dollars."""
        years = hours / (365 * 24)
        paid = 0.0
        if self.insurance is not None:
            paid += self.insurance.premium_per_year * self.insurance.cover_usd * years
        if self.parametric is not None:
            paid += self.parametric.premium_per_year * self.parametric.payout_usd * years
        return paid


def waterfall_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what a parametric insurance watches that is not there, and premiums nobody can pay."""
    rule = scenario.waterfall.parametric
    if rule is not None:
        for kind, names, known in (
            ("channels", rule.channels, list(scenario.channels)),
            ("chains", rule.chains, list(scenario.chains)),
        ):
            for name in names:
                if name not in known:
                    yield unknown(f"waterfall.parametric.{kind}", name, known, kind)
    premium = scenario.waterfall.premiums_usd(scenario.clock.hours)
    if premium > scenario.waterfall.insurance_fund_usd:
        yield Problem(
            "waterfall.insurance_fund_usd",
            f"{scenario.waterfall.insurance_fund_usd:g} USD",
            f"it must cover the premiums of the run, {premium:.2f} USD",
        )
