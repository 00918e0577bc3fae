"""Back-tests: whether margin was enough, and how much it moved."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc, xlogy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class CoverageTest:
    """Whether there were as many exceptions as promised.

    Attributes
    ----------
    statistic : float
        Likelihood ratio, at least 0.
    p_value : float
        Probability of a ratio at least as large if coverage is as promised.
    exceptions : int
        Losses beyond margin that were seen.
    expected : float
        Exceptions that the promised coverage leads to expect.
    """

    statistic: float
    p_value: float
    exceptions: int
    expected: float


@dataclass(frozen=True, slots=True)
class IndependenceTest:
    """Whether exceptions came alone, and as often as promised.

    Attributes
    ----------
    independence, independence_p_value : float
        Likelihood ratio against exceptions that follow each other, and its p value.
    conditional_coverage, conditional_coverage_p_value : float
        Likelihood ratio against both faults together, and its p value.
    """

    independence: float
    independence_p_value: float
    conditional_coverage: float
    conditional_coverage_p_value: float


@dataclass(frozen=True, slots=True)
class Procyclicality:
    """How much a requirement moved for the same portfolio.

    Attributes
    ----------
    peak_to_trough : float
        Highest over lowest requirement, at least 1; infinite where the lowest is 0.
    largest_rise : float
        Largest rise within the window, in the unit of the requirements, at least 0.
    largest_rise_ratio : float
        Largest requirement over the lowest within the window before it, at least 1; infinite
        where that is 0.
    """

    peak_to_trough: float
    largest_rise: float
    largest_rise_ratio: float


def count_exceptions(losses: ArrayLike, margins: ArrayLike) -> int:
    """Count losses that margin did not cover; a loss of exactly the margin is covered.

    Parameters
    ----------
    losses : array_like of float
        Losses above 0, gains below, in dollars.
    margins : array_like of float
        Margin held against each of them, in dollars: one number, or the shape of `losses`.

    Returns
    -------
    int
        Number of losses above their margin.

    Raises
    ------
    ValueError
        If the shapes differ, or a number is not finite.

    >>> count_exceptions([5.0, -9.0, 7.0, 8.0], 7.0)
    1
    """
    loss, margin = _finite("losses", losses), _finite("margins", margins)
    if margin.ndim and margin.shape != loss.shape:
        raise ValueError(
            f"margins has shape {margin.shape}; it must be one number or of shape {loss.shape}"
        )
    return int(np.count_nonzero(loss > margin))


def kupiec(exceptions: int, observations: int, coverage: float) -> CoverageTest:
    """Test whether the share of exceptions is the promised one.

    Parameters
    ----------
    exceptions : int
        Losses beyond margin, from 0 to `observations`.
    observations : int
        Losses looked at, at least 1.
    coverage : float
        Promised probability that a loss is covered, above 0 and below 1.

    Returns
    -------
    CoverageTest
        The ratio ``2*(x*ln(x/(n*p)) + (n-x)*ln((n-x)/(n*(1-p))))`` with ``p = 1 - coverage`` and
        ``0*ln(0) = 0``, and its p value from chi-square with one degree of freedom.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    P. Kupiec, Techniques for verifying the accuracy of risk measurement models, J. Derivatives 3
    (1995), the test of the proportion of failures.

    Examples
    --------
    As many as expected is as good as it gets.

    >>> kupiec(exceptions=5, observations=20, coverage=0.75)
    CoverageTest(statistic=0.0, p_value=1.0, exceptions=5, expected=5.0)
    """
    if observations < 1:
        raise ValueError(f"observations is {observations!r}; it must be at least 1")
    if not 0 <= exceptions <= observations:
        raise ValueError(
            f"exceptions is {exceptions!r}; it must be from 0 to observations, {observations}"
        )
    _check_coverage(coverage)
    covered = observations - exceptions
    expected = observations * (1.0 - coverage)
    ratio = 2.0 * float(
        xlogy(exceptions, exceptions / expected)
        + xlogy(covered, covered / (observations * coverage))
    )
    # Rounding may leave a ratio a hair below 0.
    statistic = max(ratio, 0.0)
    return CoverageTest(statistic, float(chdtrc(1, statistic)), exceptions, expected)


def christoffersen(hits: ArrayLike, coverage: float) -> IndependenceTest:
    """Test whether an exception makes another one likelier at the next observation.

    Parameters
    ----------
    hits : array_like of bool, shape (observations,)
        True, or 1, where a loss went beyond margin, in the order of time; at least two.
    coverage : float
        Promised probability that a loss is covered, above 0 and below 1.

    Returns
    -------
    IndependenceTest
        Independence: twice the log likelihood of a Markov chain of two states beyond that of
        independent hits, over the observations but the first, with one degree of freedom; 0 where
        no exception, or nothing but exceptions, was seen. Conditional coverage: that plus the
        ratio of `kupiec` over all observations, with two degrees of freedom.

    Raises
    ------
    ValueError
        If there are fewer than two hits, one is neither 0 nor 1, or coverage is out of its range.

    References
    ----------
    P. Christoffersen, Evaluating interval forecasts, International Economic Review 39 (1998),
    sections 3.2 and 3.3. The paper leaves the first observation out of the coverage part too;
    here the sum is that of the two ratios that are reported.
    """
    values = _finite("hits", hits)
    if values.ndim != 1 or len(values) < 2:  # noqa: PLR2004 - one step from one to the next
        raise ValueError(f"hits has shape {values.shape}; it must be one list of at least two")
    for position in np.flatnonzero((values != 0) & (values != 1))[:1]:
        raise ValueError(f"hits[{position}] is {float(values[position])!r}; it must be 0 or 1")
    _check_coverage(coverage)
    hit = values.astype(bool)
    before, after = hit[:-1], hit[1:]
    calm_after, hit_after = int((~after).sum()), int(after.sum())
    hit_after_hit = int((before & after).sum())
    calm_after_hit = int((before & ~after).sum())
    chained = _log_likelihood(hit_after_hit, calm_after_hit) + _log_likelihood(
        hit_after - hit_after_hit, calm_after - calm_after_hit
    )
    independence = max(2.0 * (chained - _log_likelihood(hit_after, calm_after)), 0.0)
    conditional = independence + kupiec(int(hit.sum()), len(hit), coverage).statistic
    return IndependenceTest(
        independence=independence,
        independence_p_value=float(chdtrc(1, independence)),
        conditional_coverage=conditional,
        conditional_coverage_p_value=float(chdtrc(2, conditional)),
    )


def procyclicality(requirements: ArrayLike, *, steps: int) -> Procyclicality:
    """Measure how much the requirement of an unchanged portfolio moved.

    Parameters
    ----------
    requirements : array_like of float, shape (times,)
        Requirements at equal distances in time, in dollars, at least 0.
    steps : int
        Length of the window in which a rise hurts, such as five days, at least 1.

    Returns
    -------
    Procyclicality
        Peak to trough over all times; and the largest rise to a time from the lowest requirement
        of the `steps` times before it, which is at least the largest change over exactly `steps`.
        Ratios of 0 to 0 are 1.

    Raises
    ------
    ValueError
        If there are no requirements, one is negative or not finite, or `steps` is below 1.

    References
    ----------
    D. Murphy, M. Vasios and N. Vause, An investigation into the procyclicality of risk-based
    initial margin models, Bank of England Financial Stability Paper 29 (2014): the peak-to-trough
    and the n-day measure.

    Examples
    --------
    From 10 to 40 within two steps, and from 8 to 40 over all.

    >>> procyclicality([8.0, 16.0, 10.0, 20.0, 40.0, 30.0], steps=2)
    Procyclicality(peak_to_trough=5.0, largest_rise=30.0, largest_rise_ratio=4.0)
    """
    needed = _finite("requirements", requirements)
    if needed.ndim != 1 or not len(needed):
        raise ValueError(f"requirements has shape {needed.shape}; it must be one list of them")
    for time in np.flatnonzero(needed < 0)[:1]:
        raise ValueError(f"requirements[{time}] is {float(needed[time])!r}; it must be at least 0")
    if steps < 1:
        raise ValueError(f"steps is {steps!r}; it must be at least 1")
    lowest = needed.copy()
    for lag in range(1, min(steps, len(needed) - 1) + 1):
        np.minimum(lowest[lag:], needed[:-lag], out=lowest[lag:])
    return Procyclicality(
        peak_to_trough=_ratio(float(needed.max()), float(needed.min())),
        largest_rise=float((needed - lowest).max()),
        largest_rise_ratio=max(map(_ratio, needed.tolist(), lowest.tolist())),
    )


def _ratio(high: float, low: float) -> float:
    if low > 0:
        return high / low
    return inf if high > 0 else 1.0


def _log_likelihood(hits: int, misses: int) -> float:
    """Return the log likelihood of independent hits at their own frequency, 0 for none."""
    return float(xlogy(hits, hits) + xlogy(misses, misses) - xlogy(hits + misses, hits + misses))


def _check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise ValueError(f"coverage is {float(coverage)!r}; it must be above 0 and below 1")


def _finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    for position in np.flatnonzero(~np.isfinite(array))[:1]:
        where = f"{name}[{position}]" if array.ndim else name
        raise ValueError(f"{where} is {float(array.flat[position])!r}; it must be finite")
    return array
