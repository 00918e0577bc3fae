"""How often each layer of the waterfall is used and exhausted, over replicates."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

from abm.analysis.estimates import Estimate, event_probability, mean_estimate
from abm.recording.schemas import outcome_of
from abm.scenario.venues import layer_sizes_usd
from abm.scenario.waterfall import FUNDED
from abm.studies.losses import loss_of, run_whole, seeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.scenario.model import Scenario
    from abm.studies.replicates import RunRow


@dataclass(frozen=True)
class LayerRisk:
    """What one layer bears over replicates.

    Attributes
    ----------
    layer : str
        Of `abm.scenario.waterfall.LAYERS`.
    size_usd : float or None
        What is set aside; None where it takes from others.
    paid : Estimate
        Mean dollars paid in a run.
    used, exhausted : Estimate
        Share of runs in which it paid anything, and in which it could not pay all.
    """

    layer: str
    size_usd: float | None
    paid: Estimate
    used: Estimate
    exhausted: Estimate


def layers_of(scenario: Scenario) -> list[str]:
    """Return the layers that a scenario has, in the order in which they pay."""
    last = {"socialise": "socialised", "deleverage": "deleveraged"}[scenario.waterfall.last]
    return [*sizes_usd(scenario), last]


def sizes_usd(scenario: Scenario) -> dict[str, float]:
    """Return what each funded layer of a scenario starts with, at all venues, in dollars."""
    return layer_sizes_usd(scenario.waterfall, scenario.further_venues.values())


def is_exhausted(scenario: Scenario, row: RunRow, layer: str) -> bool:
    """Return whether a layer could not pay all in a run, or could not if the run went on.

    What is unresolved at the end counts as if it fell due then: otherwise a run in which nothing
    is liquidated any more would look safe.
    """
    if row[f"{layer}_exhausted_second"] is not None:
        return True
    if layer not in FUNDED:
        return False
    layers = layers_of(scenario)
    above = layers[: layers.index(layer) + 1]
    sizes = sizes_usd(scenario)
    return loss_of(row) > fsum(sizes[name] for name in above)


def layer_risk(
    scenario: Scenario,
    *,
    replicates: int = 8,
    workers: int = 1,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[LayerRisk, ...]:
    """Run a scenario over seeds and count what each layer bears.

    Parameters
    ----------
    scenario : Scenario
    replicates, workers, confidence, progress
        As for other studies.

    Returns
    -------
    tuple of LayerRisk
        In the order in which they pay.

    Raises
    ------
    ScenarioError
        If a run breaks.
    ValueError
        If a number is out of range.
    """
    rows = run_whole(seeded(scenario, replicates), workers=workers, progress=progress)
    found = []
    for layer in layers_of(scenario):
        paid = [loss_of(row, outcome_of(layer)) for row in rows]
        empty = [is_exhausted(scenario, row, layer) for row in rows]
        found.append(
            LayerRisk(
                layer,
                sizes_usd(scenario).get(layer),
                mean_estimate(paid, confidence=confidence),
                event_probability([amount > 0 for amount in paid], confidence=confidence),
                event_probability(empty, confidence=confidence),
            )
        )
    return tuple(found)
