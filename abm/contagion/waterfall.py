"""The layers of a default waterfall, used in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.contagion.inputs import as_number, as_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.contagion.inputs import Vector

__all__ = ["LayerUse", "use_layers"]


@dataclass(frozen=True)
class LayerUse:
    """Who paid a loss.

    Attributes
    ----------
    used : ndarray, shape (layers,)
        What each layer paid, in dollars.
    uncovered : float
        What none of them could, in dollars.
    """

    used: Vector
    uncovered: float


def use_layers(loss: float, capacities: ArrayLike) -> LayerUse:
    """Let a loss fall through the layers of a waterfall: none pays before those above are empty.

    Parameters
    ----------
    loss : float
        Dollars, at least 0.
    capacities : array_like, shape (layers,)
        What each layer can pay, in order, in dollars, at least 0.

    Returns
    -------
    LayerUse

    Raises
    ------
    ValueError
        If the loss or a capacity is negative or not finite, or the capacities are no vector.

    References
    ----------
    The order of layers of a central counterparty: CPMI-IOSCO 2012, "Principles for financial market
    infrastructures", Principle 4.

    Examples
    --------
    >>> use_layers(100, [40, 10, 5, 30, 10])
    LayerUse(used=array([40., 10.,  5., 30., 10.]), uncovered=5.0)
    """
    amount = as_number("loss", loss, least=0.0)
    capacity = as_vector("capacities", capacities, least=0.0)
    above = np.concatenate([[0.0], np.cumsum(capacity)])
    used = np.clip(amount - above[:-1], 0.0, capacity)
    return LayerUse(used, max(amount - float(above[-1]), 0.0))
