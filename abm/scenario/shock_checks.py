"""What shocks name must be there: channels, chains, protocols, tokens, accounts, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.errors import Problem
from abm.scenario.contagion import BRIDGED
from abm.scenario.governance import governed_parameters, with_parameter
from abm.scenario.references import unknown
from abm.scenario.shocks import (
    AgentOutage,
    BridgeExploit,
    Censorship,
    EmergencyPause,
    JurisdictionFreeze,
    ParameterChange,
    StablecoinDepeg,
    VerifierCompromise,
)
from abm.scenario.venues import venue_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from abm.scenario.model import Scenario
    from abm.scenario.shocks import Shock


def shock_problems(scenario: Scenario) -> Iterator[Problem]:
    """Check every name in a shock, and those of the counterfactual."""
    for name, shock in scenario.shocks.items():
        for key, known in (("channels", scenario.channels), ("chains", scenario.chains)):
            for found in getattr(shock, key, ()):
                if found not in known:
                    yield unknown(f"shocks.{name}.{key}", found, known, key)
        yield from _own_problems(scenario, f"shocks.{name}", shock)
    for name in scenario.counterfactual.without_shocks or ():
        if name not in scenario.shocks:
            yield unknown("counterfactual.without_shocks", name, scenario.shocks, "shocks")


def _own_problems(scenario: Scenario, key: str, shock: Shock) -> Iterator[Problem]:
    """Check what only one kind of shock names."""
    if isinstance(shock, BridgeExploit | VerifierCompromise):
        known = list(scenario.protocols)
        yield from _names(f"{key}.protocol", (shock.protocol,), known, "protocols")
        if isinstance(shock, VerifierCompromise) and shock.posted_by is not None:
            yield from _poster_problems(scenario, f"{key}.posted_by", shock.posted_by)
    elif isinstance(shock, JurisdictionFreeze):
        found = [chain.jurisdiction for chain in scenario.chains.values()]
        known = list(dict.fromkeys(name for name in found if name is not None))
        what = "chains' jurisdictions"
        yield from _names(f"{key}.jurisdictions", shock.jurisdictions, known, what)
    elif isinstance(shock, StablecoinDepeg):
        known = [name for name, token in scenario.tokens.items() if token.worth == "stable"]
        yield from _names(f"{key}.token", (shock.token,), known, "tokens with worth = 'stable'")
    elif isinstance(shock, Censorship):
        count = sum(kind.count for kind in scenario.traders.values())
        rule = f"traders have the accounts 0 to {count - 1}"
        wrong = [account for account in shock.accounts if not 0 <= account < count]
        yield from (Problem(f"{key}.accounts", str(account), rule) for account in wrong)
    elif isinstance(shock, AgentOutage):
        for who, numbers, count in (
            ("relayers", shock.relayers, scenario.relayers.count),
            ("market_makers", shock.market_makers, scenario.market_makers.count),
        ):
            rule = f"{who} have the numbers 0 to {count - 1}"
            wrong = [number for number in numbers if number >= count]
            yield from (Problem(f"{key}.{who}", str(number), rule) for number in wrong)
    elif isinstance(shock, EmergencyPause):
        yield from _names(
            f"{key}.venues", shock.venues or (), list(venue_names(scenario)), "venues"
        )
    elif isinstance(shock, ParameterChange):
        yield from _parameter_problems(scenario, key, shock)


def _poster_problems(scenario: Scenario, key: str, kind: str) -> Iterator[Problem]:
    """Check that thieves' accounts are there, and where what they post arrives."""
    if kind not in scenario.traders:
        yield unknown(key, kind, scenario.traders, "traders")
        return
    architecture = scenario.collateral.architecture
    if architecture not in BRIDGED:
        rule = f"what is minted is posted only under collateral.architecture {' or '.join(BRIDGED)}"
        yield Problem(key, kind, f"{rule}, not {architecture}")
    if list(scenario.traders[kind].home_chains) != [scenario.venue.chain]:
        rule = f"traders.{kind}.home_chains must be {{ {scenario.venue.chain} = 1 }}, for they post"
        yield Problem(key, kind, f"{rule} what is minted on the venue's chain")
    first = scenario.venue.name
    if set(scenario.traders[kind].venues or (first,)) != {first}:
        rule = f"traders.{kind}.venues must be {{ {first} = 1 }}, for they post there"
        yield Problem(key, kind, rule)


def _names(key: str, found: Iterable[str], known: list[str], what: str) -> Iterator[Problem]:
    return (unknown(key, name, known, what) for name in found if name not in known)


def _parameter_problems(scenario: Scenario, key: str, shock: ParameterChange) -> Iterator[Problem]:
    known = governed_parameters(scenario)
    if shock.parameter not in known:
        yield unknown(f"{key}.parameter", shock.parameter, known, "governed parameters")
        return
    try:
        with_parameter(scenario, shock.parameter, shock.value)
    except ValueError as error:
        yield Problem(f"{key}.value", str(shock.value), f"{shock.parameter}: {error}")
