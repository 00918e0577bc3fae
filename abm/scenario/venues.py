"""Further venues: other exchanges on other chains, with books, cash and funds of their own."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abm.errors import Problem
from abm.scenario.fields import NotNegative, Table
from abm.scenario.references import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abm.scenario.agents import Traders
    from abm.scenario.model import Scenario
    from abm.scenario.waterfall import Waterfall


class FurtherVenue(Table):
    """A venue beside the first: the same series and rules, its own chain, books, cash and fund.

    Under ``unified_pool`` the first venue clears for all: an account is one there, whatever venues
    it trades at, and what it holds nets.
    """

    chain: Annotated[str, Field(description="Chain on which it runs, not one of another venue")]
    insurance_fund_usd: Annotated[NotNegative, Field(description="Its fund at the start")]
    mutual_fund_usd: Annotated[
        NotNegative,
        Field(description="What it paid into the mutual fund, where the waterfall has one"),
    ] = 0.0


def layer_sizes_usd(rule: Waterfall, further: Iterable[FurtherVenue]) -> dict[str, float]:
    """Return what funded layers start with at all venues together, in the order in which they pay.

    Those that are not there are left out; insurers and the backstop stand behind the first venue.
    """
    venues = tuple(further)
    sizes = {str(name): rule.size_usd(name) or 0.0 for name in rule.order}
    sizes["fund"] = fsum((sizes["fund"], *(venue.insurance_fund_usd for venue in venues)))
    if rule.mutual_fund is not None:
        paid = (venue.mutual_fund_usd for venue in venues)
        sizes["mutual_fund"] = fsum((sizes["mutual_fund"], *paid))
    return {name: size for name, size in sizes.items() if size}


def venue_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the names of all venues, the first one's first."""
    return (scenario.venue.name, *scenario.further_venues)


def venue_chains(scenario: Scenario) -> tuple[str, ...]:
    """Return the chain of each venue, in the order of `venue_names`."""
    return (scenario.venue.chain, *(venue.chain for venue in scenario.further_venues.values()))


def clearing_count(scenario: Scenario) -> int:
    """Return how many venues clear for themselves: all, or the first one for all."""
    pooled = scenario.collateral.architecture == "unified_pool"
    return 1 if pooled else len(venue_names(scenario))


def clearing_chains(scenario: Scenario, traders: Traders) -> tuple[str, ...]:
    """Return the chains of the venues at which traders of a kind are margined."""
    chains = dict(zip(venue_names(scenario), venue_chains(scenario), strict=True))
    if traders.venues is None or clearing_count(scenario) == 1:
        return (scenario.venue.chain,)
    return tuple(chains[name] for name in traders.venues if name in chains)


def venue_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with venues beside the first, and with who trades where."""
    names = venue_names(scenario)
    taken = {scenario.venue.chain: f"{scenario.venue.name!r}"}
    for name, venue in scenario.further_venues.items():
        key = f"further_venues.{name}"
        if name == scenario.venue.name:
            rule = "it must have a name of its own; the first venue has this one"
            yield Problem(key, "", rule)
        if venue.chain not in scenario.chains:
            yield unknown(f"{key}.chain", venue.chain, scenario.chains, "chains")
        elif venue.chain in taken:
            rule = f"every venue needs a chain of its own; {taken[venue.chain]} runs on this one"
            yield Problem(f"{key}.chain", repr(venue.chain), rule)
        taken.setdefault(venue.chain, f"{name!r}")
        if venue.mutual_fund_usd and scenario.waterfall.mutual_fund is None:
            rule = "it is not read without [waterfall.mutual_fund]"
            yield Problem(f"{key}.mutual_fund_usd", f"{venue.mutual_fund_usd:g} USD", rule)
    for kind, traders in scenario.traders.items():
        for name in traders.venues or ():
            if name not in names:
                yield unknown(f"traders.{kind}.venues", name, names, "venues")
    if scenario.arbitrageurs is not None and len(names) < 2:  # noqa: PLR2004 - a gap has two sides
        rule = "there is one venue; arbitrageurs need a table in [further_venues]"
        yield Problem("arbitrageurs", "", rule)
    yield from _lane_problems(scenario)


def _lane_problems(scenario: Scenario) -> Iterator[Problem]:
    """Check that firms with accounts at several venues can move dollars between them."""
    chains = venue_chains(scenario)[: clearing_count(scenario)]
    lanes = {(channel.source, channel.destination) for channel in scenario.channels.values()}
    for name, venue in scenario.further_venues.items():
        if venue.chain not in scenario.chains:
            continue
        for source in chains:
            for route in ((source, venue.chain), (venue.chain, source)):
                if venue.chain in chains and source != venue.chain and route not in lanes:
                    rule = f"firms that are at several venues need a channel {' to '.join(route)}"
                    yield Problem(f"further_venues.{name}.chain", repr(venue.chain), rule)
