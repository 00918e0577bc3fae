"""A commitment to what is owed, by a Merkle sum tree, and proofs that one balance is in it.

Whoever publishes the root commits to the total and to every balance. An owner who is given the
proof of its own leaf checks that it was counted, and that no part of the total is negative: a
debt hidden in the tree would make room for assets that are not there. A commitment says what was
booked, not what is true elsewhere: while messages are late it is as old as they are.

References
----------
G. Maxwell, "Proving your bitcoin reserves" (2014), for the tree with sums; G. Dagher et al.,
"Provisions" (CCS 2015), section 2, for what it proves and what it does not; K. Chalkias et al.,
"Broken proofs of solvency in blockchain custodial wallets and exchanges" (2022), for sums inside
the hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

AMOUNT_BYTES = 16
"""A sum is written as so many bytes, most significant first."""

LEAF, NODE = b"\x00", b"\x01"
"""Tell leaves from nodes, so that no node passes for a leaf (RFC 6962, section 2.1)."""


class Sum(NamedTuple):
    """A hash and the base units that it stands for."""

    digest: bytes
    units: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a proof: the neighbour, and whether it stands to the left."""

    neighbour: Sum
    is_left: bool


class Commitment:
    """A tree over owners' balances, in their order.

    Parameters
    ----------
    balances : sequence of (str, int)
        Owner and base units owed to it, at least 0. Owners must differ.

    Attributes
    ----------
    root : Sum
        What is published.

    Raises
    ------
    ValueError
        If a balance is negative, an owner appears twice, or there is none.

    Examples
    --------
    >>> tree = Commitment([("ann", 5), ("bob", 7), ("cem", 1)])
    >>> tree.root.units
    13
    >>> proof = tree.prove("bob")
    >>> verify("bob", 7, proof, tree.root), verify("bob", 6, proof, tree.root)
    (True, False)
    """

    def __init__(self, balances: Sequence[tuple[str, int]]) -> None:
        if not balances:
            raise ValueError("there is no balance to commit to")
        self._place = {owner: place for place, (owner, _) in enumerate(balances)}
        if len(self._place) < len(balances):
            raise ValueError("an owner appears twice; every owner has one balance")
        units, owner = min((units, owner) for owner, units in balances)
        if units < 0:
            raise ValueError(f"the balance of {owner} is {units}; it must be >= 0")
        self._levels = [[hash_leaf(owner, units) for owner, units in balances]]
        while len(self._levels[-1]) > 1:
            level = self._levels[-1]
            pairs = zip_longest(level[::2], level[1::2])
            self._levels.append(
                [left if right is None else hash_pair(left, right) for left, right in pairs]
            )
        self.root = self._levels[-1][0]

    def prove(self, owner: str) -> list[Step]:
        """Return the proof that an owner's balance is in the tree.

        Raises
        ------
        KeyError
            If the owner has none.
        """
        place = self._place[owner]
        proof = []
        for level in self._levels[:-1]:
            neighbour = place ^ 1
            if neighbour < len(level):
                proof.append(Step(level[neighbour], is_left=neighbour < place))
            place //= 2
        return proof


def hash_leaf(owner: str, units: int) -> Sum:
    """Return the leaf of a balance."""
    name = owner.encode()
    written = b"%b%b%b%b" % (LEAF, len(name).to_bytes(4), name, units.to_bytes(AMOUNT_BYTES))
    return Sum(sha256(written).digest(), units)


def hash_pair(left: Sum, right: Sum) -> Sum:
    """Return the node over two others; both sums are inside its hash."""
    (left_digest, left_units), (right_digest, right_units) = left, right
    written = b"%b%b%b%b%b" % (
        NODE,
        left_units.to_bytes(AMOUNT_BYTES),
        left_digest,
        right_units.to_bytes(AMOUNT_BYTES),
        right_digest,
    )
    return Sum(sha256(written).digest(), left_units + right_units)


def verify(owner: str, units: int, proof: Sequence[Step], root: Sum) -> bool:
    """Return whether a proof leads from a balance to a published root, with no sum below 0."""
    if units < 0 or any(step.neighbour.units < 0 for step in proof):
        return False
    reached = hash_leaf(owner, units)
    for step in proof:
        pair = (step.neighbour, reached) if step.is_left else (reached, step.neighbour)
        reached = hash_pair(*pair)
    return reached == root
