"""What a dollar of capital carries, and which choices no other beats on both counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import ArrayLike, NDArray


def capital_efficiency(runs: pl.DataFrame, fund_usd: ArrayLike) -> NDArray[np.float64]:
    """Dollars of open interest that a dollar of capital carries, in each run.

    Capital is what traders and makers have locked, mean over steps, and the insurance fund at the
    start: a fund that nobody has to fill would make every risk look cheap.

    Parameters
    ----------
    runs : polars.DataFrame
        With ``locked_usd_mean`` and ``open_interest_per_locked_mean``.
    fund_usd : array_like, shape (runs,)
        The fund of each run.

    Returns
    -------
    ndarray, shape (runs,)

    Examples
    --------
    >>> import polars as pl
    >>> runs = {"locked_usd_mean": [80.0], "open_interest_per_locked_mean": [2.0]}
    >>> capital_efficiency(pl.DataFrame(runs), [20.0])
    array([1.6])
    """
    locked = runs["locked_usd_mean"].to_numpy()
    carried = runs["open_interest_per_locked_mean"].to_numpy() * locked
    return np.asarray(carried / (locked + np.asarray(fund_usd)), dtype=np.float64)


def efficient(gain: ArrayLike, risk: ArrayLike) -> NDArray[np.bool_]:
    """Tell which choices are on the frontier: none has more gain and no more risk, or the reverse.

    >>> efficient([1.0, 2.0, 2.0, 3.0], [5.0, 4.0, 6.0, 9.0]).tolist()
    [False, True, False, True]
    """
    gains, risks = np.asarray(gain, dtype=np.float64), np.asarray(risk, dtype=np.float64)
    better = (gains >= gains[:, np.newaxis]) & (risks <= risks[:, np.newaxis])
    strictly = (gains > gains[:, np.newaxis]) | (risks < risks[:, np.newaxis])
    return np.asarray(~(better & strictly).any(axis=1))
