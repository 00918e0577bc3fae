"""Named random streams from one seed: the only place that makes generators."""

from __future__ import annotations

import hashlib

import numpy as np


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

    def integer(self, *name: str) -> int:
        """Return one draw below 2**31, for libraries that want an integer seed."""
        return int(self.get(*name).integers(2**31))
