"""Risk measures of a sample of runs, each with its interval; see `abm.analysis.estimates`."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np

from abm.analysis.estimates import (
    RESAMPLES,
    Estimate,
    bootstrap_estimate,
    check_count,
    check_inside,
    check_lengths,
    checked_sample,
    checked_truths,
    event_probability,
    mean_estimate,
    studentised_estimate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Estimate",
    "PairedDifference",
    "conditional_extent",
    "convergence",
    "event_probability",
    "expected_shortfall",
    "mean_estimate",
    "paired_difference",
    "value_at_risk",
]

CONVERGENCE_STEPS = 10


@dataclass(frozen=True)
class PairedDifference:
    """What the first of two runs has more than the second, over pairs that share their draws.

    Attributes
    ----------
    first, second : Estimate
        Means of either side by itself, with t intervals.
    difference : Estimate
        Mean of first minus second, with a t interval.
    bootstrap : Estimate
        The same mean with a bootstrap interval: no shape is assumed, but few pairs make it narrow.
    share_above : Estimate
        Share of the pairs in which the first is above the second, with a Wilson interval.
    share_below : Estimate
        The same for below; pairs that are equal count for neither.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    bootstrap: Estimate
    share_above: Estimate
    share_below: Estimate


def value_at_risk(
    losses: ArrayLike,
    level: float,
    *,
    interval: Literal["bootstrap", "exact"] = "bootstrap",
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Smallest loss that at least a share ``level`` of the runs does not exceed.

    Parameters
    ----------
    losses : array_like, shape (runs,)
        Finite; a loss is above 0, a gain below.
    level : float
        Between 0 and 1, such as 0.95.
    interval : {"bootstrap", "exact"}
        ``bootstrap`` takes the centiles of resampled runs; it cannot reach beyond the worst run
        seen, and holds the truth too rarely with few runs beyond the level (for lognormal losses
        about 84 % of the time instead of 95 % with five of them, 95 % with twenty). ``exact`` lies
        between two runs by their binomial ranks, holds for any continuous law, and is None on a
        side that the sample does not reach.
    confidence : float
        Between 0 and 1.
    resamples : int
        Resampled samples, at least 1.
    seed : int
        Seed of the resampling; the same seed gives the same interval.

    Raises
    ------
    ValueError
        If an argument breaks its rule.

    Examples
    --------
    >>> found = value_at_risk(range(1, 101), 0.95, interval="exact")
    >>> found.value, found.low, found.high
    (95.0, 90.0, 100.0)
    """
    sample = checked_sample("losses", losses)
    check_inside("level", level)
    if interval not in ("bootstrap", "exact"):
        raise ValueError(f"interval is {interval!r}; it must be 'bootstrap' or 'exact'")
    if interval == "exact":
        from scipy import stats  # noqa: PLC0415 - most of a second, which few pages need at once

        check_inside("confidence", confidence)
        # scipy gives nan on a side that the sample does not reach; its stubs say one number.
        ends = np.asarray(stats.quantile_test(sample, p=level).confidence_interval(confidence))
        low, high = (end if isfinite(end) else None for end in ends.tolist())
        return Estimate(float(_quantile(sample, level)), low, high, confidence, sample.size)
    return bootstrap_estimate(
        sample,
        lambda losses: _quantile(losses, level),
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )


def expected_shortfall(
    losses: ArrayLike,
    level: float,
    *,
    interval: Literal["bootstrap", "studentised"] = "bootstrap",
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Mean of the worst ``1 - level`` of the runs, a run on the edge counted for its part.

    Parameters
    ----------
    losses : array_like, shape (runs,)
        Finite; a loss is above 0, a gain below.
    level : float
        Between 0 and 1, such as 0.975.
    interval : {"bootstrap", "studentised"}
        ``bootstrap`` takes the centiles of resampled runs; it knows no run worse than the worst one
        seen, and for lognormal losses at 95 % holds the truth about 77 % of the time with five runs
        beyond the level, 86 % with twenty. ``studentised`` measures how far resampled runs stray in
        units of their own standard error, which widens it upwards, and is widened as a t interval
        of as many runs as are beyond the level: for normal, exponential, lognormal and cubic Pareto
        losses it holds the truth 94 to 98 % of the time, with five runs beyond the level as with
        twenty. Its ends are None where no run is beyond the level's own.
    confidence, resamples, seed
        As for `value_at_risk`.

    Raises
    ------
    ValueError
        If an argument breaks its rule.

    References
    ----------
    Rockafellar, Uryasev (2002), "Conditional value-at-risk for general loss distributions",
    Journal of Banking & Finance 26(7), doi:10.1016/S0378-4266(02)00271-6, theorem 10.

    Examples
    --------
    >>> expected_shortfall([0.0, 0.0, 0.0, 10.0, 30.0], 0.5).value  # (30 + 10 + 0 / 2) / 2.5
    16.0
    """
    sample = checked_sample("losses", losses)
    check_inside("level", level)

    def statistic(losses: NDArray[np.float64]) -> NDArray[np.float64]:
        quantile = _quantile(losses, level)
        beyond = np.maximum(losses - quantile[..., np.newaxis], 0.0).mean(axis=-1)
        return np.asarray(quantile + beyond / (1 - level))

    if interval not in ("bootstrap", "studentised"):
        raise ValueError(f"interval is {interval!r}; it must be 'bootstrap' or 'studentised'")
    if interval == "studentised":

        def error(losses: NDArray[np.float64]) -> NDArray[np.float64]:
            # Of the influence of each run: max(loss, quantile) is what the mean is taken of.
            beyond = np.maximum(losses, _quantile(losses, level)[..., np.newaxis])
            return np.asarray(beyond.std(axis=-1, ddof=1) / (1 - level) / losses.shape[-1] ** 0.5)

        check_inside("confidence", confidence)
        return studentised_estimate(
            sample,
            statistic,
            error,
            confidence=confidence,
            resamples=resamples,
            seed=seed,
            widening=_widening(sample.size * (1 - level), confidence),
        )
    return bootstrap_estimate(
        sample, statistic, confidence=confidence, resamples=resamples, seed=seed
    )


def _widening(runs: float, confidence: float) -> float:
    """Return how much wider a t interval of so many runs is than a normal one."""
    from scipy import stats  # noqa: PLC0415 - as above

    share = (1 + confidence) / 2
    return float(stats.t.ppf(share, max(runs - 1, 1.0)) / stats.norm.ppf(share))


def conditional_extent(
    extent: ArrayLike, happened: ArrayLike, *, confidence: float = 0.95
) -> Estimate | None:
    """Mean of a measure over the runs in which an event happened; None if it never did.

    Parameters
    ----------
    extent : array_like, shape (runs,)
        The measure in every run, such as the share of accounts that failed. It may be missing (nan)
        where the event did not happen.
    happened : array_like of bool, shape (runs,)
        Whether the event happened.
    confidence : float
        Of the t interval, which is None if the event happened in one run.

    Raises
    ------
    ValueError
        If the lengths differ, or an argument breaks its rule.

    Examples
    --------
    >>> conditional_extent([0.0, 0.2, 0.4], [False, True, True]).value
    0.30000000000000004
    """
    seen = checked_truths("happened", happened)
    measures = np.asarray(extent, dtype=np.float64)
    check_lengths("extent", measures, "happened", seen)
    check_inside("confidence", confidence)
    return mean_estimate(measures[seen], confidence=confidence) if seen.any() else None


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedDifference:
    """Mean difference of paired samples, and how often the first is above the second.

    Parameters
    ----------
    first, second : array_like, shape (pairs,)
        Finite; item by item from two runs with the same seed.
    confidence, resamples, seed
        As for `value_at_risk`.

    Raises
    ------
    ValueError
        If the lengths differ, or an argument breaks its rule.

    Examples
    --------
    >>> found = paired_difference([3.0, 5.0, 4.0], [1.0, 1.0, 4.0])
    >>> found.difference.value, found.share_above.value
    (2.0, 0.6666666666666666)
    """
    one, other = checked_sample("first", first), checked_sample("second", second)
    check_lengths("first", one, "second", other)
    difference = one - other
    bootstrap = bootstrap_estimate(
        difference,
        lambda differences: np.asarray(differences.mean(axis=-1)),
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    return PairedDifference(
        mean_estimate(one, confidence=confidence),
        mean_estimate(other, confidence=confidence),
        mean_estimate(difference, confidence=confidence),
        bootstrap,
        event_probability(difference > 0, confidence=confidence),
        event_probability(difference < 0, confidence=confidence),
    )


def convergence(
    values: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], Estimate],
    *,
    steps: int = CONVERGENCE_STEPS,
) -> tuple[Estimate, ...]:
    """Estimate a statistic from the first tenth of the runs, from the first two, up to all.

    Parameters
    ----------
    values : array_like, shape (runs,)
        In the order of the runs.
    statistic : callable
        From a sample to an estimate, such as `mean_estimate` or a ``partial`` of `value_at_risk`.
    steps : int
        Parts of the whole, at least 1; with fewer runs than steps there is one estimate per run.

    Returns
    -------
    tuple of Estimate
        By ``count``, which rises; the last one is of all runs.

    Raises
    ------
    ValueError
        If an argument breaks its rule.

    Examples
    --------
    >>> [found.count for found in convergence(range(25), mean_estimate)]
    [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]
    """
    sample = checked_sample("values", values)
    check_count("steps", steps, least=1)
    # Whole numbers throughout: a share times a count may round to one run more.
    counts = sorted({-(-sample.size * step // steps) for step in range(1, steps + 1)})
    return tuple(statistic(sample[:count]) for count in counts)


def _quantile(losses: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    place = _rank(losses.shape[-1], level) - 1
    # A view would keep all of the partitioned samples in memory.
    return np.array(np.partition(losses, place, axis=-1)[..., place])


def _rank(count: int, level: float) -> int:
    """Rank, from 1, of the value at risk; 0.07 of a hundred is 7, whatever floats make of it."""
    return max(ceil(round(count * level, 9)), 1)
