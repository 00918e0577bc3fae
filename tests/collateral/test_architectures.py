"""What holds under every architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.collateral import ARCHITECTURES, Arrived, CallArrived, Seized, SeizureOrder
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
    assert setting.owned(account) == (eth + 1_500_000, usdc)
    assert setting.wallet(account) == (wallet[0] - 1_500_000, wallet[1])
    end = setting.settle_all(10)
    assert setting.vault(account) == setting.claim(account) == (eth + 1_500_000, usdc)
    assert 10 <= setting.architecture.claims.as_of_second[account] <= end
    (move,) = setting.architecture.passage.moves
    assert (move.account, move.units, move.started_second) == (account, 1_500_000, 10)
    assert move.arrived_second is not None


@pytest.mark.parametrize("account", TRADERS)
def test_a_withdrawal_counts_no_more_at_once_and_ends_in_the_wallet(
    setting: Setting, account: int
) -> None:
    (eth, usdc), wallet = setting.vault(account), setting.wallet(account)
    setting.architecture.advance(5)  # reports what is there, which is slower than the withdrawal
    token = held_as(setting, account, ETH)
    setting.architecture.withdraw(account, token, 2_000_000_000, cause=0, now=10)
    assert setting.claim(account) == (eth - 2_000_000_000, usdc)
    end = setting.settle_all(10) + 1  # an exit queue takes some time, too
    setting.architecture.advance(end)
    assert setting.claim(account) == (eth - 2_000_000_000, usdc)
    setting.settle_all(end)
    assert setting.wallet(account) == (wallet[0] + 2_000_000_000, wallet[1])
    assert setting.vault(account) == setting.owned(account) == (eth - 2_000_000_000, usdc)
    assert setting.breaches() == []


@pytest.mark.parametrize("account", TRADERS)
def test_cash_of_the_venue_comes_home_as_dollars(setting: Setting, account: int) -> None:
    setting.ledger.endow(setting.holders.outside, USDC, 90_000_000)
    setting.cash.pay_in(account, setting.holders.outside, 90_000_000)
    wallet = setting.wallet(account)
    setting.architecture.withdraw_cash(account, 40_000_000, cause=0, now=10)
    assert int(setting.cash.balances[account]) == 50_000_000
    setting.settle_all(10)
    assert setting.wallet(account) == (wallet[0], wallet[1] + 40_000_000)
    assert setting.breaches() == []


def held_as(setting: Setting, account: int, original: int) -> int:
    """Return the column in which the vault of an account holds an original."""
    held = setting.place.vault_balances()[account]
    columns = np.flatnonzero((setting.place.tokens.original == original) & (held > 0))
    return int(columns[0])


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
    setting.sell(seized, seized.units, 120_000_000)
    setting.architecture.send_home(seized, 120_000_000, cause=0, now=50)
    end = setting.settle_all(50)
    assert int(setting.cash.balances[account]) == 120_000_000
    assert int(setting.cash.balances.sum()) == 120_000_000
    assert setting.breaches() == []
    assert setting.auction(seized.chain) == (0, 0)
    (event,) = setting.architecture.take_events()
    assert isinstance(event, Arrived)
    assert (event.account, event.liquidation, event.micro_dollars) == (account, 0, 120_000_000)
    assert 50 <= event.second <= end


@pytest.mark.parametrize("account", TRADERS)
def test_after_a_seizure_the_claim_is_what_is_left(setting: Setting, account: int) -> None:
    ether, dollars = setting.units(setting.seized(account, 370.0, now=10))
    setting.settle_all(20)
    left = (5_000_000_000 - ether, 300_000_000 - dollars)
    assert setting.claim(account) == setting.vault(account) == left


OPERATIONS = st.tuples(
    st.sampled_from(["deposit", "withdraw", "seize", "give_back", "send_home", "wait"]),
    st.sampled_from(TRADERS),
    st.floats(0.0, 1.0),
)


@given(
    name=st.sampled_from(sorted(ARCHITECTURES)),
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
        elif kind == "withdraw":
            claimed = architecture.claims.units[account]
            token = int(claimed.argmax())
            architecture.withdraw(account, token, int(share * claimed[token]), cause=0, now=now)
        elif kind == "seize":
            architecture.seize(SeizureOrder(account, 0, 700 * share), cause=0, now=now)
        elif kind == "wait":
            now = setting.settle_all(now)
        elif on_sale:
            seized = on_sale.pop()
            unsold = [0] * len(seized.units)
            if kind == "give_back":
                unsold = [
                    units if token % 2 == ETH else 0 for token, units in enumerate(seized.units)
                ]
                architecture.give_back(seized, unsold, cause=0, now=now)
            sold = tuple(u - left for u, left in zip(seized.units, unsold, strict=True))
            setting.sell(seized, sold, 1_000)
            architecture.send_home(seized, 1_000, cause=0, now=now)
            sent_home += 1_000
        on_sale += [event for event in architecture.take_events() if isinstance(event, Seized)]
        assert setting.breaches() == []
    now = setting.settle_all(now + 1) + 1
    architecture.advance(now)  # what a vault released is reported, a pool pays who waits
    setting.settle_all(now)
    assert setting.breaches() == []
    assert int(setting.cash.balances.sum()) == sent_home
    for account in TRADERS:
        assert setting.claim(account) == setting.vault(account)
    np.testing.assert_array_equal(architecture.escrowed, 0)
    np.testing.assert_array_equal(architecture.bridge.pending, 0)
    np.testing.assert_array_equal(architecture.bridge.unbacked, 0)
    escrows = list(setting.holders.escrow.values())
    np.testing.assert_array_equal(setting.ledger.held_by(escrows), 0)
