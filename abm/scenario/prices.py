"""How the price of an underlying moves: one table for each kind of path."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from abm.scenario.fields import Fraction, NotNegative, Positive, Table
from abm.units import SECONDS_PER_HOUR

Bar = Annotated[tuple[Positive, Positive, Positive, Positive], Field(strict=False)]
"""Open, high, low, close of one bar, in dollars."""

Correlation = Annotated[float, Field(ge=-1, le=1)]

LIGHTEST_TAILS = 2.0
"""Student's t has a variance only above this many degrees of freedom."""


class ReplayPrice(Table):
    """A recorded price, bar by bar; inside a bar a bridge through its high and low.

    With ``file``, loading fills ``bars``, ``bar_seconds`` and ``file_sha256`` from a price file.
    """

    kind: Literal["replay"]
    source: Annotated[str, Field(description="Where the figures come from")]
    bar_seconds: Annotated[int, Field(ge=60, description="Length of one bar, in seconds")]
    bars: Annotated[
        tuple[Bar, ...],
        Field(strict=False, min_length=1, description="Open, high, low, close in dollars"),
    ]
    bridge_volatility: Annotated[
        NotNegative,
        Field(description="Annualised volatility of the bridge between a bar's known points"),
    ] = 1.0
    file: Annotated[
        str | None,
        Field(description="Price file (.csv or .parquet) instead of bars, beside the scenario"),
    ] = None
    file_times: Annotated[
        Literal["open", "close"], Field(description="What the times of the price file are")
    ] = "close"
    file_sha256: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-f]{64}$", description="Digest that the price file must have"),
    ] = None

    @field_validator("bars")
    @classmethod
    def _ordered(cls, bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
        for number, (opening, high, low, close) in enumerate(bars):
            if not low <= min(opening, close) <= max(opening, close) <= high:
                raise ValueError(
                    f"bar {number} is {[opening, high, low, close]}: "
                    "open and close must lie between low and high"
                )
        return bars


class RandomPrice(Table):
    """What every drawn price has."""

    start_usd: Annotated[Positive, Field(description="Price at second 0, in dollars")]
    annual_drift: Annotated[float, Field(description="Drift of the logarithm, per year")] = 0.0


class DiffusionPrice(RandomPrice):
    """Geometric Brownian motion."""

    kind: Literal["diffusion"]
    annual_volatility: Annotated[NotNegative, Field(description="1.0 is 100 % a year")]


class JumpDiffusionPrice(RandomPrice):
    """Geometric Brownian motion with jumps of normal logarithmic size (Merton 1976).

    The drift is that between jumps; jumps add ``jumps_per_year * jump_mean`` to it.
    """

    kind: Literal["jump_diffusion"]
    annual_volatility: Annotated[NotNegative, Field(description="Between jumps; 1.0 is 100 %")]
    jumps_per_year: Annotated[NotNegative, Field(description="Mean number of jumps in a year")]
    jump_mean: Annotated[float, Field(description="Mean log size; below 0 the price falls")] = 0.0
    jump_deviation: Annotated[NotNegative, Field(description="Standard deviation of log size")]


class StochasticVolatilityPrice(RandomPrice):
    """Variance that reverts to its mean and moves against the price (Heston 1993)."""

    kind: Literal["stochastic_volatility"]
    start_volatility: Annotated[Positive, Field(description="At second 0, annualised")]
    mean_volatility: Annotated[
        Positive, Field(description="Square root of the variance's mean, annualised")
    ]
    reversion_per_year: Annotated[
        Positive, Field(description="Speed (kappa); ln(2) over it is the half-life in years")
    ]
    volatility_of_variance: Annotated[
        Positive, Field(description="xi, per year: the variance's own volatility")
    ]
    leverage: Annotated[
        Correlation, Field(description="Correlation of the moves of variance and price (rho)")
    ] = -0.5


class ClusteredPrice(RandomPrice):
    """Volatility that clusters: GJR-GARCH(1,1) with Student's t (Glosten and others 1993).

    The two weights are those of steps of an hour; for a step of another length they are scaled with
    the square root of its length, as in the diffusion limit of GARCH (Nelson 1990).
    """

    kind: Literal["clustered"]
    annual_volatility: Annotated[Positive, Field(description="In the long run, annualised")]
    half_life_hours: Annotated[
        Positive, Field(description="Until half of a deviation of the variance is gone")
    ] = 24.0
    hourly_shock_weight: Annotated[
        Fraction, Field(description="Weight of the last squared move in the variance (alpha)")
    ] = 0.08
    hourly_fall_weight: Annotated[
        Fraction, Field(description="More weight where that move was a fall (gamma)")
    ] = 0.04
    tail_degrees: Annotated[
        float,
        Field(gt=LIGHTEST_TAILS, description="Degrees of freedom of the moves; few is fat tails"),
    ] = 5.0

    def weights(self, step_seconds: int) -> tuple[float, float, float]:
        """Return the weights of squared moves, of squared falls and of the last variance.

        The last is below 0 where the half-life is too short for such weights.
        """
        scale = (step_seconds / SECONDS_PER_HOUR) ** 0.5
        shock, fall = scale * self.hourly_shock_weight, scale * self.hourly_fall_weight
        persistence = 0.5 ** (step_seconds / SECONDS_PER_HOUR / self.half_life_hours)
        return shock, fall, persistence - shock - fall / 2.0


class FollowingPrice(RandomPrice):
    """A price that follows the traded underlying's: its log moves times beta, and moves of its own.

    For BTC beside ETH, or for a token whose price is that of another with a premium that wanders.
    """

    kind: Literal["following"]
    beta: Annotated[float, Field(description="Log move per log move of the traded underlying")] = (
        1.0
    )
    annual_volatility: Annotated[NotNegative, Field(description="Of its own moves, annualised")]


Price = Annotated[
    ReplayPrice | DiffusionPrice | JumpDiffusionPrice | StochasticVolatilityPrice | ClusteredPrice,
    Field(discriminator="kind"),
]

OtherPrice = Annotated[
    ReplayPrice
    | DiffusionPrice
    | JumpDiffusionPrice
    | StochasticVolatilityPrice
    | ClusteredPrice
    | FollowingPrice,
    Field(discriminator="kind"),
]


class Underlying(Table):
    """An underlying beside the traded one: what tokens of collateral may be worth."""

    price: OtherPrice
    correlation: Annotated[
        Correlation,
        Field(description="Of its normal moves with those of the traded underlying"),
    ] = 0.0

    @model_validator(mode="after")
    def _has_moves_of_its_own(self) -> Underlying:
        if self.correlation and self.price.kind in ("replay", "following"):
            raise ValueError(
                f"correlation is {self.correlation}: a {self.price.kind} price moves as its "
                "figures say; leave correlation out"
            )
        return self


class VolatilityIndex(Table):
    """A recorded index of implied volatility, such as DVOL, instead of the rule for the level."""

    source: Annotated[str, Field(description="Where the figures come from")]
    point_seconds: Annotated[int, Field(ge=60, description="Time between points, in seconds")]
    points: Annotated[
        tuple[Positive, ...],
        Field(strict=False, min_length=2, description="In points: 65 is 65 % a year"),
    ]
    file: Annotated[
        str | None,
        Field(description="File (.csv or .parquet) with a column level, instead of points"),
    ] = None
    file_sha256: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="Digest that it must have")
    ] = None
