"""Locks, wrapped tokens, shares and queues: what each architecture adds to the common rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.collateral import Arrived, Seized, SeizureOrder

if TYPE_CHECKING:
    from tests.collateral.conftest import Setting, SettingMaker

FAR, LOCAL, OTHER = 0, 1, 2
ETH, USDC = 0, 1
ETHER, DOLLAR = 10**9, 10**6
BRIDGED = ["asset_bridge", "lock_and_mint"]
STANDING = [*BRIDGED, "unified_pool", "centralized_exchange"]


def locked(setting: Setting, chain: str) -> int:
    """Return the ETH in a chain's lock."""
    return setting.ledger.balance(setting.holders.lock[chain], ETH)


def lock_of(setting: Setting, account: int) -> str:
    """Return the chain on which an account's originals are locked."""
    custodial = setting.architecture.represents == "custodial"
    return "home" if custodial else setting.place.home_chains[account]


@pytest.mark.parametrize("name", STANDING)
def test_what_stands_for_others_is_locked_to_the_unit(
    make_setting: SettingMaker, name: str
) -> None:
    setting = make_setting(name)
    bridge = setting.architecture.bridge
    for token in setting.place.tokens.representations:
        assert bridge.supply(token) == bridge.locked(token)
    assert bridge.backing().tolist() == [1.0] * setting.place.token_count


@pytest.mark.parametrize("name", BRIDGED)
def test_a_deposit_is_locked_at_home_and_counts_only_when_it_is_minted(
    make_setting: SettingMaker, name: str
) -> None:
    setting = make_setting(name)
    before, claim = locked(setting, "far"), setting.claim(FAR)
    setting.architecture.deposit(FAR, ETH, 1_500_000, cause=0, now=10)
    assert locked(setting, "far") == before + 1_500_000
    assert setting.claim(FAR) == claim
    setting.settle_all(10)
    assert setting.claim(FAR) == (claim[0] + 1_500_000, claim[1])


@pytest.mark.parametrize("name", BRIDGED)
def test_a_deposit_whose_message_is_given_up_comes_back(
    make_setting: SettingMaker, name: str
) -> None:
    setting = make_setting(name)
    wallet = setting.wallet(FAR)
    setting.architecture.deposit(FAR, ETH, 1_500_000, cause=0, now=10)
    setting.deliver(10 + 10_000)  # nobody carried it before it expired
    assert setting.wallet(FAR) == wallet
    (move,) = setting.architecture.passage.moves
    assert move.refunded
    assert setting.breaches() == []


@pytest.mark.parametrize("name", STANDING)
def test_an_exploit_leaves_each_token_worth_what_is_left_and_the_gap_recorded(
    make_setting: SettingMaker, name: str
) -> None:
    setting = make_setting(name)
    bridge = setting.architecture.bridge
    chain = lock_of(setting, FAR)
    token = setting.place.tokens.standing_for(ETH, chain)
    supply = bridge.supply(token)
    assert bridge.drain(chain, ETH, 2 * ETHER) == 2 * ETHER
    assert bridge.unbacked[token] == 2 * ETHER
    assert bridge.backing()[token] == pytest.approx((supply - 2 * ETHER) / supply)
    assert setting.ledger.balance(setting.holders.attacker, ETH) == 2 * ETHER
    assert setting.breaches() == []


@pytest.mark.parametrize("name", STANDING)
def test_forged_tokens_dilute_and_are_recorded(make_setting: SettingMaker, name: str) -> None:
    setting = make_setting(name)
    bridge = setting.architecture.bridge
    token = setting.place.tokens.standing_for(ETH, lock_of(setting, FAR))
    supply = bridge.supply(token)
    bridge.forge(setting.holders.attacker, token, 5 * ETHER)
    assert bridge.backing()[token] == pytest.approx(supply / (supply + 5 * ETHER))
    assert setting.breaches() == []


def test_who_redeems_first_is_paid_in_full_and_the_last_finds_nothing(
    make_setting: SettingMaker,
) -> None:
    setting = make_setting("centralized_exchange")
    bridge = setting.architecture.bridge
    # Three owners hold 5 ETH each; 6 of the 15 are stolen.
    bridge.drain("home", ETH, 6 * ETHER)
    token = setting.place.tokens.standing_for(ETH, "home")
    now = 10
    for account in (FAR, OTHER):
        setting.architecture.withdraw(account, token, 5 * ETHER, cause=0, now=now)
        now = setting.settle_all(now)
    assert setting.wallet(FAR)[ETH] == 2_000_000 + 5 * ETHER
    assert setting.wallet(OTHER)[ETH] == 2_000_000 + 4 * ETHER
    assert locked(setting, "home") == 0
    assert bridge.backing()[token] == 0.0
    assert setting.breaches() == []


def test_a_burn_sells_originals_at_home_and_proceeds_come_back_by_message(
    make_setting: SettingMaker,
) -> None:
    setting = make_setting("lock_and_mint")
    architecture = setting.architecture
    architecture.seize(SeizureOrder(FAR, 3, 370.0), cause=9, now=10)
    assert setting.claim(FAR) == (4 * ETHER, 0)
    assert setting.kinds() == ["burn"]
    assert architecture.take_events() == []
    setting.settle_all(10)
    (event,) = architecture.take_events()
    assert isinstance(event, Seized)
    assert (event.chain, event.units[:2]) == ("far", (ETHER, 300 * DOLLAR))
    setting.sell(event, event.units, 390 * DOLLAR)
    architecture.send_home(event, 390 * DOLLAR, cause=9, now=50)
    assert setting.escrow("far_home") == (0, 390 * DOLLAR)
    setting.settle_all(50)
    (arrived,) = architecture.take_events()
    assert isinstance(arrived, Arrived)
    assert int(setting.cash.balances[FAR]) == 390 * DOLLAR


def test_a_burn_against_an_empty_lock_brings_what_is_left(make_setting: SettingMaker) -> None:
    setting = make_setting("lock_and_mint")
    setting.architecture.bridge.drain("far", ETH, 5 * ETHER)
    seized = setting.seized(FAR, 650.0)
    # ETH is believed worth nothing once nothing backs it, so only dollars are asked for.
    assert setting.units(seized) == (0, 300 * DOLLAR)
    assert setting.breaches() == []


def test_a_pool_sells_where_it_has_enough_and_owners_chains_do_not_matter(
    make_setting: SettingMaker,
) -> None:
    setting = make_setting("unified_pool")
    # Each chain holds 5 ETH and 300 dollars of one owner. 200 dollars are there on the venue's.
    at_once = setting.seized(FAR, 200.0)
    assert (at_once.chain, setting.kinds()) == ("home", [])
    # 350 more are not: 100 dollars are left there, but 200 are asked for in dollars alone.
    setting.architecture.bridge.lock(OTHER, "far", USDC, DOLLAR, source=setting.holders.wallet + 2)
    by_message = setting.seized(OTHER, 290.0)
    assert by_message.chain == "far"
    assert setting.kinds() == ["deployment"]


def test_a_theft_on_one_chain_is_lost_by_all_who_share_the_pool(
    make_setting: SettingMaker,
) -> None:
    setting = make_setting("unified_pool")
    setting.architecture.bridge.drain("far", ETH, 3 * ETHER)
    share = setting.place.tokens.standing_for(ETH, "home")
    assert setting.architecture.bridge.backing()[share] == pytest.approx(12 / 15)
    assert (setting.place.vault_balances()[:3, share] == 5 * ETHER).all()


def test_a_pool_moves_tokens_to_the_venues_chain_when_its_share_there_falls_short(
    make_setting: SettingMaker,
) -> None:
    setting = make_setting("unified_pool")
    setting.seized(FAR, 300.0 + 350.0)  # all 5 ETH on the venue's chain are sold
    assert locked(setting, "home") == 0
    setting.architecture.advance(0)
    # 30 % of the 10 ETH left.
    assert setting.ledger.balance(setting.holders.rebalancing, ETH) == 3 * ETHER
    setting.settle_all(1)
    assert locked(setting, "home") == 3 * ETHER
    assert setting.breaches() == []


def test_an_owner_waits_for_the_pool_where_it_has_nothing(make_setting: SettingMaker) -> None:
    setting = make_setting("unified_pool")
    share = setting.place.tokens.standing_for(ETH, "home")
    setting.ledger.transfer(
        setting.holders.lock["far"], setting.holders.lock["other"], ETH, 5 * ETHER
    )
    setting.architecture.withdraw(FAR, share, 2 * ETHER, cause=0, now=10)
    now = setting.settle_all(10)
    setting.architecture.advance(now)
    assert setting.wallet(FAR)[ETH] == 2_000_000
    setting.ledger.transfer(
        setting.holders.lock["other"], setting.holders.lock["far"], ETH, 5 * ETHER
    )
    setting.architecture.advance(now + 60)
    assert setting.wallet(FAR)[ETH] == 2_000_000 + 2 * ETHER


def test_exits_from_a_layer_wait_in_a_queue_and_then_for_the_challenge(
    make_setting: SettingMaker,
) -> None:
    # 100,000 dollars leave the queue an hour; 3 ETH are 300 dollars and take 10.8 seconds.
    setting = make_setting(
        "layer2_aggregation",
        collateral={"exit_delay_seconds": 3_600, "exit_usd_per_hour": 100_000},
    )
    setting.architecture.withdraw(FAR, ETH, 3 * ETHER, cause=0, now=0)
    setting.architecture.withdraw(OTHER, ETH, 3 * ETHER, cause=0, now=0)
    for now, sent in ((3_610, 0), (3_611, 1), (3_621, 1), (3_622, 2)):
        setting.architecture.advance(now)
        assert len(setting.kinds()) == sent
    setting.settle_all(3_622)
    assert setting.wallet(OTHER)[ETH] == 2_000_000 + 3 * ETHER


def test_nothing_leaves_a_layer_whose_sequencer_stands_still(make_setting: SettingMaker) -> None:
    setting = make_setting("layer2_aggregation")
    setting.architecture.withdraw(FAR, ETH, ETHER, cause=0, now=0)
    setting.transport.halt_chain("home", 0, 500)
    setting.architecture.advance(499)
    assert setting.kinds() == []
    setting.architecture.advance(500)
    assert setting.kinds() == ["withdrawal"]


def test_owners_pay_gas_and_the_messages_fee_out_of_the_wallet(make_setting: SettingMaker) -> None:
    # Gas of half a dollar at either end, a fee of 1.5 times that for the message: 1.25 dollars.
    setting = make_setting("asset_bridge", chain={"gas_usd": 0.5})
    setting.ledger.endow(setting.holders.outside, USDC, 10 * DOLLAR)
    setting.ledger.endow(setting.holders.wallet + FAR, USDC, 99 * DOLLAR)
    setting.architecture.deposit(FAR, USDC, 50 * DOLLAR, cause=0, now=10)
    (move,) = setting.architecture.passage.moves
    assert (move.gas_usd, move.fee_usd) == pytest.approx((0.5, 0.75))
    assert setting.wallet(FAR)[USDC] == 50 * DOLLAR - 1_250_000
    assert setting.ledger.balance(setting.holders.treasury, USDC) == 750_000
    assert setting.breaches() == []


def test_who_has_nothing_left_pays_nothing(make_setting: SettingMaker) -> None:
    setting = make_setting("message_passing", chain={"gas_usd": 0.5})
    setting.architecture.deposit(FAR, USDC, DOLLAR, cause=0, now=10)
    (move,) = setting.architecture.passage.moves
    assert (move.gas_usd, move.fee_usd, move.value_usd) == (0.0, 0.0, 1.0)
    np.testing.assert_array_equal(setting.wallet(FAR), (2_000_000, 0))


@pytest.mark.parametrize("name", STANDING)
def test_without_the_channel_of_backing_a_rescuer_makes_the_lock_whole(
    make_setting: SettingMaker, name: str
) -> None:
    setting = make_setting(name, contagion={"wrapped_token_backing": False})
    bridge = setting.architecture.bridge
    chain = lock_of(setting, FAR)
    token = setting.place.tokens.standing_for(ETH, chain)
    setting.ledger.endow(setting.holders.outside, ETH, 10 * ETHER)
    before = locked(setting, chain)
    bridge.drain(chain, ETH, 2 * ETHER)
    bridge.forge(setting.holders.attacker, token, ETHER)
    assert sum(locked(setting, place) for place in ("home", "far", "other")) >= before + ETHER
    assert bridge.backing()[token] == 1.0
    assert setting.ledger.balance(setting.holders.attacker, ETH) == 2 * ETHER
    assert setting.breaches() == []
