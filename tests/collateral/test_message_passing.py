"""`message_passing`: collateral stays at home, and the venue reaches it by messages alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abm.collateral import Arrived, CallArrived, Seized, SeizureOrder
from abm.network import Fate
from abm.recording.events import ROOT

if TYPE_CHECKING:
    from tests.collateral.conftest import Setting, SettingMaker

FAR, LOCAL, OTHER, MAKER = 0, 1, 2, 3
USDC = 1
START = (5_000_000_000, 300_000_000)
"""What stands in every vault at first."""

EXPIRY = 10_000


def test_collateral_stands_on_the_home_chain_of_its_account(remote: Setting) -> None:
    chains = [remote.architecture.chain_of(account) for account in (FAR, LOCAL, OTHER, MAKER)]
    assert chains == ["far", "home", "other", "home"]


# --- what travels


def test_a_deposit_counts_when_its_report_has_arrived(remote: Setting) -> None:
    remote.architecture.deposit(FAR, USDC, 1_000_000, cause=0, now=10)
    assert remote.kinds() == ["balance_report"]
    assert remote.claim(FAR) == START
    remote.carry(0, 500)
    remote.deliver(499)
    assert remote.claim(FAR) == START
    remote.deliver(501)
    assert remote.claim(FAR) == (5_000_000_000, 301_000_000)
    # As old as the vault's balance, not as its arrival.
    assert remote.architecture.claims.as_of_second[FAR] == 10


def test_a_report_overtaken_by_a_newer_one_changes_nothing(remote: Setting) -> None:
    remote.architecture.deposit(FAR, USDC, 100_000, cause=0, now=10)
    remote.architecture.deposit(FAR, USDC, 100_000, cause=0, now=20)
    remote.carry(1, 100)
    remote.carry(0, 200)
    remote.deliver(300)
    assert remote.claim(FAR) == (5_000_000_000, 300_200_000)
    assert remote.architecture.claims.as_of_second[FAR] == 20


def test_a_report_overtaken_by_one_of_the_same_second_changes_nothing(remote: Setting) -> None:
    remote.architecture.deposit(FAR, USDC, 100_000, cause=0, now=10)
    remote.architecture.deposit(FAR, USDC, 100_000, cause=0, now=10)
    remote.carry(1, 100)
    remote.carry(0, 200)
    remote.deliver(300)
    assert remote.claim(FAR) == (5_000_000_000, 300_200_000)


def test_a_call_is_a_message_to_the_home_chain(remote: Setting) -> None:
    remote.architecture.call(OTHER, 4, 250.0, cause=9, now=10)
    message = remote.transport.transits[0].message
    assert (message.channel, message.kind) == ("home_other", "margin_call")
    assert (message.cause, message.value_usd) == (9, 250.0)
    assert remote.architecture.take_events() == []
    remote.carry(0, 100)
    remote.deliver(160)
    assert remote.architecture.take_events() == [CallArrived(OTHER, 4, 160)]


def test_a_seizure_leaves_the_vault_alone_until_it_has_arrived(remote: Setting) -> None:
    remote.architecture.seize(SeizureOrder(FAR, 2, 100.0), cause=9, now=10)
    message = remote.transport.transits[0].message
    assert (message.channel, message.kind) == ("home_far", "seizure")
    assert (message.cause, message.value_usd) == (9, 100.0)
    assert remote.vault(FAR) == START
    remote.carry(0, 100)
    remote.deliver(160)
    assert remote.architecture.take_events() == [Seized(FAR, 2, "far", (0, 100_000_000), 160, 9)]
    assert remote.vault(FAR) == (5_000_000_000, 200_000_000)
    # The venue still counts what is gone, until the vault's report arrives.
    assert remote.claim(FAR) == START
    assert remote.kinds() == ["seizure", "balance_report"]


def test_proceeds_are_in_escrow_while_they_travel(remote: Setting) -> None:
    seized = remote.seized(FAR, 100.0)
    sent = len(remote.transport.transits)
    remote.architecture.send_home(seized, 100_000_000, cause=9, now=50)
    message = remote.transport.transits[sent].message
    assert (message.channel, message.kind) == ("far_home", "proceeds")
    assert (message.cause, message.value_usd) == (9, 100.0)
    assert remote.escrow("far_home") == (0, 100_000_000)
    assert remote.auction("far") == (0, 0)
    assert remote.cash.balances.tolist() == [0, 0, 0, 0]
    remote.carry(sent, 90)
    remote.deliver(120)
    assert remote.escrow("far_home") == (0, 0)
    assert remote.cash.balances.tolist() == [100_000_000, 0, 0, 0]
    assert remote.architecture.take_events() == [Arrived(FAR, 0, 100_000_000, 120)]


def test_proceeds_bring_the_vaults_balance_with_them(remote: Setting) -> None:
    """Else the venue would count collateral beside the dollars that it was sold for."""
    remote.architecture.seize(SeizureOrder(FAR, 0, 300.0 + 140.0), cause=0, now=0)
    remote.carry(0, 10)
    remote.deliver(20)
    (seized,) = remote.architecture.take_events()
    assert isinstance(seized, Seized)
    # The report of the seizure is slow; one of the two ETH is given back.
    assert remote.kinds() == ["seizure", "balance_report"]
    remote.architecture.give_back(seized, (1_000_000_000, 0), cause=0, now=30)
    remote.ledger.transfer(remote.holders.auction["far"], remote.holders.outside, 0, 10**9)
    remote.architecture.send_home(seized, 300_000_000, cause=0, now=30)
    assert remote.kinds() == ["seizure", "balance_report", "proceeds"]
    assert remote.claim(FAR) == START
    remote.carry(2, 40)
    remote.deliver(50)
    assert remote.cash.balances[FAR] == 300_000_000
    assert remote.claim(FAR) == remote.vault(FAR) == (4_000_000_000, 0)
    assert remote.architecture.claims.as_of_second[FAR] == 30
    # And the older report changes nothing any more.
    remote.carry(1, 60)
    remote.deliver(70)
    assert remote.claim(FAR) == (4_000_000_000, 0)


def test_a_call_and_its_answer_take_as_long_as_both_lanes(make_setting: SettingMaker) -> None:
    setting = make_setting("message_passing", channel={"finality_median_seconds": 50.0})
    assert setting.architecture.round_trip_seconds(FAR) == pytest.approx(100.0)
    assert setting.architecture.round_trip_seconds(LOCAL) == 0


def test_an_account_on_the_venues_chain_needs_no_message(remote: Setting) -> None:
    remote.architecture.deposit(LOCAL, USDC, 1_000_000, cause=0, now=5)
    assert remote.claim(LOCAL) == (5_000_000_000, 301_000_000)
    remote.architecture.call(LOCAL, 3, 1.0, cause=0, now=6)
    remote.architecture.seize(SeizureOrder(LOCAL, 3, 100.0), cause=8, now=7)
    called, seized = remote.architecture.take_events()
    assert called == CallArrived(LOCAL, 3, 6)
    assert seized == Seized(LOCAL, 3, "home", (0, 100_000_000), 7, 8)
    assert remote.claim(LOCAL) == (5_000_000_000, 201_000_000)
    assert isinstance(seized, Seized)
    remote.architecture.send_home(seized, 100_000_000, cause=0, now=9)
    assert remote.architecture.take_events() == [Arrived(LOCAL, 3, 100_000_000, 9)]
    assert remote.transport.transits == []


def test_a_message_of_no_known_kind_is_an_error(remote: Setting) -> None:
    message = remote.transport.send("home_far", "letter", "cargo", subject="a", cause=0, now=0)
    with pytest.raises(TypeError, match="message 0 carries str"):
        remote.architecture.deliver(message, 10)


# --- periodic reports


def test_every_chain_reports_its_vaults_once_in_every_period(remote: Setting) -> None:
    for now in range(60, 1_261, 60):
        remote.architecture.advance(now)
    # Every 600 s of 1,260 s, at 60, 600 and 1,200, from both chains that are not the venue's.
    sent = [(item.message.sent_second, item.message.channel) for item in remote.transport.transits]
    chains = ("far_home", "other_home")
    assert sent == [(second, channel) for second in (60, 600, 1_200) for channel in chains]
    assert set(remote.kinds()) == {"balance_report"}
    # Nothing but the start of the run caused them.
    assert {item.message.cause for item in remote.transport.transits} == {ROOT}


def test_a_periodic_report_sets_right_what_the_venue_believes(remote: Setting) -> None:
    remote.architecture.claims.units[:3] = 0
    remote.architecture.advance(60)
    remote.settle_all(60)
    assert remote.claim(FAR) == remote.claim(OTHER) == START
    # The local account, which nobody reports, stays as the test left it.
    assert remote.claim(LOCAL) == (0, 0)
    as_of = remote.architecture.claims.as_of_second
    assert as_of.tolist() == [60, 60, 60, 60]


def test_a_report_says_what_stood_in_the_vault_when_it_was_sent(remote: Setting) -> None:
    remote.architecture.advance(60)
    remote.architecture.deposit(FAR, USDC, 1_000_000, cause=0, now=61)
    remote.carry(0, 100)
    remote.deliver(200)
    assert remote.claim(FAR) == START


def test_a_halted_chain_reports_nothing(remote: Setting) -> None:
    remote.transport.halt_chain("far", 0, 300)
    remote.architecture.advance(60)
    assert [item.message.channel for item in remote.transport.transits] == ["other_home"]


def test_what_stands_on_the_venues_own_chain_is_never_old(remote: Setting) -> None:
    for now in (60, 120):
        remote.architecture.advance(now)
    assert remote.architecture.claims.as_of_second[[LOCAL, MAKER]].tolist() == [120, 120]


# --- expiry and duplicates


@pytest.mark.parametrize("kind", ["seizure", "proceeds"])
def test_a_seizure_or_proceeds_that_expired_are_sent_again(remote: Setting, kind: str) -> None:
    if kind == "seizure":
        remote.architecture.seize(SeizureOrder(FAR, 2, 100.0), cause=9, now=0)
    else:
        remote.architecture.send_home(remote.seized(FAR, 100.0), 100_000_000, cause=9, now=0)
    old = remote.transport.transits[-1]
    remote.deliver(EXPIRY + 100)
    new = remote.transport.transits[-1]
    assert old.fate is Fate.EXPIRED
    assert new.message.id > old.message.id
    assert new.message.sent_second == EXPIRY + 100
    for name in ("channel", "kind", "payload", "cause", "value_usd"):
        assert getattr(new.message, name) == getattr(old.message, name)
    remote.settle_all(EXPIRY + 100)
    if kind == "seizure":
        assert remote.auction("far") == (0, 100_000_000)
    else:
        assert remote.cash.balances[FAR] == 100_000_000


@pytest.mark.parametrize("kind", ["margin_call", "balance_report"])
def test_a_call_or_report_that_expired_is_not_sent_again(remote: Setting, kind: str) -> None:
    if kind == "margin_call":
        remote.architecture.call(FAR, 2, 10.0, cause=0, now=0)
    else:
        remote.architecture.deposit(FAR, USDC, 1, cause=0, now=0)
    remote.deliver(EXPIRY)
    assert remote.kinds() == [kind]
    assert remote.transport.transits[0].fate is Fate.EXPIRED


def test_a_seizure_is_applied_once_though_its_duplicate_expires(
    make_setting: SettingMaker,
) -> None:
    setting = make_setting("message_passing", protocol={"duplicate_probability": 1.0})
    setting.architecture.seize(SeizureOrder(FAR, 2, 100.0), cause=0, now=0)
    setting.carry(0, 10)
    setting.deliver(60)
    setting.deliver(EXPIRY)
    setting.settle_all(EXPIRY)
    assert setting.auction("far") == (0, 100_000_000)


def test_proceeds_are_credited_once_though_they_expire_with_their_duplicate(
    make_setting: SettingMaker,
) -> None:
    setting = make_setting("message_passing", protocol={"duplicate_probability": 1.0})
    first, second = setting.seized(FAR, 100.0), setting.seized(FAR, 100.0, now=100)
    setting.architecture.send_home(first, 100_000_000, cause=0, now=200)
    setting.deliver(EXPIRY + 200)
    # Other dollars on the same channel, which must not pay for the first ones twice.
    setting.architecture.send_home(second, 100_000_000, cause=0, now=EXPIRY + 200)
    setting.settle_all(EXPIRY + 200)
    assert setting.cash.balances[FAR] == 200_000_000
