"""Where tokens can be."""

from __future__ import annotations

from abm.ledger import TokenLedger, open_holders


def test_every_holder_of_a_run_has_a_place_of_its_own() -> None:
    ledger = TokenLedger(("USDC",))
    holders = open_holders(
        ledger,
        wallet_chains=["far"] * 3,
        vault_chains=["home"] * 3,
        liquidator_chains=["far"] * 4,
        relayers=2,
        venue_chains=("home",),
        chains=("home", "far"),
        channels=("out", "back"),
    )
    places = [
        *(holders.wallet + account for account in range(3)),
        *(holders.vault + account for account in range(3)),
        *(holders.relayer + relayer for relayer in range(2)),
        *(holders.liquidator + liquidator for liquidator in range(4)),
        *(holders.reserve + liquidator for liquidator in range(4)),
        holders.mutual_fund,
        holders.insurer,
        holders.parametric,
        holders.backstop,
        holders.venue_vault,
        holders.fund,
        holders.treasury,
        holders.outside,
        holders.attacker,
        holders.rebalancing,
        *holders.auction.values(),
        *holders.lock.values(),
        *holders.escrow.values(),
    ]
    # 3 + 3 + 2 + 4 + 4 + 1 in blocks, 9 single ones, 2 auctions, 2 locks, 2 escrows.
    assert sorted(places) == list(range(32))
    assert len(ledger.block(0, 99)) == 32


def test_holders_are_named_for_what_they_are() -> None:
    ledger = TokenLedger(("USDC",))
    holders = open_holders(
        ledger,
        wallet_chains=["far", "far"],
        vault_chains=["far", "far"],
        liquidator_chains=["far"],
        relayers=1,
        venue_chains=("home",),
        chains=("far",),
        channels=("back",),
    )
    places = [holders.wallet + 1, holders.vault, holders.relayer, holders.fund]
    places += [holders.auction["far"], holders.escrow["back"]]
    assert [ledger.name(place) for place in places] == [
        "wallet[1]",
        "vault[0]",
        "relayer",
        "insurance_fund",
        "auction@far",
        "escrow@back",
    ]
