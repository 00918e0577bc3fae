"""What venues believe of every account after a margin pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abm.margin import Marks


@dataclass(frozen=True)
class Beliefs:
    """What venues believe after a margin pass.

    Attributes
    ----------
    marks : tuple of Marks, one for each clearing house
        Values at the price published on its chain.
    equity : ndarray, shape (accounts,)
        Cash, positions and counted collateral, in dollars.
    equity_before_haircuts : ndarray, shape (accounts,)
        The same with all claimed collateral counted in full.
    maintenance, initial : ndarray, shape (accounts,)
        Requirements in dollars.
    claim_usd : ndarray, shape (accounts,)
        Claimed collateral before haircuts, in dollars.
    """

    marks: tuple[Marks, ...]
    equity: NDArray[np.float64]
    equity_before_haircuts: NDArray[np.float64]
    maintenance: NDArray[np.float64]
    initial: NDArray[np.float64]
    claim_usd: NDArray[np.float64]
