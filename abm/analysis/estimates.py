"""Estimates from runs with the interval that says how far to trust them.

An interval is None on a side where the sample cannot bound it, above all with a single run. Runs
that are all equal give an interval of no width: it is then as wide as what was seen, not as what
may happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.randomness import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2_000
# Resampled values held at once: eight megabytes, however many runs there are.
VALUES_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Estimate:
    """A number estimated from runs.

    Attributes
    ----------
    value : float
        The estimate, in the unit of what was measured.
    low, high : float or None
        Ends of the interval; None where the sample does not bound it.
    confidence : float
        How often such intervals hold the true value.
    count : int
        Runs, or pairs of runs, that it stands on.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float
    count: int


def mean_estimate(values: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean of a sample with a t interval, which is None for a single run.

    Parameters
    ----------
    values : array_like, shape (runs,)
        Finite numbers of any unit.
    confidence : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the sample is empty, not a list of finite numbers, or ``confidence`` out of range.

    Examples
    --------
    >>> mean_estimate([1.0, 2.0, 3.0], confidence=0.5)
    Estimate(value=2.0, low=1.5285954792089682, high=2.471404520791032, confidence=0.5, count=3)
    """
    sample = checked_sample("values", values)
    check_inside("confidence", confidence)
    if (known := _without_spread(sample, confidence)) is not None:
        return known
    from scipy import stats  # noqa: PLC0415 - most of a second, which few pages need at once

    mean = float(sample.mean())
    quantile = float(stats.t.ppf((1 + confidence) / 2, sample.size - 1))
    half = quantile * float(sample.std(ddof=1)) / sample.size**0.5
    return Estimate(mean, mean - half, mean + half, confidence, sample.size)


def event_probability(happened: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Share of the runs in which an event happened, with a Wilson interval.

    The interval has a width also where the event happened in no run or in all, or in a single one.

    Parameters
    ----------
    happened : array_like of bool, shape (runs,)
        Whether it happened.
    confidence : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If there are no runs, the values are no truth values, or ``confidence`` is out of range.

    Examples
    --------
    >>> found = event_probability([False] * 50)
    >>> found.low, round(found.high, 3)
    (0.0, 0.071)
    """
    seen = checked_truths("happened", happened)
    check_inside("confidence", confidence)
    from scipy import stats  # noqa: PLC0415 - as above

    share = float(seen.mean())
    test = stats.binomtest(int(seen.sum()), seen.size)
    found = test.proportion_ci(confidence_level=confidence, method="wilson")
    return Estimate(share, float(found.low), float(found.high), confidence, seen.size)


def bootstrap_estimate(
    sample: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Estimate:
    """Estimate a statistic with the centiles of its values in resampled samples.

    Parameters
    ----------
    sample : ndarray, shape (runs,)
        Checked; a single run has no interval.
    statistic : callable
        Of the last axis; it lies among the runs, so that it is known where all are equal.
    confidence : float
        Between 0 and 1.
    resamples : int
        At least 1.
    seed : int
        At least 0; the same seed gives the same interval.

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    check_inside("confidence", confidence)
    check_count("resamples", resamples, least=1)
    check_count("seed", seed, least=0)
    if (known := _without_spread(sample, confidence)) is not None:
        return known
    from scipy import stats  # noqa: PLC0415 - as above

    # Of scipy's methods the one that is never nan: with many equal runs, as when most lose nothing,
    # the corrected one has no spread to correct by. scipy 1.14 knows `rng` by this name alone.
    found = stats.bootstrap(
        (sample,),
        lambda values, axis: statistic(np.moveaxis(values, axis, -1)),
        n_resamples=resamples,
        batch=max(VALUES_AT_ONCE // sample.size, 1),
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        random_state=Streams(seed).get("bootstrap"),
    ).confidence_interval
    value = float(statistic(sample))
    return Estimate(value, float(found.low), float(found.high), confidence, sample.size)


def studentised_estimate(
    sample: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    error: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    widening: float = 1.0,
) -> Estimate:
    """Estimate a statistic with an interval in units of its own standard error (bootstrap-t).

    Parameters
    ----------
    sample, statistic, confidence, resamples, seed
        As for `bootstrap_estimate`.
    error : callable
        Standard error of the statistic, of the last axis.
    widening : float
        Multiple of the standard error, where few of the runs decide it.

    References
    ----------
    Efron, Tibshirani (1993), "An Introduction to the Bootstrap", section 12.5.
    """
    check_inside("confidence", confidence)
    check_count("resamples", resamples, least=1)
    check_count("seed", seed, least=0)
    if (known := _without_spread(sample, confidence)) is not None:
        return known
    value, scale = float(statistic(sample)), widening * float(error(sample))
    rng = Streams(seed).get("studentised")
    strays = []
    for start in range(0, resamples, batch := max(VALUES_AT_ONCE // sample.size, 1)):
        places = rng.integers(sample.size, size=(min(batch, resamples - start), sample.size))
        drawn = sample[places]
        errors = error(drawn)
        # A resample without spread strays without bound: it is one without an end.
        strays.append(
            np.divide(
                statistic(drawn) - value,
                errors,
                out=np.full(errors.shape, -np.inf),
                where=errors > 0,
            )
        )
    # Order statistics: between infinite ones there is nothing to interpolate.
    shares = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(np.concatenate(strays), shares, method="inverted_cdf").tolist()
    ends = (value - high * scale, value - low * scale)
    bounded = [end if np.isfinite(end) and scale > 0 else None for end in ends]
    return Estimate(value, bounded[0], bounded[1], confidence, sample.size)


def _without_spread(sample: NDArray[np.float64], confidence: float) -> Estimate | None:
    """Return the estimate of one run or of equal ones, for any measure that lies among the runs."""
    value = float(sample[0])
    if sample.size == 1:
        return Estimate(value, None, None, confidence, 1)
    if (sample == value).all():
        return Estimate(value, value, value, confidence, sample.size)
    return None


def checked_sample(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return one finite number for each run, of which there is at least one, or say why not."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"{name} has shape {sample.shape}; it must be a list of at least one run")
    for place in np.flatnonzero(~np.isfinite(sample))[:1].tolist():
        raise ValueError(f"{name}[{place}] is {float(sample[place])!r}; it must be finite")
    return sample


def checked_truths(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """Return one truth value for each run, of which there is at least one, or say why not."""
    truths = np.asarray(values)
    if truths.ndim != 1 or truths.size == 0:
        raise ValueError(f"{name} has shape {truths.shape}; it must be a list of at least one run")
    if truths.dtype != np.bool_:
        raise ValueError(f"{name} has type {truths.dtype}; it must be truth values (bool)")
    return truths


def check_lengths(
    name: str, values: NDArray[np.float64], other: str, others: NDArray[np.float64 | np.bool_]
) -> None:
    """Refuse samples that do not belong together item by item."""
    if values.shape != others.shape:
        raise ValueError(
            f"{name} has shape {values.shape}; it must be that of {other}, {others.shape}"
        )


def check_inside(name: str, share: float) -> None:
    """Refuse a share that is not strictly between 0 and 1."""
    if not 0 < share < 1:
        raise ValueError(f"{name} is {float(share)!r}; it must be above 0 and below 1")


def check_count(name: str, count: int, *, least: int) -> None:
    """Refuse a count below its least value."""
    if count < least:
        raise ValueError(f"{name} is {count!r}; it must be at least {least}")
