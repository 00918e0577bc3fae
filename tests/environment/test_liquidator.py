"""A liquidator as a Gymnasium environment, against the runs that simulate gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from abm.agents import Liquidator
from abm.environment import LiquidatorEnvironment, usual_action
from abm.recording.tables import arrow_tables
from abm.scenario import Scenario, load_scenario
from abm.simulation.run import simulate
from abm.units import MICRO

if TYPE_CHECKING:
    from collections.abc import Callable

    import mesa

    from abm.environment.liquidator import Observation, Shares
    from abm.recording.recorder import Recorder

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
SLOTS = range(6)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(SMALL_CRASH)


def usual(scenario: Scenario) -> Callable[[Observation], Shares]:
    return lambda seen: usual_action(seen, scenario.liquidators.minimum_profit)


def nothing(seen: Observation) -> Shares:
    return np.zeros(len(seen["units"]))


def play(
    environment: LiquidatorEnvironment,
    policy: Callable[[Observation], Shares],
    seed: int | None = None,
) -> tuple[list[Observation], list[float], list[dict[str, Any]]]:
    """Return the observations, rewards and infos of an episode."""
    observation, info = environment.reset(seed=seed)
    observations, rewards, infos, over = [observation], [], [info], False
    while not over:
        observation, reward, over, truncated, info = environment.step(policy(observation))
        assert not truncated
        observations.append(observation)
        rewards.append(reward)
        infos.append(info)
    return observations, rewards, infos


def same_tables(one: Recorder, other: Recorder) -> bool:
    tables, others = arrow_tables(one), arrow_tables(other)
    return all(tables[name].equals(others[name]) for name in tables)


def test_gymnasium_finds_no_fault_with_it(scenario: Scenario) -> None:
    check_env(LiquidatorEnvironment(scenario), skip_render_check=True)


@pytest.mark.parametrize("liquidator", SLOTS)
def test_a_policy_that_bids_as_usual_gives_the_plain_run(
    scenario: Scenario, liquidator: int
) -> None:
    environment = LiquidatorEnvironment(scenario, liquidator, offers=64)
    _, _, infos = play(environment, usual(scenario))
    assert all(info["left_off"] == 0 for info in infos)
    assert same_tables(environment.recorder, simulate(scenario))


def test_the_seed_of_a_reset_is_that_of_the_run(scenario: Scenario) -> None:
    environment = LiquidatorEnvironment(scenario, offers=64)
    play(environment, usual(scenario), seed=5)
    other = scenario.model_copy(update={"seed": 5})
    assert same_tables(environment.recorder, simulate(other))


def test_the_same_seed_and_actions_give_the_same_episode(scenario: Scenario) -> None:
    def half(seen: Observation) -> Shares:
        return np.full(len(seen["units"]), 0.5)

    one = play(LiquidatorEnvironment(scenario, 3), half, seed=8)
    two = play(LiquidatorEnvironment(scenario, 3), half, seed=8)
    assert one[1:] == two[1:]
    for seen, again in zip(one[0], two[0], strict=True):
        assert all((seen[key] == again[key]).all() for key in seen)
    assert play(LiquidatorEnvironment(scenario, 3), half, seed=9)[1] != one[1]


def test_later_runs_draw_seeds_that_follow_from_the_first(scenario: Scenario) -> None:
    seeds = []
    for _ in range(2):
        environment = LiquidatorEnvironment(scenario)
        seeds.append([environment.reset()[1]["seed"] for _ in range(3)])
    assert seeds[0] == seeds[1]
    assert seeds[0][0] == scenario.seed
    assert len(set(seeds[0])) == 3


def test_a_liquidator_that_never_bids_leaves_its_auctions_to_the_others(
    scenario: Scenario,
) -> None:
    class Idle(Liquidator):
        def step(self) -> None:
            """Do nothing."""

    def make(model: mesa.Model, slot: int, *rest: Any) -> mesa.Agent:  # noqa: ANN401
        return (Idle if slot == 3 else Liquidator)(model, slot, *rest)

    environment = LiquidatorEnvironment(scenario, 3)
    _, rewards, _ = play(environment, nothing)
    assert set(rewards) == {0.0}
    assert same_tables(environment.recorder, simulate(scenario, agents={"liquidator": make}))


def gains(scenario: Scenario) -> dict[int, float]:
    """Return what every liquidator gains who bids as usual while the others do, too."""
    return {
        slot: sum(play(LiquidatorEnvironment(scenario, slot, 64), usual(scenario))[1])
        for slot in SLOTS
    }


def test_rewards_sum_to_what_the_liquidator_gained(scenario: Scenario) -> None:
    found = gains(scenario)
    assert any(gained > 0 for gained in found.values())
    for slot, gained in found.items():
        environment = LiquidatorEnvironment(scenario, slot, 64)
        play(environment, usual(scenario))
        assert environment._model is not None
        world = environment._model.world
        wallet = world.holders.liquidator + slot
        held = {name: world.ledger.balance(wallet, i) for i, name in enumerate(world.ledger.tokens)}
        # What is not resold yet is worth the price less 0.2 %.
        worth = held["USDC"] / MICRO + held["ETH"] / 10**9 * world.price_usd * 0.998
        start = round(float(world.liquidators.capital_usd[slot]) * MICRO) / MICRO
        assert gained == pytest.approx(worth - start, abs=1e-6)


def test_an_observation_shows_what_the_desk_offers_by_margin(scenario: Scenario) -> None:
    environment = LiquidatorEnvironment(scenario, 0, offers=64)
    observations, _, infos = play(environment, nothing)
    for seen, info in zip(observations[:-1], infos[:-1], strict=True):
        shown = len(info["auctions"])
        assert shown > 0
        assert (seen["units"][:shown] > 0).all()
        assert not seen["units"][shown:].any()
        margin = (seen["worth_usd"] - seen["ask_usd"])[:shown]
        assert (np.diff(margin) <= 0).all()
        assert seen["seconds_left"][0] == scenario.clock.horizon_seconds - info["second"]
    assert observations[-1]["seconds_left"][0] == 0
    assert infos[-1]["auctions"] == []


def test_auctions_beyond_the_rows_are_counted(scenario: Scenario) -> None:
    many, few = (LiquidatorEnvironment(scenario, 0, offers) for offers in (64, 2))
    _, _, all_shown = play(many, nothing)
    seen, _, cut = play(few, nothing)
    assert max(info["left_off"] for info in cut) > 0
    for info, whole in zip(cut, all_shown, strict=True):
        assert info["auctions"] == whole["auctions"][:2]
        assert len(info["auctions"]) + info["left_off"] == len(whole["auctions"])
    assert all(observation["units"].shape == (2,) for observation in seen)


def test_a_run_without_auctions_ends_with_the_first_action(scenario: Scenario) -> None:
    calm = scenario.without_shocks()
    short = calm.model_copy(update={"clock": calm.clock.model_copy(update={"hours": 0.25})})
    environment = LiquidatorEnvironment(short)
    observation, info = environment.reset()
    assert info["auctions"] == []
    assert environment.step(nothing(observation))[1:4] == (0.0, True, False)
    assert same_tables(environment.recorder, simulate(short))


def test_the_others_may_be_a_users_own(scenario: Scenario) -> None:
    class Idle(Liquidator):
        def step(self) -> None:
            """Do nothing."""

    environment = LiquidatorEnvironment(scenario, 1, 64, {"liquidator": Idle})
    play(environment, nothing)
    assert not any(environment.recorder.column("auctions", "units_sold"))


@pytest.mark.parametrize("action", [[0.5], [0.0] * 15 + [1.1], [-0.1] * 16, [float("nan")] * 16])
def test_an_action_outside_its_space_is_refused(scenario: Scenario, action: list[float]) -> None:
    environment = LiquidatorEnvironment(scenario)
    environment.reset()
    with pytest.raises(ValueError, match=r"action is \[.*\]; it must be 16 shares from 0 to 1"):
        environment.step(np.array(action))


def test_a_run_must_be_begun_and_not_be_over(scenario: Scenario) -> None:
    environment = LiquidatorEnvironment(scenario)
    with pytest.raises(gymnasium.error.ResetNeeded, match="there is no run yet"):
        environment.step(np.zeros(16))
    observations, _, _ = play(environment, nothing)
    with pytest.raises(gymnasium.error.ResetNeeded, match="the run is over"):
        environment.step(nothing(observations[-1]))


def test_a_liquidator_or_rows_that_there_are_not_are_refused(scenario: Scenario) -> None:
    with pytest.raises(ValueError, match="liquidator is 6; it must be from 0 to 5"):
        LiquidatorEnvironment(scenario, 6)
    with pytest.raises(ValueError, match="offers is 0; it must be at least 1"):
        LiquidatorEnvironment(scenario, 0, 0)


def test_without_gymnasium_the_extra_is_named() -> None:
    program = "import sys; sys.modules['gymnasium'] = None; import abm.environment"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines()[-1].endswith(
        "MissingExtraError: this needs gymnasium: pip install 'abm[gym]'"
    )
