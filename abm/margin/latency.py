"""How late the messages of a channel are, losses and repeats included."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, log
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_number, checked_numbers
from abm.margin.delay_laws import Exponential, Lognormal, Quantisation, Samples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.margin.delay_laws import Attempt, Floats

# Repeats are counted until a message needs more of them with this probability.
NEGLIGIBLE = 1e-15
MOST_LOSSES = 0.99
# Slack of a quantile's probability, so that 0.9 of ten measurements is the ninth.
ROUNDING = 1e-12


@dataclass(frozen=True)
class DelayDistribution:
    """Delays of a channel's messages, with losses and repeats.

    A message is lost with the same probability at every attempt. A loss is noticed, and the
    message repeated, `retry_seconds` after it was sent; so a delay is that of the attempt that
    arrives plus a geometric number of `retry_seconds`.

    Attributes
    ----------
    attempt : Exponential or Lognormal or Samples
        Delay of an attempt that arrives.
    loss_probability : float
        Probability that an attempt is lost, at most 0.99.
    retry_seconds : float
        Time until what was lost is sent again, in seconds, at least 0.

    Raises
    ------
    ValueError
        If `loss_probability` or `retry_seconds` is out of its range.

    Examples
    --------
    Half of the messages are lost once or more, 60 seconds each time: 1 + 1/2 + 1/4 + ... losses
    for every two messages, which is one loss for each.

    >>> DelayDistribution.from_samples([10.0], loss_probability=0.5, retry_seconds=60.0).mean
    70.0
    """

    attempt: Attempt
    loss_probability: float = 0.0
    retry_seconds: float = 0.0

    def __post_init__(self) -> None:
        check_number("loss_probability", self.loss_probability, least=0.0, most=MOST_LOSSES)
        check_number("retry_seconds", self.retry_seconds, least=0.0)

    @classmethod
    def from_samples(
        cls, samples: ArrayLike, *, loss_probability: float = 0.0, retry_seconds: float = 0.0
    ) -> DelayDistribution:
        """Take measured delays of messages that arrived.

        Parameters
        ----------
        samples : array_like of float, shape (messages,)
            Delays in seconds, at least 0, in any order.
        loss_probability, retry_seconds : float
            As for the class.

        Raises
        ------
        ValueError
            If there are no samples, or one of them is negative or not finite.
        """
        seconds = np.asarray(samples, dtype=np.float64)
        if seconds.ndim != 1 or not len(seconds):
            raise ValueError(f"samples has shape {seconds.shape}; it must be one list of delays")
        checked_numbers("samples", seconds, least=0.0)
        distinct, counts = np.unique(seconds, return_counts=True)
        return cls(Samples(distinct, counts / len(seconds)), loss_probability, retry_seconds)

    @classmethod
    def lognormal(
        cls,
        median_seconds: float,
        ln_sigma: float,
        *,
        tail_probability: float = 0.0,
        tail_exponent: float = 1.2,
        loss_probability: float = 0.0,
        retry_seconds: float = 0.0,
    ) -> DelayDistribution:
        """Take the law of `Lognormal`; a `ln_sigma` of 0 is a constant delay.

        Raises
        ------
        ValueError
            If an argument is out of its range: `median_seconds` and `tail_exponent` above 0,
            `ln_sigma` from 0 to 5, `tail_probability` from 0 to 1.
        """
        attempt = Lognormal(median_seconds, ln_sigma, tail_probability, tail_exponent)
        return cls(attempt, loss_probability, retry_seconds)

    @classmethod
    def exponential(
        cls, mean_seconds: float, *, loss_probability: float = 0.0, retry_seconds: float = 0.0
    ) -> DelayDistribution:
        """Take memoryless delays.

        Raises
        ------
        ValueError
            If `mean_seconds` is not above 0.
        """
        return cls(Exponential(mean_seconds), loss_probability, retry_seconds)

    @property
    def mean(self) -> float:
        """Mean delay in seconds, losses included."""
        losses = self.loss_probability / (1.0 - self.loss_probability)
        return self.attempt.mean + losses * self.retry_seconds

    @cached_property
    def quantisation(self) -> Quantisation:
        """All delays with their probabilities, losses included."""
        attempt = self.attempt.quantised()
        late, share = self._repeats()
        seconds = np.add.outer(late, attempt.seconds).ravel()
        weights = np.multiply.outer(share, attempt.weights).ravel()
        order = np.argsort(seconds, kind="stable")
        return Quantisation(seconds[order], weights[order])

    def quantile(self, probability: float) -> float:
        """Return the shortest delay in seconds that so large a share of the messages keeps.

        From the law itself, not from its quantisation.

        Parameters
        ----------
        probability : float
            Between 0 and 1, both excluded.

        Raises
        ------
        ValueError
            If `probability` is not between 0 and 1.

        >>> DelayDistribution.from_samples([1, 2, 3, 4, 5, 6, 7, 8, 9, 30]).quantile(0.9)
        9.0
        """
        if not 0 < probability < 1:
            raise ValueError(
                f"probability is {float(probability)!r}; it must be above 0 and below 1"
            )
        allowed = (1.0 - probability) * (1.0 + ROUNDING)
        low, high = 0.0, 1.0
        if self._survival(low) <= allowed:
            return low
        while self._survival(high) > allowed:
            low, high = high, 2.0 * high
        while low < (middle := 0.5 * (low + high)) < high:
            low, high = (middle, high) if self._survival(middle) > allowed else (low, middle)
        return high

    def _survival(self, seconds: float) -> float:
        late, share = self._repeats()
        return float((share * self.attempt.survival(seconds - late)).sum())

    def _repeats(self) -> tuple[Floats, Floats]:
        """Return the seconds that losses cost, and with which probability."""
        if self.loss_probability == 0:
            return np.zeros(1), np.ones(1)
        last = ceil(log(NEGLIGIBLE) / log(self.loss_probability))
        losses = np.arange(1 + last, dtype=np.float64)
        late: Floats = losses * self.retry_seconds
        share = np.power(self.loss_probability, losses)
        share /= float(share.sum())
        return late, share
