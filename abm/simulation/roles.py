"""Who plays each role of a run: the agents of this package, or those of its user."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import mesa

from abm.agents import (
    Arbitrageur,
    FundDepositor,
    Guardian,
    Liquidator,
    MarketMaker,
    Oracle,
    Relayer,
    Searcher,
    Trader,
)
from abm.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Mapping

MakeAgent = Callable[..., mesa.Agent]
"""An agent's class, or a function that is called like one."""

ROLES: dict[str, MakeAgent] = {
    "trader": Trader,
    "market_maker": MarketMaker,
    "relayer": Relayer,
    "oracle": Oracle,
    "liquidator": Liquidator,
    "searcher": Searcher,
    "arbitrageur": Arbitrageur,
    "fund_depositor": FundDepositor,
    "guardian": Guardian,
}
"""The agents of this package by the names of their roles."""


def cast(agents: Mapping[str, MakeAgent]) -> dict[str, MakeAgent]:
    """Return who plays each role: those given, and the agents of this package for the rest.

    Parameters
    ----------
    agents : mapping of str to callable
        By role.

    Raises
    ------
    ScenarioError
        If a role is not one of `ROLES`, or what is given for one is neither a subclass of
        ``mesa.Agent`` nor a function.

    Examples
    --------
    >>> cast({"liquidater": Liquidator})
    Traceback (most recent call last):
    abm.errors.ScenarioError: agents: liquidater: unknown role; did you mean 'liquidator'?
    """
    problems = []
    for role, make in agents.items():
        if role not in ROLES:
            close = get_close_matches(str(role), list(ROLES), n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(ROLES)}"
            problems.append(Problem(str(role), "", "unknown role", hint))
        elif not _makes_agents(make):
            rule = "it must be a subclass of mesa.Agent, or a function that returns one"
            problems.append(Problem(role, repr(make), rule))
    if problems:
        raise ScenarioError("agents", problems)
    return {**ROLES, **agents}


def _makes_agents(make: Any) -> bool:  # noqa: ANN401 - whatever a user passes
    if isinstance(make, type):
        return issubclass(make, mesa.Agent)
    return callable(make)
