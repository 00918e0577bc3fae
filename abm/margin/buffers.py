"""Collateral buffers: what a position can lose while messages about it are on their way.

The loss between the moment that matters and the moment something is done is a normal variable
whose variance is volatility**2 times a random delay: a normal mixture. Losses are above 0.
Buffers come in the unit of volatility times the square root of a second: dollars where volatility
is in dollars, shares of the price where it is in such shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from math import hypot, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from abm.margin.checks import check_number
from abm.margin.delay_laws import Exponential
from abm.margin.excess import unit_excess

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.margin.delay_laws import Floats
    from abm.margin.latency import DelayDistribution

# Mean overshoot of a walk with standard normal steps: -zeta(1/2)/sqrt(2*pi).
MEAN_OVERSHOOT = 0.5825971579390106
OVERSHOOT_VARIANCE = 0.25
ROOT_TWO_PI = sqrt(2.0 * pi)
# A step below this share of the buffer ends the search.
SOLVER_TOLERANCE = 1e-13
HALVE_EVERY = 4


@dataclass(frozen=True)
class LatencyRisk:
    """What a buffer has to cover.

    Attributes
    ----------
    volatility : float
        Deviation of the profit and loss over one second, at least 0.
    delays : DelayDistribution
        Delays of the messages, in seconds.
    probability : float
        Coverage: the probability that the loss is within the buffer, above 0.5 and below 1.
    check_seconds : float
        Time between two checks of an account, in seconds; 0 where it is watched all the time.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range.
    """

    volatility: float
    delays: DelayDistribution
    probability: float
    check_seconds: float = 0.0

    def __post_init__(self) -> None:
        check_number("volatility", self.volatility, least=0.0)
        if not 0.5 < self.probability < 1.0:  # noqa: PLR2004 - half of all outcomes are gains
            raise ValueError(
                f"probability is {float(self.probability)!r}; it must be above 0.5 and below 1"
            )
        check_number("check_seconds", self.check_seconds, least=0.0)

    @property
    def normal_quantile(self) -> float:
        """Standard normal quantile of the coverage."""
        return float(ndtri(self.probability))


def required_buffer(
    method: str,
    volatility: float,
    delays: DelayDistribution,
    probability: float,
    *,
    check_seconds: float = 0.0,
) -> float:
    """Collateral to hold for message latency.

    One number for one volatility. Full repricing of the stress grid is no method here because it
    needs the book: `abm.margin.repricing.repriced_buffer` takes the positions, their marks and the
    grid, with this function's answer for the price as the range to stretch by.

    Parameters
    ----------
    method : str
        A key of `METHODS`.
    volatility : float
        Deviation of the profit and loss over one second, such as dollars per square root of a
        second, at least 0.
    delays : DelayDistribution
        Delays of the messages, in seconds.
    probability : float
        Coverage such as 0.99, above 0.5 and below 1.
    check_seconds : float
        Time between two checks of an account, in seconds; only `overshoot` reads it.

    Returns
    -------
    float
        In the unit of ``volatility * sqrt(second)``, at least 0; proportional to `volatility`.

    Raises
    ------
    ValueError
        If no method has this name, if a number is not finite or out of its range, or if the
        method does not hold for these delays.

    Examples
    --------
    Two dollars per root second over nine seconds are 6 dollars; 97.5 % are 1.96 of them.

    >>> from abm.margin.latency import DelayDistribution
    >>> nine = DelayDistribution.from_samples([9.0])
    >>> [round(required_buffer(name, 2.0, nine, 0.975), 2) for name in ("none", "square_root")]
    [0.0, 11.76]
    """
    if method not in METHODS:
        near = get_close_matches(method, METHODS, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"method is {method!r}; it must be one of {', '.join(METHODS)}; nearest: {near!r}"
        )
    return METHODS[method](LatencyRisk(volatility, delays, probability, check_seconds))


def no_buffer(_risk: LatencyRisk) -> float:
    """Return 0: latency is left uncovered, the case to compare with."""
    return 0.0


def square_root_buffer(risk: LatencyRisk) -> float:
    """Return z*volatility*sqrt(mean delay).

    Exact for a constant delay and normal moves. Too low for random delays, because a normal
    mixture has heavier tails than the normal of its mean delay (16 % at 99 % for exponential
    delays), and too low for jumps.

    References
    ----------
    Square root of time: Basel Committee, Amendment to the Capital Accord to incorporate market
    risks (1996), section B.4(c). Its failure under jumps: J. Danielsson and J.-P. Zigrand, On
    time-scaling of risk and the square-root-of-time rule, J. Banking and Finance 30 (2006).
    """
    return risk.normal_quantile * risk.volatility * sqrt(risk.delays.mean)


def overshoot_buffer(risk: LatencyRisk) -> float:
    """Return 0.5826*u + z*u*sqrt(L + 0.25), u one check's deviation, L the mean delay in checks.

    An account that is checked now and then is found below its requirement, not at it: by 0.5826*u
    on average, with a variance of u**2/4. The delay comes on top, as if it were constant. For a
    constant delay and 99 % the buffer is 3.4 % too low for a delay of one check, 0.4 % for five and
    0.04 % for twenty. Written without dividing by the time between checks, whose limit of 0 is
    `square_root_buffer`.

    References
    ----------
    Mean: M. Broadie, P. Glasserman and S. Kou, A continuity correction for discrete barrier
    options, Mathematical Finance 7 (1997), theorem 1.1. Mean and variance: J. T. Chang and
    Y. Peres, Ladder heights, Gaussian random walks and the Riemann zeta function, Annals of
    Probability 25 (1997).
    """
    spread = sqrt(risk.delays.mean + OVERSHOOT_VARIANCE * risk.check_seconds)
    overshoot = MEAN_OVERSHOOT * sqrt(risk.check_seconds)
    return risk.volatility * (overshoot + risk.normal_quantile * spread)


def mixture_quantile_buffer(risk: LatencyRisk) -> float:
    """Return b with P(volatility*sqrt(delay)*normal > b) = 1 - probability.

    The quantile of the mixture over all delays, losses and repeats included, solved to 1e-12. It
    is 0 where gains and messages without delay are the promised share already.

    References
    ----------
    Section 5 of the reference cases: the quantile of the mixture, not of its mean.
    """
    return risk.volatility * _unit_quantile(risk.delays, risk.probability)


def expected_shortfall_buffer(risk: LatencyRisk) -> float:
    """Return q + E[(loss - q)+]/(1 - probability), q the quantile of the mixture.

    The mean loss of the worst outcomes, of probability 1 - probability.

    References
    ----------
    R. T. Rockafellar and S. Uryasev, Optimization of conditional value-at-risk, J. Risk 2 (2000),
    theorem 1.
    """
    quantile = _unit_quantile(risk.delays, risk.probability)
    excess = unit_excess(quantile, risk.delays)
    return risk.volatility * (quantile + excess / (1.0 - risk.probability))


def laplace_buffer(risk: LatencyRisk) -> float:
    """Return B*ln(1/(2*(1 - probability))), B = volatility*sqrt(mean delay/2).

    The closed form of `mixture_quantile_buffer` for exponential delays without losses, whose
    mixture is a Laplace variable of scale B. Where losses are noticed and repeated after an
    exponential time with the same mean m, the whole delay is exponential with mean
    m/(1 - loss probability), and the formula holds with that mean. With a fixed time to the
    repeat it does not.

    Raises
    ------
    ValueError
        If the delays are not exponential, or messages are lost.

    References
    ----------
    S. Kotz, T. Kozubowski and K. Podgorski, The Laplace Distribution and Generalizations (2001),
    section 2.2.1.
    """
    attempt = risk.delays.attempt
    if not isinstance(attempt, Exponential) or risk.delays.loss_probability > 0:
        raise ValueError(
            f"delays is {type(attempt).__name__} with "
            f"loss_probability {risk.delays.loss_probability!r}; "
            "it must be Exponential without losses for the method 'laplace'"
        )
    scale = risk.volatility * sqrt(0.5 * attempt.mean_seconds)
    return scale * log(0.5 / (1.0 - risk.probability))


METHODS: dict[str, Callable[[LatencyRisk], float]] = {
    "none": no_buffer,
    "square_root": square_root_buffer,
    "overshoot": overshoot_buffer,
    "mixture_quantile": mixture_quantile_buffer,
    "expected_shortfall": expected_shortfall_buffer,
    "laplace": laplace_buffer,
}
"""Every method by the name that a caller gives it; a new one is one function and one line."""


def stretched_scan_range(price_scan_range: float, latency_range: float) -> float:
    """Price range of a stress grid that also covers the moves during latency.

    Both ranges are moves of the same coverage in independent times, so that variances add up.
    The buffer of a portfolio is what its requirement grows by over the stretched grid, which sees
    the curvature that a buffer from delta alone misses.

    Parameters
    ----------
    price_scan_range, latency_range : float
        Shares of the price, at least 0.

    Returns
    -------
    float
        ``sqrt(price_scan_range**2 + latency_range**2)``, a share of the price.

    Raises
    ------
    ValueError
        If a range is negative or not finite.

    >>> stretched_scan_range(0.3, 0.4)
    0.5
    """
    check_number("price_scan_range", price_scan_range, least=0.0)
    check_number("latency_range", latency_range, least=0.0)
    return hypot(price_scan_range, latency_range)


def _unit_quantile(delays: DelayDistribution, probability: float) -> float:
    """Return the quantile of the mixture for a volatility of 1.

    Newton's method on the logarithm of the uncovered probability, which is exact for Laplace
    losses, kept inside a bracket that is halved now and then.
    """
    nodes = delays.quantisation
    # Messages that arrive at once lose nothing, whatever the buffer.
    late = nodes.seconds > 0
    weights, deviations = nodes.weights[late], np.sqrt(nodes.seconds[late])
    allowed = 1.0 - probability
    if 0.5 * float(weights.sum()) <= allowed:
        return 0.0
    # Every part of the mixture is covered at its own quantile; the longest delay's is the largest.
    normal = float(ndtri(probability))
    low, high = 0.0, 2.0 * normal * float(deviations[-1])
    buffer = normal * sqrt(delays.mean)
    for iteration in count(1):
        beyond, density = _tail(buffer, weights, deviations)
        low, high = (buffer, high) if beyond > allowed else (low, buffer)
        step = beyond * log(beyond / allowed) / density if min(beyond, density) > 0 else -high
        middle = 0.5 * (low + high)
        # The bracket is empty where rounding hides a smaller step.
        if abs(step) <= SOLVER_TOLERANCE * buffer or not low < middle < high:
            break
        newton = buffer + step
        halve = iteration % HALVE_EVERY == 0 or not low < newton < high
        buffer = middle if halve else newton
    return buffer


def _tail(buffer: float, weights: Floats, deviations: Floats) -> tuple[float, float]:
    """Return the probability and the density of the mixture at a buffer."""
    with np.errstate(over="ignore"):
        ratio = buffer / deviations
        density = np.exp(-0.5 * ratio**2) / deviations
    return float((weights * ndtr(-ratio)).sum()), float((weights * density).sum()) / ROOT_TWO_PI
