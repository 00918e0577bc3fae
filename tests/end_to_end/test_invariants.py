from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.errors import InvariantError
from abm.ledger import TokenLedger
from abm.network import Fate
from abm.scenario import load_scenario
from abm.simulation.model import OptionsMarket
from abm.simulation.run import BrokenRunError, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.scenario import Scenario
    from tests.end_to_end.conftest import Pair


@pytest.fixture
def market(small_flagship: Callable[..., Scenario]) -> OptionsMarket:
    short = {"start_utc": "2020-03-12T00:00:00Z", "hours": 0.1, "step_seconds": 60}
    return OptionsMarket(small_flagship(clock=short, shocks={}))


def test_tokens_made_from_nothing_are_caught_at_the_next_step(market: OptionsMarket) -> None:
    market.step()
    market.world.ledger._balances[market.world.cash.token, market.world.holders.fund] += 1
    with pytest.raises(InvariantError, match=r"USDC: \d+ base units exist, \d+ were issued"):
        market.step()


def test_tokens_moved_behind_the_cash_book_are_caught(market: OptionsMarket) -> None:
    world = market.world
    world.ledger.transfer(world.holders.venue_vault, world.holders.fund, world.cash.token, 1)
    with pytest.raises(InvariantError, match="cash book says"):
        market.step()


def test_a_contract_without_a_counterparty_is_caught(market: OptionsMarket) -> None:
    positions = market.world.positions
    positions._row(0)[3] += 1
    positions._unmerged[0] = None
    with pytest.raises(InvariantError, match="positions in series 3 sum to 1"):
        market.step()


def test_collateral_that_vanishes_on_its_way_is_caught(market: OptionsMarket) -> None:
    world = market.world
    world.ledger.transfer(
        world.holders.outside, world.holders.auction["ethereum"], world.cash.token, 5
    )
    with pytest.raises(InvariantError, match="5 base units, 0 are noted as under way"):
        market.step()


def test_a_broken_run_keeps_what_it_recorded(
    small_flagship: Callable[..., Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = TokenLedger.breaches
    calls = iter(range(1_000))

    def fail_at_the_third_step(ledger: TokenLedger) -> list[str]:
        return ["broken on purpose"] if next(calls) == 2 else found(ledger)

    monkeypatch.setattr(TokenLedger, "breaches", fail_at_the_third_step)
    short = {"start_utc": "2020-03-12T00:00:00Z", "hours": 0.1, "step_seconds": 60}
    with pytest.raises(BrokenRunError, match="second 180: broken on purpose") as caught:
        simulate(small_flagship(clock=short, shocks={}))
    # Second 0 and the two steps that ended well.
    assert [row[0] for row in caught.value.recorder.rows["steps"]] == [0, 60, 120]


def test_every_message_has_one_fate(pair: Pair, column: Callable[..., list[Any]]) -> None:
    fates = column(pair.actual, "messages", "fate")
    ends = column(pair.actual, "messages", "end_second")
    assert set(fates) <= set(Fate)
    assert all(
        (fate == Fate.IN_FLIGHT) == (end is None) for fate, end in zip(fates, ends, strict=True)
    )
    run = dict(zip(("sent", "delivered"), (len(fates), fates.count(Fate.DELIVERED)), strict=True))
    assert column(pair.actual, "runs", "messages_sent") == [run["sent"]]
    assert column(pair.actual, "runs", "messages_delivered") == [run["delivered"]]


def test_every_message_has_a_cause_in_the_log(pair: Pair, column: Callable[..., list[Any]]) -> None:
    events = set(column(pair.actual, "events", "event"))
    assert set(column(pair.actual, "messages", "cause")) <= events


def test_causes_point_backwards(pair: Pair, column: Callable[..., list[Any]]) -> None:
    events = column(pair.actual, "events", "event")
    causes = column(pair.actual, "events", "cause")
    assert all(cause < event for event, cause in zip(events[1:], causes[1:], strict=True))


def test_the_layers_sum_to_the_loss(pair: Pair, column: Callable[..., list[Any]]) -> None:
    layers = ("paid_by_fund_usd", "socialised_usd", "uncovered_usd")
    paid = sum(column(pair.actual, "runs", layer)[0] for layer in layers)
    assert paid == pytest.approx(column(pair.actual, "runs", "bad_debt_usd")[0], abs=1e-6)
    losses = column(pair.actual, "liquidations", "bad_debt_usd")
    assert paid == pytest.approx(sum(losses), abs=1e-6)


def test_nothing_is_seized_behind_a_channel_that_never_works(
    small_flagship: Callable[..., Scenario], column: Callable[..., list[Any]]
) -> None:
    """All outward channels halted for the whole run: the remote chains are islands."""
    shocks = {
        "islands": {
            "kind": "channel_halt",
            "channels": ["to_ethereum", "to_arbitrum", "to_base", "to_solana"],
            "at_hours": 0,
            "duration_hours": 1_000,
        }
    }
    clock = {"start_utc": "2020-03-12T00:00:00Z", "hours": 16, "step_seconds": 240}
    run = simulate(small_flagship(shocks=shocks, clock=clock))
    kinds = column(run, "messages", "kind")
    fates = column(run, "messages", "fate")
    outward = [fate for kind, fate in zip(kinds, fates, strict=True) if kind == "seizure"]
    assert outward
    assert Fate.DELIVERED not in outward
    assert not run.rows["auctions"]
    assert set(column(run, "liquidations", "outcome")) <= {"open", "topped_up", "recovered"}


def test_nobody_tops_up_on_a_chain_that_makes_no_blocks(column: Callable[..., list[Any]]) -> None:
    path = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
    stall = '{kind = "chain_halt", chains = ["far", "near"], at_hours = 0.9, duration_hours = 1.0}'
    run = simulate(load_scenario(path, (f"shocks={{stall = {stall}}}",)))
    seconds = [
        second
        for second, kind in zip(
            column(run, "events", "second"), column(run, "events", "kind"), strict=True
        )
        if kind == "top_up"
    ]
    assert seconds
    assert not any(3_240 <= second < 6_840 for second in seconds)
