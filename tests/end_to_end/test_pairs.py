from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from abm.scenario import load_scenario
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.recorder import Recorder
    from abm.scenario import Scenario
    from tests.end_to_end.conftest import Pair

TIMED = {"steps": 0, "chains": 0, "channels": 0, "trades": 0, "events": 1}


def before(rows: list[tuple[Any, ...]], place: int, second: int) -> list[tuple[Any, ...]]:
    return [row for row in rows if row[place] < second]


@pytest.mark.parametrize("table", TIMED)
def test_until_the_first_shock_a_run_and_its_counterfactual_are_identical(
    pair: Pair, table: str
) -> None:
    first = pair.scenario.first_shock_second
    actual = before(pair.actual.rows[table], TIMED[table], first)
    assert actual
    assert actual == before(pair.without.rows[table], TIMED[table], first)


def test_after_the_first_shock_they_differ(pair: Pair) -> None:
    assert pair.actual.rows["steps"] != pair.without.rows["steps"]


def test_shocks_change_no_price_and_no_arrival(
    pair: Pair, column: Callable[..., list[Any]]
) -> None:
    assert column(pair.actual, "steps", "price_usd") == column(pair.without, "steps", "price_usd")


def test_the_halt_costs_more_than_the_crash_alone(
    pair: Pair, column: Callable[..., list[Any]]
) -> None:
    with_shocks = column(pair.actual, "runs", "worst_shortfall_usd")[0]
    without = column(pair.without, "runs", "worst_shortfall_usd")[0]
    assert with_shocks > 3 * without


def test_losses_with_the_halt_stand_where_seizures_could_not_reach(
    pair: Pair, column: Callable[..., list[Any]]
) -> None:
    """The chains behind halted channels carry more of the loss with the shocks than without."""
    halted = {
        pair.scenario.channels[name].destination
        for shock in pair.scenario.shocks.values()
        if shock.kind == "channel_halt"
        for name in shock.channels
    }
    rows = zip(
        column(pair.actual, "messages", "kind"),
        column(pair.actual, "messages", "channel"),
        column(pair.actual, "messages", "halted_seconds"),
        strict=True,
    )
    stopped = {
        pair.scenario.channels[channel].destination
        for kind, channel, seconds in rows
        if kind == "seizure" and seconds > 3_600
    }
    assert stopped == halted


def test_a_run_without_shocks_is_its_own_counterfactual(
    small_flagship: Callable[..., Any],
) -> None:
    scenario = small_flagship(shocks={})
    assert scenario.without_shocks() == scenario


@pytest.mark.slow
def test_the_flagship_loses_by_the_halt_what_its_counterfactual_keeps(
    column: Callable[..., list[Any]], request: pytest.FixtureRequest
) -> None:
    scenario = load_scenario(request.config.rootpath / "scenarios/message_halt_march_2020.toml")
    actual, without = simulate(scenario), simulate(scenario.without_shocks())
    loss = column(actual, "runs", "bad_debt_usd")[0]
    other = column(without, "runs", "bad_debt_usd")[0]
    # Material: beyond the whole insurance fund, and a multiple of what the crash alone costs.
    assert loss > 2 * scenario.waterfall.insurance_fund_usd
    assert loss > 4 * other
    # Every mechanism that the scenario has must be seen in it.
    assert column(actual, "runs", "socialised_usd")[0] > 0
    assert column(actual, "runs", "failed_auctions")[0] > 0
    assert column(actual, "runs", "messages_lost")[0] > 0
    assert {"top_up", "seizure", "proceeds", "bad_debt", "expiry"} <= set(
        column(actual, "events", "kind")
    )
    assert {"opening", "order", "close_out", "take_over"} <= set(column(actual, "trades", "kind"))
    assert any(twin is not None for twin in column(actual, "messages", "repeat_of"))


@pytest.mark.slow
def test_a_calm_week_costs_nobody_anything(
    column: Callable[..., list[Any]], request: pytest.FixtureRequest
) -> None:
    run = simulate(load_scenario(request.config.rootpath / "scenarios/calm_week.toml"))
    assert column(run, "runs", "bad_debt_usd") == [0.0]
    assert column(run, "runs", "messages_delivered")[0] > 3_000


def test_messages_about_the_same_thing_travel_alike_in_a_run_and_its_counterfactual(
    small_flagship: Callable[..., Scenario], column: Callable[..., list[Any]]
) -> None:
    """Also after the shock, however many more messages it brings: a common random number each."""
    halt = {
        "kind": "channel_halt",
        "channels": ["to_ethereum"],
        "at_hours": 10,
        "duration_hours": 4,
    }
    scenario = small_flagship(shocks={"halt": halt})

    def ways(run: Recorder) -> dict[tuple[Any, ...], tuple[int, int]]:
        found: dict[tuple[Any, ...], tuple[int, int]] = {}
        names = ("channel", "kind", "subject", "sent_second", "ready_second")
        for *key, sent, ready in zip(
            *(column(run, "messages", name) for name in names), strict=True
        ):
            occurrence = sum(other[:3] == tuple(key) for other in found)
            found[*key, occurrence] = sent, ready
        return found

    actual, without = ways(simulate(scenario)), ways(simulate(scenario.without_shocks()))
    assert actual != without
    # Those of the same second met the same congestion, too.
    late = [
        key
        for key, (sent, _) in actual.items()
        if sent > scenario.first_shock_second
        and key[2].startswith("account")
        and without.get(key, (None, 0))[0] == sent
    ]
    assert len(late) > 20
    assert [actual[key] for key in late] == [without[key] for key in late]
