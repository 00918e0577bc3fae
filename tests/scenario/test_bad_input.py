from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from abm.errors import Problem, ScenarioError
from abm.scenario import load_scenario, parse_scenario

if TYPE_CHECKING:
    from pathlib import Path

Edits = Mapping[str, object]
Edited = Callable[[Edits], dict[str, Any]]
ProblemsOf = Callable[[Edits], tuple[Problem, ...]]

GAS = {"kind": "gas_spike", "chains": ["far"], "at_hours": 1, "duration_hours": 1, "factor": 2}
SECOND = {
    "source": "venue",
    "destination": "far",
    "protocol": "relay",
    "finality_median_seconds": 1,
    "attestation_median_seconds": 1,
}


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        pytest.param(
            {"clock.hour": 3},
            "clock.hour: unknown key; did you mean 'hours'?",
            id="unknown key",
        ),
        pytest.param(
            {"chanels": {}},
            "chanels: unknown key; did you mean 'channels'?",
            id="unknown table",
        ),
        pytest.param(
            {"channels.to_far.finality_median_second": 3.0},
            "channels.to_far.finality_median_second: unknown key; "
            "did you mean 'finality_median_seconds'?",
            id="unknown key under a name of the user's",
        ),
        pytest.param(
            {"shocks.gas.facto": 2.0},
            "shocks.gas.facto: unknown key; did you mean 'factor'?",
            id="unknown key of a kind of shock",
        ),
        pytest.param(
            {"market.price.bar_second": 2.0},
            "market.price.bar_second: unknown key; did you mean 'bar_seconds'?",
            id="unknown key of a kind of price",
        ),
        pytest.param(
            {"clock.hours": ...},
            "clock.hours: this key is required",
            id="missing key",
        ),
        pytest.param(
            {"waterfall": ...},
            "waterfall: this key is required",
            id="missing table",
        ),
        pytest.param(
            {"channels.to_far.finality_median_seconds": -3},
            "channels.to_far.finality_median_seconds is -3 seconds; "
            "it must be greater than or equal to 0",
            id="negative delay",
        ),
        pytest.param(
            {"traders.sellers.count": 0},
            "traders.sellers.count is 0; it must be greater than or equal to 1",
            id="empty population",
        ),
        pytest.param(
            {"clock.hours": "long"},
            'clock.hours is "long"; it must be a number',
            id="wrong type",
        ),
        pytest.param(
            {"channels.to_far.protocol": "rely"},
            "channels.to_far.protocol is 'rely'; "
            "it must name one of the protocols: relay; did you mean 'relay'?",
            id="channel of no protocol",
        ),
        pytest.param(
            {"shocks.gas.at_hours": 2.5},
            "shocks.gas.at_hours is 2.5; it must start before the end of the run, at 2.5 hours",
            id="shock after the end",
        ),
        pytest.param(
            {"shocks.gas.kind": "gas_spik"},
            "shocks.gas.kind is 'gas_spik'; it must be one of "
            "agent_outage, bridge_exploit, censorship, chain_halt, channel_delay, channel_halt, "
            "channel_loss, custodian_freeze, emergency_pause, finality_loss, gas_spike, "
            "jurisdiction_freeze, liquidator_exit, market_maker_withdrawal, oracle_deviation, "
            "oracle_freeze, oracle_manipulation, parameter_change, price_jump, relayer_exit, "
            "relayer_strike, reorg, sequencer_outage, stablecoin_depeg, verifier_compromise, "
            "volatility_jump; "
            "did you mean 'gas_spike'?",
            id="unknown kind of shock",
        ),
        pytest.param(
            {"market.price.kind": "difusion"},
            "market.price.kind is 'difusion'; it must be one of replay, diffusion, "
            "jump_diffusion, stochastic_volatility, clustered; did you mean 'diffusion'?",
            id="unknown kind of price",
        ),
        pytest.param(
            {"shocks.far_halt.channels": ["to_farr"]},
            "shocks.far_halt.channels is 'to_farr'; it must name one of the channels: "
            "to_far, from_far, to_near, from_near; did you mean 'to_far'?",
            id="shock to no channel",
        ),
        pytest.param(
            {"protocols.relay.quorum": 4},
            "protocols.relay: quorum = 4 is above verifiers = 3",
            id="quorum above verifiers",
        ),
        pytest.param(
            # Five bars of 1,800 s cover 9,000 s, two and a half hours.
            {"clock.hours": 3},
            "market.price.bars is 9000 seconds long; "
            "the run lasts 10800 seconds; the bars must cover it",
            id="bars that do not cover the run",
        ),
        pytest.param(
            {"tokens.ETH.worth": "dollar"},
            "tokens is ['USDC', 'ETH']; exactly one token must have worth = 'dollar'",
            id="two dollar tokens",
        ),
        pytest.param(
            {"market.expiries.0.after_hours": 200.01},
            "market.expiries[0].after_hours is 200.01; it must fall on a step of the clock",
            id="expiry between two steps",
        ),
    ],
)
def test_a_fault_is_one_message_that_names_file_key_value_and_rule(
    problems_of: ProblemsOf, edits: Edits, message: str
) -> None:
    assert [str(problem) for problem in problems_of(edits)] == [message]


@pytest.mark.parametrize(
    ("edits", "key", "found", "rule"),
    [
        pytest.param(
            {"protocols.relay.loss_probability": 1.2},
            "protocols.relay.loss_probability",
            "1.2",
            "less than or equal to 1",
            id="probability above one",
        ),
        pytest.param(
            {"protocols.relay.duplicate_probability": -0.1},
            "protocols.relay.duplicate_probability",
            "-0.1",
            "greater than or equal to 0",
            id="probability below zero",
        ),
        pytest.param({"traders": {}}, "traders", "{}", "at least 1", id="no traders at all"),
        pytest.param({"chains": {}}, "chains", "{}", "at least 1", id="no chains at all"),
        pytest.param(
            {"liquidators.count": -1}, "liquidators.count", "-1", "equal to 1", id="negative count"
        ),
        pytest.param(
            {"market_makers.capital_usd": 0},
            "market_makers.capital_usd",
            "0",
            "greater than 0",
            id="no capital",
        ),
        pytest.param(
            {"clock.hours": float("nan")},
            "clock.hours",
            "NaN",
            "finite number",
            id="not a number",
        ),
        pytest.param(
            {"market.volatility.base": float("inf")},
            "market.volatility.base",
            "Infinity",
            "finite number",
            id="infinity",
        ),
        pytest.param(
            {"clock.hours": True}, "clock.hours", "true", "number", id="boolean as number"
        ),
        pytest.param({"seed": "7"}, "seed", '"7"', "whole number", id="text as integer"),
        pytest.param({"seed": 1.0}, "seed", "1.0", "whole number", id="float as integer"),
        pytest.param({"seed": -1}, "seed", "-1", "equal to 0", id="negative seed"),
        pytest.param({"seed": 2**63}, "seed", str(2**63), "less than", id="seed beyond 63 bits"),
        pytest.param({"question": 5}, "question", "5", "text", id="number as text"),
        pytest.param({"question": ""}, "question", '""', "at least 1", id="empty text"),
        pytest.param(
            {"question": date(2024, 1, 1)}, "question", "", "text", id="date as free text"
        ),
        pytest.param({"clock": 5}, "clock", "5", "", id="number as table"),
        pytest.param({"market.expiries": 5}, "market.expiries", "5", "", id="number as array"),
        pytest.param(
            {"market.expiries": []}, "market.expiries", "[]", "at least 1", id="no expiry"
        ),
        pytest.param(
            {"market.expiries.0": 5}, "market.expiries[0]", "5", "", id="number as expiry"
        ),
        pytest.param({"shocks.gas": 3}, "shocks.gas", "3", "", id="number as shock"),
        pytest.param({"shocks.gas.kind": 3}, "shocks.gas.kind", "3", "", id="number as kind"),
        pytest.param(
            {"shocks.gas.kind": ...}, "shocks.gas", "", "'kind' is required", id="shock of no kind"
        ),
        pytest.param(
            {"shocks.gas.duration_hours": 0},
            "shocks.gas.duration_hours",
            "0",
            "greater than 0",
            id="shock without length",
        ),
        pytest.param(
            {"shocks.far_halt.channels": []},
            "shocks.far_halt.channels",
            "[]",
            "at least 1",
            id="halt of nothing",
        ),
        pytest.param(
            {"shocks.gas.chains": ["farr"]},
            "shocks.gas.chains",
            "'farr'",
            "one of the chains: venue, far, near",
            id="shock to no chain",
        ),
        pytest.param(
            {"traders.buyers.home_chains": {"farr": 1}},
            "traders.buyers.home_chains",
            "'farr'",
            "one of the chains: venue, far, near",
            id="home on no chain",
        ),
        pytest.param(
            {"traders.buyers.collateral_tokens": {"USDT": 1}},
            "traders.buyers.collateral_tokens",
            "'USDT'",
            "one of the tokens: USDC, ETH",
            id="collateral of no token",
        ),
        pytest.param(
            {"liquidators.home_chains": {"farr": 1}},
            "liquidators.home_chains",
            "'farr'",
            "one of the chains: venue, far, near",
            id="liquidators on no chain",
        ),
        pytest.param(
            {"traders.buyers.home_chains.far": 0},
            "traders.buyers.home_chains.far",
            "0",
            "greater than 0",
            id="share of zero",
        ),
        pytest.param(
            {"traders.buyers.strategy": "hold"},
            "traders.buyers.strategy",
            '"hold"',
            "buy_options",
            id="unknown strategy",
        ),
        pytest.param(
            {"collateral.architecture": "bridge"},
            "collateral.architecture",
            '"bridge"',
            "message_passing",
            id="unknown architecture",
        ),
        pytest.param(
            {"market.expiries.0.strikes_usd": [1_400, 1_800, 1_800]},
            "market.expiries[0].strikes_usd",
            "",
            "must increase",
            id="strikes that do not increase",
        ),
        pytest.param(
            {"market.price.bars.1": [1_500, 1_600, 1_550, 1_560]},
            "market.price.bars",
            "",
            "bar 1 is [1500.0, 1600.0, 1550.0, 1560.0]: open and close must lie between",
            id="bar that opens below its low",
        ),
        pytest.param(
            {"market.price.bars.1.2": "low"},
            "market.price.bars[1][2]",
            '"low"',
            "number",
            id="text in a bar",
        ),
        pytest.param(
            {"market.price.bars.1.2": -1},
            "market.price.bars[1][2]",
            "-1",
            "greater than 0",
            id="negative price",
        ),
        pytest.param(
            {"clock.start_utc": "yesterday"},
            "clock.start_utc",
            "'yesterday'",
            "2020-03-12T00:00:00Z",
            id="start that is no time",
        ),
        pytest.param(
            {"clock.start_utc": "2024-01-01T00:00:00"},
            "clock.start_utc",
            "'2024-01-01T00:00:00'",
            "UTC",
            id="start without a zone",
        ),
        pytest.param(
            {"clock.start_utc": "2024-01-01T00:00:00+02:00"},
            "clock.start_utc",
            "'2024-01-01T00:00:00+02:00'",
            "UTC",
            id="start in another zone",
        ),
        pytest.param(
            {"clock.step_seconds": 7},
            "clock",
            "",
            "hours = 2.5 is not a whole number of steps of 7 s",
            id="run that is no whole number of steps",
        ),
        pytest.param(
            {"clock.step_seconds": 0}, "clock.step_seconds", "0", "equal to 1", id="step of zero"
        ),
        pytest.param(
            {"tokens.USDC.worth": "underlying"},
            "tokens",
            "[]",
            "exactly one token must have worth = 'dollar'",
            id="no dollar token",
        ),
        pytest.param(
            {"tokens.USDC.base_units": 100},
            "tokens.USDC.base_units",
            "100",
            "1000000",
            id="dollar token that is not in micro-dollars",
        ),
        pytest.param(
            {"channels.to_far.destination": "venue"},
            "channels.to_far",
            "",
            "source and destination are both 'venue'",
            id="channel to its own chain",
        ),
        pytest.param(
            {"channels.second": SECOND},
            "channels.second",
            "venue to far",
            "'to_far' does already",
            id="two channels on one route",
        ),
        pytest.param(
            {"liquidation.auction.cutoff_factor": 0.99},
            "liquidation.auction",
            "",
            "cutoff_factor = 0.99 is above start_factor = 0.98",
            id="auction that rises",
        ),
        pytest.param(
            {"venue.tick_usd": 1e-7},
            "venue",
            "",
            "tick_usd = 1e-07 is not a whole number of micro-dollars",
            id="tick below a micro-dollar",
        ),
        pytest.param(
            {"name": "Bad Name"}, "name", '"Bad Name"', "lower-case", id="name with a space"
        ),
        pytest.param(
            {"shocks.Gas": GAS},
            "shocks.Gas",
            '"Gas"',
            "lower-case",
            id="name of a shock with a capital",
        ),
    ],
)
def test_a_fault_is_found_once_under_its_key(
    problems_of: ProblemsOf, edits: Edits, key: str, found: str, rule: str
) -> None:
    (problem,) = problems_of(edits)
    assert problem.key == key
    assert problem.found.startswith(found)
    assert rule in problem.rule


def test_a_channel_to_a_chain_that_does_not_exist_is_told_the_nearest_one(
    problems_of: ProblemsOf,
) -> None:
    # That traders lack this channel follows from it, and is said after it.
    assert str(problems_of({"channels.to_far.destination": "faar"})[0]) == (
        "channels.to_far.destination is 'faar'; "
        "it must name one of the chains: venue, far, near; did you mean 'far'?"
    )


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        pytest.param(
            {"channels.to_far.quorum": 4},
            "channels.to_far.quorum is 4; "
            "the channel's quorum of 4 must not be above its 3 verifiers",
            id="quorum of a channel above the protocol's verifiers",
        ),
        pytest.param(
            {"channels.to_far.verifiers": 1},
            "channels.to_far.verifiers is 1; "
            "the channel's quorum of 2 must not be above its 1 verifiers",
            id="verifiers of a channel below the protocol's quorum",
        ),
        pytest.param(
            {"channels.to_far.finality_median_seconds": ...},
            "channels.to_far.finality_median_seconds: this key is required, or "
            "chains.venue.final_seconds, for which protocol 'relay' waits",
            id="finality that nobody says",
        ),
        pytest.param(
            {"channels.to_far.protocol": ...},
            "channels.to_far.protocol: this key is required",
            id="channel without a protocol",
        ),
        pytest.param(
            {"channels.to_far.daily_limit_usd": -1, "channels.to_near.daily_limit_usd": 1},
            "channels.to_far.daily_limit_usd is -1 dollars; it must be greater than 0",
            id="negative limit",
        ),
        pytest.param(
            {"oracles": {"home_chain": "venu"}},
            "oracles.home_chain is 'venu'; it must name one of the chains: venue, far, near; "
            "did you mean 'venue'?",
            id="home of a round on no chain",
        ),
        pytest.param(
            {"protocols.relay.bucket_usd": -5},
            "protocols.relay.bucket_usd is -5 dollars; it must be greater than 0",
            id="negative bucket",
        ),
        pytest.param(
            {"channels.to_far.daily_limit_usd": 100},
            "channels.to_near.daily_limit_usd is None; channels of one protocol and source share "
            "their limit; 'to_far' has 100",
            id="two limits of one source",
        ),
    ],
)
def test_a_fault_of_the_network_is_one_message(
    problems_of: ProblemsOf, edits: Edits, message: str
) -> None:
    assert [str(problem) for problem in problems_of(edits)] == [message]


DEPEG = {"at_hours": 1, "duration_hours": 1, "worth_usd": 0.8}


def shock(kind: str, **keys: object) -> Edits:
    return {"shocks.it": {"kind": kind, "at_hours": 1, "duration_hours": 1, **keys}}


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (
            shock("relayer_strike", channels=["to_fa"]),
            "shocks.it.channels is 'to_fa'; it must name one of the channels: ",
        ),
        (
            shock("bridge_exploit", protocol="rely"),
            "shocks.it.protocol is 'rely'; it must name one of the protocols: relay; ",
        ),
        (
            shock("jurisdiction_freeze", jurisdictions=["us"]),
            "shocks.it.jurisdictions is 'us'; it must name one of the chains' jurisdictions: ",
        ),
        (
            {"shocks.it": {"kind": "stablecoin_depeg", "token": "USDC", **DEPEG}},
            "shocks.it.token is 'USDC'; it must name one of the tokens with worth = 'stable': ",
        ),
        (
            shock("censorship", channels=["to_far"], by="relayers", accounts=[50]),
            "shocks.it.accounts is 50; traders have the accounts 0 to 49",
        ),
        (
            shock("parameter_change", parameter="margin.price_scan_rang", value=0.2),
            "shocks.it.parameter",
        ),
        (
            shock("parameter_change", parameter="margin.price_scan_range", value=1.2),
            "shocks.it.value is 1.2; margin.price_scan_range: it must be less than 1",
        ),
        (
            shock("chain_halt", chains=["far"], hazard_per_year=1),
            "shocks.it: give either at_hours or hazard_per_year",
        ),
        (
            {"shocks.it": {"kind": "chain_halt", "chains": ["far"], "at_hours": 1}},
            "shocks.it: duration_hours is required with at_hours",
        ),
        (
            {"shocks.it": {"kind": "chain_halt", "chains": ["far"], "hazard_per_year": 1}},
            "shocks.it: duration_median_hours is required with hazard_per_year",
        ),
        (
            {"shocks.it": {"kind": "reorg", "chains": ["far"], "depth_seconds": 9}},
            "shocks.it: give either at_hours or hazard_per_year",
        ),
        (
            shock("channel_halt", channels=["to_far"], duration_median_hours=1),
            "shocks.it: duration_median_hours is not read with at_hours",
        ),
    ],
)
def test_a_fault_of_a_shock_is_one_message(
    problems_of: ProblemsOf, edits: Edits, message: str
) -> None:
    (problem,) = problems_of(edits)
    assert str(problem).startswith(message)


def test_a_venue_on_no_chain_is_told_the_nearest_one(problems_of: ProblemsOf) -> None:
    assert str(problems_of({"venue.chain": "venu"})[0]) == (
        "venue.chain is 'venu'; it must name one of the chains: venue, far, near; "
        "did you mean 'venue'?"
    )


def test_message_passing_needs_a_channel_each_way_to_every_home(problems_of: ProblemsOf) -> None:
    edits = {"channels.from_near": ..., "traders.sellers.home_chains": {"far": 1}}
    assert [str(problem) for problem in problems_of(edits)] == [
        "traders.buyers.home_chains is 'near'; message_passing needs a channel from near to venue"
    ]


@pytest.mark.parametrize(
    "key",
    [
        "clock.hours",
        "market.expiries.0.after_hours",
        "shocks.gas.at_hours",
        "shocks.gas.duration_hours",
        "venue.tick_usd",
    ],
)
def test_a_number_too_large_to_count_in_seconds_or_ticks_is_a_fault_of_its_key(
    problems_of: ProblemsOf, key: str
) -> None:
    (problem, *_) = problems_of({key: 1e308})
    name = key.rsplit(".", maxsplit=1)[-1]
    assert name in str(problem)
    assert "1e+308" in str(problem)


def test_all_faults_of_values_are_said_at_once(problems_of: ProblemsOf) -> None:
    edits = {
        "clock.hours": -1,
        "market.volatility.base": ...,
        "protocols.relay.loss_probability": 1.2,
        "traders.sellers.count": 0,
        "traders.buyers.stategy": "buy_options",
        "shocks.gas.factor": "six",
    }
    assert {problem.key for problem in problems_of(edits)} == set(edits)


def test_all_faults_between_tables_are_said_at_once(problems_of: ProblemsOf) -> None:
    edits = {
        "channels.to_near.protocol": "rely",
        "liquidators.home_chains": {"farr": 1},
        "tokens.ETH.worth": "dollar",
        "shocks.gas.at_hours": 99,
        "shocks.far_halt.channels": ["to_farr"],
    }
    keys = {"tokens" if key.startswith("tokens") else key for key in edits}
    assert {problem.key for problem in problems_of(edits)} == keys


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"clock.hour": 3}, id="unknown key"),
        pytest.param({"traders.sellers.count": 0}, id="empty population"),
        pytest.param({"channels.to_far.finality_median_seconds": -3}, id="negative delay"),
        pytest.param({"protocols.relay.loss_probability": 1.2}, id="probability above one"),
        pytest.param({"shocks.gas.factor": "six"}, id="wrong type"),
        pytest.param({"market.volatility.base": ...}, id="missing key"),
    ],
)
def test_a_fault_of_a_value_does_not_hide_faults_between_tables(
    problems_of: ProblemsOf, fault: Edits
) -> None:
    # A shock after the end, liquidators on no chain, and a channel of no protocol.
    edits = {
        **fault,
        "channels.to_near.protocol": "rely",
        "liquidators.home_chains": {"farr": 1},
        "shocks.far_halt.at_hours": 99,
    }
    assert {problem.key for problem in problems_of(edits)} == set(edits)


def test_whole_numbers_and_toml_times_are_taken_where_they_mean_the_same(edited: Edited) -> None:
    plain = parse_scenario(edited({"clock.start_utc": "2024-01-01T00:00:00Z"}))
    other = parse_scenario(edited({"clock.start_utc": datetime(2024, 1, 1, tzinfo=UTC)}))
    assert other.clock.start == plain.clock.start
    assert parse_scenario(edited({"chains.far.gas_usd": 2})).chains["far"].gas_usd == 2.0


def only_problem(path: Path) -> Problem:
    """Return the one reason why a file cannot be loaded; it is said under the file's name."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: ")
    (problem,) = caught.value.problems
    return problem


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text('name = "broken"\nclock = {\n', encoding="utf-8")
    problem = only_problem(path)
    assert problem.rule.startswith("not TOML: ")
    assert "line 2" in problem.rule


def test_a_key_given_twice_is_refused_as_toml_demands(tmp_path: Path) -> None:
    path = tmp_path / "twice.toml"
    path.write_text("seed = 1\nseed = 2\n", encoding="utf-8")
    assert only_problem(path).rule.startswith("not TOML: ")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert str(only_problem(tmp_path / "none.toml")) == "file: No such file or directory"


def test_a_folder_is_no_scenario_file(tmp_path: Path) -> None:
    assert "irectory" in only_problem(tmp_path).rule


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes('question = "Où?"'.encode("latin-1"))
    assert only_problem(path).rule.startswith("not UTF-8 text: ")


def test_an_integer_beyond_what_python_reads_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    # Python refuses to read integers of more than 4,300 digits.
    path.write_text(f"seed = {'9' * 5_000}\n", encoding="utf-8")
    assert only_problem(path).rule


def test_an_empty_file_is_told_every_table_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{key}: this key is required"
        for key in (
            *("name", "question", "clock", "market", "tokens", "chains", "venue", "collateral"),
            *("waterfall", "traders", "market_makers", "relayers", "liquidators"),
        )
    ]
