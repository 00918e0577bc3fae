"""One step of a run, phase by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.simulation.decisions import decide, relay
from abm.simulation.firms import bring_dollars
from abm.simulation.hedging import hedge
from abm.simulation.invariants import check_invariants
from abm.simulation.layers import watch_outages
from abm.simulation.liquidations import deliver_messages, liquidate
from abm.simulation.local_market import relax_local_prices
from abm.simulation.revaluation import mark, revalue
from abm.simulation.searching import search
from abm.simulation.settlement import expire_series, settle_intents
from abm.simulation.shocks import apply_shocks
from abm.simulation.snapshots import record_step
from abm.simulation.static_band import measure_band
from abm.simulation.withdrawals import request_withdrawals, settle_withdrawals

if TYPE_CHECKING:
    from abm.simulation.model import OptionsMarket


def advance(model: OptionsMarket) -> None:
    """Take a run one step further."""
    begin_step(model)
    end_step(model)


def begin_step(model: OptionsMarket) -> None:
    """Bring the world to where agents decide: what they see stays until all have."""
    world = model.world
    world.step += 1
    apply_shocks(world)  # 1; 2, the paths of price, volatility and gas, is read by step number
    watch_outages(world)
    relax_local_prices(world)
    deliver_messages(world)  # 3
    for oracle in model.oracles:  # 4
        oracle.step()
    model.feeds.deliver()
    expire_series(world)
    mark(world)


def end_step(model: OptionsMarket) -> None:
    """Let agents decide, and the world answer."""
    world = model.world
    if world.adverse_selection is not None:
        world.adverse_selection.learn(world)
    decide(model)  # 5
    search(model)
    request_withdrawals(world)
    model.deposits.pay_out()
    bring_dollars(world)
    settle_intents(world)  # 6
    hedge(world)
    revalue(world)  # 7
    settle_withdrawals(world)
    liquidate(world)  # 8 and 9
    relay(model)  # 5 again: relayers carry what was sent in this step, too
    check_invariants(world)  # 10
    measure_band(world)
    record_step(world)  # 11
