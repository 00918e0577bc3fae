"""Local prices from a run's tables: how far chains stood apart, and when they were back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from abm.recording.results import RunResults

TOGETHER = 0.005
"""Chains whose prices differ by less than this are taken to have one price."""


def has_local_prices(results: RunResults) -> bool:
    """Return whether a run has prices of its own on every chain."""
    chains = results.table("chains")
    return "local_usd" in chains.columns and chains["local_usd"].null_count() < len(chains)


def local_basis(results: RunResults, within: float = TOGETHER) -> pl.DataFrame:
    """Return how far each chain's price stood from that of the venue's, and for how long.

    Parameters
    ----------
    results : RunResults
        The run.
    within : float
        Relative difference below which two prices are one, above 0.

    Returns
    -------
    polars.DataFrame
        A row for each chain, in order of name, none without local prices: ``chain``;
        ``furthest_displacement``, log of the price over that without sales and hedges where it was
        furthest from 0; ``widest_basis`` over the venue's price less one, ``widest_second`` when;
        ``seconds_apart``, for how long the basis was at least ``within``; ``back_second``, when it
        was below for the first time after the widest, missing if it never was.

    Raises
    ------
    ValueError
        If ``within`` is not above 0.
    """
    if within <= 0:
        raise ValueError(f"within is {within!r}; it must be above 0")
    rows = []
    if has_local_prices(results):
        chains = results.table("chains").with_columns(pl.col("chain").cast(pl.String))
        rows = [
            {"chain": name, **_of_one(chains.filter(chain=name).sort("second"), within)}
            for name in chains["chain"].unique().sort()
        ]
    return pl.DataFrame(
        rows,
        schema={
            "chain": pl.String,
            "furthest_displacement": pl.Float64,
            "widest_basis": pl.Float64,
            "widest_second": pl.Int64,
            "seconds_apart": pl.Int64,
            "back_second": pl.Int64,
        },
    )


def _of_one(chain: pl.DataFrame, within: float) -> dict[str, float | int | None]:
    seconds, basis = chain["second"].to_numpy(), chain["basis"].to_numpy()
    displacement = chain["displacement"].to_numpy()
    widest = int(np.abs(basis).argmax())
    apart = np.abs(basis) >= within
    back = np.flatnonzero(~apart[widest:])
    sample = int(seconds[1] - seconds[0]) if len(seconds) > 1 else 0
    return {
        "furthest_displacement": float(displacement[np.abs(displacement).argmax()]),
        "widest_basis": float(basis[widest]),
        "widest_second": int(seconds[widest]),
        "seconds_apart": int(apart.sum()) * sample,
        "back_second": int(seconds[widest + int(back[0])]) if len(back) else None,
    }
