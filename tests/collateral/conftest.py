"""What the tests of the architectures share: a small market around one architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest

from abm.collateral import (
    ARCHITECTURES,
    Architecture,
    Seized,
    SeizureOrder,
    Surroundings,
    make_token_table,
)
from abm.ledger import CashBook, Holders, TokenLedger, open_holders
from abm.market import PriceBoard, Round
from abm.network import Transport, build_graph
from abm.randomness import Streams
from abm.scenario import parse_scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

ETH, USDC = 0, 1
FAR, LOCAL, OTHER, MAKER = 0, 1, 2, 3
"""Accounts: on `far`, on the venue's chain `home`, on `other`, and a market maker."""

WALLET = (2_000_000, 1_000_000)
VAULT = (5_000_000_000, 300_000_000)
"""Base units of every trader at the start: 0.002 and 5 ETH, 1 and 300 dollars."""


@dataclass
class Setting:
    """An architecture and everything around it; deliveries work as in a run."""

    architecture: Architecture
    place: Surroundings
    ledger: TokenLedger
    holders: Holders
    cash: CashBook
    transport: Transport
    board: PriceBoard

    def vault(self, account: int) -> tuple[int, int]:
        """Return ETH and USDC in an account's vault, in whichever form it holds them."""
        return self._both(self.place.vault_balances()[account])

    def owned(self, account: int) -> tuple[int, int]:
        """Return ETH and USDC of an account in its vault or under way."""
        architecture = self.architecture
        under_way = architecture.escrowed[account] + architecture.bridge.pending[account]
        return self._both(self.place.vault_balances()[account] + under_way)

    def units(self, seized: Seized) -> tuple[int, int]:
        """Return ETH and USDC of a seizure, in whichever form they are sold."""
        return self._both(np.array(seized.units))

    def _both(self, units: NDArray[np.int64]) -> tuple[int, int]:
        original = self.place.tokens.original
        return int(units[original == ETH].sum()), int(units[original == USDC].sum())

    def wallet(self, account: int) -> tuple[int, int]:
        """Return ETH and USDC in an account's wallet."""
        return self._held(self.holders.wallet + account)

    def auction(self, chain: str) -> tuple[int, int]:
        """Return ETH and USDC seized on a chain."""
        return self._held(self.holders.auction[chain])

    def escrow(self, channel: str) -> tuple[int, int]:
        """Return ETH and USDC under way on a channel."""
        return self._held(self.holders.escrow[channel])

    def _held(self, holder: int) -> tuple[int, int]:
        return self._both(self.ledger.block(holder, 1)[0])

    def claim(self, account: int) -> tuple[int, int]:
        """Return ETH and USDC that the venue counts for an account."""
        return self._both(self.architecture.claims.units[account])

    def kinds(self) -> list[str]:
        """Return the kinds of all messages, in the order of sending."""
        return [transit.message.kind for transit in self.transport.transits]

    def carry(self, number: int, now: int) -> None:
        """Let a relayer pick one message up."""
        self.transport.pick_up(self.transport.transits[number], 0, now, 0.0)

    def deliver(self, now: int) -> None:
        """Deliver, expire and repeat what is due, as phase 3 of a step does."""
        for transit in self.transport.deliver_due(now):
            if transit.applied:
                self.architecture.deliver(transit.message, now)
        for transit in self.transport.expire_and_repeat(now):
            self.architecture.expire(transit.message, now)

    def settle_all(self, now: int) -> int:
        """Carry and deliver until nothing is in flight; return the second at which that is."""
        while any(self.transport.in_flight()):
            now += 1
            for channel in self.transport.channels:
                for transit in self.transport.ready(channel, now):
                    self.transport.pick_up(transit, 0, now, 0.0)
            self.deliver(now)
        return now

    def sell(self, seized: Seized, units: tuple[int, ...], micro_dollars: int) -> None:
        """Let the outside world buy units of a seizure for dollars, where they stand."""
        auction, outside = self.holders.auction[seized.chain], self.holders.outside
        for token, amount in enumerate(units):
            self.ledger.transfer(auction, outside, token, amount)
        self.ledger.endow(outside, USDC, micro_dollars)
        self.ledger.transfer(outside, auction, USDC, micro_dollars)

    def breaches(self) -> list[str]:
        """Return every rule of conservation that is broken."""
        return [
            *self.ledger.breaches(),
            *self.cash.breaches(),
            *self.architecture.bridge.breaches(),
        ]

    def seized(self, account: int, target_usd: float, now: int = 0) -> Seized:
        """Seize from an account, wait for it, and return the event."""
        self.architecture.seize(SeizureOrder(account, 0, target_usd), cause=0, now=now)
        self.settle_all(now)
        (event,) = self.architecture.take_events()
        assert isinstance(event, Seized)
        return event


class SettingMaker(Protocol):
    """Makes settings; keywords replace keys of every protocol, channel and chain."""

    def __call__(
        self,
        architecture: str,
        *,
        protocol: dict[str, Any] | None = None,
        channel: dict[str, Any] | None = None,
        chain: dict[str, Any] | None = None,
        collateral: dict[str, Any] | None = None,
        contagion: dict[str, Any] | None = None,
    ) -> Setting:
        """Return a setting."""
        ...


def _scenario_data(architecture: str) -> dict[str, Any]:
    # Hardly any time passes on the way: a message is ready a second after it was sent.
    chain = {"block_seconds": 1e-6, "gas_usd": 0.0}
    lane = {
        "protocol": "post",
        "finality_median_seconds": 0,
        "attestation_median_seconds": 0,
        "execution_seconds": 0,
    }
    ends = [("home", "far"), ("far", "home"), ("home", "other"), ("other", "home")]
    channels = {
        f"{source}_{destination}": {"source": source, "destination": destination, **lane}
        for source, destination in ends
    }
    return {
        "name": "test",
        "question": "What does a test ask?",
        "clock": {"start_utc": "2025-01-01T00:00:00Z", "hours": 24},
        "market": {
            "price": {"kind": "diffusion", "start_usd": 100.0, "annual_volatility": 0.5},
            "volatility": {"base": 0.8},
            "expiries": [{"after_hours": 24, "strikes_usd": [100]}],
        },
        "tokens": {
            "ETH": {"base_units": 1_000_000_000, "worth": "underlying"},
            "USDC": {"base_units": 1_000_000, "worth": "dollar"},
        },
        "chains": {"home": dict(chain), "far": dict(chain), "other": dict(chain)},
        "protocols": {"post": {"expiry_seconds": 10_000, "retry_seconds": 1_000}},
        "channels": channels,
        "venue": {"chain": "home"},
        "collateral": {"architecture": architecture, "sync_seconds": 600, "exit_delay_seconds": 0},
        "liquidation": {"auction": {"start_factor": 0.95, "cutoff_factor": 0.7}},
        "waterfall": {"insurance_fund_usd": 0},
        "traders": {
            "sellers": {
                "strategy": "sell_options",
                "count": 3,
                "wealth_median_usd": 1_000,
                "home_chains": {"far": 1},
                "collateral_tokens": {"USDC": 1},
                "orders_per_day": 1,
            }
        },
        "market_makers": {"count": 1, "capital_usd": 1_000},
        "relayers": {"count": 1},
        "liquidators": {"count": 1, "capital_median_usd": 1, "home_chains": {"home": 1}},
    }


@pytest.fixture(scope="session")
def make_setting() -> SettingMaker:
    """Return the maker of settings."""

    def make(
        architecture: str,
        *,
        protocol: dict[str, Any] | None = None,
        channel: dict[str, Any] | None = None,
        chain: dict[str, Any] | None = None,
        collateral: dict[str, Any] | None = None,
        contagion: dict[str, Any] | None = None,
    ) -> Setting:
        data = _scenario_data(architecture)
        data["protocols"]["post"].update(protocol or {})
        for rule in data["channels"].values():
            rule.update(channel or {})
        for rule in data["chains"].values():
            rule.update(chain or {})
        data["collateral"].update(collateral or {})
        data["contagion"] = contagion or {}
        scenario = parse_scenario(data)
        maker = ARCHITECTURES[architecture]
        tokens = make_token_table(scenario, maker.represents)
        ledger = TokenLedger(tokens.names)
        homes = ("far", "home", "other", "home")
        at_venue = ("home",) * 4
        holders = open_holders(
            ledger,
            wallet_chains=at_venue if maker.held_at_venue else homes,
            vault_chains=homes if maker.reached_by_message else at_venue,
            liquidator_chains=("home",),
            relayers=1,
            venue_chains=("home",),
            chains=tuple(scenario.chains),
            channels=tuple(scenario.channels),
        )
        cash = CashBook(ledger, holders.venue_vault, USDC, 4)
        graph = build_graph(scenario)
        transport = Transport(scenario, graph, Streams(1))
        board = PriceBoard(tuple(scenario.chains), Round(100.0, 0.8, 0))
        place = Surroundings(
            scenario,
            tokens,
            ledger,
            holders,
            cash,
            transport,
            graph,
            board,
            home_chains=homes,
            trader_count=3,
        )
        made = maker(place)
        for account in (FAR, LOCAL, OTHER):
            for token in (ETH, USDC):
                ledger.endow(holders.wallet + account, token, WALLET[token])
                made.endow(account, token, VAULT[token])
        made.claims.units[:] = place.vault_balances()
        return Setting(made, place, ledger, holders, cash, transport, board)

    return make


@pytest.fixture(scope="session", params=list(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> str:
    """Return the name of each architecture in turn."""
    name: str = request.param
    return name


@pytest.fixture
def setting(make_setting: SettingMaker, architecture: str) -> Setting:
    """Return a setting with each architecture in turn."""
    return make_setting(architecture)


@pytest.fixture
def remote(make_setting: SettingMaker) -> Setting:
    """Return a setting with messages."""
    return make_setting("message_passing")


@pytest.fixture
def silo(make_setting: SettingMaker) -> Setting:
    """Return a setting with a silo."""
    return make_setting("silo")
