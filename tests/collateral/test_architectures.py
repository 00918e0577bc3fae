"""What holds under every architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.collateral import Arrived, CallArrived, Seized, SeizureOrder
from abm.errors import LedgerError

if TYPE_CHECKING:
    from tests.collateral.conftest import Setting, SettingMaker

FAR, LOCAL, OTHER = 0, 1, 2
TRADERS = (FAR, LOCAL, OTHER)
ETH, USDC = 0, 1


@pytest.mark.parametrize("account", TRADERS)
def test_a_deposit_ends_in_the_vault_and_then_in_the_claim(setting: Setting, account: int) -> None:
    eth, usdc = setting.vault(account)
    wallet = setting.wallet(account)
    setting.architecture.deposit(account, ETH, 1_500_000, cause=0, now=10)
    assert setting.vault(account) == (eth + 1_500_000, usdc)
    assert setting.wallet(account) == (wallet[0] - 1_500_000, wallet[1])
    setting.settle_all(10)
    assert setting.claim(account) == (eth + 1_500_000, usdc)
    assert setting.architecture.claims.as_of_second[account] == 10


@pytest.mark.parametrize("amount", [-1, 2_000_001])
def test_a_deposit_that_the_wallet_cannot_make_changes_nothing(
    setting: Setting, amount: int
) -> None:
    before = setting.vault(FAR), setting.claim(FAR)
    with pytest.raises(LedgerError):
        setting.architecture.deposit(FAR, ETH, amount, cause=0, now=10)
    setting.settle_all(10)
    assert (setting.vault(FAR), setting.claim(FAR)) == before


@pytest.mark.parametrize("account", TRADERS)
def test_a_call_reaches_its_trader_once(setting: Setting, account: int) -> None:
    setting.architecture.call(account, 7, 12.5, cause=0, now=10)
    end = setting.settle_all(10)
    (event,) = setting.architecture.take_events()
    assert isinstance(event, CallArrived)
    assert (event.account, event.liquidation) == (account, 7)
    assert 10 <= event.second <= end
    assert setting.architecture.take_events() == []


@pytest.mark.parametrize("account", TRADERS)
def test_proceeds_end_in_the_cash_book(setting: Setting, account: int) -> None:
    seized = setting.seized(account, 200.0)
    setting.architecture.send_home(seized, 120_000_000, cause=0, now=50)
    end = setting.settle_all(50)
    assert int(setting.cash.balances[account]) == 120_000_000
    assert int(setting.cash.balances.sum()) == 120_000_000
    assert setting.cash.breaches() == []
    assert setting.auction(seized.chain) == (0, 80_000_000)
    (event,) = setting.architecture.take_events()
    assert isinstance(event, Arrived)
    assert (event.account, event.liquidation, event.micro_dollars) == (account, 0, 120_000_000)
    assert 50 <= event.second <= end


@pytest.mark.parametrize("account", TRADERS)
def test_after_a_seizure_the_claim_is_what_is_left(setting: Setting, account: int) -> None:
    setting.seized(account, 370.0, now=10)
    setting.settle_all(20)
    assert setting.claim(account) == setting.vault(account) == (4_000_000_000, 0)


OPERATIONS = st.tuples(
    st.sampled_from(["deposit", "seize", "give_back", "send_home", "wait"]),
    st.sampled_from(TRADERS),
    st.floats(0.0, 1.0),
)


@given(
    name=st.sampled_from(["message_passing", "silo"]),
    operations=st.lists(OPERATIONS, max_size=20),
    losses=st.sampled_from([0.0, 0.3]),
)
@settings(deadline=None, max_examples=50)
def test_no_token_is_made_or_lost_and_at_rest_claims_are_true(
    make_setting: SettingMaker,
    name: str,
    operations: list[tuple[str, int, float]],
    losses: float,
) -> None:
    setting = make_setting(
        name, protocol={"loss_probability": losses, "duplicate_probability": losses}
    )
    architecture, now = setting.architecture, 0
    on_sale: list[Seized] = []
    sent_home = 0
    for kind, account, share in operations:
        now += 1
        if kind == "deposit":
            _, usdc = setting.wallet(account)
            architecture.deposit(account, USDC, int(share * usdc), cause=0, now=now)
        elif kind == "seize":
            architecture.seize(SeizureOrder(account, 0, 700 * share), cause=0, now=now)
        elif kind == "wait":
            now = setting.settle_all(now)
        elif on_sale:
            seized = on_sale.pop()
            eth, usdc = seized.units
            if kind == "give_back":
                architecture.give_back(seized, (eth, 0), cause=0, now=now)
            architecture.send_home(seized, usdc, cause=0, now=now)
            sent_home += usdc
        on_sale += [event for event in architecture.take_events() if isinstance(event, Seized)]
        assert setting.ledger.breaches() == []
        assert setting.cash.breaches() == []
    setting.settle_all(now + 1)
    assert setting.ledger.breaches() == []
    assert setting.cash.breaches() == []
    assert int(setting.cash.balances.sum()) == sent_home
    for account in TRADERS:
        assert setting.claim(account) == setting.vault(account)
    escrows = list(setting.holders.escrow.values())
    np.testing.assert_array_equal(setting.ledger.held_by(escrows), 0)
