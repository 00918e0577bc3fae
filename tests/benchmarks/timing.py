"""Processor time of work, and of two pieces of work taken in turns."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that one run takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def median_seconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Return the median of some runs, after one that warms up."""
    work()
    return median(seconds(work) for _ in range(repeats))


def compared(
    ours: Callable[[], object], theirs: Callable[[], object], pairs: int = 9
) -> tuple[float, float]:
    """Return the medians of both, taken in turns so that one machine's moods hit both."""
    ours()
    times = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    return median(mine for mine, _ in times), median(other for _, other in times)


def growth_exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """Return the power of the size with which time grows, fitted over all sizes."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
