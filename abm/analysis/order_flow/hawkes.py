"""How much of the flow answers to earlier flow: a self-exciting process by maximum likelihood.

Trades carry the time of their step, so that the process is that of counts by step: given the past,
the count of a step is Poisson with mean ``base + branching * sum over the past of (1 - keep) *
keep**(lag - 1) * count``. Its counts tend to a Hawkes process with exponential kernel as steps
become short.

References
----------
A. G. Hawkes, Spectra of some self-exciting and mutually exciting point processes, Biometrika 58
(1971), 83-90.
M. Kirchner, An estimation procedure for the Hawkes process, Quantitative Finance 17 (2017),
571-595; section 2 (integer-valued autoregression as its counterpart in discrete time).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_COUNTS = 10
# What the search begins with: branching ratios, and decays in steps.
STARTS = tuple((branching, steps) for branching in (0.2, 0.6) for steps in (1.0, 10.0))
HIGHEST_BRANCHING = 0.999
LONGEST_DECAY_STEPS = 1e4


@dataclass(frozen=True)
class HawkesFit:
    """A fitted self-exciting process.

    Attributes
    ----------
    base_per_second : float
        Rate of what answers to nothing earlier.
    branching_ratio : float
        Mean number of direct answers to one event, from 0 to below 1.
    decay_seconds : float
        Mean time until an answer, less the first step.
    log_likelihood, poisson_log_likelihood : float
        Of this fit, and of the same without any answers.
    """

    base_per_second: float
    branching_ratio: float
    decay_seconds: float
    log_likelihood: float
    poisson_log_likelihood: float

    @property
    def likelihood_ratio(self) -> float:
        """Twice the gain in log likelihood over a Poisson process, at least 0."""
        return max(2.0 * (self.log_likelihood - self.poisson_log_likelihood), 0.0)


def fit_hawkes(counts: NDArray[np.float64], step_seconds: float) -> HawkesFit | None:
    """Fit a self-exciting process to counts.

    Parameters
    ----------
    counts : ndarray, shape (steps,)
        Events in each step.
    step_seconds : float
        Length of one.

    Returns
    -------
    HawkesFit or None
        None for fewer than ten events.
    """
    total = float(counts.sum())
    if total < FEWEST_COUNTS:
        return None
    mean = total / len(counts)
    poisson = _log_likelihood(counts, np.full(len(counts), mean))

    def loss(parameters: NDArray[np.float64]) -> float:
        base, branching, decay = parameters
        return -_log_likelihood(counts, intensity(counts, mean * base, branching, decay)) / total

    bounds = [(1e-6, 2.0), (0.0, HIGHEST_BRANCHING), (0.05, LONGEST_DECAY_STEPS)]
    found = [
        minimize(loss, [1.0 - branching, branching, decay], method="L-BFGS-B", bounds=bounds)
        for branching, decay in STARTS
    ]
    best = min(found, key=lambda result: float(result.fun))
    base, branching, decay = (float(value) for value in best.x)
    return HawkesFit(
        base * mean / step_seconds,
        branching,
        decay * step_seconds,
        -float(best.fun) * total,
        poisson,
    )


def intensity(
    counts: NDArray[np.float64], base: float, branching: float, decay_steps: float
) -> NDArray[np.float64]:
    """Return the expected count of every step given those before it, shape (steps,)."""
    keep = math.exp(-1.0 / decay_steps)
    past = np.concatenate([[0.0], counts[:-1]])
    answers: NDArray[np.float64] = lfilter([1.0 - keep], [1.0, -keep], past)
    return base + branching * answers


def _log_likelihood(counts: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Of Poisson counts, but for the factorials, which no parameter changes."""
    return float((counts * np.log(expected) - expected).sum())
