"""Which chain, channel, relayer, oracle or market maker matters most: simulated and static."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from abm.analysis.estimates import RESAMPLES, Estimate, bootstrap_estimate, mean_estimate
from abm.analysis.exposure_graph import BEARERS
from abm.contagion import node_importance
from abm.errors import Problem, ScenarioError
from abm.scenario.shocks import (
    AgentOutage,
    ChainHalt,
    ChannelHalt,
    Counterfactual,
    OracleFreeze,
    Shock,
)
from abm.simulation.build import build_world
from abm.simulation.exposures import exposure_graph
from abm.studies.losses import LOSS, loss_of, run_whole, seeded
from abm.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from abm.scenario.model import Scenario

DEFAULT_HOURS = 6.0
"""How long an entity fails if nobody says, or for the rest of the run."""

# Fewer have no order to agree on.
FEWEST_RANKED = 3


@dataclass(frozen=True)
class EntityImportance:
    """What the failure of one entity does.

    Attributes
    ----------
    name : str
        As the exposure graph has it, such as ``channel:to_base``.
    kind : str
        chain, channel, protocol, relayer, oracle or maker.
    knock_out : Estimate
        Loss of the run in which it fails less that of the run in which it does not, over seeds.
    impact, vulnerability : float
        DebtRank on the exposure graph at the start of the run, mean over seeds: share of the money
        of all who bear losses that its failure takes; its own mean stress by others' failures.
    """

    name: str
    kind: str
    knock_out: Estimate
    impact: float
    vulnerability: float


@dataclass(frozen=True)
class Importance:
    """All entities of a scenario, the largest knock-out loss first.

    Attributes
    ----------
    scenario, outcome : str
    at_hours, duration_hours : float
        When each failed in turn.
    entities : tuple of EntityImportance
    rank_correlation : Estimate or None
        Spearman's, of static impact against knock-out loss, with a bootstrap interval over seeds;
        None where either is the same for all.
    base : Estimate
        The loss with none of them failed.
    seeds : tuple of int
    """

    scenario: str
    outcome: str
    at_hours: float
    duration_hours: float
    entities: tuple[EntityImportance, ...]
    rank_correlation: Estimate | None
    base: Estimate
    seeds: tuple[int, ...]

    def first(self, count: int = 3) -> tuple[str, ...]:
        """Return the names of the entities with the largest knock-out losses."""
        return tuple(entity.name for entity in self.entities[:count])


def outages(
    scenario: Scenario, at_hours: float, duration_hours: float
) -> Iterator[tuple[str, Shock]]:
    """Yield every entity of a scenario that can fail, with the shock that is its failure."""

    def timed(**keys: object) -> dict[str, object]:
        return {"at_hours": at_hours, "duration_hours": duration_hours, **keys}

    for chain in scenario.chains:
        yield f"chain:{chain}", ChainHalt.model_validate(timed(kind="chain_halt", chains=(chain,)))
    halt = "channel_halt"
    for channel in scenario.channels:
        yield (
            f"channel:{channel}",
            ChannelHalt.model_validate(timed(kind=halt, channels=(channel,))),
        )
    for protocol in scenario.protocols:
        carried = tuple(
            name for name, rule in scenario.channels.items() if rule.protocol == protocol
        )
        if carried:
            yield (
                f"protocol:{protocol}",
                ChannelHalt.model_validate(timed(kind=halt, channels=carried)),
            )
    out = "agent_outage"
    for number in range(scenario.relayers.count):
        yield (
            f"relayer:{number}",
            AgentOutage.model_validate(timed(kind=out, relayers=(number,))),
        )
    for chain in scenario.chains:
        yield (
            f"oracle:{chain}",
            OracleFreeze.model_validate(timed(kind="oracle_freeze", chains=(chain,))),
        )
    for number in range(scenario.market_makers.count):
        yield (
            f"maker:{number}",
            AgentOutage.model_validate(timed(kind=out, market_makers=(number,))),
        )


def importance(
    scenario: Scenario,
    *,
    at_hours: float | None = None,
    duration_hours: float | None = None,
    outcome: str = LOSS,
    replicates: int = 4,
    first: int = 0,
    workers: int = 1,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> Importance:
    """Fail every entity in turn, on the same streams, and set what it costs beside DebtRank.

    Parameters
    ----------
    scenario : Scenario
        Its own shocks happen in every run.
    at_hours, duration_hours : float, optional
        When each fails. From the first scheduled shock on, or from the start; for six hours, or
        until the run ends.
    outcome : str
        What is compared; see `abm.studies.losses.loss_of`.
    replicates, first : int
        Seeds, beginning ``first`` after the scenario's.
    workers : int
        Processes; the result does not depend on it.
    confidence : float
        Of every interval.
    progress : callable, optional
        Told of runs done and in all.

    Returns
    -------
    Importance

    Raises
    ------
    ScenarioError
        If the window lies outside of the run, or a run breaks.
    ValueError
        If a number or the outcome is out of range.
    """
    start, length = _window(scenario, at_hours, duration_hours)
    failures = dict(outages(scenario, start, length))
    bases = seeded(scenario, replicates, first=first)
    rows = run_whole(
        [each for base in bases for each in (base, *_failed(base, failures))],
        workers=workers,
        progress=progress,
    )
    losses = np.array([loss_of(row, outcome) for row in rows])
    losses = losses.reshape(len(bases), 1 + len(failures))
    caused = losses[:, 1:] - losses[:, :1]
    static = [_static(base) for base in bases]
    impact = _over_seeds(static, failures, 0)
    vulnerability = _over_seeds(static, failures, 1)
    entities = [
        EntityImportance(
            name,
            name.partition(":")[0],
            mean_estimate(caused[:, place], confidence=confidence),
            float(impact[:, place].mean()),
            float(vulnerability[:, place].mean()),
        )
        for place, name in enumerate(failures)
    ]
    return Importance(
        scenario.name,
        outcome,
        start,
        length,
        tuple(sorted(entities, key=lambda entity: (-entity.knock_out.value, entity.name))),
        _rank_correlation(impact, caused, confidence),
        mean_estimate(losses[:, 0], confidence=confidence),
        tuple(base.seed for base in bases),
    )


def _window(
    scenario: Scenario, at_hours: float | None, duration_hours: float | None
) -> tuple[float, float]:
    starts = [shock.start_second for shock in scenario.shocks.values() if not shock.is_drawn]
    at = min(starts, default=0) / SECONDS_PER_HOUR if at_hours is None else at_hours
    left = scenario.clock.hours - at
    length = min(DEFAULT_HOURS, left) if duration_hours is None else duration_hours
    if not 0 <= at < scenario.clock.hours:
        rule = f"it must be from 0 to before the end of the run, at {scenario.clock.hours:g} hours"
        raise ScenarioError(scenario.name, [Problem("at_hours", f"{at:g}", rule)])
    if length <= 0:
        rule = "it must be above 0 hours"
        raise ScenarioError(scenario.name, [Problem("duration_hours", f"{length:g}", rule)])
    return at, length


def _failed(base: Scenario, failures: dict[str, Shock]) -> Iterator[Scenario]:
    name = "knocked_out"
    while name in base.shocks:
        name += "_too"
    for shock in failures.values():
        shocks = {**base.shocks, name: shock}
        # It names shocks of the scenario, and has no part in a run.
        yield base.model_copy(update={"shocks": shocks, "counterfactual": Counterfactual()})


def _static(scenario: Scenario) -> dict[str, tuple[float, float]]:
    graph = exposure_graph(build_world(scenario))
    return {
        found.name: (found.impact, found.vulnerability) for found in node_importance(graph, BEARERS)
    }


def _over_seeds(
    static: list[dict[str, tuple[float, float]]], failures: dict[str, Shock], part: int
) -> NDArray[np.float64]:
    return np.array([[seed[name][part] for name in failures] for seed in static])


def _rank_correlation(
    impact: NDArray[np.float64], caused: NDArray[np.float64], confidence: float
) -> Estimate | None:
    """Correlate the ranks of means over seeds, and over resampled seeds."""
    if impact.shape[1] < FEWEST_RANKED:
        return None

    def spearman(seeds: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = seeds.astype(np.intp)
        static = stats.rankdata(np.round(impact[drawn].mean(axis=-2), 12), axis=-1)
        simulated = stats.rankdata(caused[drawn].mean(axis=-2), axis=-1)
        static = static - static.mean(axis=-1, keepdims=True)
        simulated = simulated - simulated.mean(axis=-1, keepdims=True)
        scale = np.sqrt((static**2).sum(axis=-1) * (simulated**2).sum(axis=-1))
        # All equal in a resample: no order, so none that agrees.
        found: NDArray[np.float64] = np.divide(
            (static * simulated).sum(axis=-1), scale, out=np.zeros_like(scale), where=scale > 0
        )
        return found

    seeds = np.arange(len(impact), dtype=np.float64)
    same = np.ptp(impact.mean(axis=0)) == 0 or np.ptp(caused.mean(axis=0)) == 0
    if same:
        return None
    if len(impact) == 1:
        return Estimate(float(spearman(seeds)), None, None, confidence, 1)
    return bootstrap_estimate(seeds, spearman, confidence=confidence, resamples=RESAMPLES, seed=0)
