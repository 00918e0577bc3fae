"""Runs a scenario from its first step to its last."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from abm.errors import InvariantError, LedgerError
from abm.simulation.closing import record_end
from abm.simulation.model import OptionsMarket

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from abm.recording.recorder import Recorder
    from abm.scenario.model import Scenario
    from abm.simulation.roles import MakeAgent
    from abm.simulation.world import World

Progress = Callable[[int], None]

NEW_OBJECTS = 50_000
"""So many more objects than before make Python look for unreachable cycles during a run."""


class BrokenRunError(InvariantError):
    """An invariant broke; carries what was recorded until then.

    Attributes
    ----------
    recorder : Recorder
        Rows up to the step before the breach.
    """

    def __init__(self, error: InvariantError, recorder: Recorder) -> None:
        super().__init__(error.second, list(error.breaches))
        self.recorder = recorder


@contextmanager
def broken_runs_told(world: World) -> Iterator[None]:
    """Give an invariant that breaks inside what the world has recorded until then."""
    try:
        yield
    except InvariantError as error:
        raise BrokenRunError(error, world.recorder) from error
    except LedgerError as error:
        # What a ledger must refuse, no phase may ask for.
        raise BrokenRunError(InvariantError(world.now, [str(error)]), world.recorder) from error


@contextmanager
def few_collections() -> Iterator[None]:
    """Let Python look for unreachable cycles seldom: nearly all that a run makes lives to its end.

    As often as usual, that takes a twelfth of a run's time, and finds nothing.
    """
    usual = gc.get_threshold()
    # 0 is never: who chose that keeps it.
    gc.set_threshold(max(usual[0], NEW_OBJECTS) if usual[0] else 0, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def simulate(
    scenario: Scenario,
    progress: Progress | None = None,
    agents: Mapping[str, MakeAgent] | None = None,
    tables: Collection[str] | None = None,
) -> Recorder:
    """Run a scenario and return the rows of its tables.

    Parameters
    ----------
    scenario : Scenario
        What to run. The same scenario and versions give the same rows, in any process.
    progress : callable, optional
        Called with the simulated second after every step.
    agents : mapping of str to callable, optional
        Who plays a role instead of the agents of this package, by its name: ``trader``,
        ``market_maker``, ``relayer``, ``oracle``, ``liquidator`` and, where the scenario has them,
        ``searcher``, ``arbitrageur``, ``fund_depositor`` or ``guardian``. A subclass of
        ``mesa.Agent``, or a function that returns one, called as the class in ``abm.agents`` is:
        with the model, a slot (an oracle's chain), the scenario's parameters of the role, and a
        desk that shows what it may see and takes what it asks for. It is stepped where it has
        something to do: a trader when it arrives, a maker whose ladder is old, has traded or stands
        at an old price, a relayer with messages, a liquidator with auctions on its chain, an oracle
        and a searcher always.
        Whatever of it is random must come from ``model.random`` or the draws of its desk.
    tables : collection of str, optional
        Tables to record, beside ``runs`` and ``steps``; all if not given. The rows of a table are
        the same whatever others are recorded; a run that records few takes less time.

    Returns
    -------
    Recorder

    Raises
    ------
    ScenarioError
        If a role is unknown or cannot be played by what is given for it.
    ValueError
        If there is no table of a name.
    BrokenRunError
        If an invariant broke: a defect of this package, not of the scenario.

    Examples
    --------
    Liquidators who wait until a unit costs less than half of what it brings: the dearest sale, as a
    share of the published price.

    >>> from abm import load_scenario, simulate
    >>> from abm.agents import Liquidator
    >>> from abm.venue import Bid
    >>> class Vulture(Liquidator):
    ...     def step(self):
    ...         for offer in self.desk.offers(self.slot):
    ...             units = min(offer.units, int(self.desk.cash_usd(self.slot) / offer.worth_usd))
    ...             if offer.ask_usd < 0.5 * offer.worth_usd and units:
    ...                 self.desk.queue_bid(Bid(self.slot, offer.auction, units))
    >>> scenario = load_scenario("tests/scenario/small_crash.toml")
    >>> for agents in ({}, {"liquidator": Vulture}):
    ...     factors = simulate(scenario, agents=agents).column("auctions", "last_factor")
    ...     print(f"{max(factor for factor in factors if factor is not None):.2f}")
    0.98
    0.49
    """
    model = OptionsMarket(scenario, agents, tables)
    world = model.world
    try:
        with broken_runs_told(world), few_collections():
            for _ in range(scenario.clock.step_count):
                model.step()
                if progress is not None:
                    progress(world.now)
            record_end(world)
    finally:
        model.release()
    return world.recorder
