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
DOLLAR, ETHER = 1_000_000, 1_000_000_000


def test_dollars_are_taken_first(setting: Setting) -> None:
    assert setting.seized(FAR, 200.0).units == (0, 200 * DOLLAR)


def test_what_dollars_do_not_cover_is_taken_at_the_price_of_the_cutoff(setting: Setting) -> None:
    # 370 dollars: 300 in cash, and 70 / 70 = 1 ETH.
    assert setting.seized(FAR, 370.0).units == (ETHER, 300 * DOLLAR)


def test_a_seizure_takes_all_there_is_and_no_more(setting: Setting) -> None:
    # 300 + 5 * 70 = 650 dollars are there.
    assert setting.seized(FAR, 651.0).units == (5 * ETHER, 300 * DOLLAR)
    assert setting.vault(FAR) == (0, 0)


def test_from_an_empty_vault_nothing_is_taken(setting: Setting) -> None:
    setting.seized(FAR, 1e9)
    assert setting.seized(FAR, 100.0, now=50).units == (0, 0)


def test_what_is_seized_stands_in_the_auction_of_its_chain(setting: Setting) -> None:
    event = setting.seized(FAR, 370.0)
    assert setting.auction(event.chain) == event.units
    assert setting.vault(FAR) == (4 * ETHER, 0)
    assert (event.account, event.liquidation) == (FAR, 0)


@pytest.mark.parametrize("account", [FAR, LOCAL])
def test_the_price_is_the_one_last_published_on_the_vaults_own_chain(
    setting: Setting, account: int
) -> None:
    chain = setting.architecture.chain_of(account)
    for other in ("home", "far", "other"):
        setting.board.publish(other, Round(50.0 if other == chain else 900.0, 0.8, 0))
    # At half the price, 70 dollars beyond the cash are 2 ETH.
    assert setting.seized(account, 370.0).units == (2 * ETHER, 300 * DOLLAR)


def test_unsold_collateral_goes_back_to_its_vault(setting: Setting) -> None:
    event = setting.seized(FAR, 440.0)
    assert event.units == (2 * ETHER, 300 * DOLLAR)
    setting.architecture.give_back(event, (ETHER, 0), cause=0, now=9)
    assert setting.vault(FAR) == (4 * ETHER, 0)
    assert setting.auction(event.chain) == (ETHER, 300 * DOLLAR)
    setting.architecture.send_home(event, 300 * DOLLAR, cause=0, now=9)
    setting.settle_all(9)
    assert setting.claim(FAR) == setting.vault(FAR)


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
    ether, dollars = setting.seized(FAR, target).units
    worth = dollars / DOLLAR + ether / ETHER * 0.7 * price
    one_unit = 1 / DOLLAR if ether == 0 else 0.7 * price / ETHER
    rounding = 1e-9 * (target + one_unit)
    everything = 300.0 + 5.0 * 0.7 * price
    assert worth >= min(target, everything) - rounding
    assert worth <= target + one_unit + rounding
    assert ether == 0 or dollars == 300 * DOLLAR
