"""A learned predictor of short-term moves from the trade table, scored out of sample.

What it may see of a step is what was traded in it and before; what it predicts lies after it. Every
score is of steps that come after all the steps it learned from (walk-forward).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.order_flow.impact import trade_imbalance
from abm.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.analysis.order_flow.flow import Flow
    from abm.recording.results import RunResults

FOLDS = 5
MEMORY_STEPS = (1, 5, 20)
"""Over how many steps back each feature is averaged."""
FEWEST_STEPS = 200


@dataclass(frozen=True)
class Prediction:
    """What a predictor was worth on steps it had not seen.

    Attributes
    ----------
    target : str
        What was predicted.
    accuracy, baseline : float
        Share of right signs, and that of always saying the commoner one among the steps learned.
    area : float
        Area under the receiver operating characteristic; 0.5 is no skill.
    standard_error : float
        Of the area if there were no skill (Hanley and McNeil 1982).
    count : int
        Steps scored.
    """

    target: str
    accuracy: float
    baseline: float
    area: float
    standard_error: float
    count: int


def flow_features(flow: Flow) -> NDArray[np.float64]:
    """Return what a step's trades say: imbalance, volume, trades, and how premiums moved.

    Returns
    -------
    ndarray, shape (steps, features)
        Each feature as means over `MEMORY_STEPS` back, the step itself included.
    """
    net = flow.by_step(flow.signed_lots)
    volume = flow.by_step(np.abs(flow.signed_lots))
    count = flow.by_step()
    premium = flow.by_step(_premium_moves(flow)) / np.maximum(count, 1.0)
    raw = [trade_imbalance(net, volume), np.log1p(volume), np.log1p(count), premium]
    columns = []
    for feature in raw:
        total = np.concatenate([[0.0], np.cumsum(feature)])
        for memory in MEMORY_STEPS:
            first = np.maximum(np.arange(len(feature)) + 1 - memory, 0)
            last = np.arange(len(feature)) + 1
            columns.append((total[last] - total[first]) / (last - first))
    return np.column_stack(columns)


def _premium_moves(flow: Flow) -> NDArray[np.float64]:
    """Return each trade's log premium less that of the series' trade before; 0 for its first."""
    logs = np.log(np.maximum(flow.premium_usd, 1e-9))
    moves = np.zeros(len(flow))
    last: dict[int, float] = {}
    for trade, (series, log) in enumerate(zip(flow.series.tolist(), logs.tolist(), strict=True)):
        moves[trade] = log - last.get(series, log)
        last[series] = log
    return moves


def predict_moves(results: RunResults, flow: Flow, horizon_steps: int = 5) -> list[Prediction]:
    """Score predictions of the next moves of the true price, the published one, and of net flow.

    Parameters
    ----------
    results : RunResults
        The run.
    flow : Flow
        Its aggressive flow.
    horizon_steps : int
        How far ahead.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    """
    features = flow_features(flow)
    steps = results.table("steps").select("price_usd", "published_usd").cast(pl.Float64)
    net = np.concatenate([[0.0], np.cumsum(flow.by_step(flow.signed_lots))])
    targets = {
        "true price": steps["price_usd"].to_numpy(),
        "published price": steps["published_usd"].to_numpy(),
        "net flow": net,
    }
    found = []
    for name, path in targets.items():
        # The features of step s end at path[s + 1].
        moves = path[1 + horizon_steps :] - path[1:-horizon_steps]
        score = walk_forward(features[: len(moves)], moves, horizon_steps)
        if score is not None:
            found.append(Prediction(name, *score))
    return found


def walk_forward(
    features: NDArray[np.float64], moves: NDArray[np.float64], gap: int, folds: int = FOLDS
) -> tuple[float, float, float, float, int] | None:
    """Learn the sign of moves from features on the past, score it on what follows, fold by fold.

    Parameters
    ----------
    features : ndarray, shape (steps, features)
    moves : ndarray, shape (steps,)
        What follows each step; those that are 0 are left out.
    gap : int
        Steps between what is learned and what is scored, over which a move still reaches.
    folds : int
        Into how many parts the scored steps are cut.

    Returns
    -------
    tuple or None
        The figures of `Prediction`; None where there are too few steps or only one sign.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra
        from sklearn.metrics import roc_auc_score  # noqa: PLC0415
        from sklearn.model_selection import TimeSeriesSplit  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("mining", "scikit-learn") from error
    moved = np.flatnonzero(moves)
    if len(moved) < FEWEST_STEPS:
        return None
    signs = (moves[moved] > 0).astype(np.int64)
    chances: list[NDArray[np.float64]] = []
    truths: list[NDArray[np.int64]] = []
    common: list[NDArray[np.int64]] = []
    for learned, every in TimeSeriesSplit(folds, gap=gap).split(moved):
        # Moves that overlap tell the same twice: scored are those that do not.
        scored = every[::gap]
        if len(set(signs[learned].tolist())) == 1:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(features[moved[learned]], signs[learned])
        chances.append(model.predict_proba(features[moved[scored]])[:, 1])
        truths.append(signs[scored])
        common.append(np.full(len(scored), round(float(signs[learned].mean()))))
    if not truths:
        return None
    truth, chance = np.concatenate(truths), np.concatenate(chances)
    if len(set(truth.tolist())) == 1:
        return None
    area = float(roc_auc_score(truth, chance))
    return (
        float(((chance > 0.5) == truth).mean()),  # noqa: PLR2004 - the likelier sign
        float((np.concatenate(common) == truth).mean()),
        area,
        _error_without_skill([int(truth.sum()), int((1 - truth).sum())]),
        len(truth),
    )


def _error_without_skill(counts: Sequence[int]) -> float:
    """Return the standard error of the area under the curve where the truth is 0.5."""
    ups, downs = counts
    return float(((ups + downs + 1) / (12.0 * ups * downs)) ** 0.5)
