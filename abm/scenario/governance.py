"""Changes of one number of a scenario that a vote can make while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from abm.scenario.shocks.governance import GOVERNED, GOVERNED_COLLATERAL

if TYPE_CHECKING:
    from abm.scenario.model import Scenario


def governed_parameters(scenario: Scenario) -> dict[str, float]:
    """Return every number that a vote can change, by its dotted key."""
    return {
        f"{table}.{key}": value
        for table in GOVERNED
        for key, value in getattr(scenario, table)
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and (table != "collateral" or key in GOVERNED_COLLATERAL)
    }


def with_parameter(scenario: Scenario, parameter: str, value: float) -> Scenario:
    """Return a scenario with one number of a governed table changed.

    Raises
    ------
    ValueError
        If the table's rules do not allow the value.
    """
    table, _, key = parameter.partition(".")
    rules = getattr(scenario, table)
    whole = isinstance(getattr(rules, key), int) and value.is_integer()
    data = {**rules.model_dump(), key: int(value) if whole else value}
    try:
        changed = type(rules).model_validate(data)
    except ValidationError as error:
        raise ValueError(str(error.errors()[0]["msg"]).replace("Input should", "it must")) from None
    return scenario.model_copy(update={table: changed})
