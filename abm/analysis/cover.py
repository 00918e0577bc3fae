"""Cover-1, -2 and -k: whether funded layers bear the largest losses, at first and in the end."""

from __future__ import annotations

import json
from math import fsum
from typing import TYPE_CHECKING, Any

import polars as pl

from abm.scenario.venues import FurtherVenue, layer_sizes_usd
from abm.scenario.waterfall import FUNDED, Waterfall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.recording.results import RunResults


def funded_usd(scenario: dict[str, Any]) -> dict[str, float]:
    """Return what funded layers behind each venue that clears start with, in dollars, by venue.

    A mutual fund that venues share stands behind each of them with all that is in it.
    """
    rule = Waterfall.model_validate_json(json.dumps(scenario["waterfall"]))
    further = {
        name: FurtherVenue.model_validate_json(json.dumps(venue))
        for name, venue in scenario.get("further_venues", {}).items()
    }
    first = str(scenario["venue"].get("name", "main"))
    sizes = layer_sizes_usd(rule, further.values())
    if not further or scenario["collateral"]["architecture"] == "unified_pool":
        return {first: fsum(sizes.values())}
    shared = scenario.get("contagion", {}).get("shared_funds", True)
    mutual = sizes.get("mutual_fund", 0.0)
    own = rule.mutual_fund.own_usd if rule.mutual_fund is not None else 0.0
    behind = [rule.size_usd(name) or 0.0 for name in FUNDED if name != "mutual_fund"]
    found = {first: fsum((*behind, mutual if shared else own))}
    for name, venue in further.items():
        found[name] = venue.insurance_fund_usd + (mutual if shared else venue.mutual_fund_usd)
    return found


def cover(results: RunResults, counts: Sequence[int] = (1, 2, 5)) -> pl.DataFrame:
    """Set the k largest losses of members beside what is set aside, before and after the run.

    Before the second round: what members could not pay if all were cleared at once at the worst
    price (`shortfalls`). After it: the bad debt they really left, with delays, sales and whatever
    else the run added.

    Returns
    -------
    polars.DataFrame
        Venue by venue: ``venue``; ``largest``, k; ``before_usd`` and ``after_usd``, the k largest
        of its members together; ``funded_usd``, what stands behind it; ``covered_before`` and
        ``covered_after``.
    """
    before = results.table("shortfalls").select("account", loss="shortfall_usd")
    after = (
        results.table("liquidations")
        .group_by("account")
        .agg(pl.col("bad_debt_usd").sum())
        .select("account", loss="bad_debt_usd")
    )
    funded = funded_usd(results.manifest.scenario)
    rows = []
    for venue, set_aside in funded.items():
        members = _members(results, venue) if len(funded) > 1 else None
        losses_before, losses_after = _largest(before, members), _largest(after, members)
        for count in counts:
            first, last = (float(part.head(count).sum()) for part in (losses_before, losses_after))
            covered = (first <= set_aside, last <= set_aside)
            rows.append((venue, count, first, last, set_aside, *covered))
    return pl.DataFrame(
        rows,
        schema={
            "venue": pl.String,
            "largest": pl.Int64,
            "before_usd": pl.Float64,
            "after_usd": pl.Float64,
            "funded_usd": pl.Float64,
            "covered_before": pl.Boolean,
            "covered_after": pl.Boolean,
        },
        orient="row",
    )


def _members(results: RunResults, venue: str) -> pl.DataFrame:
    """Return the accounts of one venue."""
    accounts = results.table("accounts").filter(moment="start")
    return accounts.filter(pl.col("venue").cast(pl.String) == venue).select("account")


def _largest(losses: pl.DataFrame, members: pl.DataFrame | None) -> pl.Series:
    """Return losses, of all or of some accounts, the largest first."""
    if members is not None:
        losses = losses.join(members, on="account", how="semi")
    return losses["loss"].sort(descending=True)
