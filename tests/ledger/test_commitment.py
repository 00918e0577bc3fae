"""What a commitment to liabilities proves."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.ledger import Commitment, verify
from abm.ledger.commitment import Step, Sum, hash_leaf

BALANCES = st.dictionaries(st.text(max_size=5), st.integers(0, 2**63), min_size=1, max_size=20)


def test_a_leaf_is_the_hash_of_owner_and_amount_as_documented() -> None:
    data = b"\x00" + (3).to_bytes(4, "big") + b"ann" + (5).to_bytes(16, "big")
    assert hash_leaf("ann", 5) == Sum(hashlib.sha256(data).digest(), 5)


def test_the_root_of_two_holds_both_sums_inside_its_hash() -> None:
    left, right = hash_leaf("ann", 5), hash_leaf("bob", 7)
    data = b"\x01" + (5).to_bytes(16, "big") + left.digest + (7).to_bytes(16, "big") + right.digest
    root = Commitment([("ann", 5), ("bob", 7)]).root
    assert root == Sum(hashlib.sha256(data).digest(), 12)


@given(BALANCES)
def test_every_owner_can_prove_its_balance_and_nothing_else(balances: dict[str, int]) -> None:
    tree = Commitment(list(balances.items()))
    assert tree.root.units == sum(balances.values())
    for owner, units in balances.items():
        proof = tree.prove(owner)
        assert verify(owner, units, proof, tree.root)
        assert not verify(owner, units + 1, proof, tree.root)
        assert not verify(owner + "x", units, proof, tree.root)
        assert not verify(owner, units, proof, tree.root._replace(units=tree.root.units + 1))


@given(BALANCES, st.data())
def test_any_changed_balance_changes_the_root(
    balances: dict[str, int], data: st.DataObject
) -> None:
    owner = data.draw(st.sampled_from(sorted(balances)))
    changed = {**balances, owner: balances[owner] + 1}
    assert Commitment(list(balances.items())).root != Commitment(list(changed.items())).root


def test_a_debt_in_the_tree_is_refused_by_whoever_is_shown_it() -> None:
    honest = Commitment([("ann", 5), ("bob", 7)])
    hidden = Step(Sum(b"debt", -3), is_left=False)
    assert not verify("ann", 5, [*honest.prove("ann"), hidden], honest.root)
    with pytest.raises(ValueError, match="balance of bob is -1; it must be >= 0"):
        Commitment([("ann", 5), ("bob", -1)])


def test_an_empty_book_and_a_double_owner_are_refused() -> None:
    with pytest.raises(ValueError, match="no balance"):
        Commitment([])
    with pytest.raises(ValueError, match="twice"):
        Commitment([("ann", 5), ("ann", 1)])
