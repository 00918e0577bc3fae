"""Rate limits: how much value a protocol lets through, and when what is too much may go."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abm.network.lanes import Lane

DAY = 86_400


@dataclass
class TokenBucket:
    """An allowance that refills with time, used up first come, first served.

    What is worth more than the whole bucket waits until it is full, and empties it.

    Parameters
    ----------
    capacity_usd : float
        What passes at once after a long calm.
    refill_usd_per_second : float
        How fast the allowance comes back.

    Examples
    --------
    >>> bucket = TokenBucket(capacity_usd=100.0, refill_usd_per_second=2.0)
    >>> bucket.admit(80.0, 0), bucket.admit(40.0, 0), bucket.admit(1.0, 5)
    (0.0, 10.0, 10.5)
    """

    capacity_usd: float
    refill_usd_per_second: float
    _level_usd: float = field(init=False)
    _second: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._level_usd = self.capacity_usd

    def admit(self, value_usd: float, second: float) -> float:
        """Return the second at which a value that asks at ``second`` may go."""
        second = max(float(second), self._second)
        refilled = self._level_usd + (second - self._second) * self.refill_usd_per_second
        self._level_usd = min(refilled, self.capacity_usd)
        self._second = second
        needed = min(value_usd, self.capacity_usd)
        if missing := max(needed - self._level_usd, 0.0):
            self._second += missing / self.refill_usd_per_second
            self._level_usd = needed
        self._level_usd -= needed
        return self._second


@dataclass
class RollingDay:
    """Wormhole's governor: at most so much in any 24 hours; what is large always waits.

    A value that finds no room goes when there is room for it, at the latest after the queue's
    time; large ones and those that waited the whole time count against no limit. Smaller values
    may pass what waits.

    Parameters
    ----------
    limit_usd : float or None
        Sum of what goes in any 24 hours.
    large_usd : float or None
        A value of this much or more waits the whole time.
    queue_seconds : float
        Longest wait.

    References
    ----------
    Wormhole white paper 0007, "Governor"; limits in node/pkg/governor/mainnet_chains.go.

    Examples
    --------
    >>> governor = RollingDay(limit_usd=100.0, large_usd=60.0, queue_seconds=DAY)
    >>> governor.admit(50.0, 0), governor.admit(50.0, 9), governor.admit(10.0, 20)
    (0, 9, 86400)
    >>> governor.admit(60.0, 86500)
    172900
    """

    limit_usd: float | None
    large_usd: float | None
    queue_seconds: float
    _gone: list[tuple[float, float]] = field(init=False, default_factory=list)

    def admit(self, value_usd: float, second: float) -> float:
        """Return the second at which a value that asks at ``second`` may go."""
        latest = second + self.queue_seconds
        if self.large_usd is not None and value_usd >= self.large_usd:
            return latest
        if self.limit_usd is None:
            return second
        while self._gone and self._gone[0][0] <= second - DAY:
            heapq.heappop(self._gone)
        used = fsum(value for _, value in self._gone)
        goes = second
        for left, value in sorted(self._gone):
            if used + value_usd <= self.limit_usd:
                break
            used -= value
            goes = left + DAY
        if used + value_usd > self.limit_usd or goes >= latest:
            return latest
        heapq.heappush(self._gone, (goes, value_usd))
        return goes


class RateLimits:
    """The limits of every channel: a bucket each, and one rolling day for each protocol's source.

    Parameters
    ----------
    lanes : dict of str to Lane
        By channel.
    """

    def __init__(self, lanes: dict[str, Lane]) -> None:
        self._buckets: dict[str, TokenBucket] = {}
        self._days: dict[str, RollingDay] = {}
        shared: dict[tuple[str, str], RollingDay] = {}
        for name, lane in lanes.items():
            channel, protocol = lane.channel, lane.protocol
            if protocol.bucket_usd is not None:
                self._buckets[name] = TokenBucket(
                    protocol.bucket_usd, protocol.bucket_refill_usd_per_second
                )
            if channel.daily_limit_usd is not None or channel.large_transfer_usd is not None:
                day = RollingDay(
                    channel.daily_limit_usd, channel.large_transfer_usd, protocol.queue_seconds
                )
                key = (channel.protocol, channel.source)
                self._days[name] = shared.setdefault(key, day)

    def limit(self, channel: str) -> bool:
        """Return whether a channel has limits."""
        return channel in self._buckets or channel in self._days

    def admit(self, channel: str, value_usd: float, second: float) -> float:
        """Return the second at which a value that is ready on a channel at ``second`` may go."""
        if channel in self._days:
            second = self._days[channel].admit(value_usd, second)
        if channel in self._buckets:
            second = self._buckets[channel].admit(value_usd, second)
        return second
