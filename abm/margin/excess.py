"""What a buffer leaves uncovered, on average."""

from __future__ import annotations

from math import exp, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from abm.margin.checks import check_number

if TYPE_CHECKING:
    from abm.margin.delay_laws import Floats
    from abm.margin.latency import DelayDistribution


def expected_excess_normal(buffer: float, deviation: float) -> float:
    """Return the expected loss beyond a buffer, for a normal loss with mean 0.

    Parameters
    ----------
    buffer : float
        Collateral held, at least 0.
    deviation : float
        Standard deviation s of the loss, at least 0: volatility*sqrt(latency).

    Returns
    -------
    float
        ``s*(phi(z) - z*N(-z))`` with ``z = buffer/s``, in the unit of both arguments, at least 0.

    Raises
    ------
    ValueError
        If an argument is negative or not finite.

    References
    ----------
    Section 5 of the reference cases; L. Bachelier's option value at a forward of 0.
    """
    check_number("buffer", buffer, least=0.0)
    check_number("deviation", deviation, least=0.0)
    return float(_normal_excess(buffer, np.array([deviation]))[0])


def expected_excess_laplace(buffer: float, scale: float) -> float:
    """Return the expected loss beyond a buffer, for a Laplace loss: exponential delays.

    Parameters
    ----------
    buffer : float
        Collateral held, at least 0.
    scale : float
        Scale B of the loss, at least 0: volatility*sqrt(mean delay/2).

    Returns
    -------
    float
        ``B/2*exp(-buffer/B)``, in the unit of both arguments, at least 0.

    Raises
    ------
    ValueError
        If an argument is negative or not finite.

    Examples
    --------
    Without a buffer half of all losses count, and their mean is B.

    >>> expected_excess_laplace(0.0, 8.0)
    4.0
    """
    check_number("buffer", buffer, least=0.0)
    check_number("scale", scale, least=0.0)
    return 0.5 * scale * exp(-buffer / scale) if scale > 0 else 0.0


def expected_excess(buffer: float, volatility: float, delays: DelayDistribution) -> float:
    """Return the expected loss beyond a buffer, over all delays.

    Parameters
    ----------
    buffer : float
        Collateral held, at least 0, in the unit of ``volatility * sqrt(second)``.
    volatility : float
        Deviation of the profit and loss over one second, at least 0.
    delays : DelayDistribution
        Delays of the messages, in seconds.

    Returns
    -------
    float
        In the unit of `buffer`, at least 0.

    Raises
    ------
    ValueError
        If a number is negative or not finite.
    """
    check_number("buffer", buffer, least=0.0)
    check_number("volatility", volatility, least=0.0)
    if volatility == 0:
        return 0.0
    return volatility * unit_excess(buffer / volatility, delays)


def unit_excess(buffer: float, delays: DelayDistribution) -> float:
    """Return the expected loss beyond a buffer over all delays, for a volatility of 1."""
    nodes = delays.quantisation
    return nodes.expect(_normal_excess(buffer, np.sqrt(nodes.seconds)))


def _normal_excess(buffer: float, deviations: Floats) -> Floats:
    """Return the expected normal loss beyond a buffer, for many deviations."""
    excess = np.zeros(len(deviations))
    moving = deviations > 0
    # At 40 deviations nothing is left of either term.
    with np.errstate(over="ignore"):
        ratio = np.minimum(buffer / deviations[moving], 40.0)
    density = np.exp(-0.5 * ratio**2) / sqrt(2.0 * pi)
    excess[moving] = deviations[moving] * np.maximum(density - ratio * ndtr(-ratio), 0.0)
    return excess
