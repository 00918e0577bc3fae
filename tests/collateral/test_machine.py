"""Everything that can happen to collateral at once: not a unit is made or lost under any of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from abm.collateral import ARCHITECTURES, Seized, SeizureOrder
from abm.network import Fate

if TYPE_CHECKING:
    from tests.collateral.conftest import Setting, SettingMaker

FAR, LOCAL, OTHER, MAKER = range(4)
TRADERS = (FAR, LOCAL, OTHER)
ETH, USDC = 0, 1
SHARES = st.floats(0.0, 1.0)
CHANNELS = ("home_far", "far_home", "home_other", "other_home")
EXPIRY_SECONDS, RETRY_SECONDS = 2_000, 300


class Collateral(RuleBasedStateMachine):
    """Owners, the venue, thieves and the network act in any order, at any time."""

    def __init__(self, make_setting: SettingMaker) -> None:
        super().__init__()
        self.make_setting = make_setting
        self.now = 0
        self.on_sale: list[Seized] = []

    @initialize(
        name=st.sampled_from(sorted(ARCHITECTURES)),
        loss=st.sampled_from([0.0, 0.2]),
        duplicates=st.sampled_from([0.0, 0.5]),
    )
    def open(self, name: str, loss: float, duplicates: float) -> None:
        self.setting: Setting = self.make_setting(
            name,
            protocol={
                "loss_probability": loss,
                "duplicate_probability": duplicates,
                "expiry_seconds": EXPIRY_SECONDS,
                "retry_seconds": RETRY_SECONDS,
            },
            collateral={"exit_delay_seconds": 120},
        )
        self.stolen = np.zeros(self.setting.place.token_count, dtype=np.int64)

    @rule(account=st.sampled_from(TRADERS), token=st.sampled_from([ETH, USDC]), share=SHARES)
    def deposit(self, account: int, token: int, share: float) -> None:
        amount = int(self.setting.wallet(account)[token] * share)
        self.setting.architecture.deposit(account, token, amount, cause=0, now=self.now)

    @rule(account=st.sampled_from(TRADERS), share=SHARES)
    def withdraw(self, account: int, share: float) -> None:
        claimed = self.setting.architecture.claims.units[account]
        token = int(claimed.argmax())
        amount = int(claimed[token] * share)
        self.setting.architecture.withdraw(account, token, amount, cause=0, now=self.now)

    @rule(account=st.sampled_from(TRADERS), share=SHARES)
    def withdraw_cash(self, account: int, share: float) -> None:
        amount = int(max(int(self.setting.cash.balances[account]), 0) * share)
        vault = self.setting.ledger.balance(self.setting.holders.venue_vault, USDC)
        amount = min(amount, vault)
        self.setting.architecture.withdraw_cash(account, amount, cause=0, now=self.now)

    @rule(buyer=st.sampled_from(TRADERS), premium=st.integers(0, 50_000_000))
    def trade(self, buyer: int, premium: int) -> None:
        self.setting.cash.move(buyer, MAKER, premium)

    @rule(account=st.sampled_from(TRADERS), target_usd=st.floats(0, 900))
    def seize(self, account: int, target_usd: float) -> None:
        order = SeizureOrder(account, 0, target_usd)
        self.setting.architecture.seize(order, cause=0, now=self.now)

    @rule(share=SHARES)
    def finish_a_sale(self, share: float) -> None:
        """Sell some of the oldest seizure, give the rest back, and send the dollars home."""
        if not self.on_sale:
            return
        seized = self.on_sale.pop(0)
        is_dollar = [token == USDC for token in range(len(seized.units))]
        sold = [
            0 if dollar else int(units * share)
            for units, dollar in zip(seized.units, is_dollar, strict=True)
        ]
        self.setting.sell(seized, tuple(sold), sum(sold) // 10**7)
        unsold = [
            0 if dollar else units - gone
            for units, gone, dollar in zip(seized.units, sold, is_dollar, strict=True)
        ]
        if any(unsold):
            self.setting.architecture.give_back(seized, unsold, cause=0, now=self.now)
        proceeds = seized.units[USDC] + sum(sold) // 10**7
        self.setting.architecture.send_home(seized, proceeds, cause=0, now=self.now)

    @rule(channel=st.sampled_from(CHANNELS), seconds=st.integers(1, 1_500))
    def halt_channel(self, channel: str, seconds: int) -> None:
        self.setting.transport.halt_channel(channel, self.now, self.now + seconds)

    @rule(chain=st.sampled_from(["home", "far", "other"]), seconds=st.integers(1, 900))
    def halt_chain(self, chain: str, seconds: int) -> None:
        self.setting.transport.halt_chain(chain, self.now, self.now + seconds)

    @rule(chain=st.sampled_from(["home", "far", "other"]), share=SHARES)
    def drain_a_lock(self, chain: str, share: float) -> None:
        bridge = self.setting.architecture.bridge
        try:
            token = self.setting.place.tokens.standing_for(ETH, chain)
        except KeyError:
            return
        there = self.setting.ledger.balance(self.setting.holders.lock[chain], ETH)
        self.stolen[token] += bridge.drain(chain, ETH, int(there * share))

    @rule(units=st.integers(0, 10**9))
    def forge(self, units: int) -> None:
        standing = self.setting.place.tokens.representations
        if standing:
            bridge = self.setting.architecture.bridge
            bridge.forge(self.setting.holders.attacker, standing[0], units)
            self.stolen[standing[0]] += units

    @rule(seconds=st.integers(1, 600), carried=SHARES)
    def pass_time(self, seconds: int, carried: float) -> None:
        """Let relayers carry some of what is ready, in reverse, and deliver what is due."""
        self.now += seconds
        transport = self.setting.transport
        for channel in transport.channels:
            ready = transport.ready(channel, self.now)
            for transit in ready[: int(len(ready) * carried) + 1][::-1]:
                transport.pick_up(transit, 0, self.now, 0.0)
        self.setting.deliver(self.now)
        self.setting.architecture.advance(self.now)

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        if not hasattr(self, "setting"):
            return
        events = self.setting.architecture.take_events()
        self.on_sale += [event for event in events if isinstance(event, Seized)]
        assert self.setting.breaches() == []
        for token in self.setting.place.tokens.representations:
            # What was stolen is a gap until whoever comes last has lost it.
            gap = int(self.setting.architecture.bridge.unbacked[token])
            assert 0 <= gap <= int(self.stolen[token])

    @invariant()
    def what_is_in_escrow_or_on_sale_is_known_to_the_unit(self) -> None:
        if not hasattr(self, "setting"):
            return
        setting = self.setting
        held = setting.ledger.held_by(list(setting.holders.auction.values()))
        on_sale = np.zeros(setting.place.token_count, dtype=np.int64)
        for seized in self.on_sale:
            on_sale += np.array(seized.units)
        np.testing.assert_array_equal(held, on_sale)
        escrows = setting.ledger.held_by(list(setting.holders.escrow.values()))
        proceeds = escrows - setting.architecture.escrowed.sum(axis=0)
        assert (proceeds >= 0).all()

    @invariant()
    def every_message_has_one_fate_and_no_nonce_is_applied_twice(self) -> None:
        if not hasattr(self, "setting"):
            return
        applied: dict[tuple[str, int], int] = {}
        for transit in self.setting.transport.transits:
            ended = transit.fate is not Fate.IN_FLIGHT
            assert ended == (transit.end_second is not None)
            if transit.applied:
                key = (transit.message.channel, transit.message.nonce)
                assert applied.setdefault(key, transit.message.id) == transit.message.id


def _run(make_setting: SettingMaker, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Collateral(make_setting),  # type: ignore[arg-type] # any callable will do
        settings=settings(max_examples=examples, stateful_step_count=15, deadline=None),
    )


def test_not_a_unit_is_lost_under_any_mix_of_failures(make_setting: SettingMaker) -> None:
    _run(make_setting, int(os.environ.get("ABM_EXAMPLES", "500")))


@pytest.mark.nightly
def test_not_a_unit_is_lost_in_ten_thousand_mixes_of_failures(make_setting: SettingMaker) -> None:
    _run(make_setting, 10_000)
