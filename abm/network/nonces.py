"""Which messages of a channel are new, under way, applied or gone."""

from __future__ import annotations

from collections import defaultdict


class NonceBook:
    """Counts the copies of every message and lets each nonce be applied once.

    Examples
    --------
    >>> book = NonceBook()
    >>> nonce = book.next("lane")
    >>> book.start("lane", nonce)
    >>> book.end("lane", nonce)
    >>> book.apply("lane", nonce), book.apply("lane", nonce), book.is_gone("lane", nonce)
    (True, False, False)
    """

    def __init__(self) -> None:
        self._issued: dict[str, int] = defaultdict(int)
        self._copies: dict[tuple[str, int], int] = defaultdict(int)
        self._applied: dict[str, set[int]] = defaultdict(set)
        self._oldest: dict[str, int] = defaultdict(int)

    def next(self, channel: str) -> int:
        """Return a channel's next nonce."""
        nonce = self._issued[channel]
        self._issued[channel] += 1
        return nonce

    def start(self, channel: str, nonce: int) -> None:
        """Note one more copy under way."""
        self._copies[channel, nonce] += 1

    def end(self, channel: str, nonce: int) -> None:
        """Note the end of a copy."""
        self._copies[channel, nonce] -= 1

    def apply(self, channel: str, nonce: int) -> bool:
        """Return whether this is a nonce's first arrival, and note it."""
        if nonce in self._applied[channel]:
            return False
        self._applied[channel].add(nonce)
        return True

    def is_gone(self, channel: str, nonce: int) -> bool:
        """Return whether no copy was applied or is under way."""
        return self._copies[channel, nonce] == 0 and nonce not in self._applied[channel]

    def is_next(self, channel: str, nonce: int) -> bool:
        """Return whether all earlier messages of a channel were applied or are gone."""
        oldest, applied = self._oldest[channel], self._applied[channel]
        while oldest < nonce and (oldest in applied or self._copies[channel, oldest] == 0):
            oldest += 1
        self._oldest[channel] = oldest
        return oldest >= nonce
