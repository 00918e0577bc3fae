"""Named random streams from one seed: the only place that makes generators."""

from __future__ import annotations

import hashlib
import struct
from statistics import NormalDist

import numpy as np

STANDARD_NORMAL = NormalDist()


class Streams:
    """Independent random generators, one for each purpose, keyed by name.

    A stream depends on the run's seed and on its own name alone. Adding an agent, a channel or a
    shock therefore shifts no other draw, which is what makes paired counterfactuals exact.

    Parameters
    ----------
    seed : int
        The run's seed, at least 0.

    Examples
    --------
    >>> first, again = Streams(7), Streams(7)
    >>> _ = first.get("price").random(1000)  # what one purpose draws ...
    >>> bool(first.get("gas", "base").random() == again.get("gas", "base").random())
    True
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generators: dict[tuple[str, ...], np.random.Generator] = {}

    def get(self, *name: str) -> np.random.Generator:
        """Return the one generator of this name; its state goes on from the last use."""
        if name not in self._generators:
            # Parts are joined by a character that no name holds, so ("a", "b") is not ("ab",).
            digest = hashlib.sha256("\x1f".join(name).encode()).digest()
            words = np.frombuffer(digest, dtype="<u4").tolist()
            sequence = np.random.SeedSequence([self.seed, *words])
            self._generators[name] = np.random.Generator(np.random.PCG64(sequence))
        return self._generators[name]

    def uniforms(self, *name: str, count: int) -> list[float]:
        """Return draws from [0, 1) for something that happens just once and has a name.

        They are the first 53 bits of 8-byte words of the name's SHAKE-256 digest: a hundred
        thousand messages need as many streams, and making a generator takes ten times as long.
        """
        digest = hashlib.shake_256("\x1f".join((str(self.seed), *name)).encode()).digest(8 * count)
        return [(word >> 11) * 2.0**-53 for word in struct.unpack(f"<{count}Q", digest)]

    def integer(self, *name: str) -> int:
        """Return one draw below 2**31, for libraries that want an integer seed."""
        return int(self.get(*name).integers(2**31))


def standard_normal(uniform: float) -> float:
    """Return the standard normal quantile of a draw from [0, 1).

    A draw of 0 counts as half of the smallest above it.

    >>> standard_normal(0.5)
    0.0
    """
    return STANDARD_NORMAL.inv_cdf(uniform or 2.0**-54)
