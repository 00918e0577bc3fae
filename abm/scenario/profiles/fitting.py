"""From the measured quartiles of a lane to the parameters of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import asinh, comb, exp, hypot, log, sinh, sqrt
from statistics import NormalDist

STANDARD_NORMAL = NormalDist()
Z_75 = STANDARD_NORMAL.inv_cdf(0.75)
# Share of a lane's log-variance that lasts for hours instead of being drawn anew with each message:
# a judgement. Measured is only that whole days are slow together (Invarians 2025).
LASTING_SHARE = 0.25
# Beyond this a spread is not that of waiting for finality but of people who come late.
WIDEST_FINALITY = 0.5
SKEW_BOUNDS = (0.05, 1.0)
# Two crowds, or a delay of a block or less, ask for more than any one lognormal should have.
WIDEST_SPREAD, WIDEST_REGIME = 1.2, 0.5
LEAST_SECONDS = 0.1


@dataclass(frozen=True)
class Surroundings:
    """What stands fixed around the parts that are fitted.

    ``spread`` and ``attestation_share`` as of `ProtocolProfile`.
    """

    execution_seconds: float
    destination_block_seconds: float
    verifiers: int
    quorum: int
    spread: str
    attestation_share: float


def fit_lane(quartiles: tuple[float, float, float], around: Surroundings) -> dict[str, float]:
    """Return the keys of a channel whose delay has three quartiles.

    The delay counts from the source's block to the destination's, so it holds no inclusion. What
    is left beside execution and half a destination block is divided: where the spread is in
    attestation, a constant time until finality and a lognormal one that bends through the
    quartiles as their skew asks; where it is in finality, two lognormals of the same spread. A
    quarter of the log-variance is left to the channel's lasting regime.

    Parameters
    ----------
    quartiles : tuple of float
        Lower quartile, median and upper quartile, in seconds.
    around : Surroundings
        The parts that are given.

    Examples
    --------
    >>> around = Surroundings(5.0, 2.0, 1, 1, "attestation", 0.0)
    >>> keys = fit_lane((31.0, 36.0, 46.0), around)
    >>> round(keys["finality_median_seconds"] + keys["attestation_median_seconds"], 6)
    30.0
    """
    low, middle, high = quartiles
    block = around.destination_block_seconds
    rest = max(middle - around.execution_seconds - block / 2.0, LEAST_SECONDS)
    # The uniform wait for a block has an interquartile range of half of it.
    width = sqrt(max((high - low) ** 2 - (block / 2.0) ** 2, ((high - low) / 4.0) ** 2))
    lasting = min(sqrt(LASTING_SHARE) * width / (2.0 * Z_75 * rest), WIDEST_REGIME)
    own = sqrt(1.0 - LASTING_SHARE) * width
    sigma = min(asinh(own / (2.0 * rest)) / Z_75, WIDEST_SPREAD)
    if around.spread == "finality" and sigma < WIDEST_FINALITY:
        share = around.attestation_share
        sigma /= hypot(share, 1.0 - share)
        keys = {
            "finality_median_seconds": (1.0 - share) * rest,
            "finality_ln_sigma": sigma,
            **_signed(share * rest, sigma, around),
        }
    else:
        skew = log((high - middle) / (middle - low)) / Z_75 if low < middle < high else 0.0
        sharp = min(max(skew, SKEW_BOUNDS[0]), SKEW_BOUNDS[1])
        scale = own / (2.0 * sinh(Z_75 * sharp))
        if scale >= rest:
            scale, sharp = rest, sigma
        keys = {
            "finality_median_seconds": rest - scale,
            "finality_ln_sigma": 0.0,
            **_signed(scale, sharp, around),
        }
    return {**keys, "regime_ln_sigma": lasting}


def _signed(median: float, sigma: float, around: Surroundings) -> dict[str, float]:
    """Return a verifier's median and spread with which the quorum has a median and a spread."""
    low, middle, high = (
        STANDARD_NORMAL.inv_cdf(order_quantile(around.verifiers, around.quorum, probability))
        for probability in (0.25, 0.5, 0.75)
    )
    each = sigma * 2.0 * Z_75 / (high - low)
    return {
        "attestation_median_seconds": median / exp(each * middle),
        "attestation_ln_sigma": each,
    }


@cache
def order_quantile(count: int, rank: int, probability: float) -> float:
    """Return a quantile of the ``rank``-th smallest of ``count`` uniforms, by bisection.

    >>> round(order_quantile(3, 2, 0.5), 6), round(order_quantile(1, 1, 0.25), 6)
    (0.5, 0.25)
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        share = (low + high) / 2.0
        reached = sum(
            comb(count, below) * share**below * (1.0 - share) ** (count - below)
            for below in range(rank, count + 1)
        )
        low, high = (share, high) if reached < probability else (low, share)
    return low
