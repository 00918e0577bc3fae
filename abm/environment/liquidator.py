"""A liquidator that is told what to bid for, over a run that is otherwise as it always is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from abm.agents import Liquidator, Offer, choose_bids
from abm.simulation.closing import record_end
from abm.simulation.model import OptionsMarket
from abm.simulation.roles import cast
from abm.simulation.run import broken_runs_told
from abm.simulation.step import begin_step, end_step
from abm.units import MICRO
from abm.venue import Bid

if TYPE_CHECKING:
    from collections.abc import Mapping

    import mesa

    from abm.recording.recorder import Recorder
    from abm.scenario.agents import Liquidators
    from abm.scenario.model import Scenario
    from abm.simulation.roles import MakeAgent

Shares = NDArray[np.float64]
Observation = dict[str, NDArray[np.float64]]

OFFERS = 16
"""Auctions that an observation shows, unless told otherwise."""

# No wallet holds more: the ledger's integers have 64 bits.
LARGEST_UNITS = 2.0**63
LARGEST_USD = LARGEST_UNITS / MICRO


class CommandedLiquidator(Liquidator):
    """Bids what it was told to; ``bids`` are those of this step."""

    bids: tuple[Bid, ...] = ()

    def step(self) -> None:
        """Queue what it was told."""
        for bid in self.bids:
            self.desk.queue_bid(bid)


class LiquidatorEnvironment(gymnasium.Env[dict[str, Any], Shares]):
    """One liquidator of a scenario as a Gymnasium environment.

    An episode is a run. All other agents, and the liquidator's chain and capital, are those that
    `abm.simulation.run.simulate` gives the scenario. The environment stops at every step of the
    clock at which an auction is open to the liquidator, before agents decide; between those steps
    the run goes on by itself. The episode terminates where the scenario's clock ends; it is never
    truncated.

    The observation is a dictionary of float64 arrays:

    ================ ========= ================================================================
    key              shape     meaning
    ================ ========= ================================================================
    ``cash_usd``     (1,)      its dollars on its chain
    ``gas_usd``      (1,)      dollars that one bid costs there
    ``seconds_left`` (1,)      until the end of the episode
    ``units``        (offers,) base units that an auction has left; 0 in rows without an auction
    ``ask_usd``      (offers,) dollars asked now for one base unit
    ``worth_usd``    (offers,) dollars that one base unit brings elsewhere, after selling costs
    ================ ========= ================================================================

    Rows go by margin, ``worth_usd - ask_usd``, the largest first, then by the auctions' numbers.

    The action is the share of each row's units to bid for, shape (offers,), from 0 to 1; bids are
    whole units and go in the order of the rows. The venue settles them after those of whoever came
    before in this step, and cuts what the cash does not reach.

    The reward is the change of the liquidator's wealth since the last observation, in dollars: its
    cash, and what selling all else that it holds would bring at the true price. Rewards of an
    episode sum to what it gained or lost.

    What comes with an observation: ``second`` of the run, ``chain``, the numbers of the
    ``auctions`` shown, how many were ``left_off`` for want of rows, and the run's ``seed``.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    liquidator : int
        Which of the scenario's liquidators.
    offers : int
        Rows of an observation, at least 1.
    agents : mapping of str to callable, optional
        Who plays the other roles, and the other liquidators, as `simulate` has it.

    Raises
    ------
    ValueError
        If there is no such liquidator, or there are no rows.

    Examples
    --------
    >>> from abm import load_scenario
    >>> environment = LiquidatorEnvironment(load_scenario("tests/scenario/small_crash.toml"))
    >>> observation, info = environment.reset()
    >>> gained, over = 0.0, False
    >>> while not over:
    ...     action = usual_action(observation, minimum_profit=0.01)
    ...     observation, reward, over, _, info = environment.step(action)
    ...     gained += reward
    >>> print(f"{gained:,.0f} dollars on {info['chain']}")
    191 dollars on far
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - Gymnasium has it so

    def __init__(
        self,
        scenario: Scenario,
        liquidator: int = 0,
        offers: int = OFFERS,
        agents: Mapping[str, MakeAgent] | None = None,
    ) -> None:
        count = scenario.liquidators.count
        if not 0 <= liquidator < count:
            raise ValueError(f"liquidator is {liquidator}; it must be from 0 to {count - 1}")
        if offers < 1:
            raise ValueError(f"offers is {offers}; it must be at least 1")
        self.scenario = scenario
        self.liquidator = liquidator
        dollars = gymnasium.spaces.Box(0.0, LARGEST_USD, (1,), np.float64)
        each_usd = gymnasium.spaces.Box(0.0, LARGEST_USD, (offers,), np.float64)
        spaces: dict[str, gymnasium.Space[Any]] = {
            "cash_usd": dollars,
            "gas_usd": dollars,
            "seconds_left": gymnasium.spaces.Box(
                0.0, float(scenario.clock.horizon_seconds), (1,), np.float64
            ),
            "units": gymnasium.spaces.Box(0.0, LARGEST_UNITS, (offers,), np.float64),
            "ask_usd": each_usd,
            "worth_usd": each_usd,
        }
        self.observation_space = gymnasium.spaces.Dict(spaces)
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (offers,), np.float64)
        self._rows = offers
        self._agents = dict(agents or {})
        self._make_other = cast(self._agents)["liquidator"]
        self._model: OptionsMarket | None = None
        self._commanded: CommandedLiquidator | None = None
        self._seed = scenario.seed
        self._offers: list[Offer] = []
        self._wealth_usd = 0.0
        self._over = True

    @property
    def recorder(self) -> Recorder:
        """Rows of the current run's tables; all of them once the episode has terminated."""
        return self._running().world.recorder

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a run, and go on to the first step at which an auction is open.

        Parameters
        ----------
        seed : int, optional
            Of the run, instead of the scenario's. Without it the first run has the scenario's own,
            and each later one a seed drawn by the environment.
        options : dict, optional
            None are known; Gymnasium hands it to every environment.

        Returns
        -------
        observation : dict of str to ndarray
        info : dict
        """
        first = seed is None and self._model is None
        super().reset(seed=self.scenario.seed if first else seed, options=options)
        if first:
            self._seed = self.scenario.seed
        else:
            self._seed = int(self.np_random.integers(2**31)) if seed is None else seed
        self.close()
        scenario = self.scenario.model_copy(update={"seed": self._seed})
        self._model = OptionsMarket(scenario, {**self._agents, "liquidator": self._make})
        self._over = False
        self._go_on()
        self._wealth_usd = self._model.bids.wealth_usd(self.liquidator)
        return self._observation(), self._info()

    def step(self, action: Shares) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Bid, and go on to the next step at which an auction is open, or to the end.

        Parameters
        ----------
        action : ndarray, shape (offers,)
            Share of each row's units to bid for, from 0 to 1.

        Returns
        -------
        observation : dict of str to ndarray
        reward : float
            Dollars.
        terminated, truncated : bool
        info : dict

        Raises
        ------
        gymnasium.error.ResetNeeded
            If there is no run, or it is over.
        ValueError
            If the action is not within the action space.
        BrokenRunError
            If an invariant broke: a defect of this package.
        """
        model = self._running()
        if self._over:
            raise gymnasium.error.ResetNeeded("the run is over: reset the environment")
        bids = self._bids(action)
        if self._commanded is not None and self._offers:
            self._commanded.bids = bids
            with broken_runs_told(model.world):
                end_step(model)
            self._commanded.bids = ()
            self._go_on()
        self._over = not self._offers
        before, self._wealth_usd = self._wealth_usd, model.bids.wealth_usd(self.liquidator)
        reward = self._wealth_usd - before
        return self._observation(), reward, self._over, False, self._info()

    def close(self) -> None:
        """Let go of the run."""
        if self._model is not None:
            self._model.release()

    def _make(
        self,
        model: mesa.Model,
        slot: int,
        parameters: Liquidators,
        desk: Any,  # noqa: ANN401
    ) -> mesa.Agent:
        if slot != self.liquidator:
            return self._make_other(model, slot, parameters, desk)
        self._commanded = CommandedLiquidator(model, slot, parameters, desk)
        return self._commanded

    def _running(self) -> OptionsMarket:
        if self._model is None:
            raise gymnasium.error.ResetNeeded("there is no run yet: reset the environment")
        return self._model

    def _go_on(self) -> None:
        """Take the run to the next step at which there are offers, or to its end."""
        model, self._offers = self._running(), []
        with broken_runs_told(model.world):
            while model.world.step < self.scenario.clock.step_count:
                begin_step(model)
                if model.bids.is_active(self.liquidator):
                    self._offers = sorted(
                        model.bids.offers(self.liquidator),
                        key=lambda offer: (offer.ask_usd - offer.worth_usd, offer.auction),
                    )
                if self._offers:
                    return
                end_step(model)
            record_end(model.world)

    def _bids(self, action: Shares) -> tuple[Bid, ...]:
        shares = np.asarray(action, dtype=np.float64)
        if shares.shape != (self._rows,) or not ((shares >= 0.0) & (shares <= 1.0)).all():
            raise ValueError(
                f"action is {shares.tolist()}; it must be {self._rows} shares from 0 to 1"
            )
        wanted = [
            (offer.auction, round(share * offer.units))
            for offer, share in zip(self._offers, shares.tolist(), strict=False)
        ]
        return tuple(Bid(self.liquidator, auction, units) for auction, units in wanted if units)

    def _observation(self) -> Observation:
        model = self._running()
        shown = self._offers[: self._rows]
        empty = [0.0] * (self._rows - len(shown))
        left = self.scenario.clock.horizon_seconds - model.world.now
        return {
            "cash_usd": np.array([model.bids.cash_usd(self.liquidator)]),
            "gas_usd": np.array([model.bids.gas_usd(self.liquidator)]),
            "seconds_left": np.array([float(left)]),
            "units": np.array([float(offer.units) for offer in shown] + empty),
            "ask_usd": np.array([offer.ask_usd for offer in shown] + empty),
            "worth_usd": np.array([offer.worth_usd for offer in shown] + empty),
        }

    def _info(self) -> dict[str, Any]:
        world = self._running().world
        shown = self._offers[: self._rows]
        return {
            "second": world.now,
            "chain": world.liquidators.chains[self.liquidator],
            "auctions": [offer.auction for offer in shown],
            "left_off": len(self._offers) - len(shown),
            "seed": self._seed,
        }


def usual_action(observation: Observation, minimum_profit: float) -> Shares:
    """Return what the liquidators of this package would bid: what a policy is compared with.

    Parameters
    ----------
    observation : dict of str to ndarray
        Of a `LiquidatorEnvironment`.
    minimum_profit : float
        Profit after gas, as a fraction of what is paid: the scenario's
        ``liquidators.minimum_profit``.

    Returns
    -------
    ndarray, shape (offers,)
        Shares of the units of each row.
    """
    units = observation["units"]
    offers = [
        Offer(row, int(held), ask, worth)
        for row, (held, ask, worth) in enumerate(
            zip(
                units.tolist(),
                observation["ask_usd"].tolist(),
                observation["worth_usd"].tolist(),
                strict=True,
            )
        )
        if held
    ]
    cash_usd, gas_usd = float(observation["cash_usd"][0]), float(observation["gas_usd"][0])
    shares = np.zeros(len(units))
    for bid in choose_bids(0, offers, cash_usd, gas_usd, minimum_profit):
        shares[bid.auction] = bid.units / units[bid.auction]
    return shares
