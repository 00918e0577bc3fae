"""How much of which token a seizure takes, under every architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.market import Round

if TYPE_CHECKING:
    from tests.collateral.conftest import Setting, SettingMaker

# Every trader's vault holds 300 dollars and 5 ETH. ETH is published at 100 dollars and counts at
# the auction's cutoff of 0.7, that is 70.
FAR, LOCAL = 0, 1
ETH = 0
DOLLAR, ETHER = 1_000_000, 1_000_000_000


def has_wrapped_dollars(setting: Setting) -> bool:
    """Return whether the far account's dollars are sold as something that stands for them."""
    return type(setting.architecture).__name__ == "AssetBridge"


def test_dollars_are_taken_first(setting: Setting) -> None:
    ether, dollars = setting.units(setting.seized(FAR, 200.0))
    assert ether == 0
    assert dollars >= 200 * DOLLAR


def test_what_dollars_do_not_cover_is_taken_at_the_price_of_the_cutoff(setting: Setting) -> None:
    # 370 dollars: 300 in cash, and 70 / 70 = 1 ETH; wrapped dollars need a buyer, too, and bring
    # 300 * 0.7 = 210, so that 160 / 70 ETH are needed.
    expected = -(-160 * ETHER // 70) if has_wrapped_dollars(setting) else ETHER
    assert setting.units(setting.seized(FAR, 370.0)) == (expected, 300 * DOLLAR)


def test_a_seizure_takes_all_there_is_and_no_more(setting: Setting) -> None:
    # 300 + 5 * 70 = 650 dollars are there.
    assert setting.units(setting.seized(FAR, 651.0)) == (5 * ETHER, 300 * DOLLAR)
    assert setting.vault(FAR) == (0, 0)


def test_from_an_empty_vault_nothing_is_taken(setting: Setting) -> None:
    setting.seized(FAR, 1e9)
    assert setting.units(setting.seized(FAR, 100.0, now=50)) == (0, 0)


def test_what_is_seized_stands_in_the_auction_of_its_chain(setting: Setting) -> None:
    event = setting.seized(FAR, 370.0)
    ether, dollars = setting.units(event)
    assert setting.auction(event.chain) == (ether, dollars)
    assert setting.vault(FAR) == (5 * ETHER - ether, 300 * DOLLAR - dollars)
    assert (event.account, event.liquidation) == (FAR, 0)


@pytest.mark.parametrize("account", [FAR, LOCAL])
def test_the_price_is_the_one_last_published_on_the_vaults_own_chain(
    setting: Setting, account: int
) -> None:
    chain = setting.architecture.chain_of(account)
    for other in ("home", "far", "other"):
        setting.board.publish(other, Round(50.0 if other == chain else 900.0, 0.8, 0))
    # At half the price, 70 dollars beyond the cash are 2 ETH; 160 beyond wrapped dollars are 32/7.
    wrapped = has_wrapped_dollars(setting) and account == FAR
    expected = -(-160 * ETHER // 35) if wrapped else 2 * ETHER
    assert setting.units(setting.seized(account, 370.0)) == (expected, 300 * DOLLAR)


def test_unsold_collateral_goes_back_to_its_owner(setting: Setting) -> None:
    event = setting.seized(FAR, 440.0)
    unsold = [units if token % 2 == ETH else 0 for token, units in enumerate(event.units)]
    ether, dollars = setting.units(event)
    setting.architecture.give_back(event, unsold, cause=0, now=9)
    assert setting.auction(event.chain) == (0, dollars)
    assert setting.owned(FAR) == (5 * ETHER, 300 * DOLLAR - dollars)
    setting.sell(event, tuple(u - left for u, left in zip(event.units, unsold, strict=True)), 7)
    setting.architecture.send_home(event, 7, cause=0, now=9)
    setting.settle_all(9)
    assert setting.claim(FAR) == setting.vault(FAR) == (5 * ETHER, 300 * DOLLAR - dollars)
    assert ether > 0
    assert setting.breaches() == []


@given(
    name=st.sampled_from(["message_passing", "silo"]),
    target=st.floats(0.0, 700.0),
    price=st.floats(1.0, 5_000.0),
)
@settings(deadline=None, max_examples=60)
def test_a_seizure_covers_its_target_at_the_cutoff_with_not_a_unit_to_spare(
    make_setting: SettingMaker, name: str, target: float, price: float
) -> None:
    setting = make_setting(name)
    for chain in ("home", "far"):
        setting.board.publish(chain, Round(price, 0.8, 0))
    ether, dollars = setting.units(setting.seized(FAR, target))
    worth = dollars / DOLLAR + ether / ETHER * 0.7 * price
    one_unit = 1 / DOLLAR if ether == 0 else 0.7 * price / ETHER
    rounding = 1e-9 * (target + one_unit)
    everything = 300.0 + 5.0 * 0.7 * price
    assert worth >= min(target, everything) - rounding
    assert worth <= target + one_unit + rounding
    assert ether == 0 or dollars == 300 * DOLLAR
