"""The ways in which one failure reaches others, each of which a run can leave out.

A new one is a field here, read by the code that it switches; where it is of no consequence to some
scenarios, a line in `NEEDS` says to which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abm.scenario.fields import Table
from abm.scenario.venues import clearing_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from abm.scenario.model import Scenario


class Contagion(Table):
    """Channels of contagion; all are open unless a scenario closes them."""

    late_margin: Annotated[
        bool,
        Field(
            description="Calls, seizures, proceeds and reports may come late or get lost; if not, "
            "each arrives after its lane's usual time, whatever is halted"
        ),
    ] = True
    oracle_error: Annotated[
        bool,
        Field(description="Published prices may be old or wrong; if not, they are the true ones"),
    ] = True
    congestion: Annotated[
        bool,
        Field(description="Gas and delays answer to the market; if not, they stay those of calm"),
    ] = True
    wrapped_token_backing: Annotated[
        bool,
        Field(
            description="A theft leaves wrapped tokens short of backing; if not, a rescuer makes "
            "the lock whole at once, as Jump Crypto did for Wormhole in February 2022"
        ),
    ] = True
    withdrawal_run: Annotated[
        bool,
        Field(
            description="Owners, and depositors of the fund, lose confidence as the insurance "
            "fund, or what stands behind a wrapped token, shrinks; if not, none do"
        ),
    ] = True

    shared_market_makers: Annotated[
        bool,
        Field(
            description="Makers stand behind their quotes with what they have at all venues, and "
            "move dollars between them; if not, each venue sees its own part of them alone"
        ),
    ] = True
    shared_funds: Annotated[
        bool,
        Field(
            description="A mutual fund pays for losses of each venue out of what all paid in; if "
            "not, each venue has its own contribution alone"
        ),
    ] = True


SWITCHES = tuple(Contagion.model_fields)
"""Names of all channels of contagion."""

WRAPPING = ("asset_bridge", "lock_and_mint", "unified_pool", "centralized_exchange")
"""Architectures under which something stands for other tokens."""

BRIDGED = ("asset_bridge", "lock_and_mint")
"""Those of them under which each account holds what stands for its own tokens."""

NEEDS: Mapping[str, Callable[[Scenario], bool]] = {
    "late_margin": lambda scenario: bool(scenario.channels),
    "wrapped_token_backing": lambda scenario: scenario.collateral.architecture in WRAPPING,
    "shared_market_makers": lambda scenario: clearing_count(scenario) > 1,
    "shared_funds": lambda scenario: scenario.waterfall.mutual_fund is not None,
    "withdrawal_run": lambda scenario: (
        scenario.fund_depositors is not None
        or any(kind.panic_below > 0 for kind in scenario.traders.values())
    ),
}
"""To which scenarios a channel of contagion can matter; to all if it is not here."""


def open_switches(scenario: Scenario) -> tuple[str, ...]:
    """Return the channels of contagion that are open in a scenario and can matter to it."""
    return tuple(
        name
        for name in SWITCHES
        if getattr(scenario.contagion, name) and (name not in NEEDS or NEEDS[name](scenario))
    )
