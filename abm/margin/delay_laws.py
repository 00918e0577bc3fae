"""Laws of the delay of one message that is not lost, each with a list to integrate over.

No random numbers: a delay distribution is a sorted list of delays with their probabilities. For
the smooth laws the list comes from the trapezoid rule after a change of variable, which converges
exponentially (L. N. Trefethen and J. A. C. Weideman, The exponentially convergent trapezoidal
rule, SIAM Review 56 (2014), theorem 5.1); for measured delays it is the measurements themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from abm.margin.checks import check_number
from abm.network.delays import LONGEST_TAIL, Z_95

Floats = NDArray[np.float64]

# Step of the trapezoid rule. Its error for a tail probability is about exp(-2*pi*strip/STEP), where
# strip is pi/2 for exponential delays and pi/(2*ln_sigma) for lognormal ones.
STEP = 1.0 / 16.0
# Logarithm of the shortest and the longest exponential delay, in means: beyond is 1e-16 or less.
EXPONENTIAL_ENDS = (-37.0, 4.5)
LOGNORMAL_END = 12.0
# Ends of the variable of the double exponential rule, where its weights reach the last bit.
PARETO_END = 3.2
WIDEST_LN_SIGMA = 5.0
# More distinct measurements than this are put together where they differ by less than CELL, in
# logarithms. Cells keep their mean, so that the error is of second order: below 1e-6 of a quantile.
MOST_SAMPLES = 4_096
CELL = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Quantisation:
    """A distribution of delays as a list.

    Attributes
    ----------
    seconds : ndarray, shape (nodes,)
        Delays in seconds, increasing, at least 0; read-only.
    weights : ndarray, shape (nodes,)
        Their probabilities, which add up to 1; read-only.
    """

    seconds: Floats
    weights: Floats

    def __post_init__(self) -> None:
        self.seconds.flags.writeable = False
        self.weights.flags.writeable = False

    def expect(self, values: Floats) -> float:
        """Return the expectation of one value for each delay.

        A sum rather than a dot product, whose rounding may depend on its threads.
        """
        return float((self.weights * values).sum())


class Attempt(Protocol):
    """How long a message takes that is not lost."""

    @property
    def mean(self) -> float:
        """Mean delay in seconds."""

    def survival(self, seconds: Floats) -> Floats:
        """Return the probability of a longer delay, for each of many delays in seconds."""

    def quantised(self) -> Quantisation:
        """Return the delays as a list."""


@dataclass(frozen=True, slots=True)
class Exponential:
    """Memoryless delays with a mean in seconds."""

    mean_seconds: float

    def __post_init__(self) -> None:
        check_number("mean_seconds", self.mean_seconds, above=0.0)

    @property
    def mean(self) -> float:
        """Mean delay in seconds."""
        return self.mean_seconds

    def survival(self, seconds: Floats) -> Floats:
        """Return the probability of a longer delay."""
        longer: Floats = np.exp(-np.maximum(seconds, 0.0) / self.mean_seconds)
        return longer

    def quantised(self) -> Quantisation:
        """Return delays in equal steps of their logarithm y, with weights exp(y - exp(y))."""
        logs = np.arange(EXPONENTIAL_ENDS[0], EXPONENTIAL_ENDS[1], STEP)
        weights = np.exp(logs - np.exp(logs))
        return Quantisation(self.mean_seconds * np.exp(logs), weights / weights.sum())


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Lognormal delays, of which some fall into a Pareto tail.

    The law of one attestation in `abm.network.delays.draw_delays`: the tail starts at the 95th
    centile of the body and is cut at `LONGEST_TAIL` times its start.

    Attributes
    ----------
    median_seconds, ln_sigma : float
        Median of the body, and deviation of its logarithm.
    tail_probability, tail_exponent : float
        Probability of the tail, and its Pareto exponent.
    """

    median_seconds: float
    ln_sigma: float
    tail_probability: float
    tail_exponent: float

    def __post_init__(self) -> None:
        check_number("median_seconds", self.median_seconds, above=0.0)
        check_number("ln_sigma", self.ln_sigma, least=0.0, most=WIDEST_LN_SIGMA)
        check_number("tail_probability", self.tail_probability, least=0.0, most=1.0)
        check_number("tail_exponent", self.tail_exponent, above=0.0)

    @property
    def tail_start(self) -> float:
        """Shortest delay of the tail, in seconds."""
        return self.median_seconds * exp(Z_95 * self.ln_sigma)

    @property
    def mean(self) -> float:
        """Mean delay in seconds."""
        body = self.median_seconds * exp(0.5 * self.ln_sigma**2)
        # The mean of a cut Pareto factor is 1 and the integral of x**-exponent from 1 to the cut.
        power = 1.0 - self.tail_exponent
        beyond = expm1(power * log(LONGEST_TAIL)) / power if power else log(LONGEST_TAIL)
        tail = self.tail_start * (1.0 + beyond)
        return (1.0 - self.tail_probability) * body + self.tail_probability * tail

    def survival(self, seconds: Floats) -> Floats:
        """Return the probability of a longer delay."""
        ratio = np.maximum(seconds, np.finfo(np.float64).tiny) / self.median_seconds
        spread = self.ln_sigma > 0
        body = ndtr(-np.log(ratio) / self.ln_sigma) if spread else np.where(ratio < 1.0, 1.0, 0.0)
        factor = np.maximum(seconds / self.tail_start, 1.0)
        tail = np.where(factor < LONGEST_TAIL, factor**-self.tail_exponent, 0.0)
        longer: Floats = (1.0 - self.tail_probability) * body + self.tail_probability * tail
        return longer

    def quantised(self) -> Quantisation:
        """Return delays in equal steps of the body's normal variable, and those of the tail."""
        normals = np.arange(-LOGNORMAL_END, LOGNORMAL_END + STEP, STEP)
        if self.ln_sigma == 0:
            normals = np.zeros(1)
        body = np.exp(-0.5 * normals**2)
        seconds = self.median_seconds * np.exp(self.ln_sigma * normals)
        weights = (1.0 - self.tail_probability) * body / body.sum()
        if self.tail_probability == 0:
            return Quantisation(seconds, weights)
        factors, shares = self._tail()
        seconds = np.concatenate([seconds, self.tail_start * factors])
        weights = np.concatenate([weights, self.tail_probability * shares])
        order = np.argsort(seconds, kind="stable")
        return Quantisation(seconds[order], weights[order])

    def _tail(self) -> tuple[Floats, Floats]:
        """Return factors of the cut Pareto law by the double exponential rule, and their shares."""
        steps = np.arange(-PARETO_END, PARETO_END + STEP, STEP)
        inner = 0.5 * np.pi * np.sinh(steps)
        logs = 0.5 * log(LONGEST_TAIL) * (1.0 + np.tanh(inner))
        density = np.cosh(steps) / np.cosh(inner) ** 2 * np.exp(-self.tail_exponent * logs)
        cut = LONGEST_TAIL**-self.tail_exponent
        shares = (1.0 - cut) * density / density.sum()
        return np.append(np.exp(logs), LONGEST_TAIL), np.append(shares, cut)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Measured delays.

    Attributes
    ----------
    seconds : ndarray, shape (distinct,)
        Distinct delays in seconds, increasing.
    weights : ndarray, shape (distinct,)
        Share of the measurements.
    """

    seconds: Floats
    weights: Floats

    @property
    def mean(self) -> float:
        """Mean delay in seconds."""
        return float((self.weights * self.seconds).sum())

    def survival(self, seconds: Floats) -> Floats:
        """Return the share of longer delays."""
        longer = np.append(np.cumsum(self.weights[::-1])[::-1], 0.0)
        found: Floats = longer[np.searchsorted(self.seconds, seconds, side="right")]
        return found

    def quantised(self) -> Quantisation:
        """Return the measurements; very many of them put together in narrow cells."""
        if len(self.seconds) <= MOST_SAMPLES:
            return Quantisation(self.seconds, self.weights)
        logs = np.log(np.maximum(self.seconds, np.finfo(np.float64).tiny))
        cells = np.unique(np.floor(logs / CELL), return_inverse=True)[1]
        weights: Floats = np.bincount(cells, self.weights).astype(np.float64)
        means: Floats = np.bincount(cells, self.weights * self.seconds) / weights
        return Quantisation(means, weights)
