"""`silo`: everything stands on the venue's chain, and nothing travels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abm.collateral import Arrived, CallArrived, Seized, SeizureOrder
from abm.network import Message

if TYPE_CHECKING:
    from tests.collateral.conftest import Setting

FAR, LOCAL = 0, 1
USDC = 1


@pytest.mark.parametrize("account", [FAR, LOCAL])
def test_all_collateral_stands_on_the_venues_chain(silo: Setting, account: int) -> None:
    assert silo.architecture.chain_of(account) == "home"


def test_everything_happens_at_once_and_without_a_message(silo: Setting) -> None:
    silo.architecture.deposit(FAR, USDC, 1_000_000, cause=0, now=5)
    assert silo.claim(FAR) == (5_000_000_000, 301_000_000)
    silo.architecture.call(FAR, 3, 1.0, cause=0, now=6)
    silo.architecture.seize(SeizureOrder(FAR, 3, 100.0), cause=8, now=7)
    called, seized = silo.architecture.take_events()
    assert called == CallArrived(FAR, 3, 6)
    assert seized == Seized(FAR, 3, "home", (0, 100_000_000), 7, 8)
    assert silo.claim(FAR) == (5_000_000_000, 201_000_000)
    assert isinstance(seized, Seized)
    silo.architecture.send_home(seized, 100_000_000, cause=0, now=9)
    assert silo.architecture.take_events() == [Arrived(FAR, 3, 100_000_000, 9)]
    assert silo.transport.transits == []


def test_claims_are_never_older_than_the_step(silo: Setting) -> None:
    silo.architecture.advance(360)
    assert silo.architecture.claims.as_of_second.tolist() == [360] * 4


def test_a_message_that_reaches_a_silo_is_an_error(silo: Setting) -> None:
    message = Message(
        id=4,
        channel="far_home",
        kind="letter",
        subject="a",
        nonce=0,
        cause=0,
        sent_second=0,
        payload=None,
    )
    with pytest.raises(TypeError, match=r"message 4 \(letter\) reached a silo"):
        silo.architecture.deliver(message, 10)
    with pytest.raises(TypeError, match="reached a silo"):
        silo.architecture.expire(message, 10)
