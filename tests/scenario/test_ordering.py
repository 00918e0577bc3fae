"""What a scenario may say of ordering, of searchers, and of orders from home."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from abm.errors import ScenarioError
from abm.scenario import parse_scenario

SMALL_CRASH = Path(__file__).parent / "small_crash.toml"
SEARCHERS = {"count": 2, "capital_usd": 1_000}


def parse(**tables: Any) -> None:  # noqa: ANN401 - whatever a file holds
    """Parse the small scenario with further keys: of tables, or of tables within."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    for path, value in tables.items():
        table = data
        *parents, last = path.split("__")
        for part in parents:
            table = table.setdefault(part, {})
        table[last] = value
    parse_scenario(data)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        pytest.param(
            {"venue__ordering": {"rule": "first_com"}},
            r"venue\.ordering\.rule is .first_com.; .*did you mean 'first_come'",
            id="unknown rule",
        ),
        pytest.param(
            {"venue__ordering": {}}, r"venue\.ordering\.rule: this key is required", id="no rule"
        ),
        pytest.param(
            {"venue__ordering": {"rule": "encrypted", "decryption_delay_second": 3}},
            r"decryption_delay_second: unknown key; did you mean 'decryption_delay_seconds'",
            id="unknown key",
        ),
        pytest.param(
            {"venue__ordering": {"rule": "encrypted", "decryption_delay_seconds": -1}},
            r"venue\.ordering\.decryption_delay_seconds is -1.*greater than or equal to 0",
            id="negative delay",
        ),
        pytest.param(
            {"venue__ordering": {"rule": "batch_auction", "batch_seconds": 30}},
            r"venue\.ordering\.batch_seconds is 30; .*clock's step is 60 seconds",
            id="batches shorter than a step",
        ),
        pytest.param(
            {"searchers": SEARCHERS},
            r"searchers is count = 2; .*give \[venue\.ordering\] too",
            id="searchers without an order",
        ),
        pytest.param(
            {
                "venue__ordering": {"rule": "first_come"},
                "searchers": {**SEARCHERS, "fee_share": 1.5},
            },
            r"searchers\.fee_share is 1\.5",
            id="more than all of a profit",
        ),
        pytest.param(
            {"channels": {}, "collateral__architecture": "silo", "shocks": {}}
            | {"traders__buyers__orders_from_home": True},
            r"orders_from_home is true; orders from far need a channel from far to venue",
            id="no channel for orders",
        ),
    ],
)
def test_a_fault_is_named_with_its_key_its_value_and_the_rule(
    tables: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse(**tables)


def test_no_kind_of_trader_has_the_name_of_the_searchers_accounts() -> None:
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    data["traders"]["searcher"] = data["traders"]["buyers"]
    data["venue"]["ordering"] = {"rule": "first_come"}
    parse_scenario(data)
    data["searchers"] = SEARCHERS
    with pytest.raises(ScenarioError, match=r"traders\.searcher: .*taken by their accounts"):
        parse_scenario(data)
