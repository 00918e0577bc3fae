"""Which factors an outcome depends on: Sobol' indices, Morris screening, scores of any design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import stats

from abm.errors import AbmError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Problem = dict[str, Any]  # SALib's: num_vars, names, bounds, groups

RESAMPLES = 500
MOST_BINS = 10
LEAST_IN_BIN = 5


@dataclass(frozen=True)
class Sensitivity:
    """Indices of every factor or group, with what they stand on.

    Attributes
    ----------
    table : polars.DataFrame
        One row for each factor or group. Sobol': ``first_order`` and ``total``, shares of the
        variance, each with ``_low`` and ``_high``. Morris: ``mean_effect``,
        ``mean_absolute_effect`` with its interval, and ``spread``, in the outcome's unit per range
        of the factor.
    used, left_out : int
        Blocks of the design (of Saltelli) or trajectories (of Morris) that are whole, and those
        that were left out because runs in them failed.
    noise_share : float
        Of the variance of the means over replicates, what the replicates' own spread makes of it;
        nan with a single replicate. What is left is what factors can explain.
    """

    table: pl.DataFrame
    used: int
    left_out: int
    noise_share: float


def sobol_indices(
    problem: Problem, outcomes: ArrayLike, *, confidence: float = 0.95, seed: int = 0
) -> Sensitivity:
    """Sobol' indices of first order and in total, from the design of Saltelli.

    Replicates are averaged: the indices are those of the expected outcome. A run that failed takes
    its whole block with it, since each index compares runs within blocks.

    Parameters
    ----------
    problem : dict
        SALib's description of the factors, as `abm.sweeps.design.salib_problem` gives it.
    outcomes : array_like, shape (rows of the design, replicates)
        Any unit; nan where a run failed.
    confidence : float
        Of every interval, between 0 and 1.
    seed : int
        Of the resampling behind the intervals.

    Raises
    ------
    AbmError
        If SALib is not installed.
    ValueError
        If fewer than two blocks are whole, or the shape is not that of the design.

    References
    ----------
    Saltelli et al. (2010), "Variance based sensitivity analysis of model output",
    doi:10.1016/j.cpc.2009.09.018; computed by SALib.
    """
    try:
        from SALib.analyze import sobol  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise _missing() from error
    names = _ranked(problem)
    means, left_out, noise = _whole_blocks(outcomes, len(names) + 2)
    table: dict[str, Any] = {"factor": names}
    if means.std() == 0:
        zeros = np.zeros(len(names))
        found = {"S1": zeros, "ST": zeros, "S1_conf": zeros, "ST_conf": zeros}
    else:
        found = sobol.analyze(
            problem,
            means,
            calc_second_order=False,
            num_resamples=RESAMPLES,
            conf_level=confidence,
            seed=seed,
        )
    for name, key in (("first_order", "S1"), ("total", "ST")):
        value, half = np.asarray(found[key]), np.asarray(found[f"{key}_conf"])
        table |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    frame = pl.DataFrame(table).sort("total", descending=True)
    return Sensitivity(frame, len(means) // (len(names) + 2), left_out, noise)


def morris_effects(
    problem: Problem,
    shares: ArrayLike,
    outcomes: ArrayLike,
    *,
    levels: int,
    confidence: float = 0.95,
    seed: int = 0,
) -> Sensitivity:
    """Elementary effects: how far the outcome moves as a factor moves through its range.

    Parameters
    ----------
    problem, outcomes, confidence, seed
        As for `sobol_indices`; a run that failed takes its trajectory with it.
    shares : array_like, shape (rows of the design, factors)
        Points in the unit cube.
    levels : int
        Of the grid that the design was drawn on.

    Raises
    ------
    AbmError
        If SALib is not installed.
    ValueError
        If fewer than two trajectories are whole, or the shape is not that of the design.

    References
    ----------
    Morris (1991), doi:10.1080/00401706.1991.10484804; computed by SALib.
    """
    try:
        from SALib.analyze import morris  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise _missing() from error
    names = _ranked(problem)
    size = len(names) + 1
    means, left_out, noise = _whole_blocks(outcomes, size)
    kept = np.repeat(_whole(outcomes, size), size)
    found = morris.analyze(
        problem,
        np.asarray(shares, dtype=np.float64)[kept],
        means,
        num_resamples=RESAMPLES,
        conf_level=confidence,
        num_levels=levels,
        seed=seed,
    )
    order = [list(found["names"]).index(name) for name in names]

    def take(key: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.ma.filled(np.ma.masked_invalid(found[key]), np.nan)
        return values[order]

    strength, half = take("mu_star"), take("mu_star_conf")
    frame = pl.DataFrame(
        {
            "factor": names,
            "mean_effect": take("mu"),
            "mean_absolute_effect": strength,
            "mean_absolute_effect_low": strength - half,
            "mean_absolute_effect_high": strength + half,
            "spread": take("sigma"),
        }
    ).sort("mean_absolute_effect", descending=True)
    return Sensitivity(frame, len(means) // size, left_out, noise)


def feature_scores(runs: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Share of an outcome's variance that each factor explains by itself, in any design.

    The correlation ratio of the outcome over a factor's levels, or over up to ten bins of a range,
    less what as many levels would explain of mere noise (Kelley's epsilon squared): about 0 for a
    factor that does nothing. Factors that act only together score low: then ask `sobol_indices`.

    Parameters
    ----------
    runs : polars.DataFrame
        As `abm.sweeps.read_runs` gives it: factors are the columns that begin with ``factor``.
    outcome : str
        A column of numbers; runs without a value are left out.

    Returns
    -------
    polars.DataFrame
        ``factor``, ``score`` from 0 to 1, ``rank_correlation`` (None for text), ``p_value`` of the
        F test that the factor does nothing, ``count`` of runs; the highest score first.

    References
    ----------
    Kelley (1935), doi:10.1073/pnas.21.9.554.

    Examples
    --------
    >>> runs = {"factor a": [1, 1, 2, 2], "factor b": [1, 2, 1, 2], "y": [0.0, 1.0, 10.0, 11.0]}
    >>> feature_scores(pl.DataFrame(runs), "y")["factor"].to_list()
    ['a', 'b']
    """
    runs = runs.filter(pl.col(outcome).is_not_null())
    values = runs[outcome].cast(pl.Float64).to_numpy()
    rows = []
    for column in factor_columns(runs):
        levels = level_of(runs[column])
        score, p_value = _explained(levels, values)
        numeric = runs[column].dtype.is_numeric() and runs[column].n_unique() > 1
        rank = (
            float(stats.spearmanr(runs[column].to_numpy(), values).statistic)
            if numeric and np.ptp(values) > 0
            else None
        )
        name = column.removeprefix("factor ")
        rows.append((name, score, rank, p_value, len(values)))
    schema = {
        "factor": pl.String,
        "score": pl.Float64,
        "rank_correlation": pl.Float64,
        "p_value": pl.Float64,
        "count": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort(
        "score", descending=True, maintain_order=True
    )


def factor_columns(runs: pl.DataFrame) -> list[str]:
    """Return the columns of a study's runs that hold factors."""
    return [name for name in runs.columns if name.startswith("factor ")]


def level_of(values: pl.Series) -> NDArray[np.int64]:
    """Return the number of each value's level: of few values each is one, of many it is a bin."""
    most = max(min(MOST_BINS, len(values) // LEAST_IN_BIN), 2)
    ranks = values.rank("dense").to_numpy().astype(np.int64) - 1
    if ranks.max() < most or not values.dtype.is_numeric():
        return ranks
    places = values.rank("ordinal").to_numpy().astype(np.int64) - 1
    return places * most // len(values)


def _explained(
    levels: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[float, float | None]:
    counts = np.bincount(levels)
    groups, total = int((counts > 0).sum()), float(((values - values.mean()) ** 2).sum())
    if groups < 2 or len(values) <= groups or total == 0:  # noqa: PLR2004 - nothing to compare
        return 0.0, None
    means = np.bincount(levels, values) / np.maximum(counts, 1)
    within = float(((values - means[levels]) ** 2).sum())
    freedom = len(values) - groups
    score = 1 - (within / freedom) / (total / (len(values) - 1))
    if within == 0:
        return 1.0, 0.0
    ratio = ((total - within) / (groups - 1)) / (within / freedom)
    return max(score, 0.0), float(stats.f.sf(ratio, groups - 1, freedom))


def _ranked(problem: Problem) -> list[str]:
    """Return the groups, or the factors where there are none, in their order."""
    return list(dict.fromkeys(problem.get("groups") or problem["names"]))


def _whole(outcomes: ArrayLike, size: int) -> NDArray[np.bool_]:
    """Return which blocks of a design have all their runs."""
    values = np.asarray(outcomes, dtype=np.float64)
    if values.ndim != 2 or len(values) % size or not values.size:  # noqa: PLR2004
        rule = f"it must be (rows, replicates), in blocks of {size} rows"
        raise ValueError(f"outcomes has shape {values.shape}; {rule}")
    blocks = np.isfinite(values).all(axis=1).reshape(-1, size)
    return np.asarray(blocks.all(axis=1))


def _whole_blocks(outcomes: ArrayLike, size: int) -> tuple[NDArray[np.float64], int, float]:
    """Return mean outcomes of whole blocks, blocks left out, and the share of mere noise."""
    whole = _whole(outcomes, size)
    if whole.sum() < 2:  # noqa: PLR2004 - one block has no spread
        raise ValueError(f"{whole.sum()} of {whole.size} blocks have all their runs; 2 are needed")
    values = np.asarray(outcomes, dtype=np.float64)[np.repeat(whole, size)]
    means = values.mean(axis=1)
    noise = float("nan")
    if values.shape[1] > 1 and means.var() > 0:
        noise = float(values.var(axis=1, ddof=1).mean() / values.shape[1] / means.var())
    return means, int((~whole).sum()), noise


def _missing() -> AbmError:
    return AbmError("sensitivity of this kind needs SALib: pip install 'abm[sensitivity]'")
